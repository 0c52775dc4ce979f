// Changing what stat reports: who may, and what else changes with it.
// Spec: man 2 chmod, chown, utimensat, truncate, access.
#include "personality/linux/file/common.h"
#include "personality/linux/file/leases.h"

namespace tenon::personality {

using C = vfs::AttributeChange;

namespace {

// What a change is to watches: one time alone is as if it had been read, or written. Spec: Linux
// include/linux/fsnotify.h, fsnotify_change().
u32 event_of(const C& change) {
    const bool read = change.which & (C::atime_bit | C::atime_now),
               written = change.which & (C::mtime_bit | C::mtime_now);
    u32 events = change.which & (C::uid_bit | C::gid_bit | C::mode_bit) || (read && written)
                     ? u32{vfs::kNotifyAttrib}
                     : 0;
    if (read && !written) events |= vfs::kNotifyAccess;
    if (written && !read) events |= vfs::kNotifyModify;
    return events;
}

// Of the inode, not of a name: IN_EXCL_UNLINK does not hide it.
void notify_inode(u32 event, vfs::Dentry& dentry) {
    vfs::Inode* const inode = dentry.inode();
    vfs::Inode* const directory = dentry.parent() != nullptr ? dentry.parent()->inode() : nullptr;
    if (inode != nullptr && (vfs::is_watched(inode) || vfs::is_watched(directory)))
        vfs::notify_slow(event, directory, dentry.name(), *inode, 0);
}

bool owner_or_capable(const vfs::Inode& inode, const process::Credentials& cred) {
    return inode.uid == cred.fsuid || cred.has(process::Capability::fowner);
}

}  // namespace

Result<void> change_attributes(const vfs::Path& path, const vfs::AttributeChange& wanted,
                               const process::Credentials& cred) {
    vfs::Inode& inode = *path.dentry->inode();
    if (path.mount && path.mount->is_read_only()) return Err(Error::rofs);
    {
        sync::WriteGuard guard(inode.lock);
        vfs::AttributeChange change = wanted;
        if (change.which & C::uid_bit) {
            bool same = cred.fsuid == inode.uid && change.uid == inode.uid;
            if (!same && !cred.has(process::Capability::chown)) return Err(Error::perm);
        }
        if (change.which & C::gid_bit) {
            bool allowed =
                cred.fsuid == inode.uid && (cred.in_group(change.gid) || change.gid == inode.gid);
            if (!allowed && !cred.has(process::Capability::chown)) return Err(Error::perm);
        }
        if (change.which & C::mode_bit) {
            if (vfs::is_symlink(inode.mode)) return Err(Error::opnotsupp);
            if (!owner_or_capable(inode, cred)) return Err(Error::perm);
            u32 gid = (change.which & C::gid_bit) ? change.gid : inode.gid;
            if (!cred.in_group(gid) && !cred.has(process::Capability::fsetid))
                change.mode &= ~vfs::kSetGid;
        } else if ((change.which & ~(C::uid_bit | C::gid_bit)) == 0 && !inode.is_dir()) {
            // A new owner does not inherit the old one's privilege. So it is when chown(2) names
            // no owner.
            vfs::Mode stripped = vfs::without_privilege(inode, cred);
            if (stripped != inode.mode) {
                if (!owner_or_capable(inode, cred)) return Err(Error::perm);
                change.which |= C::mode_bit;
                change.mode = stripped & vfs::kPermMask;
            }
            vfs::drop_privilege_attribute(inode);
        }
        constexpr u32 times = C::atime_bit | C::mtime_bit | C::atime_now | C::mtime_now;
        if (change.which & times) {
            bool both_now = (change.which & times) == (C::atime_now | C::mtime_now);
            if (!owner_or_capable(inode, cred)) {
                if (!both_now) return Err(Error::perm);
                TRY(vfs::permission(inode, vfs::kMayWrite, cred));
            }
        }
        TRY(inode.ops().call(&vfs::InodeOps::set_attributes, inode, change));
    }
    if (const u32 event = event_of(wanted)) notify_inode(event, *path.dentry);
    return {};
}

Result<void> truncate(const vfs::Path& path, u64 size_bytes, const process::Credentials& cred) {
    vfs::Inode& inode = *path.dentry->inode();
    if (inode.is_dir()) return Err(Error::isdir);
    if (!vfs::is_regular(inode.mode)) return Err(Error::inval);
    if (path.mount && path.mount->is_read_only()) return Err(Error::rofs);
    TRY(vfs::permission(inode, vfs::kMayWrite, cred));
    if (inode.write_count.load(std::memory_order_relaxed) < 0) return Err(Error::txtbsy);
    if (leases_exist()) TRY(break_leases(inode, LeaseBreak::write, false));
    TRY(vfs::truncate_inode(inode, size_bytes, cred));
    notify_inode(vfs::kNotifyModify, *path.dentry);
    return {};
}

Result<void> truncate_open(vfs::File& file, u64 size_bytes) {
    TRY(vfs::truncate_inode(file.inode(), size_bytes, process::current_credentials()));
    notify_inode(vfs::kNotifyModify, *file.path().dentry);
    return {};
}

Result<void> access_check(const vfs::Path& path, u32 access, const process::Credentials& cred) {
    vfs::Inode& inode = *path.dentry->inode();
    if ((access & vfs::kMayExec) && vfs::is_regular(inode.mode) && path.mount &&
        (path.mount->flags.load(std::memory_order_relaxed) & vfs::kMountNoExec))
        return Err(Error::acces);
    TRY(vfs::permission(inode, access, cred));
    if ((access & vfs::kMayWrite) && path.mount && path.mount->is_read_only()) {
        vfs::Mode type = inode.mode & vfs::kTypeMask;
        if (type == vfs::kRegular || type == vfs::kDirectory || type == vfs::kSymlink)
            return Err(Error::rofs);
    }
    return {};
}

}  // namespace tenon::personality
