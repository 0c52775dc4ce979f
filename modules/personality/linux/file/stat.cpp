// stat, statx, statfs, access. Spec: man 2 stat, statx, statfs, access.
#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

Result<i64> put_stat(vfs::Inode& inode, u64 out) {
    vfs::Attributes a = inode.attributes();
    uapi::stat s = {};
    s.st_dev = encode_device(a.device);
    s.st_ino = a.ino;
    s.st_nlink = a.nlink;
    s.st_mode = a.mode;
    s.st_uid = a.uid;
    s.st_gid = a.gid;
    s.st_rdev = encode_device(a.rdev);
    s.st_size = static_cast<i64>(a.size_bytes);
    s.st_blksize = a.block_size;
    s.st_blocks = static_cast<i64>(a.blocks_512);
    s.st_atime = static_cast<u64>(a.atime.seconds);
    s.st_atime_nsec = a.atime.ns;
    s.st_mtime = static_cast<u64>(a.mtime.seconds);
    s.st_mtime_nsec = a.mtime.ns;
    s.st_ctime = static_cast<u64>(a.ctime.seconds);
    s.st_ctime_nsec = a.ctime.ns;
    TRY(mm::copy_to_user(UserAddr{out}, &s, sizeof(s)));
    return 0;
}

// f_flags of statfs; not in the exported headers. Spec: Linux include/linux/statfs.h.
enum : u64 {
    ST_RDONLY = 1,
    ST_NOSUID = 2,
    ST_NODEV = 4,
    ST_NOEXEC = 8,
    ST_SYNCHRONOUS = 16,
    ST_VALID = 32,
    ST_NOATIME = 1024,
    ST_NODIRATIME = 2048,
    ST_RELATIME = 4096,
    ST_NOSYMFOLLOW = 8192,
};

constexpr u32 kStatFlags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;

Result<i64> stat_at(i32 dirfd, u64 filename, u64 out, u32 flags) {
    UserPath path;
    TRY(path.load(filename));
    if (path.empty() && (flags & AT_EMPTY_PATH) && dirfd >= 0) {
        TRY_ASSIGN(vfs::FileRef file, file_or_path_of(dirfd));
        return put_stat(file->inode(), out);
    }
    AtStart at;
    TRY(at.set(dirfd, path,
               (flags & AT_EMPTY_PATH) ? AtStart::Empty::names_start : AtStart::Empty::refused));
    u32 lookup_flags = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : u32{vfs::kLookupFollow};
    if (flags & AT_EMPTY_PATH) lookup_flags |= vfs::kLookupEmptyOk;
    TRY_ASSIGN(vfs::Path found, vfs::lookup(at.start(), path.view(), lookup_flags));
    return put_stat(*found.dentry->inode(), out);
}

uapi::statx_timestamp timestamp_for_statx(vfs::Timestamp t) {
    uapi::statx_timestamp out = {};
    out.tv_sec = t.seconds;
    out.tv_nsec = t.ns;
    return out;
}

u64 mount_flags_to(u32 flags, bool read_only) {
    u64 out = ST_VALID;
    if (read_only) out |= ST_RDONLY;
    if (flags & vfs::kMountNoSuid) out |= ST_NOSUID;
    if (flags & vfs::kMountNoDev) out |= ST_NODEV;
    if (flags & vfs::kMountNoExec) out |= ST_NOEXEC;
    if (flags & vfs::kMountSync) out |= ST_SYNCHRONOUS;
    if (flags & vfs::kMountNoAtime) out |= ST_NOATIME;
    if (flags & vfs::kMountNoDirAtime) out |= ST_NODIRATIME;
    if (flags & vfs::kMountRelAtime) out |= ST_RELATIME;
    if (flags & vfs::kMountNoSymFollow) out |= ST_NOSYMFOLLOW;
    return out;
}

Result<i64> put_statfs(const vfs::Path& path, u64 out) {
    vfs::SuperBlock& super = path.dentry->inode()->super();
    vfs::FsStatistics f;
    if (super.ops()) f = super.ops().call(&vfs::SuperOps::statistics, super);
    if (f.magic == 0) f.magic = super.magic;
    uapi::statfs s = {};
    s.f_type = static_cast<i64>(f.magic);
    s.f_bsize = f.block_size;
    s.f_blocks = static_cast<i64>(f.blocks);
    s.f_bfree = static_cast<i64>(f.blocks_free);
    s.f_bavail = static_cast<i64>(f.blocks_available);
    s.f_files = static_cast<i64>(f.files);
    s.f_ffree = static_cast<i64>(f.files_free);
    u64 id = f.fsid != 0 ? f.fsid : encode_device(super.device);
    s.f_fsid.val[0] = static_cast<int>(id);
    s.f_fsid.val[1] = static_cast<int>(id >> 32);
    s.f_namelen = f.name_max;
    s.f_frsize = f.block_size;
    s.f_flags = static_cast<i64>(
        mount_flags_to(path.mount->flags.load() | (super.flags.load() & vfs::kMountSync),
                       path.mount->is_read_only()));
    TRY(mm::copy_to_user(UserAddr{out}, &s, sizeof(s)));
    return 0;
}

constexpr u32 kStatxAttributes = STATX_ATTR_MOUNT_ROOT | STATX_ATTR_AUTOMOUNT | STATX_ATTR_DAX;

}  // namespace

