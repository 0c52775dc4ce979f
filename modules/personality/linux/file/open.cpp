// open, openat, openat2, creat, close, close_range, dup, dup2, dup3, umask.
// Spec: man 2 open, openat2, close_range, dup; Linux fs/open.c build_open_flags().
#include "personality/linux/copy_struct.h"
#include "personality/linux/file/common.h"
#include "personality/linux/file/leases.h"
#include "personality/linux/file/open_resolved.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

constexpr u64 kValidOpenFlags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
                                O_NONBLOCK | O_NDELAY | __O_SYNC | O_DSYNC | FASYNC | O_DIRECT |
                                O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |
                                O_PATH | __O_TMPFILE;
constexpr u64 kPathFlags = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
constexpr u64 kValidResolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
                              RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;
constexpr u32 kAllModes = 07777;

Result<u32> resolve_flags(u64 resolve) {
    if (resolve & ~kValidResolve) return Err(Error::inval);
    if ((resolve & RESOLVE_BENEATH) && (resolve & RESOLVE_IN_ROOT)) return Err(Error::inval);
    u32 flags = 0;
    if (resolve & RESOLVE_NO_XDEV) flags |= vfs::kLookupNoXdev;
    if (resolve & RESOLVE_NO_MAGICLINKS) flags |= vfs::kLookupNoMagic;
    if (resolve & RESOLVE_NO_SYMLINKS) flags |= vfs::kLookupNoSymlinks;
    if (resolve & RESOLVE_BENEATH) flags |= vfs::kLookupBeneath;
    if (resolve & RESOLVE_IN_ROOT) flags |= vfs::kLookupInRoot;
    if (resolve & RESOLVE_CACHED) flags |= vfs::kLookupCached;
    return flags;
}

// All checks of flags and mode that do not need the file. `flags` are valid ones.
Result<u64> checked_flags(u64 flags, u32 lookup_flags) {
    if (flags & __O_TMPFILE) {
        if ((flags & O_TMPFILE) != O_TMPFILE || (flags & O_CREAT)) return Err(Error::inval);
        if ((flags & O_ACCMODE) == O_RDONLY) return Err(Error::inval);
    }
    if (flags & O_PATH) flags &= kPathFlags;
    if ((lookup_flags & vfs::kLookupCached) && (flags & (O_TRUNC | O_CREAT | __O_TMPFILE)))
        return Err(Error::again);
    return flags;
}

// `flags` as checked_flags() gave them.
Result<i64> open_into(ReservedDescriptor& slot, const vfs::LookupStart& start,
                      std::string_view path, u64 flags, u32 mode, u32 lookup_flags) {
    vfs::OpenRequest request;
    request.flags = open_flags_from(static_cast<u32>(flags));
    request.mode = mode;
    request.lookup_flags = lookup_flags | vfs::kLookupFollow;
    // Who holds a lease is asked before anything is lost.
    const bool ask = leases_exist() && !(flags & O_PATH), truncates = ask && (flags & O_TRUNC);
    if (truncates) request.flags &= ~u32{vfs::kOpenTruncate};
    TRY_ASSIGN(Ref<vfs::File> file, vfs::open(start, path, request));
    if (ask)
        TRY(break_leases(file->inode(),
                         file->writable() || truncates ? LeaseBreak::write : LeaseBreak::read,
                         flags & O_NONBLOCK));
    if (truncates && vfs::is_regular(file->inode().mode)) TRY(truncate_open(*file, 0));
    return slot.publish(std::move(file));
}

Result<i64> do_open(i32 dirfd, u64 user_path, u64 flags, u32 mode, u32 lookup_flags) {
    TRY_ASSIGN(flags, checked_flags(flags, lookup_flags));
    UserPath path;
    TRY(path.load(user_path));
    if (path.view().empty()) return Err(Error::noent);
    TRY_ASSIGN(auto slot, ReservedDescriptor::make(flags & O_CLOEXEC));
    AtStart at;
    TRY(at.set(dirfd, path));
    return open_into(slot, at.start(), path.view(), flags, mode, lookup_flags);
}

Result<i64> open_legacy(i32 dirfd, u64 path, u32 flags, u32 mode) {
    u64 valid = flags & kValidOpenFlags;
    mode = (valid & (O_CREAT | __O_TMPFILE)) ? mode & kAllModes : 0;
    return do_open(dirfd, path, valid | O_LARGEFILE, mode, 0);
}

}  // namespace

