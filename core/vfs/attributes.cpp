// Changing what stat reports, and extended attributes: who may, and what else changes with it.
// Spec: man 2 chmod, chown, utimensat, truncate, access, setxattr; man 7 xattr.
#include "core/vfs/internal.h"

namespace tenon::vfs {

using process::Capability;
using process::Credentials;
using C = AttributeChange;

Mode without_privilege(Mode mode) {
    mode &= ~kSetUid;
    // setgid without group execution is mandatory locking's old mark and stays.
    if ((mode & (kSetGid | 0010)) == (kSetGid | 0010)) mode &= ~kSetGid;
    return mode;
}

void drop_privilege_bits(Inode& inode, const Credentials& cred) {
    if (!is_regular(inode.mode)) return;
    if ((inode.mode & kSetUid) || (inode.mode & (kSetGid | 0010)) == (kSetGid | 0010)) {
        if (cred.has(Capability::fsetid)) return;
        inode.mode = without_privilege(inode.mode);
    }
}

namespace {

bool owner_or_capable(const Inode& inode, const Credentials& cred) {
    return inode.uid == cred.fsuid || cred.has(Capability::fowner);
}

}  // namespace

Result<void> change_attributes(const Path& path, const AttributeChange& wanted,
                               const Credentials& cred) {
    Inode& inode = *path.dentry->inode();
    if (path.mount && path.mount->is_read_only()) return Err(Error::rofs);
    {
        sync::WriteGuard guard(inode.lock);
        AttributeChange change = wanted;
        if (change.which & C::uid_bit) {
            bool same = cred.fsuid == inode.uid && change.uid == inode.uid;
            if (!same && !cred.has(Capability::chown)) return Err(Error::perm);
        }
        if (change.which & C::gid_bit) {
            bool allowed =
                cred.fsuid == inode.uid && (cred.in_group(change.gid) || change.gid == inode.gid);
            if (!allowed && !cred.has(Capability::chown)) return Err(Error::perm);
        }
        if (change.which & C::mode_bit) {
            if (is_symlink(inode.mode)) return Err(Error::opnotsupp);
            if (!owner_or_capable(inode, cred)) return Err(Error::perm);
            u32 gid = (change.which & C::gid_bit) ? change.gid : inode.gid;
            if (!cred.in_group(gid) && !cred.has(Capability::fsetid)) change.mode &= ~kSetGid;
        } else if ((change.which & (C::uid_bit | C::gid_bit)) && !inode.is_dir()) {
            // A new owner does not inherit the old one's privilege.
            Mode stripped = without_privilege(inode.mode);
            if (stripped != inode.mode) {
                change.which |= C::mode_bit;
                change.mode = stripped & kPermMask;
            }
        }
        constexpr u32 times = C::atime_bit | C::mtime_bit | C::atime_now | C::mtime_now;
        if (change.which & times) {
            bool both_now = (change.which & times) == (C::atime_now | C::mtime_now);
            if (!owner_or_capable(inode, cred)) {
                if (!both_now) return Err(Error::perm);
                TRY(permission(inode, kMayWrite, cred));
            }
        }
        TRY(inode.ops().call(&InodeOps::set_attributes, inode, change));
    }
    notify_dentry(kNotifyAttrib, *path.dentry);
    return {};
}

// Without permission checks: the caller has write access. Drops set-id bits as a write does.
Result<void> truncate_inode(Inode& inode, u64 size_bytes, const Credentials& cred) {
    sync::WriteGuard guard(inode.lock);
    u32 seals = inode.live_seals();
    u64 now = inode.size_bytes.load(std::memory_order_relaxed);
    if ((seals & Inode::kSealShrink) && size_bytes < now) return Err(Error::perm);
    if ((seals & Inode::kSealGrow) && size_bytes > now) return Err(Error::perm);
    AttributeChange change;
    change.which = C::size_bit;
    change.size_bytes = size_bytes;
    drop_privilege_bits(inode, cred);
    return inode.ops().call(&InodeOps::set_attributes, inode, change);
}

Result<void> truncate(const Path& path, u64 size_bytes, const Credentials& cred) {
    Inode& inode = *path.dentry->inode();
    if (inode.is_dir()) return Err(Error::isdir);
    if (!is_regular(inode.mode)) return Err(Error::inval);
    if (path.mount && path.mount->is_read_only()) return Err(Error::rofs);
    TRY(permission(inode, kMayWrite, cred));
    if (inode.write_count.load(std::memory_order_relaxed) < 0) return Err(Error::txtbsy);
    TRY(truncate_inode(inode, size_bytes, cred));
    notify_dentry(kNotifyModify, *path.dentry);
    return {};
}

Result<void> truncate_open(File& file, u64 size_bytes) {
    TRY(truncate_inode(file.inode(), size_bytes, process::current_credentials()));
    notify_dentry(kNotifyModify, *file.path().dentry);
    return {};
}

Result<void> access_check(const Path& path, u32 access, const Credentials& cred) {
    Inode& inode = *path.dentry->inode();
    if ((access & kMayExec) && is_regular(inode.mode) && path.mount &&
        (path.mount->flags.load(std::memory_order_relaxed) & kMountNoExec))
        return Err(Error::acces);
    TRY(permission(inode, access, cred));
    if ((access & kMayWrite) && path.mount && path.mount->is_read_only()) {
        Mode type = inode.mode & kTypeMask;
        if (type == kRegular || type == kDirectory || type == kSymlink) return Err(Error::rofs);
    }
    return {};
}

Result<usize> read_link(const Path& path, std::span<char> out) {
    Inode& inode = *path.dentry->inode();
    if (!is_symlink(inode.mode)) return Err(Error::inval);
    return inode.ops().call(&InodeOps::read_link, inode, out);
}

namespace {

enum class XattrUse : u8 { read, write };

// user.: by the file's permissions, on files and directories only. trusted.: CAP_SYS_ADMIN.
// security.: readable by all, written with CAP_SYS_ADMIN (capabilities: CAP_SETFCAP).
Result<void> may_use_xattr(const Path& path, std::string_view name, XattrUse use,
                           const Credentials& cred) {
    Inode& inode = *path.dentry->inode();
    bool writes = use == XattrUse::write;
    if (writes && path.mount && path.mount->is_read_only()) return Err(Error::rofs);
    if (name.starts_with("user.")) {
        if (name.size() == 5) return Err(Error::inval);
        if (!is_regular(inode.mode) && !inode.is_dir())
            return Err(writes ? Error::perm : Error::nodata);
        if (writes && inode.is_dir() && (inode.mode & kSticky) && inode.uid != cred.fsuid &&
            !cred.has(Capability::fowner))
            return Err(Error::perm);
        return permission(inode, writes ? kMayWrite : kMayRead, cred);
    }
    if (name.starts_with("trusted.")) {
        if (name.size() == 8) return Err(Error::inval);
        if (!cred.has(Capability::sys_admin)) return Err(writes ? Error::perm : Error::nodata);
        return {};
    }
    if (name.starts_with("security.")) {
        if (name.size() == 9) return Err(Error::inval);
        if (!writes) return {};
        Capability need =
            name == "security.capability" ? Capability::setfcap : Capability::sys_admin;
        return cred.has(need) ? Result<void>{} : Err(Error::perm);
    }
    return Err(Error::opnotsupp);
}

}  // namespace

Result<usize> get_xattr(const Path& path, std::string_view name, std::span<u8> out,
                        const Credentials& cred) {
    TRY(may_use_xattr(path, name, XattrUse::read, cred));
    Inode& inode = *path.dentry->inode();
    sync::ReadGuard guard(inode.lock);
    return inode.ops().call(&InodeOps::get_xattr, inode, name, out);
}

Result<void> set_xattr(const Path& path, std::string_view name, std::span<const u8> value,
                       InodeOps::XattrSet how, const Credentials& cred) {
    TRY(may_use_xattr(path, name, XattrUse::write, cred));
    Inode& inode = *path.dentry->inode();
    {
        sync::WriteGuard guard(inode.lock);
        TRY(inode.ops().call(&InodeOps::set_xattr, inode, name, value, how));
        inode.touch_ctime();
    }
    notify_dentry(kNotifyAttrib, *path.dentry);
    return {};
}

Result<void> remove_xattr(const Path& path, std::string_view name, const Credentials& cred) {
    TRY(may_use_xattr(path, name, XattrUse::write, cred));
    Inode& inode = *path.dentry->inode();
    {
        sync::WriteGuard guard(inode.lock);
        TRY(inode.ops().call(&InodeOps::remove_xattr, inode, name));
        inode.touch_ctime();
    }
    notify_dentry(kNotifyAttrib, *path.dentry);
    return {};
}

Result<usize> list_xattr(const Path& path, std::span<char> out) {
    Inode& inode = *path.dentry->inode();
    sync::ReadGuard guard(inode.lock);
    return inode.ops().call(&InodeOps::list_xattr, inode, out);
}

}  // namespace tenon::vfs
