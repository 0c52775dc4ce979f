// Pipes and FIFOs.
#pragma once

#include <tenon/vfs/file.h>

namespace tenon::vfs {

struct PipeEnds {
    Ref<File> read_end, write_end;
};
// flags: kOpenNonblock, kOpenDirect (packet mode).
TENON_API Result<PipeEnds> make_pipe(u32 flags);
// F_GETPIPE_SZ / F_SETPIPE_SZ; Error::badf when not a pipe.
TENON_API Result<u32> pipe_capacity(File& file);
TENON_API Result<u32> set_pipe_capacity(File& file, u32 bytes);

TENON_API bool is_pipe(File& file);
// Bytes that wait to be read (FIONREAD).
TENON_API Result<usize> pipe_bytes(File& file);
// For tee and splice: copies from the front without taking, and sleeps until a read or a write
// would move something (again: the end is non-blocking).
TENON_API Result<usize> pipe_peek(File& file, IoBuffer& buffer);
TENON_API Result<void> pipe_wait_readable(File& file);
TENON_API Result<void> pipe_wait_writable(File& file);

// Files that live outside any tree (epoll, eventfd, sockets, memfd): one call makes inode, dentry
// and description.
TENON_API Result<Ref<File>> make_anonymous_file(std::string_view name, module::Gated<FileOps> ops,
                                                u32 open_flags, Mode mode = 0600);

// A tmpfs file without a name: memfd, System V and anonymous shared memory.
TENON_API Result<Ref<File>> make_memory_file(std::string_view name, u64 size_bytes, u32 open_flags,
                                             Mode mode = 0777);

}  // namespace tenon::vfs
