// /proc/sysvipc, and what /proc/sys says of it. Empty while no personality offers the service.
#include "ipc.h"

namespace tenon::procfs {

using linux_ipc::Files;
using linux_ipc::Listing;
using linux_ipc::Setting;

namespace {

template <Listing L>
Result<void> show_listing(Text& out, const Subject&) {
    auto files = module::find_service<Files>(linux_ipc::kService);
    if (!files) return {};
    return files->call(&Files::list, L, static_cast<fmt::Sink&>(out));
}

constexpr Entry kListings[] = {
    file("msg", show_listing<Listing::msg>),
    file("sem", show_listing<Listing::sem>),
    file("shm", show_listing<Listing::shm>),
};

}  // namespace

constinit const Entry kSysvipc = directory("sysvipc", kListings);

Result<void> show_ipc_setting(Setting which, Text& out) {
    auto files = module::find_service<Files>(linux_ipc::kService);
    if (!files) return {};
    return files->call(&Files::show, which, static_cast<fmt::Sink&>(out));
}

Result<void> store_ipc_setting(Setting which, std::string_view text) {
    TRY_ASSIGN(auto files, module::find_service<Files>(linux_ipc::kService));
    return files.call(&Files::store, which, text);
}

}  // namespace tenon::procfs
