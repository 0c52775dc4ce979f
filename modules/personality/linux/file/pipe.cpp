// pipe, and the calls that move bytes between files without user memory: sendfile, splice, tee,
// vmsplice, copy_file_range. Spec: man 2 of each.
//
// Bytes go through a kernel buffer of up to 64 KiB. Moving pages instead is left for later; what
// can be seen from outside is the same.
#include <tenon/vfs/pipe.h>

#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

constexpr usize kChunk = 65536;
constexpr u64 kMaxMove = 0x7ffff000;
enum : u32 {
    SPLICE_F_MOVE = 1,
    SPLICE_F_NONBLOCK = 2,
    SPLICE_F_MORE = 4,
    SPLICE_F_GIFT = 8,
    SPLICE_F_ALL = 15
};

struct Bounce {
    u8* bytes = nullptr;
    usize size = 0;
    Result<void> make(u64 wanted) {
        size = std::min<u64>(std::max<u64>(wanted, 1), kChunk);
        bytes = static_cast<u8*>(mm::kmalloc(size));
        if (bytes == nullptr) {
            size = kPageSize;
            bytes = static_cast<u8*>(mm::kmalloc(size));
        }
        return bytes != nullptr ? Result<void>{} : Err(Error::nomem);
    }
    ~Bounce() { mm::kfree(bytes); }
};

// One end of a move: a file with an explicit position, or with its own.
struct End {
    vfs::File& file;
    bool explicit_position;
    u64 position;

    Result<usize> read(vfs::IoBuffer& buffer) {
        if (!explicit_position) return file.read(buffer);
        TRY_ASSIGN(usize n, file.read_at(buffer, position));
        position += n;
        return n;
    }
    Result<usize> write(vfs::IoBuffer& buffer) {
        if (!explicit_position) return file.write(buffer);
        TRY_ASSIGN(usize n, file.write_at(buffer, position));
        position += n;
        return n;
    }
    // Gives back what was read and could not be written.
    void unread(usize n) {
        if (explicit_position)
            position -= n;
        else if (!file.is_stream())
            file.set_position(file.position() - n);
    }
};

// How many bytes a write to the pipe takes at once; sleeps until that is some. Without a reader,
// any: the write says EPIPE. Error::again.
Result<usize> wait_for_room(vfs::Pipe& pipe, vfs::File& file, bool nonblock) {
    for (;;) {
        const usize capacity = pipe.capacity_bytes(), used = pipe.bytes();
        const u32 ready = file.poll(nullptr);
        if (ready & (vfs::kPollErr | vfs::kPollOut))
            return std::max<usize>(capacity > used ? capacity - used : 0, kPageSize);
        if (nonblock) return Err(Error::again);
        TRY(pipe.wait_writable(file));
    }
}

// Writes what was read; `written` bytes found a place. Error::none when all did.
Error write_all(End& to, u8* bytes, usize length, usize& written) {
    for (written = 0; written < length;) {
        vfs::IoBuffer out = vfs::IoBuffer::kernel(bytes + written, length - written);
        Result<usize> put = to.write(out);
        if (!put) return put.error();
        if (*put == 0) return Error::io;
        written += *put;
    }
    return Error::none;
}

// From a pipe: what the target does not take stays there.
Result<i64> move_from_pipe(vfs::Pipe& pipe, End& to, u64 length, bool nonblock) {
    Bounce bounce;
    TRY(bounce.make(length));
    vfs::IoBuffer in = vfs::IoBuffer::kernel(bounce.bytes, std::min<u64>(bounce.size, length));
    TRY_ASSIGN(const usize got, pipe.claim(in, nonblock));
    if (got == 0) return 0;
    usize written;
    const Error failed = write_all(to, bounce.bytes, got, written);
    pipe.settle(written);
    if (written == 0) return Err(failed);
    return static_cast<i64>(written);
}

