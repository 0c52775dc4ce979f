// /proc/keys, /proc/key-users and /proc/sys/kernel/keys. While no personality offers the service the
// listings are empty, and the settings answer with an error.
#include "keys.h"

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
constexpr Entry setting(std::string_view name) {
    return file(
        name,
        [](Text& out, const Subject&) -> Result<void> {
            TRY_ASSIGN(auto files, module::find_service<Files>(linux_keys::kService));
            TRY_ASSIGN(const u32 value, files.call(&Files::value, S));
            out.print("{}\n", value);
            return {};
        },
        0644,
        [](const Subject&, std::string_view text) -> Result<void> {
            TRY_ASSIGN(const i64 value, parse_number(text));
            if (value < 0 || value > INT32_MAX) return Err(Error::inval);
            TRY_ASSIGN(auto files, module::find_service<Files>(linux_keys::kService));
            return files.call(&Files::set, S, static_cast<u32>(value));
        });
}

constexpr Entry kSettings[] = {
    setting<Setting::gc_delay>("gc_delay"),
    setting<Setting::maxbytes>("maxbytes"),
    setting<Setting::maxkeys>("maxkeys"),
    setting<Setting::persistent_keyring_expiry>("persistent_keyring_expiry"),
    setting<Setting::root_maxbytes>("root_maxbytes"),
    setting<Setting::root_maxkeys>("root_maxkeys"),
};

}  // namespace

constinit const Entry kKeySettings = directory("keys", kSettings);

Result<void> show_keys(Text& out, const Subject&) {
    return show_listing(Listing::keys, out);
}
Result<void> show_key_users(Text& out, const Subject&) {
    return show_listing(Listing::key_users, out);
}

}  // namespace tenon::procfs
