// What a mount keeps besides its place: groups of propagation, writers; and how it is asked.
#pragma once

#include <tenon/vfs/dentry.h>

namespace tenon::vfs {

// Every Mount is one.
struct TreeMount final : Mount {
    std::atomic<u32> writers{0};  // files open for writing
    // These are under the table's lock.
    u32 peer_group = 0;          // whose member it is; 0: of none
    u32 master_group = 0;        // which it gets events from; 0: none
    u32 marks = 0;               // of an operation on several mounts
    TreeMount* chain = nullptr;  // the next of such an operation's list
    TreeMount* twin = nullptr;   // its copy, or what it is a copy of
};
inline TreeMount& tree_mount(Mount& m) {
    return static_cast<TreeMount&>(m);
}
inline const TreeMount& tree_mount(const Mount& m) {
    return static_cast<const TreeMount&>(m);
}

// Flags of a super block, and one of a mount.
enum : u32 { kMountDirSync = 1024, kMountMandatoryLocks = 2048, kMountLazyTime = 4096 };
inline constexpr u32 kMountUnbindable = 8192;

// The mount that covers `at`, or null. The table's lock held.
TENON_API Mount* mounted_at(const Mount& parent, const Dentry& at);
// Something was read: its access time, by the mount's rules (relatime: once after each change).
TENON_API void note_access(const Mount& mount, Inode& inode);

}  // namespace tenon::vfs