// Moves up to `length` bytes. Stops at the end of the source and where the target takes no more.
Result<i64> move(End& from, End& to, u64 length, bool nonblock = false) {
    if (vfs::Pipe* pipe = vfs::pipe_of(from.file))
        return move_from_pipe(*pipe, to, length, nonblock || from.file.nonblocking());
    Bounce bounce;
    TRY(bounce.make(length));
    u64 done = 0;
    Error failed = Error::none;
    while (done < length) {
        // A socket's bytes cannot be put back: the caller has looked for room.
        usize part = std::min<u64>(bounce.size, length - done);
        vfs::IoBuffer in = vfs::IoBuffer::kernel(bounce.bytes, part);
        Result<usize> got = from.read(in);
        if (!got || *got == 0) {
            if (!got) failed = got.error();
            break;
        }
        usize written;
        failed = write_all(to, bounce.bytes, *got, written);
        done += written;
        if (written < *got) {
            from.unread(*got - written);
            break;
        }
        if (from.file.is_stream()) break;  // as much as there was
    }
    if (done == 0 && failed != Error::none) return Err(failed);
    return static_cast<i64>(done);
}

// Error::inval where `length` bytes from `position` on would pass the highest offset.
Result<void> check_range(u64 position, u64 length) {
    if (static_cast<i64>(position) < 0 || static_cast<i64>(length) < 0 ||
        static_cast<i64>(position + length) < 0)
        return Err(Error::inval);
    return {};
}

}  // namespace

Result<i64> sys_pipe2(u64 fildes, u32 flags) {
    constexpr u32 known = O_CLOEXEC | O_NONBLOCK | O_DIRECT;
    if (flags & ~known) return Err(Error::inval);
    TRY_ASSIGN(vfs::PipeEnds ends, vfs::make_pipe(open_flags_from(flags) & ~vfs::kOpenRead));
    vfs::FileTable& files = *current()->files;
    bool cloexec = flags & O_CLOEXEC;
    i32 fd[2];
    TRY_ASSIGN(fd[0], files.reserve(cloexec, descriptor_limit()));
    Result<i32> second = files.reserve(cloexec, descriptor_limit());
    if (!second) {
        files.cancel(fd[0]);
        return Err(second.error());
    }
    fd[1] = *second;
    if (!mm::copy_to_user(UserAddr{fildes}, fd, sizeof(fd))) {
        files.cancel(fd[0]);
        files.cancel(fd[1]);
        return Err(Error::fault);
    }
    files.publish(fd[0], std::move(ends.read_end));
    files.publish(fd[1], std::move(ends.write_end));
    return 0;
}
Result<i64> sys_pipe(u64 fildes) {
    return sys_pipe2(fildes, 0);
}

Result<i64> sys_sendfile(i32 out_fd, i32 in_fd, u64 offset, u64 count) {
    i64 position = 0;
    if (offset != 0) {
        TRY_ASSIGN(position, mm::UserIn<i64>(offset).read());
    }
    TRY_ASSIGN(vfs::FileRef in, file_of(in_fd));
    if (!in->readable()) return Err(Error::badf);
    if (offset != 0 && in->is_stream()) return Err(Error::spipe);
    TRY_ASSIGN(vfs::FileRef out, file_of(out_fd));
    if (!out->writable()) return Err(Error::badf);
    if (!in->is_stream())
        TRY(check_range(offset != 0 ? static_cast<u64>(position) : in->position(), count));
    if (!out->is_stream()) TRY(check_range(out->position(), count));
    if (static_cast<i64>(count) < 0) return Err(Error::inval);
    if ((out->flags() & vfs::kOpenAppend)) return Err(Error::inval);
    if (in->inode().is_dir()) return Err(Error::inval);
    // A source without a page cache (a pipe to a file) is not for sendfile.
    if (in->is_stream() && vfs::pipe_of(*in) == nullptr) return Err(Error::inval);
    if (vfs::pipe_of(*in) != nullptr && !out->is_stream()) return Err(Error::inval);
    End from{*in, offset != 0, static_cast<u64>(position)}, to{*out, false, 0};
    TRY_ASSIGN(i64 moved, move(from, to, std::min(count, kMaxMove)));
    if (offset != 0) TRY(mm::UserOut<i64>(offset).write(static_cast<i64>(from.position)));
    return moved;
}

