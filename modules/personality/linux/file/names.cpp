// mkdir, rmdir, mknod, link, symlink, unlink, rename, readlink and their *at forms.
#include <tenon/vfs/dentry.h>

#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

Result<i64> mknod_at(i32 dfd, u64 filename, u32 mode, u64 dev) {
    switch (mode & vfs::kTypeMask) {
        case 0:
            mode |= vfs::kRegular;
            break;
        case vfs::kRegular:
        case vfs::kCharDevice:
        case vfs::kBlockDevice:
        case vfs::kFifo:
        case vfs::kSocket:
            break;
        case vfs::kDirectory:
            return Err(Error::perm);
        default:
            return Err(Error::inval);
    }
    UserPath path;
    TRY(path.load(filename));
    AtStart at;
    TRY(at.set(dfd, path));
    vfs::DeviceNumber rdev;
    if ((mode & vfs::kTypeMask) == vfs::kCharDevice || (mode & vfs::kTypeMask) == vfs::kBlockDevice)
        rdev = decode_device(static_cast<u32>(dev));
    TRY(vfs::make_node(at.start(), path.view(), mode & (vfs::kTypeMask | 07777), rdev));
    return 0;
}

Result<i64> mkdir_at(i32 dfd, u64 pathname, u32 mode) {
    UserPath path;
    TRY(path.load(pathname));
    AtStart at;
    TRY(at.set(dfd, path));
    TRY(vfs::make_node(at.start(), path.view(), vfs::kDirectory | (mode & 01777), {}));
    return 0;
}

Result<i64> unlink_at(i32 dfd, u64 pathname, vfs::UnlinkKind kind) {
    UserPath path;
    TRY(path.load(pathname));
    AtStart at;
    TRY(at.set(dfd, path));
    TRY(vfs::unlink(at.start(), path.view(), kind));
    return 0;
}

