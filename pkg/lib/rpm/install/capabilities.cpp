#include "pkg/lib/rpm/install/capabilities.h"

#include <endian.h>
#include <linux/capability.h>
#include <stdint.h>
#include <strings.h>

#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

// By number.
constexpr const char* kNames[] = {
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
};
constexpr uint64_t kAll = (uint64_t{1} << std::size(kNames)) - 1;
static_assert(std::size(kNames) == CAP_LAST_CAP + 1);

enum Set { effective, inheritable, permitted };

Result<uint64_t> named(std::string_view list) {
    if (list.empty()) return kAll;
    uint64_t out = 0;
    for (std::string_view name : split(list, ',')) {
        if (iequals(name, "all")) return kAll;
        size_t i = 0;
        while (i < std::size(kNames) && !iequals(name, std::string("cap_") + kNames[i])) i++;
        if (i == std::size(kNames))
            return fail("the capability '%s' is not known", std::string(name).c_str());
        out |= uint64_t{1} << i;
    }
    return out;
}

}  // namespace

Result<std::string> capability_xattr(std::string_view text) {
    uint64_t sets[3] = {};
    for (std::string_view clause : split_words(text)) {
        auto bad = [&] {
            return fail("the capabilities '%s' are wrong", std::string(text).c_str());
        };
        size_t at = clause.find_first_of("=+-");
        if (at == std::string_view::npos) return bad();
        TRY_SET(uint64_t which, named(clause.substr(0, at)));
        while (at < clause.size()) {
            char op = clause[at++];
            bool chosen[3] = {};
            size_t first = at;
            for (; at < clause.size() && !std::string_view("=+-").contains(clause[at]); at++) {
                switch (clause[at]) {
                    case 'e':
                        chosen[effective] = true;
                        break;
                    case 'i':
                        chosen[inheritable] = true;
                        break;
                    case 'p':
                        chosen[permitted] = true;
                        break;
                    default:
                        return bad();
                }
            }
            if (op != '=' && at == first) return bad();
            for (int s = 0; s < 3; s++) {
                if (op == '=') sets[s] = (sets[s] & ~which) | (chosen[s] ? which : 0);
                if (op == '+' && chosen[s]) sets[s] |= which;
                if (op == '-' && chosen[s]) sets[s] &= ~which;
            }
        }
    }
    // The kernel keeps one bit for the effective set.
    vfs_cap_data data = {};
    data.magic_etc = htole32(VFS_CAP_REVISION_2 | (sets[effective] ? VFS_CAP_FLAGS_EFFECTIVE : 0u));
    for (int half = 0; half < 2; half++) {
        data.data[half].permitted = htole32(static_cast<uint32_t>(sets[permitted] >> 32 * half));
        data.data[half].inheritable =
            htole32(static_cast<uint32_t>(sets[inheritable] >> 32 * half));
    }
    return std::string(reinterpret_cast<const char*>(&data), sizeof(data));
}

}  // namespace tenon::pkg::rpm
