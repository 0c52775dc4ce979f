// What mount(2), umount2(2) and pivot_root(2) do to the tree of mounts. Errors as theirs.
#pragma once

#include <tenon/vfs/dentry.h>

#include "personality/linux/file/propagation.h"

namespace tenon::personality {

// `flags` are those of the mount, `super_flags` those of the file system (kMount*).
Result<void> mount(std::string_view fs_type, std::string_view source, const vfs::Path& at,
                   u32 flags, u32 super_flags, std::string_view data);
Result<void> bind_mount(const vfs::Path& from, const vfs::Path& at, bool recursive);
Result<void> move_mount(const vfs::Path& from, const vfs::Path& at);
Result<void> change_type(const vfs::Path& at, Propagation to, bool recursive);
// One mount's flags (MS_BIND | MS_REMOUNT); those and the file system's.
Result<void> remount_mount(const vfs::Path& at, u32 flags);
Result<void> remount(const vfs::Path& at, u32 flags, u32 super_flags, std::string_view data);
enum class Unmount : u8 { now, lazy };
Result<void> unmount(const vfs::Path& at, Unmount how);
Result<void> pivot_root(const vfs::Path& new_root, const vfs::Path& put_old);

}  // namespace tenon::personality
