#include <tenon/vfs/lookup.h>

#include <cstring>

#include "core/lib/rcu_hash.h"
#include "core/vfs/dentry_cache.h"
#include "core/vfs/internal.h"

namespace tenon::vfs {

struct MountTable::State {
    RcuHash<Mount, &Mount::hash_next_> hash{sync::LockRank::dentry_parent};
    MountList list;  // oldest first; guarded by lock
    sync::Mutex lock{sync::LockRank::vfs_mount};
    u32 next_id = 1;
};

constinit MountTable::State* MountTable::state_ = nullptr;

namespace {
usize key(const Mount* parent, const Dentry* at) {
    return reinterpret_cast<usize>(parent) / 64 * 31 + reinterpret_cast<usize>(at) / 64;
}
}  // namespace

Result<void> MountTable::init() {
    state_ = new (std::nothrow) State();
    if (state_ == nullptr) return Err(Error::nomem);
    return state_->hash.init(64);
}

MountTable::MountList& MountTable::all_locked() {
    return state_->list;
}
sync::Mutex& MountTable::lock() {
    return state_->lock;
}

Mount::~Mount() = default;

// What the mount held goes now; only the memory waits for readers. Upwards in a loop: the innermost
// of a tree that was unmounted under an open descriptor keeps all those around it.
void Mount::on_last_ref() {
    for (Mount* mount = this; mount != nullptr;) {
        Mount* above = mount->parent.release();
        mount->mount_point.reset();
        mount->root.reset();
        mount->super.reset();
        sync::rcu_delete<offsetof(Mount, rcu_)>(mount);
        mount = nullptr;
        if (above == nullptr) continue;
        if (above->freeze_if_unique())
            mount = above;
        else
            above->unref();
    }
}

Mount* MountTable::find_rcu(const Mount& parent, const Dentry& at) {
    return state_->hash.find(key(&parent, &at), [&](const Mount& m) {
        return m.parent.get() == &parent && m.mount_point.get() == &at;
    });
}

Ref<Mount> MountTable::find(const Mount& parent, const Dentry& at) {
    for (;;) {
        u32 sequence = DentryCache::tree_sequence.read();
        {
            sync::RcuGuard rcu;
            Mount* m = find_rcu(parent, at);
            if (m != nullptr && m->try_ref()) return adopt_ref(m);
        }
        if (!TreeSequence::busy(sequence) && !DentryCache::tree_sequence.changed(sequence))
            return {};
        arch::cpu_relax();
    }
}

Result<Ref<Mount>> MountTable::make(Ref<SuperBlock> super, Ref<Dentry> root, u32 flags,
                                    std::string_view source) {
    auto* m = new (std::nothrow) Mount();
    if (m == nullptr) return Err(Error::nomem);
    m->super = std::move(super);
    m->root = std::move(root);
    m->flags = flags;
    usize n = std::min(source.size(), sizeof(m->source) - 1);
    std::memcpy(m->source, source.data(), n);
    m->source[n] = '\0';
    return adopt_ref(m);
}

void MountTable::link(Mount& mount) {
    usize k = key(mount.parent.get(), mount.mount_point.get());
    TreeWrite write;
    {
        sync::SpinGuard guard(state_->hash.lock_for(k));
        state_->hash.insert_locked(k, mount);
    }
    DentryCache::add_mount_point(*mount.mount_point);
}

void MountTable::unlink(Mount& mount) {
    usize k = key(mount.parent.get(), mount.mount_point.get());
    TreeWrite write;
    {
        sync::SpinGuard guard(state_->hash.lock_for(k));
        state_->hash.erase_locked(k, mount);
    }
    DentryCache::remove_mount_point(*mount.mount_point);
}

void MountTable::set_top(Ref<Mount> mount) {
    sync::MutexGuard guard(state_->lock);
    mount->id = state_->next_id++;
    mount->attached_ = true;
    mount->ref();  // the table's
    state_->list.push_back(*mount);
}

Result<void> MountTable::attach_locked(Ref<Mount> mount, const Path& at) {
    Ref<Mount> parent = at.mount;
    Ref<Dentry> point = at.dentry;
    // Somebody may have mounted here since the lookup: go on top.
    while (point->is_mount_point()) {
        Ref<Mount> above = find(*parent, *point);
        if (!above) break;
        point = above->root;
        parent = std::move(above);
    }
    if (point->is_unlinked()) return Err(Error::noent);
    if (!parent->attached()) return Err(Error::inval);
    mount->parent = std::move(parent);
    mount->mount_point = std::move(point);
    if (mount->id == 0) mount->id = state_->next_id++;
    mount->attached_ = true;
    mount->ref();
    state_->list.push_back(*mount);
    link(*mount);
    return {};
}

// Takes it out of the tree; parent and mount point stay until the last reference, for paths that
// still stand inside. Drops the table's reference: the caller has one.
void MountTable::detach_locked(Mount& mount) {
    if (mount.parent) unlink(mount);
    mount.attached_ = false;
    state_->list.erase(state_->list.iterator_to(mount));
    mount.unref();
}

void MountTable::replace_locked(void (*body)(void*, Swap), void* context) {
    TreeWrite write;
    body(context, [](Mount& old, Mount* fresh) {
        const usize old_key = key(old.parent.get(), old.mount_point.get());
        {
            sync::SpinGuard guard(state_->hash.lock_for(old_key));
            state_->hash.erase_locked(old_key, old);
        }
        DentryCache::remove_mount_point(*old.mount_point);
        old.attached_ = false;
        if (fresh != nullptr) {
            const usize fresh_key = key(fresh->parent.get(), fresh->mount_point.get());
            {
                sync::SpinGuard guard(state_->hash.lock_for(fresh_key));
                state_->hash.insert_locked(fresh_key, *fresh);
            }
            DentryCache::add_mount_point(*fresh->mount_point);
            fresh->attached_ = true;
            fresh->ref();
            state_->list.insert(state_->list.iterator_to(old), *fresh);
        }
        state_->list.erase(state_->list.iterator_to(old));
        // The table's reference: not the last, the caller has one.
        old.unref();
    });
}

bool MountTable::is_below(const Mount& mount, const Mount& top) {
    for (const Mount* m = mount.parent.get(); m != nullptr; m = m->parent.get())
        if (m == &top) return true;
    return false;
}

void for_each_mount(void (*visit)(Mount&, void*), void* context) {
    sync::MutexGuard guard(MountTable::lock());
    for (Mount& m : MountTable::all_locked()) visit(m, context);
}

void sync_all() {
    sync::MutexGuard guard(MountTable::lock());
    for (Mount& m : MountTable::all_locked())
        if (m.super->ops()) (void)m.super->ops().call(&SuperOps::sync, *m.super);
}

}  // namespace tenon::vfs
