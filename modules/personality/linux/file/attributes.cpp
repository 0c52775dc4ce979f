// chmod, chown, times, truncate, and what brings data to its place.
// Spec: man 2 chmod, chown, utimensat, truncate, fallocate, fsync.
#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

using C = vfs::AttributeChange;

namespace {

Result<i64> change(const vfs::Path& path, const C& c) {
    TRY(change_attributes(path, c, process::current_credentials()));
    return 0;
}

Result<i64> chmod_at(i32 dfd, u64 filename, u32 mode, u32 flags) {
    if (flags & ~static_cast<u32>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return Err(Error::inval);
    u32 lookup_flags = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : u32{vfs::kLookupFollow};
    if (flags & AT_EMPTY_PATH) lookup_flags |= vfs::kLookupEmptyOk;
    TRY_ASSIGN(vfs::Path path, resolve_at(dfd, filename, lookup_flags));
    C c;
    c.which = C::mode_bit;
    c.mode = mode & 07777;
    return change(path, c);
}

Result<i64> chown_path(const vfs::Path& path, u32 user, u32 group) {
    C c;
    if (user != ~0u) {
        c.which |= C::uid_bit;
        c.uid = user;
    }
    if (group != ~0u) {
        c.which |= C::gid_bit;
        c.gid = group;
    }
    // Even a chown to nobody in particular takes set-id bits and sets ctime.
    return change(path, c);
}

Result<i64> chown_at(i32 dfd, u64 filename, u32 user, u32 group, u32 flags) {
    if (flags & ~static_cast<u32>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return Err(Error::inval);
    u32 lookup_flags = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : u32{vfs::kLookupFollow};
    if (flags & AT_EMPTY_PATH) lookup_flags |= vfs::kLookupEmptyOk;
    TRY_ASSIGN(vfs::Path path, resolve_at(dfd, filename, lookup_flags));
    return chown_path(path, user, group);
}

struct Times {
    vfs::Timestamp atime, mtime;
    u32 which = C::atime_now | C::mtime_now;
};

Result<i64> set_times(i32 dfd, u64 filename, const Times& times, u32 flags) {
    C c;
    c.which = times.which;
    c.atime = times.atime;
    c.mtime = times.mtime;
    if (flags & ~static_cast<u32>(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) return Err(Error::inval);
    if (filename == 0 && dfd != AT_FDCWD) {
        if (flags != 0) return Err(Error::inval);
        TRY_ASSIGN(vfs::FileRef file, file_of(dfd));
        if (c.which == 0) return 0;
        return change(file->path(), c);
    }
    u32 lookup_flags = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : u32{vfs::kLookupFollow};
    if (flags & AT_EMPTY_PATH) lookup_flags |= vfs::kLookupEmptyOk;
    TRY_ASSIGN(vfs::Path path, resolve_at(dfd, filename, lookup_flags));
    if (c.which == 0) return 0;
    return change(path, c);
}

// At either end of what a file system can tell there are no nanoseconds; each of those here tells
// all of 64 bits. Spec: Linux fs/inode.c, timestamp_truncate().
vfs::Timestamp timestamp_of(i64 seconds, i64 nanoseconds) {
    const bool at_end = seconds == INT64_MAX || seconds == INT64_MIN;
    return {seconds, at_end ? 0 : static_cast<u32>(nanoseconds)};
}

// timeval pairs of utimes and futimesat.
Result<Times> times_from_timevals(u64 user) {
    Times t;
    if (user == 0) return t;
    uapi::__kernel_old_timeval tv[2];
    TRY(mm::copy_from_user(tv, UserAddr{user}, sizeof(tv)));
    for (auto& v : tv)
        if (v.tv_usec < 0 || v.tv_usec >= 1'000'000) return Err(Error::inval);
    t.which = C::atime_bit | C::mtime_bit;
    t.atime = timestamp_of(tv[0].tv_sec, tv[0].tv_usec * 1000);
    t.mtime = timestamp_of(tv[1].tv_sec, tv[1].tv_usec * 1000);
    return t;
}

}  // namespace

Result<i64> sys_chmod(u64 filename, u32 mode) {
    return chmod_at(AT_FDCWD, filename, mode, 0);
}
Result<i64> sys_fchmodat(i32 dfd, u64 filename, u32 mode) {
    return chmod_at(dfd, filename, mode, 0);
}
Result<i64> sys_fchmod(i32 fd, u32 mode) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    C c;
    c.which = C::mode_bit;
    c.mode = mode & 07777;
    return change(file->path(), c);
}

Result<i64> sys_chown(u64 filename, u32 user, u32 group) {
    return chown_at(AT_FDCWD, filename, user, group, 0);
}
Result<i64> sys_lchown(u64 filename, u32 user, u32 group) {
    return chown_at(AT_FDCWD, filename, user, group, AT_SYMLINK_NOFOLLOW);
}
Result<i64> sys_fchownat(i32 dfd, u64 filename, u32 user, u32 group, u32 flag) {
    return chown_at(dfd, filename, user, group, flag);
}
Result<i64> sys_fchown(i32 fd, u32 user, u32 group) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    return chown_path(file->path(), user, group);
}

Result<i64> sys_utimensat(i32 dfd, u64 filename, u64 utimes, u32 flags) {
    Times t;
    if (utimes != 0) {
        uapi::__kernel_timespec ts[2];
        TRY(mm::copy_from_user(ts, UserAddr{utimes}, sizeof(ts)));
        constexpr i64 now = (1l << 30) - 1, omit = (1l << 30) - 2;
        for (auto& v : ts)
            if (v.tv_nsec != now && v.tv_nsec != omit &&
                (v.tv_nsec < 0 || v.tv_nsec >= 1'000'000'000))
                return Err(Error::inval);
        // Nothing to do succeeds without even looking at the path.
        if (ts[0].tv_nsec == omit && ts[1].tv_nsec == omit) return 0;
        t.which = 0;
        if (ts[0].tv_nsec == now)
            t.which |= C::atime_now;
        else if (ts[0].tv_nsec != omit)
            t.which |= C::atime_bit;
        if (ts[1].tv_nsec == now)
            t.which |= C::mtime_now;
        else if (ts[1].tv_nsec != omit)
            t.which |= C::mtime_bit;
        t.atime = timestamp_of(ts[0].tv_sec, ts[0].tv_nsec);
        t.mtime = timestamp_of(ts[1].tv_sec, ts[1].tv_nsec);
    }
    return set_times(dfd, filename, t, flags);
}
Result<i64> sys_futimesat(i32 dfd, u64 filename, u64 utimes) {
    TRY_ASSIGN(Times t, times_from_timevals(utimes));
    return set_times(dfd, filename, t, 0);
}
Result<i64> sys_utimes(u64 filename, u64 utimes) {
    return sys_futimesat(AT_FDCWD, filename, utimes);
}
Result<i64> sys_utime(u64 filename, u64 times) {
    Times t;
    if (times != 0) {
        i64 seconds[2];
        TRY(mm::copy_from_user(seconds, UserAddr{times}, sizeof(seconds)));
        t.which = C::atime_bit | C::mtime_bit;
        t.atime = timestamp_of(seconds[0], 0);
        t.mtime = timestamp_of(seconds[1], 0);
    }
    return set_times(AT_FDCWD, filename, t, 0);
}

namespace {
Result<void> check_size_limit(u64 length) {
    u64 limit = process::current_process().limits.value[process::Limits::fsize].soft;
    if (length <= limit) return {};
    (void)process::send_to_task(*current(), process::kernel_signal(process::kSigXfsz));
    return Err(Error::fbig);
}
}  // namespace

Result<i64> sys_truncate(u64 path, i64 length) {
    if (length < 0) return Err(Error::inval);
    TRY_ASSIGN(vfs::Path found, resolve_at(AT_FDCWD, path, vfs::kLookupFollow));
    TRY(check_size_limit(static_cast<u64>(length)));
    TRY(truncate(found, static_cast<u64>(length), process::current_credentials()));
    return 0;
}
Result<i64> sys_ftruncate(i32 fd, i64 length) {
    if (length < 0) return Err(Error::inval);
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (!vfs::is_regular(file->inode().mode) || !file->writable()) return Err(Error::inval);
    TRY(check_size_limit(static_cast<u64>(length)));
    TRY(truncate_open(*file, static_cast<u64>(length)));
    return 0;
}

Result<i64> sys_fallocate(i32 fd, i32 mode, i64 offset, i64 len) {
    static_assert(FALLOC_FL_KEEP_SIZE == vfs::FileOps::kAllocateKeepSize &&
                  FALLOC_FL_PUNCH_HOLE == vfs::FileOps::kAllocatePunchHole);
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (offset < 0 || len <= 0) return Err(Error::inval);
    constexpr i32 known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE |
                          FALLOC_FL_ZERO_RANGE | FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE;
    if (mode & ~known) return Err(Error::opnotsupp);
    constexpr i32 both = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
    if ((mode & both) == both) return Err(Error::opnotsupp);
    if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
        return Err(Error::opnotsupp);
    if ((mode & FALLOC_FL_COLLAPSE_RANGE) && (mode & ~FALLOC_FL_COLLAPSE_RANGE))
        return Err(Error::inval);
    if ((mode & FALLOC_FL_INSERT_RANGE) && (mode & ~FALLOC_FL_INSERT_RANGE))
        return Err(Error::inval);
    if (!file->writable()) return Err(Error::badf);
    vfs::Mode type = file->inode().mode & vfs::kTypeMask;
    if (type == vfs::kFifo) return Err(Error::spipe);
    if (type == vfs::kDirectory) return Err(Error::isdir);
    if (type != vfs::kRegular && type != vfs::kBlockDevice) return Err(Error::nodev);
    i64 end;
    if (__builtin_add_overflow(offset, len, &end)) return Err(Error::fbig);
    TRY(check_size_limit(static_cast<u64>(end)));
    TRY(file->ops().call(&vfs::FileOps::allocate, *file, static_cast<u32>(mode),
                         static_cast<u64>(offset), static_cast<u64>(len)));
    vfs::notify_dentry(vfs::kNotifyModify, *file->path().dentry);
    return 0;
}

namespace {
Result<i64> sync_file(i32 fd, bool data_only) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    vfs::Mode type = file->inode().mode & vfs::kTypeMask;
    // What keeps nothing on a disk has nothing to write there: devices of characters, pipes, sockets
    // and descriptors without a file.
    if (type != vfs::kRegular && type != vfs::kDirectory && type != vfs::kBlockDevice)
        return Err(Error::inval);
    TRY(file->ops().call(&vfs::FileOps::sync, *file, data_only));
    return 0;
}
}  // namespace

Result<i64> sys_fsync(i32 fd) {
    return sync_file(fd, false);
}
Result<i64> sys_fdatasync(i32 fd) {
    return sync_file(fd, true);
}
Result<i64> sys_sync() {
    vfs::sync_all();
    return 0;
}
Result<i64> sys_syncfs(i32 fd) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    vfs::SuperBlock& super = file->inode().super();
    if (super.ops()) TRY(super.ops().call(&vfs::SuperOps::sync, super));
    return 0;
}
Result<i64> sys_sync_file_range(i32 fd, i64 offset, i64 nbytes, u32 flags) {
    constexpr u32 known =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (flags & ~known) return Err(Error::inval);
    i64 end;
    if (offset < 0 || __builtin_add_overflow(offset, nbytes, &end) || end < offset)
        return Err(Error::inval);
    vfs::Mode type = file->inode().mode & vfs::kTypeMask;
    if (type != vfs::kRegular && type != vfs::kBlockDevice && type != vfs::kDirectory &&
        type != vfs::kSymlink)
        return Err(Error::spipe);
    TRY(file->ops().call(&vfs::FileOps::sync, *file, true));
    return 0;
}

Result<i64> sys_readahead(i32 fd, i64 offset, u64) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (!file->readable()) return Err(Error::badf);
    if (!vfs::is_regular(file->inode().mode) || offset < 0) return Err(Error::inval);
    return 0;
}
Result<i64> sys_fadvise64(i32 fd, i64, i64 len, i32 advice) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if ((file->inode().mode & vfs::kTypeMask) == vfs::kFifo) return Err(Error::spipe);
    if (len < 0) return Err(Error::inval);
    // POSIX_FADV_NORMAL..NOREUSE are 0..5; memory has nothing to prefetch.
    if (advice < 0 || advice > 5) return Err(Error::inval);
    return 0;
}

}  // namespace tenon::personality
