// The dentry cache and mounts.
//
// Lookup walks the hash under RCU without taking references; the slow path takes them and asks the
// file system.
#pragma once

#include <tenon/sync/rcu.h>
#include <tenon/vfs/super_block.h>

namespace tenon::vfs {

// A name in a directory, positive (has an inode) or negative. Freed after a grace period.
class Dentry : public RefCounted<Dentry> {
  public:
    // The root of a file system.
    TENON_API static Result<Ref<Dentry>> make_root(Ref<Inode> inode);
    // A dentry outside any tree, for pipes, sockets, memfds: shown in /proc/PID/fd as `name`.
    TENON_API static Result<Ref<Dentry>> make_anonymous(Ref<Inode> inode, std::string_view name);

    Inode* inode() const { return inode_.load(); }
    std::string_view name() const;  // stable under RCU or the parent's lock
    Dentry* parent() const { return parent_.load(); }
    bool is_negative() const { return inode() == nullptr; }
    bool is_mount_point() const { return mount_points_.load(std::memory_order_relaxed) != 0; }
    bool is_unlinked() const { return unhashed_.load(std::memory_order_relaxed); }
    // Drops a name from the cache and its children (procfs, devfs nodes that vanish behind the
    // cache's back).
    TENON_API void invalidate();
    void on_last_ref();

  private:
    friend class DentryCache;
    Dentry() = default;
    struct Name;
    sync::RcuPtr<Inode> inode_;
    sync::RcuPtr<Dentry> parent_;
    sync::RcuPtr<Dentry> hash_next_;
    Name* name_ = nullptr;
    char inline_name_[32];
    u32 hash_ = 0;
    std::atomic<u32> mount_points_{0};
    std::atomic<bool> unhashed_{false};
    sync::SpinLock lock_{sync::LockRank::dentry};
    ListHook sibling_hook_;
    struct Children;
    Children* children_ = nullptr;
    sync::RcuHead rcu_;
};

class Mount : public RefCounted<Mount> {
  public:
    Ref<SuperBlock> super;
    Ref<Dentry> root;         // of the mounted tree (a bind mount's may lie deeper)
    Ref<Mount> parent;        // null at the top
    Ref<Dentry> mount_point;  // in the parent
    u32 flags = 0;            // kMount*
    u32 id = 0;
    char source[64] = {};  // as given to mount(2), cut
    TENON_API ~Mount();
};

}  // namespace tenon::vfs