Result<i64> open_resolved(const vfs::Path& path, u32 flags) {
    TRY_ASSIGN(const u64 checked,
               checked_flags((flags & kValidOpenFlags) | O_LARGEFILE, vfs::kLookupEmptyOk));
    TRY_ASSIGN(auto slot, ReservedDescriptor::make(checked & O_CLOEXEC));
    return open_into(slot, vfs::lookup_start_of_current(&path), {}, checked, 0,
                     vfs::kLookupEmptyOk);
}

Result<i64> sys_open(u64 filename, u32 flags, u32 mode) {
    return open_legacy(AT_FDCWD, filename, flags, mode);
}
Result<i64> sys_openat(i32 dirfd, u64 filename, u32 flags, u32 mode) {
    return open_legacy(dirfd, filename, flags, mode);
}
Result<i64> sys_creat(u64 pathname, u32 mode) {
    return open_legacy(AT_FDCWD, pathname, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

Result<i64> sys_openat2(i32 dirfd, u64 filename, u64 user_how, u64 size) {
    if (size < sizeof(uapi::open_how)) return Err(Error::inval);
    if (size > kPageSize) return Err(Error::toobig);
    uapi::open_how how;
    TRY(copy_struct_from_user(how, user_how, size));
    // open() ignores what it does not know; openat2() does not.
    if (how.flags & ~kValidOpenFlags) return Err(Error::inval);
    if (how.flags & (O_CREAT | __O_TMPFILE)) {
        if (how.mode & ~u64{kAllModes}) return Err(Error::inval);
    } else if (how.mode != 0) {
        return Err(Error::inval);
    }
    if ((how.flags & O_PATH) && (how.flags & ~kPathFlags)) return Err(Error::inval);
    TRY_ASSIGN(u32 lookup_flags, resolve_flags(how.resolve));
    return do_open(dirfd, filename, how.flags | ((how.flags & O_PATH) ? 0 : O_LARGEFILE),
                   static_cast<u32>(how.mode), lookup_flags);
}

Result<i64> sys_close(i32 fd) {
    Result<void> closed = current()->files->close(fd);
    if (closed) return 0;
    // The descriptor is gone either way: a restart would close somebody else's.
    if (closed.error() >= Error::restart) return Err(Error::intr);
    return Err(closed.error());
}

Result<i64> sys_close_range(u32 first, u32 last, u32 flags) {
    if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) return Err(Error::inval);
    if (first > last) return Err(Error::inval);
    Task* task = current();
    if ((flags & CLOSE_RANGE_UNSHARE) && task->files->ref_count() > 1) {
        TRY_ASSIGN(Ref<vfs::FileTable> own, task->files->copy());
        task->files = std::move(own);
    }
    TRY(task->files->close_range(first, last, flags & CLOSE_RANGE_CLOEXEC));
    return 0;
}

Result<i64> sys_dup(i32 fildes) {
    TRY_ASSIGN(Ref<vfs::File> file, current()->files->get(fildes));
    return install_file(std::move(file), false);
}

namespace {
Result<i64> do_dup3(i32 from, i32 to, bool close_on_exec) {
    if (to < 0 || static_cast<u64>(to) >= descriptor_limit()) return Err(Error::badf);
    vfs::FileTable& files = *current()->files;
    TRY_ASSIGN(Ref<vfs::File> file, files.get(from));
    TRY(files.replace(to, std::move(file), close_on_exec, descriptor_limit()));
    return to;
}
}  // namespace

Result<i64> sys_dup2(i32 from, i32 to) {
    if (from == to) {
        TRY(current()->files->get(from));
        return to;
    }
    return do_dup3(from, to, false);
}
Result<i64> sys_dup3(i32 from, i32 to, u32 flags) {
    if (flags & ~static_cast<u32>(O_CLOEXEC)) return Err(Error::inval);
    if (from == to) return Err(Error::inval);
    return do_dup3(from, to, flags & O_CLOEXEC);
}

Result<i64> sys_umask(u32 mask) {
    return current()->fs->umask.exchange(mask & 0777, std::memory_order_relaxed);
}

}  // namespace tenon::personality