Result<i64> sys_splice(i32 fd_in, u64 off_in, i32 fd_out, u64 off_out, u64 len, u32 flags) {
    if (flags & ~SPLICE_F_ALL) return Err(Error::inval);
    if (len == 0) return 0;
    TRY_ASSIGN(vfs::FileRef in, file_of(fd_in));
    TRY_ASSIGN(vfs::FileRef out, file_of(fd_out));
    if (!in->readable() || !out->writable()) return Err(Error::badf);
    vfs::Pipe *pipe_in = vfs::pipe_of(*in), *pipe_out = vfs::pipe_of(*out);
    if (pipe_in == nullptr && pipe_out == nullptr) return Err(Error::inval);
    if ((pipe_in && off_in != 0) || (pipe_out && off_out != 0)) return Err(Error::spipe);
    if (pipe_in && pipe_out && &in->inode() == &out->inode()) return Err(Error::inval);
    if (!pipe_out && (out->flags() & vfs::kOpenAppend)) return Err(Error::inval);
    if ((off_in != 0 && in->is_stream()) || (off_out != 0 && out->is_stream()))
        return Err(Error::spipe);
    End from{*in, off_in != 0, 0}, to{*out, off_out != 0, 0};
    if (off_in != 0) {
        TRY_ASSIGN(i64 p, mm::UserIn<i64>(off_in).read());
        if (p < 0) return Err(Error::inval);
        from.position = static_cast<u64>(p);
    }
    if (off_out != 0) {
        TRY_ASSIGN(i64 p, mm::UserIn<i64>(off_out).read());
        if (p < 0) return Err(Error::inval);
        to.position = static_cast<u64>(p);
    }
    if (in->inode().is_dir()) return Err(Error::inval);
    if (!pipe_out && !out->is_stream())
        TRY(check_range(off_out != 0 ? to.position : out->position(), len));
    if (!pipe_in && !in->is_stream())
        TRY(check_range(off_in != 0 ? from.position : in->position(), len));
    bool nonblock = flags & SPLICE_F_NONBLOCK;
    // What is taken from a socket cannot be put back, so wait for room before.
    u64 limit = std::min(len, kMaxMove);
    if (pipe_out) {
        TRY_ASSIGN(const usize room, wait_for_room(*pipe_out, *out, nonblock));
        limit = std::min<u64>(limit, room);
    }
    TRY_ASSIGN(i64 moved, move(from, to, limit, nonblock));
    if (off_in != 0) TRY(mm::UserOut<i64>(off_in).write(static_cast<i64>(from.position)));
    if (off_out != 0) TRY(mm::UserOut<i64>(off_out).write(static_cast<i64>(to.position)));
    return moved;
}

Result<i64> sys_tee(i32 fdin, i32 fdout, u64 len, u32 flags) {
    if (flags & ~SPLICE_F_ALL) return Err(Error::inval);
    if (len == 0) return 0;
    TRY_ASSIGN(vfs::FileRef in, file_of(fdin));
    TRY_ASSIGN(vfs::FileRef out, file_of(fdout));
    if (!in->readable() || !out->writable()) return Err(Error::badf);
    vfs::Pipe *source = vfs::pipe_of(*in), *target = vfs::pipe_of(*out);
    if (source == nullptr || target == nullptr || source == target) return Err(Error::inval);
    bool nonblock = flags & SPLICE_F_NONBLOCK;
    if (source->bytes() == 0) {
        if (in->poll(nullptr) & vfs::kPollHup) return 0;
        if (nonblock) return Err(Error::again);
        TRY(source->wait_readable(*in));
    }
    TRY_ASSIGN(const usize room, wait_for_room(*target, *out, nonblock));
    Bounce bounce;
    TRY(bounce.make(std::min<u64>(len, room)));
    vfs::IoBuffer peeked = vfs::IoBuffer::kernel(bounce.bytes, std::min<u64>(len, bounce.size));
    TRY_ASSIGN(usize got, source->peek(peeked));
    if (got == 0) return 0;
    vfs::IoBuffer data = vfs::IoBuffer::kernel(bounce.bytes, got);
    TRY_ASSIGN(usize put, out->write(data));
    return static_cast<i64>(put);
}

