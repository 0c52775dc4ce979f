// Mounts whose file system's module went and came again.
//
// Theory. When a module that is mounted is restarted or updated, its super blocks die with it:
// every call through them answers Error::nodev. Its mounts stay in the tree, orphaned, until a type
// of their name is registered again; then each gets a twin with a fresh instance, at the same place
// and with the same number, and so does every mount below it, since its mount point has to be found
// again by name. All twins take their places in one step of the tree sequence. Open files and
// working directories keep the old mounts, and with them the dead instance. A lookup that meets a
// dead instance whose successor is awaited waits for it (wait_mounted_again()).
#include <tenon/trace/log.h>
#include <tenon/vfs/lookup.h>

#include <cstring>

#include "core/vfs/dentry_cache.h"
#include "core/vfs/internal.h"
#include "core/vfs/walk.h"

namespace tenon::vfs {

namespace {

constexpr u64 kMs = 1'000'000;
constexpr u64 kLongestWaitNs = 5000 * kMs, kLookNs = 200 * kMs;

constinit sync::WaitQueue g_changed;
constinit std::atomic<u32> g_generation{0};

bool is_away(const SuperBlock& super) {
    const module::Gate* gate = const_cast<SuperBlock&>(super).ops().gate();
    return gate != nullptr && (gate->failed() || gate->successor_expected());
}

// An old mount and what takes its place.
struct Twin {
    Ref<Mount> old, fresh;
    std::unique_ptr<Twin> next;
};

class Twins {
  public:
    // `top` and what hangs below it, parents first. Table locked.
    Result<void> collect_locked(Mount& top) {
        std::unique_ptr<Twin>* end = &first_;
        for (Mount& m : MountTable::all_locked()) {
            if (&m != &top && !MountTable::is_below(m, top)) continue;
            end->reset(new (std::nothrow) Twin{Ref<Mount>(&m), {}, {}});
            if (!*end) return Err(Error::nomem);
            end = &(*end)->next;
        }
        return {};
    }
    // Looks up in the fresh trees where each of them hangs. Without locks.
    Result<void> make(const Ref<SuperBlock>& fresh_super);
    void exchange_locked() {
        for (Twin* t = first_.get(); t != nullptr; t = t->next.get())
            if (!t->old->attached()) return;  // somebody unmounted it meanwhile
        MountTable::replace_locked([this](auto&& swap) {
            for (Twin* t = first_.get(); t != nullptr; t = t->next.get())
                swap(*t->old, t->fresh.get());
        });
    }

