#include "personality/linux/exec/credentials.h"

#include <tenon/process/process.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/inode.h>

#include "personality/linux/abi.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality {

using process::Capability;
using process::CapabilitySet;
using process::Credentials;

namespace {

process::Dumpable dumpable_after_gain() {
    return static_cast<process::Dumpable>(setting(linux_settings::Setting::suid_dumpable));
}

void apply_set_ids(Credentials& c, vfs::File& file, const Credentials& old) {
    // Who is traced gains nothing that his tracer may not have.
    const bool held_down = !trace::tracer_is_capable() && !old.has(Capability::setuid);
    if (seccomp::no_new_privileges() || held_down ||
        (file.path().mount && (file.path().mount->flags & vfs::kMountNoSuid)))
        return;
    vfs::Inode& inode = file.inode();
    if (inode.mode & vfs::kSetUid) c.euid = inode.uid;
    // Set-gid without group execution marks mandatory locking, not privilege.
    if ((inode.mode & (vfs::kSetGid | 0010)) == (vfs::kSetGid | 0010)) c.egid = inode.gid;
}

// P'(permitted) and the rest, with a file that has no capabilities of its own.
void compute_capabilities(Credentials& c, const Credentials& old) {
    const bool no_root = c.secure_bits & SECBIT_NOROOT;
    CapabilitySet file_permitted = 0, file_inheritable = 0;
    bool file_effective = false;
    if (!no_root) {
        if (c.euid == 0 || c.uid == 0)
            file_permitted = file_inheritable = process::kAllCapabilities;
        if (c.euid == 0) file_effective = true;
    }
    const bool gained = c.euid != old.uid || c.egid != old.gid;
    if (gained && file_permitted != 0) c.ambient = 0;
    if (c.euid != old.euid || c.egid != old.egid) c.ambient = 0;
    c.permitted = (old.inheritable & file_inheritable) | (file_permitted & c.bounding) | c.ambient;
    c.effective = file_effective ? c.permitted : c.ambient;
    c.secure_bits &= ~static_cast<u32>(SECBIT_KEEP_CAPS);
}

}  // namespace

Result<void> prepare_credentials(vfs::File& file, CredentialChange& out) {
    const Credentials& old = process::current_credentials();
    TRY_ASSIGN(out.fresh, Credentials::copy_of(old));
    Credentials& c = *out.fresh;
    apply_set_ids(c, file, old);
    compute_capabilities(c, old);
    c.suid = c.fsuid = c.euid;
    c.sgid = c.fsgid = c.egid;
    out.secure = c.uid != c.euid || c.gid != c.egid;
    if (!out.secure && c.uid != 0 && (c.effective & ~c.ambient) != 0) out.secure = true;
    note_readable(file, out);
    return {};
}

void note_readable(vfs::File& file, CredentialChange& change) {
    if (!vfs::permission(file.inode(), vfs::kMayRead, process::current_credentials()))
        change.unreadable = true;
}

void apply_credentials(CredentialChange& change) {
    process::Process& p = process::current_process();
    const Credentials& old = process::current_credentials();
    const bool plain = !change.unreadable && old.euid == old.uid && old.egid == old.gid;
    p.dumpable = plain ? process::Dumpable::yes : dumpable_after_gain();
    if (change.secure) p.parent_death_signal = 0;
    commit_changed_ids(std::move(change.fresh));
}

void commit_changed_ids(Ref<Credentials> fresh) {
    process::Process& p = process::current_process();
    const Credentials& old = process::current_credentials();
    if (fresh->euid != old.euid || fresh->egid != old.egid || fresh->fsuid != old.fsuid ||
        fresh->fsgid != old.fsgid || (fresh->permitted & ~old.permitted) != 0) {
        p.dumpable = dumpable_after_gain();
        p.parent_death_signal = 0;
    }
    process::commit_credentials(std::move(fresh));
}

}  // namespace tenon::personality
