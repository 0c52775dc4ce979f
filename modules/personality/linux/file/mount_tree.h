// What mount(2), umount2(2) and pivot_root(2) do to the tree of mounts. Errors as theirs.
#pragma once

#include <tenon/vfs/dentry.h>

namespace tenon::personality {

Result<void> mount(std::string_view fs_type, std::string_view source, const vfs::Path& at,
                   u32 flags, std::string_view data);
Result<void> bind_mount(const vfs::Path& from, const vfs::Path& at, bool recursive);
Result<void> move_mount(const vfs::Path& from, const vfs::Path& at);
Result<void> remount(const vfs::Path& at, u32 flags, std::string_view data);
Result<void> unmount(const vfs::Path& at, bool lazy);
Result<void> pivot_root(const vfs::Path& new_root, const vfs::Path& put_old);

}  // namespace tenon::personality
