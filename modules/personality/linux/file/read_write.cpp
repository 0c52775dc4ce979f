// read, write and their vectored and positioned forms; lseek.
// Spec: man 2 read, readv, preadv2, lseek.
#include <tenon/process/signal.h>

#include "personality/linux/file/async_watch.h"
#include "personality/linux/file/common.h"
#include "personality/linux/file/hooks.h"
#include "personality/linux/file/leases.h"
#include "personality/linux/file/locks.h"
#include "personality/linux/file/protected_names.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/poll/deferred.h"
#include "personality/linux/poll/epoll.h"
#include "personality/linux/poll/watch.h"

namespace tenon::personality {

using uapi::__kernel_rwf_t;  // the RWF_* macros name it

namespace {

Result<i64> as_count(Result<usize> moved) {
    if (!moved) [[unlikely]]
        return Err(moved.error());
    return static_cast<i64>(*moved);
}

constexpr u32 kReadFlags = RWF_HIPRI | RWF_NOWAIT;
constexpr u32 kWriteFlags = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND;

Result<i64> read_vector(i32 fd, u64 vec, u64 count, i64 position, u32 flags) {
    if (position < -1) return Err(Error::inval);
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (position != -1 && file->is_stream()) return Err(Error::spipe);
    if (!file->readable()) return Err(Error::badf);
    UserVector vector;
    TRY(vector.load(vec, count));
    if (flags & ~kReadFlags) return Err(Error::opnotsupp);
    // Page cache in memory never waits; what may block says so itself.
    if ((flags & RWF_NOWAIT) && file->is_stream()) return Err(Error::opnotsupp);
    vfs::IoBuffer buffer = vector.buffer();
    if (position == -1) return as_count(file->read(buffer));
    return as_count(file->read_at(buffer, static_cast<u64>(position)));
}

Result<i64> write_vector(i32 fd, u64 vec, u64 count, i64 position, u32 flags) {
    if (position < -1) return Err(Error::inval);
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (position != -1 && file->is_stream()) return Err(Error::spipe);
    if (!file->writable()) return Err(Error::badf);
    UserVector vector;
    TRY(vector.load(vec, count));
    if (flags & ~kWriteFlags) return Err(Error::opnotsupp);
    if ((flags & RWF_NOWAIT) && file->is_stream()) return Err(Error::opnotsupp);
    vfs::IoBuffer buffer = vector.buffer();
    if (flags & RWF_APPEND) return as_count(file->append(buffer));
    if (position == -1) return as_count(file->write(buffer));
    return as_count(file->write_at(buffer, static_cast<u64>(position)));
}

// What RLIMIT_FSIZE lets through; SIGXFSZ and EFBIG where nothing is left.
Result<usize> size_limit(u64 position, usize length) {
    u64 limit = process::current_process().limits.value[process::Limits::fsize].soft;
    if (limit == ~u64{0}) [[likely]]
        return length;
    if (position >= limit) {
        (void)process::send_to_task(*current(), process::kernel_signal(process::kSigXfsz));
        return Err(Error::fbig);
    }
    return std::min<usize>(length, limit - position);
}

void file_closed(vfs::File& file) {
    if (file.watchers.load(std::memory_order_acquire) != nullptr)
        file.inode().is_dir() ? directory_closed(file) : Epoll::file_closed(file);
    if (file.flags() & vfs::kOpenAsync) async_file_closed(file);
    release_file_locks(file);
    if (leases_exist()) release_lease(file);
}

constexpr vfs::FileHooks kHooks = {.file_closed = file_closed,
                                   .descriptor_closed = release_record_locks,
                                   .inode_gone = release_inode_locks,
                                   .size_limit = size_limit,
                                   .notify = tell_watches,
                                   .show_locks = show_locks,
                                   .may_use = may_use_name};

}  // namespace

void install_file_hooks() {
    vfs::set_file_hooks(&kHooks);
}
void remove_file_hooks() {
    forget_all_locks();
    stop_async();
    stop_deferring();
    vfs::set_file_hooks(nullptr);
}

Result<i64> sys_read(i32 fd, u64 buf, u64 count) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (!file->readable()) return Err(Error::badf);
    TRY_ASSIGN(vfs::IoBuffer buffer, user_buffer(buf, count));
    return as_count(file->read(buffer));
}
Result<i64> sys_write(i32 fd, u64 buf, u64 count) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (!file->writable()) return Err(Error::badf);
    TRY_ASSIGN(vfs::IoBuffer buffer, user_buffer(buf, count));
    return as_count(file->write(buffer));
}
Result<i64> sys_pread64(i32 fd, u64 buf, u64 count, i64 pos) {
    if (pos < 0) return Err(Error::inval);
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (file->is_stream()) return Err(Error::spipe);
    if (!file->readable()) return Err(Error::badf);
    TRY_ASSIGN(vfs::IoBuffer buffer, user_buffer(buf, count));
    return as_count(file->read_at(buffer, static_cast<u64>(pos)));
}
Result<i64> sys_pwrite64(i32 fd, u64 buf, u64 count, i64 pos) {
    if (pos < 0) return Err(Error::inval);
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (file->is_stream()) return Err(Error::spipe);
    if (!file->writable()) return Err(Error::badf);
    TRY_ASSIGN(vfs::IoBuffer buffer, user_buffer(buf, count));
    return as_count(file->write_at(buffer, static_cast<u64>(pos)));
}

Result<i64> sys_readv(i32 fd, u64 vec, u64 vlen) {
    return read_vector(fd, vec, vlen, -1, 0);
}
Result<i64> sys_writev(i32 fd, u64 vec, u64 vlen) {
    return write_vector(fd, vec, vlen, -1, 0);
}
// The position comes in two halves for the sake of 32-bit machines; the low one holds it all.
Result<i64> sys_preadv(i32 fd, u64 vec, u64 vlen, u64 pos_l, u64) {
    if (static_cast<i64>(pos_l) < 0) return Err(Error::inval);
    return read_vector(fd, vec, vlen, static_cast<i64>(pos_l), 0);
}
Result<i64> sys_pwritev(i32 fd, u64 vec, u64 vlen, u64 pos_l, u64) {
    if (static_cast<i64>(pos_l) < 0) return Err(Error::inval);
    return write_vector(fd, vec, vlen, static_cast<i64>(pos_l), 0);
}
Result<i64> sys_preadv2(i32 fd, u64 vec, u64 vlen, u64 pos_l, u64, u32 flags) {
    return read_vector(fd, vec, vlen, static_cast<i64>(pos_l), flags);
}
Result<i64> sys_pwritev2(i32 fd, u64 vec, u64 vlen, u64 pos_l, u64, u32 flags) {
    return write_vector(fd, vec, vlen, static_cast<i64>(pos_l), flags);
}

Result<i64> sys_lseek(i32 fd, i64 offset, u32 whence) {
    using Whence = vfs::FileOps::Whence;
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    Whence how;
    switch (whence) {
        case SEEK_SET:
            how = Whence::set;
            break;
        case SEEK_CUR:
            how = Whence::current;
            break;
        case SEEK_END:
            how = Whence::end;
            break;
        case SEEK_DATA:
            how = Whence::data;
            break;
        case SEEK_HOLE:
            how = Whence::hole;
            break;
        default:
            return Err(Error::inval);
    }
    TRY_ASSIGN(u64 position, file->seek(offset, how));
    return static_cast<i64>(position);
}

}  // namespace tenon::personality
