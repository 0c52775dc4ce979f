// The dentry cache, as the rest of core/vfs uses it. Theory: tenon/vfs/dentry.h.
#pragma once

#include <tenon/vfs/dentry.h>

namespace tenon::vfs {

// Bumped before and after every rename and mount change: odd while one is under way. A lookup
// that saw no change between start and end saw one consistent tree.
class TreeSequence {
  public:
    u32 read() const { return value_.load(std::memory_order_acquire); }
    // Pairs with write_end(): what the reader loaded before happens before this load.
    bool changed(u32 start) const {
        std::atomic_thread_fence(std::memory_order_acquire);
        return value_.load(std::memory_order_relaxed) != start;
    }
    static bool busy(u32 value) { return value & 1; }
    // Writers hold the tree lock.
    void write_begin() {
        value_.store(value_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_release);
    }
    void write_end() {
        value_.store(value_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

  private:
    std::atomic<u32> value_{0};
};

class DentryCache {
  public:
    static Result<void> init();
    static u32 hash_name(std::string_view name);

    // Under RCU: the dentry without a reference, or null. A miss counts only if the tree sequence
    // did not change meanwhile.
    static Dentry* find_rcu(const Dentry& parent, std::string_view name, u32 hash);
    // With a reference; a miss is real (but another CPU may insert at any time unless the
    // directory's lock is held).
    static Ref<Dentry> find(const Dentry& parent, std::string_view name, u32 hash);

    // A dentry for `name`, not in the cache yet. `inode` may be null.
    static Result<Ref<Dentry>> make(Dentry* parent, std::string_view name, u32 hash,
                                    Ref<Inode> inode);
    // Puts it in; if an equal one came before, that is returned instead.
    static Ref<Dentry> insert(Ref<Dentry> dentry);
    // A negative dentry becomes positive. Directory lock held for writing.
    static void instantiate(Dentry& dentry, Ref<Inode> inode);
    // Out of the cache. `unlinked`: the name is gone from the file system, too.
    enum class Drop : u8 { forgotten, unlinked };
    // Tells who watches the inode that it is gone, if this was the last of its names.
    static void tell_if_gone(const Dentry& dentry);
    static void drop(Dentry& dentry, Drop why);
    // Forgets everything unused of a super block (unmount), or below a dentry.
    static void shrink_super(SuperBlock& super);
    static void shrink_below(Dentry& top);
    // The same of a removed directory: it was empty, so that only names that are not there lie in
    // it.
    static void shrink_children(Dentry& top);
    static u64 count();
    static void trim();

    static u32 add_mount_point(Dentry& d) { return d.mount_points_.fetch_add(1); }
    static u32 remove_mount_point(Dentry& d) { return d.mount_points_.fetch_sub(1); }
    static void mark_accessed(Dentry& d) {
        if (!d.accessed_.load(std::memory_order_relaxed))
            d.accessed_.store(true, std::memory_order_relaxed);
    }

    static TreeSequence tree_sequence;
    static sync::SpinLock& tree_lock();

  private:
    friend class Dentry;
    friend class DentryMoveNames;
    static Result<const Dentry::Name*> make_name(std::string_view name);
    static void move(Dentry& dentry, Dentry& new_parent, const Dentry::Name* name,
                     Dentry* replaced);
    struct State;
    static State* state_;
    static usize key(const Dentry* parent, u32 hash) {
        return reinterpret_cast<usize>(parent) / 64 * 31 + hash;
    }
    static bool unhash(Dentry& dentry);
    static bool evict(Dentry& dentry);
    static void dispose(Dentry& dentry);
    static void set_name(Dentry& dentry, const Dentry::Name* name);
};

// A change of the tree that lookups must not see half.
class TreeWrite {
  public:
    TreeWrite() {
        DentryCache::tree_lock().lock();
        DentryCache::tree_sequence.write_begin();
    }
    ~TreeWrite() {
        DentryCache::tree_sequence.write_end();
        DentryCache::tree_lock().unlock();
    }
    TENON_NONCOPYABLE(TreeWrite);
};

// The names of a rename, allocated before the file system commits, so that the cache follows it
// without failing. Both directories locked.
class DentryMoveNames {
  public:
    DentryMoveNames() = default;
    ~DentryMoveNames();
    TENON_NONCOPYABLE(DentryMoveNames);
    // `other` (may be null) swaps with `moved`.
    Result<void> prepare(const Dentry& moved, std::string_view new_name, const Dentry* other,
                         std::string_view name_of_other);
    // `replaced` is dropped: the name of what was there, or its negative dentry.
    void move(Dentry& moved, Dentry& new_parent, Dentry* replaced);
    void exchange(Dentry& a, Dentry& b);

  private:
    const void* names_[2] = {};
};

}  // namespace tenon::vfs
