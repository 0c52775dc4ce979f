// mount(2) and its family, on top of the mount table.
#include <tenon/vfs/lookup.h>

#include <cstring>

#include "core/vfs/dentry_cache.h"
#include "core/vfs/internal.h"
#include "core/vfs/mount_table.h"

namespace tenon::vfs {

namespace {

bool is_mount_root(const Path& p) {
    return p.dentry == p.mount->root;
}

Result<Ref<Mount>> clone_mount(Mount& from, Ref<Dentry> root) {
    return MountTable::make(from.super, std::move(root), from.flags.load(), from.source);
}

}  // namespace

Result<void> mount(std::string_view fs_type, std::string_view source, const Path& at, u32 flags,
                   std::string_view data) {
    if (!at.dentry->inode()->is_dir()) return Err(Error::notdir);
    TRY_ASSIGN(Ref<SuperBlock> super, mount_file_system(fs_type, source, flags, data));
    if (flags & kMountReadOnly) super->flags.fetch_or(kMountReadOnly);
    // Linux refuses the same file system on the same place twice.
    if (is_mount_root(at) && at.mount->root == super->root) return Err(Error::busy);
    Ref<Dentry> root = super->root;
    TRY_ASSIGN(Ref<Mount> m, MountTable::make(std::move(super), std::move(root),
                                              flags & ~kMountReadOnly, source));
    if (flags & kMountReadOnly) m->flags.fetch_or(kMountReadOnly);
    return MountTable::attach(std::move(m), at);
}

Result<void> bind_mount(const Path& from, const Path& at, bool recursive) {
    if (from.dentry->inode()->is_dir() != at.dentry->inode()->is_dir()) return Err(Error::notdir);
    TRY_ASSIGN(Ref<Mount> top, clone_mount(*from.mount, from.dentry));
    sync::MutexGuard guard(MountTable::lock());
    if (!from.mount->attached()) return Err(Error::inval);
    struct Pair {
        Ref<Mount> original, copy;
    };
    // Children that a recursive bind takes along, found before the new tree joins the list.
    static constexpr usize kMax = 64;
    std::unique_ptr<Pair[]> pairs;
    usize count = 0;
    if (recursive) {
        pairs.reset(new (std::nothrow) Pair[kMax]);
        if (!pairs) return Err(Error::nomem);
        pairs[count++] = {from.mount, top};
        bool full = false;
        Error failed = Error::none;
        MountTable::for_each_locked([&](Mount& m) {
            if (!MountTable::is_below(m, *from.mount) || failed != Error::none) return;
            if (m.parent.get() == from.mount.get()) {
                // Only what hangs below the bound directory.
                const Dentry* d = m.mount_point.get();
                while (d != nullptr && d != from.dentry.get()) d = d->parent();
                if (d == nullptr) return;
            } else {
                bool parent_taken = false;
                for (usize i = 0; i < count; i++)
                    parent_taken |= pairs[i].original.get() == m.parent.get();
                if (!parent_taken) return;
            }
            if (count == kMax) {
                full = true;
                return;
            }
            auto copy = clone_mount(m, m.root);
            if (!copy)
                failed = copy.error();
            else
                pairs[count++] = {Ref<Mount>(&m), std::move(*copy)};
        });
        if (failed != Error::none) return Err(failed);
        if (full) return Err(Error::nospc);
    }
    TRY(MountTable::attach_locked(top, at));
    for (usize i = 1; i < count; i++) {
        for (usize j = 0; j < i; j++) {
            if (pairs[j].original.get() != pairs[i].original->parent.get()) continue;
            (void)MountTable::attach_locked(pairs[i].copy,
                                            Path(pairs[j].copy, pairs[i].original->mount_point));
            break;
        }
    }
    return {};
}

Result<void> move_mount(const Path& from, const Path& at) {
    if (!is_mount_root(from) || !from.mount->parent) return Err(Error::inval);
    if (from.dentry->inode()->is_dir() != at.dentry->inode()->is_dir()) return Err(Error::notdir);
    sync::MutexGuard guard(MountTable::lock());
    if (!from.mount->attached()) return Err(Error::inval);
    if (at.mount == from.mount || MountTable::is_below(*at.mount, *from.mount))
        return Err(Error::loop);
    Ref<Mount> m = from.mount;
    Path old_place(m->parent, m->mount_point);
    MountTable::detach_locked(*m);
    Result<void> done = MountTable::attach_locked(m, at);
    if (!done) (void)MountTable::attach_locked(m, old_place);
    return done;
}

Result<void> remount(const Path& at, u32 flags, std::string_view data) {
    if (!is_mount_root(at)) return Err(Error::inval);
    SuperBlock& super = *at.mount->super;
    if (super.ops()) TRY(super.ops().call(&SuperOps::remount, super, flags, data));
    if (flags & kMountReadOnly)
        super.flags.fetch_or(kMountReadOnly);
    else
        super.flags.fetch_and(~kMountReadOnly);
    at.mount->flags.store(flags);
    return {};
}

Result<void> unmount(const Path& at, bool lazy, bool force) {
    (void)force;
    if (!is_mount_root(at)) return Err(Error::inval);
    Ref<Mount> top = at.mount;
    if (!top->parent) return Err(Error::inval);
    sync::MutexGuard guard(MountTable::lock());
    if (!top->attached()) return Err(Error::inval);
    if (!lazy) {
        if (MountTable::next_below_locked(*top)) return Err(Error::busy);
        // Ours, the caller's path, the table's: any other is a file, a directory or a root in use.
        if (top->ref_count() > 3) return Err(Error::busy);
    } else {
        while (Ref<Mount> below = MountTable::next_below_locked(*top))
            MountTable::detach_locked(*below);
    }
    MountTable::detach_locked(*top);
    return {};
}

Result<void> pivot_root(const Path& new_root, const Path& put_old) {
    sync::MutexGuard guard(MountTable::lock());
    Path& top = root_of_everything();
    Ref<Mount> fresh = new_root.mount, old = top.mount;
    if (!is_mount_root(new_root) || !fresh->parent || !fresh->attached()) return Err(Error::inval);
    if (fresh == old || put_old.mount == old) return Err(Error::busy);
    // put_old lies at or below the new root.
    if (put_old.mount != fresh && !MountTable::is_below(*put_old.mount, *fresh))
        return Err(Error::inval);
    if (!old->parent) return Err(Error::inval);  // rootfs itself cannot be moved
    Path old_place(old->parent, old->mount_point);
    MountTable::detach_locked(*fresh);
    MountTable::detach_locked(*old);
    TRY(MountTable::attach_locked(fresh, old_place));
    TRY(MountTable::attach_locked(old, put_old));
    top = Path(fresh, fresh->root);
    return {};
}

constinit MountTable::State* MountTable::state_ = nullptr;

Result<void> MountTable::init() {
    state_ = new (std::nothrow) State();
    if (state_ == nullptr) return Err(Error::nomem);
    return state_->hash.init(64);
}

sync::Mutex& MountTable::lock() {
    return state_->lock;
}

Mount::~Mount() = default;

void Mount::on_last_ref() {
    // What the mount held goes now; only the memory waits for readers.
    parent.reset();
    mount_point.reset();
    root.reset();
    super.reset();
    sync::rcu_call(rcu_, [](sync::RcuHead* head) {
        delete reinterpret_cast<Mount*>(reinterpret_cast<u8*>(head) - offsetof(Mount, rcu_));
    });
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

Result<void> MountTable::attach(Ref<Mount> mount, const Path& at) {
    sync::MutexGuard guard(state_->lock);
    return attach_locked(std::move(mount), at);
}

// Takes it out of the tree; parent and mount point stay until the last reference, for paths that
// still stand inside. Drops the table's reference: the caller has one.
void MountTable::detach_locked(Mount& mount) {
    if (mount.parent) unlink(mount);
    mount.attached_ = false;
    state_->list.erase(state_->list.iterator_to(mount));
    mount.unref();
}

bool MountTable::is_below(const Mount& mount, const Mount& top) {
    for (const Mount* m = mount.parent.get(); m != nullptr; m = m->parent.get())
        if (m == &top) return true;
    return false;
}

Ref<Mount> MountTable::next_below_locked(Mount& top) {
    // The youngest below is a leaf: a child is always mounted after its parent.
    for (auto i = state_->list.rbegin(); i != state_->list.rend(); ++i)
        if (is_below(*i, top)) return Ref<Mount>(&*i);
    return {};
}

void for_each_mount(void (*visit)(Mount&, void*), void* context) {
    sync::MutexGuard guard(MountTable::lock());
    MountTable::for_each_locked([&](Mount& m) { visit(m, context); });
}

void sync_all() {
    sync::MutexGuard guard(MountTable::lock());
    MountTable::for_each_locked([](Mount& m) {
        if (m.super->ops()) (void)m.super->ops().call(&SuperOps::sync, *m.super);
    });
}

}  // namespace tenon::vfs
