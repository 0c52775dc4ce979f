// Making and removing names: mkdir, mknod, symlink, link, unlink, rmdir.
//
// Each follows the order of checks that Linux programs see: what exists comes before what is
// read-only, which comes before permission. Spec: man 2 mkdir, mknod, symlink, link, unlink, rmdir.
#include "core/vfs/dentry_cache.h"
#include "core/vfs/internal.h"
#include "core/vfs/walk.h"

namespace tenon::vfs {

using process::Capability;
using process::Credentials;

Result<void> may_create(Inode& directory, const Credentials& cred) {
    if (directory.nlink == 0) return Err(Error::noent);
    return permission(directory, kMayWrite | kMayExec, cred);
}

Result<void> may_delete(Inode& directory, const Dentry& victim, bool as_directory,
                        const Credentials& cred) {
    TRY(permission(directory, kMayWrite | kMayExec, cred));
    Inode& inode = *victim.inode();
    if ((directory.mode & kSticky) && inode.uid != cred.fsuid && directory.uid != cred.fsuid &&
        !cred.has(Capability::fowner))
        return Err(Error::perm);
    if (as_directory) {
        if (!inode.is_dir()) return Err(Error::notdir);
        if (victim.parent() == nullptr) return Err(Error::busy);
    } else if (inode.is_dir()) {
        return Err(Error::isdir);
    }
    if (directory.nlink == 0) return Err(Error::noent);
    return {};
}

Result<void> create_in(Dentry& directory, Dentry& dentry, Mode mode, DeviceNumber rdev,
                       std::string_view target, const LookupStart& start) {
    Inode& dir = *directory.inode();
    TRY(may_create(dir, start.cred));
    CreateRequest request;
    request.name = dentry.name();
    request.mode = mode;
    if (!is_symlink(mode)) request.mode &= ~start.fs.umask.load(std::memory_order_relaxed) | ~0777u;
    request.rdev = rdev;
    request.target = target;
    request.uid = start.cred.fsuid;
    request.gid = start.cred.fsgid;
    if (dir.mode & kSetGid) {
        request.gid = dir.gid;
        if (is_dir(mode))
            request.mode |= kSetGid;
        else if ((request.mode & (kSetGid | 0010)) == (kSetGid | 0010) &&
                 !start.cred.in_group(dir.gid) && !start.cred.has(Capability::fsetid))
            request.mode &= ~kSetGid;
    }
    TRY_ASSIGN(Ref<Inode> made, dir.ops().call(&InodeOps::create, dir, request));
    Inode& inode = *made;
    DentryCache::instantiate(dentry, std::move(made));
    notify(kNotifyCreate, &dir, dentry.name(), inode);
    return {};
}

namespace {

// The negative dentry of a name to be made, its directory locked; the rest as Linux orders it.
template <typename Act>
Result<void> make_name(const LookupStart& start, std::string_view path, bool directory_wanted,
                       Act&& act) {
    Walk walk(start, path, 0);
    TRY_ASSIGN(Path parent, walk.to_parent());
    if (walk.last_kind() != Walk::Last::normal) return Err(Error::exist);
    if (walk.last().size() > kNameMax) return Err(Error::nametoolong);
    DirectoryGuard guard(*parent.dentry->inode());
    TRY_ASSIGN(Ref<Dentry> dentry, lookup_child(*parent.dentry, walk.last(), DirLock::held));
    if (!dentry->is_negative()) return Err(Error::exist);
    if (walk.wants_directory() && !directory_wanted) return Err(Error::noent);
    if (parent.mount->is_read_only()) return Err(Error::rofs);
    return act(parent, *dentry);
}

}  // namespace

Result<Path> make_node_at(const LookupStart& start, std::string_view path, Mode mode,
                          DeviceNumber rdev) {
    Path made;
    TRY(make_name(start, path, is_dir(mode), [&](const Path& parent, Dentry& dentry) -> Result<> {
        Mode type = mode & kTypeMask;
        TRY(may_create(*parent.dentry->inode(), start.cred));
        if ((type == kCharDevice || type == kBlockDevice) && !start.cred.has(Capability::mknod))
            return Err(Error::perm);
        TRY(create_in(*parent.dentry, dentry, mode, rdev, {}, start));
        made = Path(parent.mount, Ref<Dentry>(&dentry));
        return {};
    }));
    return made;
}

Result<void> make_node(const LookupStart& start, std::string_view path, Mode mode,
                       DeviceNumber rdev) {
    TRY(make_node_at(start, path, mode, rdev));
    return {};
}

Result<void> make_symlink(const LookupStart& start, std::string_view path,
                          std::string_view target) {
    return make_name(start, path, false, [&](const Path& parent, Dentry& dentry) -> Result<> {
        return create_in(*parent.dentry, dentry, kSymlink | 0777, {}, target, start);
    });
}

Result<void> link(const Path& existing, const LookupStart& start, std::string_view path) {
    return make_name(start, path, false, [&](const Path& parent, Dentry& dentry) -> Result<> {
        if (parent.mount != existing.mount) return Err(Error::xdev);
        Inode& dir = *parent.dentry->inode();
        Inode& inode = *existing.dentry->inode();
        TRY(may_create(dir, start.cred));
        if (inode.is_dir()) return Err(Error::perm);
        sync::WriteGuard target_guard(inode.lock);
        if (inode.nlink == 0 && !inode.linkable) return Err(Error::noent);
        TRY(dir.ops().call(&InodeOps::link, dir, dentry.name(), inode));
        DentryCache::instantiate(dentry, Ref<Inode>(&inode));
        notify(kNotifyCreate, &dir, dentry.name(), inode);
        return {};
    });
}

Result<void> unlink(const LookupStart& start, std::string_view path, UnlinkKind kind) {
    bool directory = kind == UnlinkKind::directory;
    Walk walk(start, path, 0);
    TRY_ASSIGN(Path parent, walk.to_parent());
    switch (walk.last_kind()) {
        case Walk::Last::normal:
            break;
        case Walk::Last::dot:
            return Err(directory ? Error::inval : Error::isdir);
        case Walk::Last::dot_dot:
            return Err(directory ? Error::notempty : Error::isdir);
        case Walk::Last::root:
            return Err(directory ? Error::busy : Error::isdir);
    }
    if (parent.mount->is_read_only()) return Err(Error::rofs);
    if (walk.last().size() > kNameMax) return Err(Error::nametoolong);
    Ref<Dentry> victim;  // outlives the lock: its last reference may free pages
    {
        Inode& dir = *parent.dentry->inode();
        DirectoryGuard guard(dir);
        TRY_ASSIGN(victim, lookup_child(*parent.dentry, walk.last(), DirLock::held));
        if (victim->is_negative()) return Err(Error::noent);
        Inode& inode = *victim->inode();
        if (walk.wants_directory() && !directory)
            return Err(inode.is_dir() ? Error::isdir : Error::notdir);
        TRY(may_delete(dir, *victim, directory, start.cred));
        if (victim->is_mount_point()) return Err(Error::busy);
        {
            DirectoryGuard victim_guard(inode, sync::LockRank::vfs_inode);
            TRY(directory ? dir.ops().call(&InodeOps::remove_dir, dir, walk.last(), inode)
                          : dir.ops().call(&InodeOps::unlink, dir, walk.last(), inode));
        }
        DentryCache::drop(*victim, DentryCache::Drop::unlinked);
        if (directory) DentryCache::shrink_below(*victim);
        notify(kNotifyDelete, &dir, walk.last(), inode);
        notify(inode.nlink != 0 ? kNotifyAttrib : kNotifyDeleteSelf, nullptr, {}, inode);
    }
    return {};
}

}  // namespace tenon::vfs
