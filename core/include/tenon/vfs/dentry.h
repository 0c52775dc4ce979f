// The dentry cache and mounts.
//
// Lookup walks the hash under RCU without taking references; the slow path takes them and asks the
// file system.
//
// A hashed dentry is held by the cache itself; what nobody else holds may be evicted. Its inode
// goes from null to a value once and never changes again: a removed name is unhashed, and a new
// negative dentry takes its place at the next lookup.
#pragma once

#include <tenon/lib/intrusive.h>
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
    // Stable under RCU or the parent directory's lock.
    std::string_view name() const {
        const Name* n = name_.load();
        return {n->text, n->length};
    }
    Dentry* parent() const { return parent_.load(); }
    bool is_negative() const { return inode() == nullptr; }
    bool is_mount_point() const { return mount_points_.load(std::memory_order_relaxed) != 0; }
    // The name is gone from the tree (roots and anonymous dentries never were in it: false).
    bool is_unlinked() const { return unlinked_.load(std::memory_order_relaxed); }
    bool is_anonymous() const { return anonymous_; }
    // Drops a name from the cache and its children (procfs, devfs nodes that vanish behind the
    // cache's back).
    TENON_API void invalidate();
    TENON_API void on_last_ref();

  private:
    friend class DentryCache;
    friend class MountTable;
    struct Name {
        u32 length;
        char text[1];
        static constexpr usize kHeader = sizeof(u32);
    };
    static constexpr usize kInlineName = 36;
    Dentry() = default;
    const Name* inline_name() const { return reinterpret_cast<const Name*>(inline_name_); }

    sync::RcuPtr<Dentry> hash_next_;
    sync::RcuPtr<Dentry> parent_;  // referenced; null for roots
    sync::RcuPtr<Inode> inode_;    // referenced
    sync::RcuPtr<const Name> name_;
    u32 hash_ = 0;  // of the name
    std::atomic<u32> mount_points_{0};
    std::atomic<bool> hashed_{false};
    std::atomic<bool> unlinked_{false};
    std::atomic<bool> accessed_{false};
    bool anonymous_ = false;
    ListHook lru_hook_;
    sync::RcuHead rcu_;
    // Never rewritten after construction: a rename publishes a Name on the heap instead, so that
    // readers under RCU see the old or the new one whole.
    alignas(u32) char inline_name_[Name::kHeader + kInlineName];
};

// notify() for an event on what `dentry` names.
inline void notify_dentry(u32 event, Dentry& dentry) {
    Inode* inode = dentry.inode();
    Inode* directory = dentry.parent() != nullptr ? dentry.parent()->inode() : nullptr;
    if (inode != nullptr && (is_watched(inode) || is_watched(directory))) [[unlikely]]
        notify_slow(event | (dentry.is_unlinked() ? u32{kNotifyUnlinked} : 0), directory,
                    dentry.name(), *inode, 0);
}

class Mount : public RefCounted<Mount> {
  public:
    Ref<SuperBlock> super;
    Ref<Dentry> root;           // of the mounted tree (a bind mount's may lie deeper)
    Ref<Mount> parent;          // null at the top
    Ref<Dentry> mount_point;    // in the parent
    std::atomic<u32> flags{0};  // kMount*
    u32 id = 0;
    char source[64] = {};         // as given to mount(2), cut
    std::atomic<u32> writers{0};  // files open for writing
    // Propagation. These are under the table's lock.
    u32 peer_group = 0;      // whose member it is; 0: of none
    u32 master_group = 0;    // which it gets events from; 0: none
    u32 marks = 0;           // of an operation on several mounts
    Mount* chain = nullptr;  // the next of such an operation's list
    Mount* twin = nullptr;   // its copy, or what it is a copy of
    TENON_API ~Mount();
    // Something was read: its access time, by the mount's rules (relatime: after each change, and
    // once a day).
    TENON_API void note_access(Inode& inode) const;
    bool is_read_only() const {
        return ((flags.load(std::memory_order_relaxed) |
                 super->flags.load(std::memory_order_relaxed)) &
                kMountReadOnly) != 0;
    }
    bool attached() const { return attached_.load(std::memory_order_relaxed); }
    TENON_API void on_last_ref();

  private:
    friend class MountTable;
    std::atomic<bool> attached_{false};
    sync::RcuPtr<Mount> hash_next_;
    ListHook list_hook_;
    sync::RcuHead rcu_;
};

// The tree of mounts. A mount is found by (parent mount, dentry) in a small hash that lookups read
// under RCU. Changes are made under one sleeping lock, with the tree sequence bumped around what
// readers see.
class MountTable {
  public:
    static Result<void> init();
    // Under RCU, or with the table's lock: what is mounted on top of `at`, or null.
    TENON_API static Mount* find_rcu(const Mount& parent, const Dentry& at);
    static Ref<Mount> find(const Mount& parent, const Dentry& at);
    TENON_API static Result<Ref<Mount>> make(Ref<SuperBlock> super, Ref<Dentry> root, u32 flags,
                                             std::string_view source);
    static void set_top(Ref<Mount> mount);
    // Hangs `mount` at a place; the topmost mount point at `at` is covered.
    TENON_API static Result<void> attach_locked(Ref<Mount> mount, const Path& at);
    TENON_API static void detach_locked(Mount& mount);
    // Each mount that `body(swap)` names by swap(old, fresh) gives its place to `fresh` (null: to
    // nobody), all in one step. References are the caller's to drop. Lock held.
    template <typename Body>
    static void replace_locked(Body&& body) {
        replace_locked([](void* b, Swap swap) { (*static_cast<Body*>(b))(swap); }, &body);
    }
    // True if `mount` hangs somewhere under `top` (not `top` itself). Lock held.
    TENON_API static bool is_below(const Mount& mount, const Mount& top);
    TENON_API static sync::Mutex& lock();
    using MountList = List<Mount, &Mount::list_hook_>;
    TENON_API static MountList& all_locked();  // oldest first

  private:
    friend class Mount;
    using Swap = void (*)(Mount& old, Mount* fresh);
    static void replace_locked(void (*body)(void*, Swap), void* context);
    static void link(Mount& mount);
    static void unlink(Mount& mount);
    struct State;
    static State* state_;
};

// Drops `name` and what lies below it from the dentry cache, if it is there: for file systems whose
// names vanish behind the cache's back (procfs, devfs). May sleep.
TENON_API void invalidate_child(Dentry& parent, std::string_view name);
// Drops names that nobody uses from the dentry cache, about as many as there are. May sleep.
TENON_API void drop_unused_names();

}  // namespace tenon::vfs
