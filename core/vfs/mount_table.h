// The tree of mounts.
//
// A mount is found by (parent mount, dentry) in a small hash that lookups read under RCU. Changes
// are made under one sleeping lock, with the tree sequence bumped around what readers see.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/vfs/dentry.h>

#include "core/lib/rcu_hash.h"

namespace tenon::vfs {

class MountTable {
  public:
    static Result<void> init();
    // Under RCU, or with the table's lock: what is mounted on top of `at`, or null.
    static Mount* find_rcu(const Mount& parent, const Dentry& at);
    static Ref<Mount> find(const Mount& parent, const Dentry& at);
    static Result<Ref<Mount>> make(Ref<SuperBlock> super, Ref<Dentry> root, u32 flags,
                                   std::string_view source);
    // Hangs `mount` at a place; the mount point is looked up again under the lock: the topmost one
    // at `at` is covered.
    static Result<void> attach(Ref<Mount> mount, const Path& at);
    static void set_top(Ref<Mount> mount);
    static Result<void> attach_locked(Ref<Mount> mount, const Path& at);
    static void detach_locked(Mount& mount);
    // True if `mount` hangs somewhere under `top` (not `top` itself). Lock held.
    static bool is_below(const Mount& mount, const Mount& top);
    static sync::Mutex& lock();
    template <typename Fn>
    static void for_each_locked(Fn&& fn) {
        for (Mount& m : state_->list) fn(m);
    }
    static Ref<Mount> next_below_locked(Mount& top);  // a leaf under `top`, not `top` itself

  private:
    friend class Mount;
    static usize key(const Mount* parent, const Dentry* at) {
        return reinterpret_cast<usize>(parent) / 64 * 31 + reinterpret_cast<usize>(at) / 64;
    }
    static void link(Mount& mount);
    static void unlink(Mount& mount);
    struct State {
        RcuHash<Mount, &Mount::hash_next_> hash{sync::LockRank::dentry_parent};
        List<Mount, &Mount::list_hook_> list;  // oldest first; guarded by lock
        sync::Mutex lock{sync::LockRank::vfs_mount};
        u32 next_id = 1;
    };
    static State* state_;
};

}  // namespace tenon::vfs
