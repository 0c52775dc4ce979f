// Path resolution and the operations on names, as the *at system calls need them.
#pragma once

#include <tenon/process/fs_context.h>
#include <tenon/vfs/dentry.h>

namespace tenon::vfs {

enum : u32 {
    kLookupFollow = 1 << 0,     // follow a symlink in the last component
    kLookupDirectory = 1 << 1,  // the last must be a directory
    kLookupParent = 1 << 2,     // internal
    kLookupNoXdev = 1 << 3,     // RESOLVE_NO_XDEV
    kLookupNoMagic = 1 << 4,    // RESOLVE_NO_MAGICLINKS
    kLookupNoSymlinks = 1 << 5,
    kLookupBeneath = 1 << 6,
    kLookupInRoot = 1 << 7,
    kLookupCached = 1 << 8,
    kLookupEmptyOk = 1 << 9,  // "" names the start itself (AT_EMPTY_PATH)
};

// Where a relative path starts: the task's cwd, or a directory descriptor's path.
struct LookupStart {
    const process::FsContext& fs;
    const Path* base = nullptr;  // null: fs.cwd
    const process::Credentials& cred;
};
// For the calling task, with its cwd.
TENON_API LookupStart lookup_start_of_current(const Path* base = nullptr);

// Errors as path_resolution(7): noent, notdir, acces, loop, nametoolong, xdev, again.
TENON_API Result<Path> lookup(const LookupStart& start, std::string_view path, u32 flags);

struct OpenRequest {
    u32 flags = 0;  // kOpen*
    Mode mode = 0;  // of a new file, before umask
    u32 lookup_flags = kLookupFollow;
};
TENON_API Result<Ref<File>> open(const LookupStart& start, std::string_view path,
                                 const OpenRequest& request);
// Opens what a path names, already resolved (exec, dentry of a mount, /proc/self/fd).
TENON_API Result<Ref<File>> open_path(const Path& path, u32 open_flags,
                                      const process::Credentials& cred);

TENON_API Result<void> make_node(const LookupStart& start, std::string_view path, Mode mode,
                                 DeviceNumber rdev);  // mknod, mkdir; umask applied inside
// As make_node, and hands back what was made (sockets bind to it).
TENON_API Result<Path> make_node_at(const LookupStart& start, std::string_view path, Mode mode,
                                    DeviceNumber rdev);
TENON_API Result<void> make_symlink(const LookupStart& start, std::string_view path,
                                    std::string_view target);
TENON_API Result<void> link(const Path& existing, const LookupStart& start, std::string_view path);
enum class UnlinkKind : u8 { file, directory };
TENON_API Result<void> unlink(const LookupStart& start, std::string_view path, UnlinkKind kind);
enum : u32 { kRenameNoReplace = 1, kRenameExchange = 2, kRenameWhiteout = 4 };
TENON_API Result<void> rename(const LookupStart& from, std::string_view from_path,
                              const LookupStart& to, std::string_view to_path, u32 flags);
// Without permission checks, the caller has write access: seals, and set-id bits go.
TENON_API Result<void> truncate_inode(Inode& inode, u64 size_bytes,
                                      const process::Credentials& cred);
// The mode that a file keeps when its owner or contents change.
TENON_API Mode without_privilege(const Inode& inode, const process::Credentials& cred);
// Removes Inode::privilege_attribute, if any. Inode lock held; may sleep.
TENON_API void drop_privilege_attribute(Inode& inode);

// Visits every mount below `root`, oldest first: /proc/mounts, mountinfo.
TENON_API void for_each_mount(void (*visit)(Mount&, void*), void* context);
// The super blocks of all mounts, each once: sync(2).
TENON_API void sync_all();
// The text of a path seen from `root` into the END of `buffer`; "(unreachable)" prefix as Linux.
// Error::nametoolong.
TENON_API Result<std::string_view> path_text(const Path& path, const Path& root,
                                             std::span<char> buffer);

// [core] Mounts the root tmpfs and unpacks the initrd into it.
Result<void> init_root(std::span<const u8> initrd);
TENON_API Path& root_of_everything();

}  // namespace tenon::vfs