Result<i64> sys_vmsplice(i32 fd, u64 iov, u64 nr_segs, u32 flags) {
    if (flags & ~SPLICE_F_ALL) return Err(Error::inval);
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    vfs::Pipe* pipe = vfs::pipe_of(*file);
    if (pipe == nullptr) return Err(Error::badf);
    UserVector vector;
    TRY(vector.load(iov, nr_segs));
    vfs::IoBuffer buffer = vector.buffer();
    if (buffer.remaining() == 0) return 0;
    const bool writes = file->writable(), nonblock = flags & SPLICE_F_NONBLOCK;
    if (writes) {
        // What does not fit is left to the next call.
        TRY_ASSIGN(const usize room, wait_for_room(*pipe, *file, nonblock));
        buffer.truncate(room);
    } else if (nonblock && !(file->poll(nullptr) & (vfs::kPollIn | vfs::kPollHup))) {
        return Err(Error::again);
    }
    TRY_ASSIGN(usize moved, writes ? file->write(buffer) : file->read(buffer));
    return static_cast<i64>(moved);
}

Result<i64> sys_copy_file_range(i32 fd_in, u64 off_in, i32 fd_out, u64 off_out, u64 len,
                                u32 flags) {
    TRY_ASSIGN(vfs::FileRef in, file_of(fd_in));
    TRY_ASSIGN(vfs::FileRef out, file_of(fd_out));
    End from{*in, true, in->position()}, to{*out, true, out->position()};
    if (off_in != 0) {
        TRY_ASSIGN(i64 p, mm::UserIn<i64>(off_in).read());
        from.position = static_cast<u64>(p);
    }
    if (off_out != 0) {
        TRY_ASSIGN(i64 p, mm::UserIn<i64>(off_out).read());
        to.position = static_cast<u64>(p);
    }
    if (flags != 0) return Err(Error::inval);
    if (in->inode().is_dir() || out->inode().is_dir()) return Err(Error::isdir);
    if (!vfs::is_regular(in->inode().mode) || !vfs::is_regular(out->inode().mode))
        return Err(Error::inval);
    if (!in->readable() || !out->writable() || (out->flags() & vfs::kOpenAppend))
        return Err(Error::badf);
    if (&in->inode().super() != &out->inode().super()) return Err(Error::xdev);
    u64 end_in, end_out;
    if (static_cast<i64>(from.position) < 0 || static_cast<i64>(to.position) < 0)
        return Err(Error::inval);
    if (__builtin_add_overflow(from.position, len, &end_in) ||
        __builtin_add_overflow(to.position, len, &end_out))
        return Err(Error::overflow);
    u64 size = in->inode().size_bytes.load(std::memory_order_relaxed);
    len = from.position >= size ? 0 : std::min(len, size - from.position);
    if (&in->inode() == &out->inode() && to.position + len > from.position &&
        to.position < from.position + len)
        return Err(Error::inval);
    if (len == 0) return 0;
    TRY_ASSIGN(i64 moved, move(from, to, std::min(len, kMaxMove)));
    if (off_in == 0) in->set_position(from.position);
    if (off_out == 0) out->set_position(to.position);
    if (off_in != 0) TRY(mm::UserOut<i64>(off_in).write(static_cast<i64>(from.position)));
    if (off_out != 0) TRY(mm::UserOut<i64>(off_out).write(static_cast<i64>(to.position)));
    return moved;
}

}  // namespace tenon::personality