Result<i64> sys_stat(u64 filename, u64 statbuf) {
    return stat_at(AT_FDCWD, filename, statbuf, 0);
}
Result<i64> sys_lstat(u64 filename, u64 statbuf) {
    return stat_at(AT_FDCWD, filename, statbuf, AT_SYMLINK_NOFOLLOW);
}
Result<i64> sys_fstat(i32 fd, u64 statbuf) {
    TRY_ASSIGN(vfs::FileRef file, file_or_path_of(fd));
    return put_stat(file->inode(), statbuf);
}
Result<i64> sys_newfstatat(i32 dfd, u64 filename, u64 statbuf, u32 flag) {
    if (flag & ~kStatFlags) return Err(Error::inval);
    return stat_at(dfd, filename, statbuf, flag);
}

Result<i64> sys_statx(i32 dfd, u64 filename, u32 flags, u32 mask, u64 buffer) {
    if (mask & STATX__RESERVED) return Err(Error::inval);
    if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) return Err(Error::inval);
    if (flags & ~(kStatFlags | AT_STATX_SYNC_TYPE)) return Err(Error::inval);
    u32 lookup_flags = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : u32{vfs::kLookupFollow};
    if (flags & AT_EMPTY_PATH) lookup_flags |= vfs::kLookupEmptyOk;
    TRY_ASSIGN(vfs::Path path, resolve_at(dfd, filename, lookup_flags));
    vfs::Attributes a = path.dentry->inode()->attributes();
    uapi::statx s = {};
    s.stx_mask = STATX_BASIC_STATS | (mask & (STATX_BTIME | STATX_MNT_ID));
    s.stx_blksize = a.block_size;
    s.stx_nlink = a.nlink;
    s.stx_uid = a.uid;
    s.stx_gid = a.gid;
    s.stx_mode = static_cast<u16>(a.mode);
    s.stx_ino = a.ino;
    s.stx_size = a.size_bytes;
    s.stx_blocks = a.blocks_512;
    s.stx_attributes_mask = kStatxAttributes;
    if (path.mount && path.dentry == path.mount->root) s.stx_attributes |= STATX_ATTR_MOUNT_ROOT;
    s.stx_atime = timestamp_for_statx(a.atime);
    s.stx_ctime = timestamp_for_statx(a.ctime);
    s.stx_mtime = timestamp_for_statx(a.mtime);
    if (mask & STATX_BTIME) s.stx_btime = timestamp_for_statx(a.btime);
    s.stx_rdev_major = a.rdev.major;
    s.stx_rdev_minor = a.rdev.minor;
    s.stx_dev_major = a.device.major;
    s.stx_dev_minor = a.device.minor;
    if (mask & STATX_MNT_ID) s.stx_mnt_id = path.mount ? path.mount->id : 0;
    TRY(mm::copy_to_user(UserAddr{buffer}, &s, sizeof(s)));
    return 0;
}

Result<i64> sys_statfs(u64 pathname, u64 buf) {
    TRY_ASSIGN(vfs::Path path, resolve_at(AT_FDCWD, pathname, vfs::kLookupFollow));
    return put_statfs(path, buf);
}
Result<i64> sys_fstatfs(i32 fd, u64 buf) {
    TRY_ASSIGN(vfs::FileRef file, file_or_path_of(fd));
    return put_statfs(file->path(), buf);
}

namespace {

// access(2) asks for the real ids, with the capabilities that they would have.
Result<Ref<process::Credentials>> real_credentials() {
    TRY_ASSIGN(Ref<process::Credentials> cred,
               process::Credentials::copy_of(process::current_credentials()));
    cred->fsuid = cred->uid;
    cred->fsgid = cred->gid;
    if (!(cred->secure_bits & SECBIT_NO_SETUID_FIXUP)) {
        if (cred->uid != 0)
            cred->effective = 0;
        else
            cred->effective = cred->permitted;
    }
    return cred;
}

Result<i64> access_at(i32 dfd, u64 filename, u32 mode, u32 flags) {
    if (mode & ~7u) return Err(Error::inval);
    if (flags & ~static_cast<u32>(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return Err(Error::inval);
    u32 lookup_flags = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : u32{vfs::kLookupFollow};
    if (flags & AT_EMPTY_PATH) lookup_flags |= vfs::kLookupEmptyOk;
    const process::Credentials& now = process::current_credentials();
    Ref<process::Credentials> real;
    const process::Credentials* cred = &now;
    // The common case: nothing differs, nothing is allocated.
    bool same = now.fsuid == now.uid && now.fsgid == now.gid &&
                (now.uid == 0 ? now.effective == now.permitted : now.effective == 0);
    if (!(flags & AT_EACCESS) && !same) {
        TRY_ASSIGN(real, real_credentials());
        cred = real.get();
    }
    TRY_ASSIGN(vfs::Path path, resolve_at(dfd, filename, lookup_flags, cred));
    TRY(access_check(path, mode, *cred));
    return 0;
}

}  // namespace

Result<i64> sys_access(u64 filename, u32 mode) {
    return access_at(AT_FDCWD, filename, mode, 0);
}
Result<i64> sys_faccessat(i32 dfd, u64 filename, u32 mode) {
    return access_at(dfd, filename, mode, 0);
}
Result<i64> sys_faccessat2(i32 dfd, u64 filename, u32 mode, u32 flags) {
    return access_at(dfd, filename, mode, flags);
}

}  // namespace tenon::personality
