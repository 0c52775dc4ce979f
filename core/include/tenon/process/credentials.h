// Who a task is. Immutable once published: changes make a copy.
#pragma once

#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/sync/rcu.h>

#include <memory>

namespace tenon::process {

// POSIX.1e draft capabilities and their successors, one bit each.
enum class Capability : u8 {
    chown,
    dac_override,
    dac_read_search,
    fowner,
    fsetid,
    kill,
    setgid,
    setuid,
    setpcap,
    linux_immutable,
    net_bind_service,
    net_broadcast,
    net_admin,
    net_raw,
    ipc_lock,
    ipc_owner,
    sys_module,
    sys_rawio,
    sys_chroot,
    sys_ptrace,
    sys_pacct,
    sys_admin,
    sys_boot,
    sys_nice,
    sys_resource,
    sys_time,
    sys_tty_config,
    mknod,
    lease,
    audit_write,
    audit_control,
    setfcap,
    mac_override,
    mac_admin,
    syslog,
    wake_alarm,
    block_suspend,
    audit_read,
    perfmon,
    bpf,
    checkpoint_restore,
    count_,
};
using CapabilitySet = u64;
inline constexpr CapabilitySet kAllCapabilities =
    (CapabilitySet{1} << static_cast<u8>(Capability::count_)) - 1;

class Credentials : public RefCounted<Credentials> {
  public:
    u32 uid = 0, euid = 0, suid = 0, fsuid = 0;
    u32 gid = 0, egid = 0, sgid = 0, fsgid = 0;
    CapabilitySet permitted = kAllCapabilities, effective = kAllCapabilities, inheritable = 0,
                  ambient = 0, bounding = kAllCapabilities;
    u32 secure_bits = 0;
    bool no_new_privileges = false;
    std::unique_ptr<u32[]> groups;  // supplementary, sorted
    u32 group_count = 0;

    bool has(Capability c) const { return (effective >> static_cast<u8>(c)) & 1; }
    TENON_API bool in_group(u32 gid) const;  // fsgid or supplementary
    TENON_API static Result<Ref<Credentials>> copy_of(const Credentials& other);
    TENON_API static Ref<Credentials> root();
    sync::RcuHead rcu;
    TENON_API void on_last_ref();  // freed after a grace period: readers of other tasks use RCU
};

// The calling task's; cheap, no reference taken (a task changes only its own).
TENON_API const Credentials& current_credentials();
TENON_API bool capable(Capability c);  // current

}  // namespace tenon::process