  private:
    Mount* twin_of(const Mount* old) {
        for (Twin* t = first_.get(); t != nullptr; t = t->next.get())
            if (t->old.get() == old) return t->fresh.get();
        return nullptr;
    }
    std::unique_ptr<Twin> first_;
};

// The dentry below `root` that has the place of `old` below `old_root`.
Result<Ref<Dentry>> find_place(Dentry& old, const Dentry& old_root, Ref<Dentry> root) {
    // Few levels: a mount point lies near the root.
    Dentry* levels[16];
    u32 count = 0;
    for (Dentry* d = &old; d != &old_root; d = d->parent()) {
        if (d == nullptr || count == std::size(levels)) return Err(Error::noent);
        levels[count++] = d;
    }
    while (count != 0) {
        TRY_ASSIGN(root, lookup_child(*root, levels[--count]->name(), DirLock::free));
        if (root->is_negative()) return Err(Error::noent);
    }
    return root;
}

Result<void> Twins::make(const Ref<SuperBlock>& fresh_super) {
    const SuperBlock* const old_super = first_->old->super.get();
    for (Twin* t = first_.get(); t != nullptr; t = t->next.get()) {
        Mount& old = *t->old;
        const bool renewed = old.super.get() == old_super;
        Ref<Dentry> root = old.root;
        if (renewed) {
            TRY_ASSIGN(root, find_place(*old.root, *old_super->root, fresh_super->root));
        }
        Ref<Dentry> point = old.mount_point;
        Ref<Mount> parent = old.parent;
        if (Mount* twin = twin_of(old.parent.get())) {
            parent = Ref<Mount>(twin);
            if (old.parent->super.get() == old_super) {
                auto found = find_place(*old.mount_point, *old.parent->root, twin->root);
                if (!found) {
                    log::warn("{}: what was mounted at {} has no place any more",
                              old.parent->super->type_name(), old.mount_point->name());
                    continue;  // without a twin: it goes with the old tree
                }
                point = std::move(*found);
            }
        } else if (t != first_.get()) {
            continue;
        }
        TRY_ASSIGN(t->fresh, MountTable::make(renewed ? fresh_super : old.super, std::move(root),
                                              old.flags, old.source));
        t->fresh->parent = std::move(parent);
        t->fresh->mount_point = std::move(point);
        t->fresh->id = old.id;
        t->fresh->peer_group = old.peer_group;
        t->fresh->master_group = old.master_group;
    }
    return {};
}

// An orphan of the type, with the super block of which all its other mounts are renewed as well.
Ref<Mount> next_orphan(std::string_view type) {
    sync::MutexGuard guard(MountTable::lock());
    for (Mount& m : MountTable::all_locked())
        if (m.super->orphaned && m.super->type_name() == type) return Ref<Mount>(&m);
    return {};
}

Result<void> renew(Mount& mount, std::string_view type, Ref<SuperBlock>& fresh, SuperBlock*& of) {
    // Other mounts of one super block share its successor.
    if (of != mount.super.get()) {
        SuperBlock& old = *mount.super;
        TRY_ASSIGN(fresh, mount_file_system(type, mount.source, old.flags, old.options()));
        of = &old;
    }
    Twins twins;
    {
        sync::MutexGuard guard(MountTable::lock());
        TRY(twins.collect_locked(mount));
    }
    TRY(twins.make(fresh));
    sync::MutexGuard guard(MountTable::lock());
    twins.exchange_locked();
    return {};
}

}  // namespace

void orphan_mounts(std::string_view type) {
    sync::MutexGuard guard(MountTable::lock());
    for (Mount& m : MountTable::all_locked())
        if (m.super->type_name() == type) m.super->orphaned = true;
}

void mount_again(std::string_view type) {
    Ref<SuperBlock> fresh;
    Ref<Mount> kept;  // so that `of` is not a new one at an old address
    SuperBlock* of = nullptr;
    for (Ref<Mount> mount; (mount = next_orphan(type)); kept = std::move(mount)) {
        auto done = renew(*mount, type, fresh, of);
        if (done) continue;
        log::err("{} at {}: not mounted again: {}", type, mount->mount_point->name(), done.error());
        break;
    }
    g_generation.fetch_add(1, std::memory_order_release);
    g_changed.wake_all();
}

bool wait_mounted_again() {
    const u32 generation = g_generation.load(std::memory_order_acquire);
    const auto awaited = [](bool expected_only) {
        sync::MutexGuard guard(MountTable::lock());
        for (Mount& m : MountTable::all_locked()) {
            if (!is_away(*m.super)) continue;
            if (!expected_only || m.super->ops().gate()->successor_expected()) return true;
        }
        return false;
    };
    // A module that has just failed is not expected back yet: the first look is a patient one.
    if (!awaited(false)) return false;
    const auto changed = [&] { return g_generation.load(std::memory_order_acquire) != generation; };
    const sync::Deadline end = sync::Deadline::after_ns(kLongestWaitNs);
    for (;;) {
        const sync::Deadline look = sync::Deadline::after_ns(kLookNs);
        auto waited = g_changed.wait(changed, sync::WaitMode::interruptible, look);
        if (waited) return true;
        if (waited.error() != Error::timedout || look.ns >= end.ns || !awaited(true)) return false;
    }
}

}  // namespace tenon::vfs
