// Entries about interprocess communication: the texts are made by the personality's service.
#pragma once

#include <tenon/linux/ipc_files.h>

#include "sys.h"

namespace tenon::procfs {

Result<void> show_ipc_setting(linux_ipc::Setting which, Text& out);
Result<void> store_ipc_setting(linux_ipc::Setting which, std::string_view text);

template <linux_ipc::Setting S>
constexpr Entry ipc_setting(std::string_view name, vfs::Mode mode = 0644) {
    return sysctl_file(
        name, [](Text& out, const Subject&) { return show_ipc_setting(S, out); }, mode,
        [](const Subject&, std::string_view text) { return store_ipc_setting(S, text); });
}

extern const Entry kSysvipc;  // /proc/sysvipc

}  // namespace tenon::procfs