Result<i64> link_at(i32 olddfd, u64 oldname, i32 newdfd, u64 newname, u32 flags) {
    if (flags & ~static_cast<u32>(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return Err(Error::inval);
    if ((flags & AT_EMPTY_PATH) && !process::capable(process::Capability::dac_read_search))
        return Err(Error::noent);
    u32 lookup_flags = 0;
    if (flags & AT_EMPTY_PATH) lookup_flags |= vfs::kLookupEmptyOk;
    if (flags & AT_SYMLINK_FOLLOW) lookup_flags |= vfs::kLookupFollow;
    TRY_ASSIGN(vfs::Path existing, resolve_at(olddfd, oldname, lookup_flags));
    UserPath path;
    TRY(path.load(newname));
    AtStart at;
    TRY(at.set(newdfd, path));
    TRY(vfs::link(existing, at.start(), path.view()));
    return 0;
}

Result<i64> symlink_at(u64 target, i32 dfd, u64 linkname) {
    UserPath text, path;
    TRY(text.load(target));
    if (text.empty()) return Err(Error::noent);
    TRY(path.load(linkname));
    AtStart at;
    TRY(at.set(dfd, path));
    TRY(vfs::make_symlink(at.start(), path.view(), text.view()));
    return 0;
}

Result<i64> rename_at(i32 olddfd, u64 oldname, i32 newdfd, u64 newname, u32 flags) {
    static_assert(RENAME_NOREPLACE == vfs::kRenameNoReplace &&
                  RENAME_EXCHANGE == vfs::kRenameExchange &&
                  RENAME_WHITEOUT == vfs::kRenameWhiteout);
    constexpr u32 known = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
    if (flags & ~known) return Err(Error::inval);
    if ((flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) && (flags & RENAME_EXCHANGE))
        return Err(Error::inval);
    UserPath from, to;
    TRY(from.load(oldname));
    TRY(to.load(newname));
    AtStart from_at, to_at;
    TRY(from_at.set(olddfd, from));
    TRY(to_at.set(newdfd, to));
    TRY(vfs::rename(from_at.start(), from.view(), to_at.start(), to.view(), flags));
    return 0;
}

Result<i64> readlink_at(i32 dfd, u64 pathname, u64 buf, i32 size) {
    if (size <= 0) return Err(Error::inval);
    UserPath path;
    TRY(path.load(pathname));
    AtStart at;
    TRY(at.set(dfd, path, AtStart::Empty::names_start));
    bool empty = path.empty();
    TRY_ASSIGN(vfs::Path found, vfs::lookup(at.start(), path.view(),
                                            dfd == AT_FDCWD ? 0 : u32{vfs::kLookupEmptyOk}));
    vfs::Inode& inode = *found.dentry->inode();
    if (!vfs::is_symlink(inode.mode)) return Err(empty ? Error::noent : Error::inval);
    std::unique_ptr<char[]> text(new (std::nothrow) char[PATH_MAX]);
    if (!text) return Err(Error::nomem);
    const std::span<char> room(text.get(), std::min<usize>(PATH_MAX, size));
    found.mount->note_access(inode);
    TRY_ASSIGN(usize length, inode.ops().call(&vfs::InodeOps::read_link, inode, room));
    TRY(mm::copy_to_user(UserAddr{buf}, text.get(), length));
    return static_cast<i64>(length);
}

}  // namespace

Result<i64> sys_mknod(u64 filename, u32 mode, u32 dev) {
    return mknod_at(AT_FDCWD, filename, mode, dev);
}
Result<i64> sys_mknodat(i32 dfd, u64 filename, u32 mode, u32 dev) {
    return mknod_at(dfd, filename, mode, dev);
}
Result<i64> sys_mkdir(u64 pathname, u32 mode) {
    return mkdir_at(AT_FDCWD, pathname, mode);
}
Result<i64> sys_mkdirat(i32 dfd, u64 pathname, u32 mode) {
    return mkdir_at(dfd, pathname, mode);
}
Result<i64> sys_rmdir(u64 pathname) {
    return unlink_at(AT_FDCWD, pathname, vfs::UnlinkKind::directory);
}
Result<i64> sys_unlink(u64 pathname) {
    return unlink_at(AT_FDCWD, pathname, vfs::UnlinkKind::file);
}
Result<i64> sys_unlinkat(i32 dfd, u64 pathname, u32 flag) {
    if (flag & ~static_cast<u32>(AT_REMOVEDIR)) return Err(Error::inval);
    return unlink_at(dfd, pathname,
                     (flag & AT_REMOVEDIR) ? vfs::UnlinkKind::directory : vfs::UnlinkKind::file);
}
Result<i64> sys_link(u64 oldname, u64 newname) {
    return link_at(AT_FDCWD, oldname, AT_FDCWD, newname, 0);
}
Result<i64> sys_linkat(i32 olddfd, u64 oldname, i32 newdfd, u64 newname, u32 flags) {
    return link_at(olddfd, oldname, newdfd, newname, flags);
}
Result<i64> sys_symlink(u64 oldname, u64 newname) {
    return symlink_at(oldname, AT_FDCWD, newname);
}
Result<i64> sys_symlinkat(u64 oldname, i32 newdfd, u64 newname) {
    return symlink_at(oldname, newdfd, newname);
}
Result<i64> sys_rename(u64 oldname, u64 newname) {
    return rename_at(AT_FDCWD, oldname, AT_FDCWD, newname, 0);
}
Result<i64> sys_renameat(i32 olddfd, u64 oldname, i32 newdfd, u64 newname) {
    return rename_at(olddfd, oldname, newdfd, newname, 0);
}
Result<i64> sys_renameat2(i32 olddfd, u64 oldname, i32 newdfd, u64 newname, u32 flags) {
    return rename_at(olddfd, oldname, newdfd, newname, flags);
}
Result<i64> sys_readlink(u64 path, u64 buf, i32 bufsiz) {
    return readlink_at(AT_FDCWD, path, buf, bufsiz);
}
Result<i64> sys_readlinkat(i32 dfd, u64 path, u64 buf, i32 bufsiz) {
    return readlink_at(dfd, path, buf, bufsiz);
}

}  // namespace tenon::personality
