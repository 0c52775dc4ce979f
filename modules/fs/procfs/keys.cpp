// /proc/keys, /proc/key-users and /proc/sys/kernel/keys. While no personality offers the service
// the listings are empty, and the settings answer with an error.
#include "keys.h"

#include "sys.h"

namespace tenon::procfs {

using linux_keys::Files;
using linux_keys::Listing;
using linux_keys::Setting;

namespace {

Result<void> show_listing(Listing what, Text& out) {
    auto files = module::find_service<Files>(linux_keys::kService);
    if (!files) return {};
    return files->call(&Files::list, what, static_cast<fmt::Sink&>(out));
}

template <Setting S>
constexpr Entry key_setting(std::string_view name) {
    return sysctl_file(
        name,
        [](Text& out, const Subject&) -> Result<void> {
            TRY_ASSIGN(auto files, module::find_service<Files>(linux_keys::kService));
            TRY_ASSIGN(const u32 value, files.call(&Files::value, S));
            out.print("{}\n", value);
            return {};
        },
        0644,
        [](const Subject&, std::string_view text) -> Result<void> {
            TRY_ASSIGN(const i64 value, take_number(text));
            if (value < 0 || value > INT32_MAX) return Err(Error::inval);
            TRY_ASSIGN(auto files, module::find_service<Files>(linux_keys::kService));
            return files.call(&Files::set, S, static_cast<u32>(value));
        });
}

constexpr Entry kSettings[] = {
    key_setting<Setting::gc_delay>("gc_delay"),
    key_setting<Setting::maxbytes>("maxbytes"),
    key_setting<Setting::maxkeys>("maxkeys"),
    key_setting<Setting::persistent_keyring_expiry>("persistent_keyring_expiry"),
    key_setting<Setting::root_maxbytes>("root_maxbytes"),
    key_setting<Setting::root_maxkeys>("root_maxkeys"),
};

}  // namespace

constinit const Entry kKeySettings = sysctl_directory("keys", kSettings);

Result<void> show_keys(Text& out, const Subject&) {
    return show_listing(Listing::keys, out);
}
Result<void> show_key_users(Text& out, const Subject&) {
    return show_listing(Listing::key_users, out);
}

}  // namespace tenon::procfs
