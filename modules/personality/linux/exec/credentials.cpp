#include "personality/linux/exec/credentials.h"

#include <tenon/process/fs_context.h>
#include <tenon/process/process.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/inode.h>

#include <optional>

#include "personality/linux/abi.h"
#include "personality/linux/exec/file_capabilities.h"
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

bool apply_set_ids(Credentials& c, const vfs::Inode& inode) {
    const bool user = inode.mode & vfs::kSetUid;
    // Set-gid without group execution marks mandatory locking, not privilege.
    const bool group = (inode.mode & (vfs::kSetGid | 0010)) == (vfs::kSetGid | 0010);
    if (user) c.euid = inode.uid;
    if (group) c.egid = inode.gid;
    return user || group;
}

// P'(permitted) but for the ambient set, and whether it takes effect. Root has all, unless the file
// says itself what it gives to others who become root by it.
Result<void> permit(Credentials& c, const std::optional<FileCapabilities>& file, bool& effective) {
    c.permitted = 0;
    if (file) {
        c.permitted = (c.bounding & file->permitted) | (c.inheritable & file->inheritable);
        effective = file->effective;
        // A program that knows nothing of capabilities would run with too few.
        if (effective && (file->permitted & ~c.permitted) != 0) return Err(Error::perm);
    }
    if ((c.secure_bits & SECBIT_NOROOT) || (file && c.uid != 0 && c.euid == 0)) return {};
    if (c.euid == 0 || c.uid == 0) c.permitted = c.bounding | c.inheritable;
    if (c.euid == 0) effective = true;
    return {};
}

// Has a thread of another process the caller's root and working directory (CLONE_FS)? It could
// change them under a program with privilege.
bool shares_directories() {
    struct Search {
        const process::FsContext* own;
        bool found;
    } search{current()->fs.get(), false};
    if (search.own->ref_count() == 1) return false;
    for (i32 pid = 1; Ref<process::Process> p = process::next_process(pid); pid = p->pid + 1) {
        if (p.get() == &process::current_process()) continue;
        process::for_each_thread(
            *p,
            [](Task& task, void* context) {
                auto& s = *static_cast<Search*>(context);
                sync::IrqSpinGuard guard(task.resource_lock);
                s.found |= task.fs.get() == s.own;
            },
            &search);
        if (search.found) return true;
    }
    return false;
}

// By no_new_privs, by sharing its directories with somebody, or by a tracer who may do less.
bool is_held_down() {
    return seccomp::no_new_privileges() || shares_directories() || !trace::tracer_is_capable();
}

}  // namespace

Result<void> prepare_credentials(vfs::File& file, CredentialChange& out) {
    const Credentials& old = process::current_credentials();
    vfs::Inode& inode = file.inode();
    TRY_ASSIGN(out.fresh, Credentials::copy_of(old));
    Credentials& c = *out.fresh;
    std::optional<FileCapabilities> capabilities;
    if (!file.path().mount || !(file.path().mount->flags & vfs::kMountNoSuid)) {
        if (!seccomp::no_new_privileges()) out.clears_persona = apply_set_ids(c, inode);
        if (auto r = file_capabilities(inode))
            capabilities = *r;
        else if (r.error() != Error::nodata)
            return Err(r.error());
    }
    bool effective = false;
    TRY(permit(c, capabilities, effective));
    const bool other_id = c.euid != old.uid || c.egid != old.gid;
    const bool gains = (c.permitted & ~old.permitted) != 0;
    out.clears_persona |= gains;
    if ((other_id || gains) && is_held_down()) {
        if (!old.has(Capability::setuid) || seccomp::no_new_privileges()) {
            c.euid = c.uid;
            c.egid = c.gid;
        }
        c.permitted &= old.permitted;
    }
    c.suid = c.fsuid = c.euid;
    c.sgid = c.fsgid = c.egid;
    if (capabilities || other_id) c.ambient = 0;
    c.permitted |= c.ambient;
    c.effective = effective ? c.permitted : c.ambient;
    c.secure_bits &= ~static_cast<u32>(SECBIT_KEEP_CAPS);
    out.secure = other_id || (c.uid != 0 && (effective || (c.permitted & ~c.ambient) != 0));
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
