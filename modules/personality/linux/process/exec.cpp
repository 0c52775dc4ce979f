// execve, execveat. Spec: man 2 execve.
#include <tenon/arch/user_copy.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/personality.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/lookup.h>

#include "personality/linux/abi.h"
#include "personality/linux/exec/arguments.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

constexpr usize kMaxString = 32 * kPageSize;  // one argument, NUL included
constexpr u64 kMaxAll = 6ull << 20;           // three quarters of the customary stack
constexpr u64 kMinAll = 128 * 1024;

// What strings and their pointers may take together.
u64 argument_limit() {
    const u64 stack = process::current_process().limit(process::Limits::stack);
    return std::clamp(stack / 4, kMinAll, kMaxAll);
}

Result<void> append_string(ArgumentBlock& block, u64 from, u64 limit) {
    usize length = 0;
    for (;;) {
        // As much as there is room for; most strings come in one go.
        if (block.room() < 256) TRY(block.reserve(256));
        TRY_ASSIGN(char* to, block.reserve(0));
        const usize chunk = std::min(block.room(), kMaxString - length);
        if (chunk == 0) return Err(Error::toobig);
        const isize got = arch::copy_string_from_user_raw(to, from + length, chunk);
        if (got < 0) return Err(Error::fault);
        if (static_cast<usize>(got) < chunk) {
            block.commit(static_cast<usize>(got) + 1);
            break;
        }
        block.commit(chunk);
        length += chunk;
        if (block.used() > limit) return Err(Error::toobig);
    }
    return block.used() > limit ? Result<void>(Err(Error::toobig)) : Result<void>();
}

Result<u32> append_vector(ArgumentBlock& block, u64 vector, u64& limit) {
    u32 count = 0;
    if (vector == 0) return count;
    for (;;) {
        u64 pointers[32];
        // Up to the end of the page at once, so that nothing beyond the list is touched.
        const u64 at = vector + count * 8ull;
        const usize batch = std::min<usize>(32, (kPageSize - (at & (kPageSize - 1))) / 8);
        if (batch == 0 || (at & 7) != 0) {
            TRY_ASSIGN(pointers[0], mm::UserIn<u64>(at).read());
        } else {
            TRY(mm::copy_from_user(pointers, UserAddr{at}, batch * 8));
        }
        const usize got = batch == 0 || (at & 7) != 0 ? 1 : batch;
        for (usize i = 0; i < got; ++i) {
            if (pointers[i] == 0) return count;
            if (limit <= 8) return Err(Error::toobig);
            limit -= 8;
            TRY(append_string(block, pointers[i], limit));
            ++count;
        }
    }
}

Result<i64> do_exec(Ref<vfs::File> file, std::string_view path, u64 argv, u64 envp,
                    bool close_on_exec) {
    ArgumentBlock arguments;
    u64 limit = argument_limit();
    TRY_ASSIGN(arguments.argc, append_vector(arguments, argv, limit));
    if (arguments.argc == 0) {
        // Linux 5.18 on: an empty list gets one empty string.
        TRY(arguments.append(""));
        arguments.argc = 1;
    }
    TRY_ASSIGN(arguments.envc, append_vector(arguments, envp, limit));
    process::ExecRequest request;
    request.file = std::move(file);
    request.path = path;
    request.arguments = &arguments;
    request.close_on_exec = close_on_exec;
    TRY(process::exec(request));
    return 0;
}

}  // namespace

Result<i64> sys_execve(u64 filename, u64 argv, u64 envp) {
    return sys_execveat(AT_FDCWD, filename, argv, envp, 0);
}

Result<i64> sys_execveat(i32 fd, u64 filename, u64 argv, u64 envp, u32 flags) {
    if (flags & ~static_cast<u32>(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) return Err(Error::inval);
    std::unique_ptr<char[]> name(new (std::nothrow) char[PATH_MAX]);
    if (!name) return Err(Error::nomem);
    TRY_ASSIGN(const usize length,
               mm::copy_string_from_user({name.get(), PATH_MAX}, UserAddr{filename}));
    const std::string_view path(name.get(), length);
    if (length == 0 && !(flags & AT_EMPTY_PATH)) return Err(Error::noent);

    vfs::OpenRequest open{.flags = vfs::kOpenRead | vfs::kOpenExec};
    if (flags & AT_SYMLINK_NOFOLLOW) {
        open.flags |= vfs::kOpenNoFollow;
        open.lookup_flags = 0;
    }
    if (fd == AT_FDCWD || (length != 0 && path[0] == '/')) {
        TRY_ASSIGN(auto file, vfs::open(vfs::lookup_start_of_current(), path, open));
        return do_exec(std::move(file), path, argv, envp, false);
    }
    TRY_ASSIGN(auto base, current()->files->get(fd));
    TRY_ASSIGN(const bool closes, current()->files->close_on_exec(fd));
    if (length == 0) {
        TRY_ASSIGN(auto file,
                   vfs::open_path(base->path(), open.flags, process::current_credentials()));
        const fmt::Line<32> shown("/dev/fd/{}", fd);
        return do_exec(std::move(file), shown.view(), argv, envp, closes);
    }
    const vfs::Path start = base->path();
    TRY_ASSIGN(auto file, vfs::open(vfs::lookup_start_of_current(&start), path, open));
    std::unique_ptr<char[]> shown(new (std::nothrow) char[PATH_MAX + 32]);
    if (!shown) return Err(Error::nomem);
    fmt::BufferSink sink({shown.get(), PATH_MAX + 32});
    fmt::print(sink, "/dev/fd/{}/{}", fd, path);
    return do_exec(std::move(file), sink.text(), argv, envp, closes);
}

}  // namespace tenon::personality
