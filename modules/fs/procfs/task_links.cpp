// Links of a task: exe, cwd, root, fd/N; and fdinfo/N.
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/lookup.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "files.h"

namespace tenon::procfs {

Result<usize> link_text(std::string_view text, std::span<char> out) {
    const usize n = std::min(text.size(), out.size());
    std::memcpy(out.data(), text.data(), n);
    return n;
}

// Links show where things are to their owner, and to who may trace him.
Result<void> may_look(const Subject& about) {
    if (about.process.get() == &process::current_process()) return {};
    const process::Credentials& mine = process::current_credentials();
    Ref<process::Credentials> theirs = process::credentials_of(*about.task);
    if (!theirs) return Err(Error::srch);
    if (process::capable(process::Capability::sys_ptrace)) return {};
    const bool same = mine.fsuid == theirs->uid && mine.fsuid == theirs->euid &&
                      mine.fsuid == theirs->suid && mine.fsgid == theirs->gid &&
                      mine.fsgid == theirs->egid && mine.fsgid == theirs->sgid;
    if (!same || about.process->dumpable != process::Dumpable::yes) return Err(Error::acces);
    return {};
}

// The path as the caller sees it.
Result<usize> path_link(const vfs::Path& path, std::span<char> out) {
    constexpr usize kBytes = 4096;
    std::unique_ptr<char[]> buffer(new (std::nothrow) char[kBytes]);
    if (!buffer) return Err(Error::nomem);
    vfs::Path root;
    if (Ref<process::FsContext> fs = process::fs_of(*current())) root = fs->root();
    TRY_ASSIGN(const std::string_view text, vfs::path_text(path, root, {buffer.get(), kBytes}));
    return link_text(text, out);
}

namespace {

Result<Ref<vfs::File>> descriptor(const Subject& about) {
    TRY(may_look(about));
    Ref<vfs::FileTable> files = process::files_of(*about.task);
    if (!files) return Err(Error::noent);
    auto file = files->get(about.number);
    if (!file) return Err(Error::noent);
    return file;
}

Result<usize> link_fd(const Subject& about, std::span<char> out) {
    TRY_ASSIGN(const Ref<vfs::File> file, descriptor(about));
    return path_link(file->path(), out);
}

Result<vfs::Path> follow_fd(const Subject& about) {
    TRY_ASSIGN(const Ref<vfs::File> file, descriptor(about));
    return file->path();
}

// O_* as open(2) takes them.
u32 open_flags(const vfs::File& file, bool close_on_exec) {
    const u32 f = file.flags();
    u32 flags = (f & vfs::kOpenRead) && (f & vfs::kOpenWrite) ? 02 : (f & vfs::kOpenWrite) ? 01 : 0;
    const auto add = [&](u32 bit, u32 value) {
        if (f & bit) flags |= value;
    };
    add(vfs::kOpenAppend, 02000);
    add(vfs::kOpenNonblock, 04000);
    add(vfs::kOpenDsync, 010000);
    add(vfs::kOpenAsync, 020000);
    add(vfs::kOpenDirect, 040000);
    add(vfs::kOpenLargeFile, 0100000);
    add(vfs::kOpenDirectory, 0200000);
    add(vfs::kOpenNoFollow, 0400000);
    add(vfs::kOpenNoAtime, 01000000);
    add(vfs::kOpenSync, 04010000);
    add(vfs::kOpenPath, 010000000);
    if (close_on_exec) flags |= 02000000;
    return flags;
}

Result<void> show_fdinfo(Text& out, const Subject& about) {
    TRY_ASSIGN(const Ref<vfs::File> file, descriptor(about));
    Ref<vfs::FileTable> files = process::files_of(*about.task);
    const bool close = files && files->close_on_exec(about.number).value_or(false);
    const vfs::Mount* mount = file->path().mount.get();
    out.print("pos:\t{}\nflags:\t0{:o}\nmnt_id:\t{}\nino:\t{}\n", file->position(),
              open_flags(*file, close), mount ? mount->id : 0, file->inode().ino());
    if (const vfs::FileHooks* hooks = vfs::file_hooks(); file->inode().locks != nullptr && hooks)
        hooks->show_locks(out, file.get(), files.get());
    // A path only (O_PATH) has nobody who could say more.
    if (file->ops()) file->ops().call(&vfs::FileOps::describe, *file, static_cast<fmt::Sink&>(out));
    return {};
}

}  // namespace

Result<vfs::Path> follow_exe(const Subject& about) {
    TRY(may_look(about));
    Ref<vfs::File> file;
    {
        sync::IrqSpinGuard guard(process::tree_lock());  // exec and exit swap it under this
        file = about.process->executable;
    }
    if (!file) return Err(Error::noent);
    return file->path();
}
Result<vfs::Path> follow_cwd(const Subject& about) {
    TRY(may_look(about));
    Ref<process::FsContext> fs = process::fs_of(*about.task);
    if (!fs) return Err(Error::noent);
    return fs->cwd();
}
Result<vfs::Path> follow_root(const Subject& about) {
    TRY(may_look(about));
    Ref<process::FsContext> fs = process::fs_of(*about.task);
    if (!fs) return Err(Error::noent);
    return fs->root();
}

Result<usize> link_exe(const Subject& about, std::span<char> out) {
    TRY_ASSIGN(const vfs::Path path, follow_exe(about));
    return path_link(path, out);
}
Result<usize> link_cwd(const Subject& about, std::span<char> out) {
    TRY_ASSIGN(const vfs::Path path, follow_cwd(about));
    return path_link(path, out);
}
Result<usize> link_root(const Subject& about, std::span<char> out) {
    TRY_ASSIGN(const vfs::Path path, follow_root(about));
    return path_link(path, out);
}

constinit const Entry kFdLink = {
    .name = "", .mode = vfs::kSymlink | 0700, .link = link_fd, .follow = follow_fd};
constinit const Entry kFdInfo = {.name = "", .mode = vfs::kRegular | 0444, .show = show_fdinfo};

}  // namespace tenon::procfs
