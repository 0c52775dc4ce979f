// The mount(2) family on top of the core's mount table.
#include "personality/linux/file/mount_tree.h"

#include <tenon/vfs/lookup.h>

namespace tenon::personality {

namespace {

bool is_mount_root(const vfs::Path& p) {
    return p.dentry == p.mount->root;
}

Result<Ref<vfs::Mount>> clone_mount(vfs::Mount& from, Ref<vfs::Dentry> root) {
    return vfs::MountTable::make(from.super, std::move(root), from.flags.load(), from.source);
}

}  // namespace

Result<void> mount(std::string_view fs_type, std::string_view source, const vfs::Path& at,
                   u32 flags, std::string_view data) {
    if (!at.dentry->inode()->is_dir()) return Err(Error::notdir);
    TRY_ASSIGN(Ref<vfs::SuperBlock> super, vfs::mount_file_system(fs_type, source, flags, data));
    if (flags & vfs::kMountReadOnly) super->flags.fetch_or(vfs::kMountReadOnly);
    // Linux refuses the same file system on the same place twice.
    if (is_mount_root(at) && at.mount->root == super->root) return Err(Error::busy);
    Ref<vfs::Dentry> root = super->root;
    TRY_ASSIGN(Ref<vfs::Mount> m, vfs::MountTable::make(std::move(super), std::move(root),
                                                        flags & ~vfs::kMountReadOnly, source));
    if (flags & vfs::kMountReadOnly) m->flags.fetch_or(vfs::kMountReadOnly);
    return vfs::MountTable::attach(std::move(m), at);
}

Result<void> bind_mount(const vfs::Path& from, const vfs::Path& at, bool recursive) {
    if (from.dentry->inode()->is_dir() != at.dentry->inode()->is_dir()) return Err(Error::notdir);
    TRY_ASSIGN(Ref<vfs::Mount> top, clone_mount(*from.mount, from.dentry));
    sync::MutexGuard guard(vfs::MountTable::lock());
    if (!from.mount->attached()) return Err(Error::inval);
    struct Pair {
        Ref<vfs::Mount> original, copy;
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
        auto take = [&](vfs::Mount& m) {
            if (!vfs::MountTable::is_below(m, *from.mount) || failed != Error::none) return;
            if (m.parent.get() == from.mount.get()) {
                // Only what hangs below the bound directory.
                const vfs::Dentry* d = m.mount_point.get();
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
                pairs[count++] = {Ref<vfs::Mount>(&m), std::move(*copy)};
        };
        for (vfs::Mount& m : vfs::MountTable::all_locked()) take(m);
        if (failed != Error::none) return Err(failed);
        if (full) return Err(Error::nospc);
    }
    TRY(vfs::MountTable::attach_locked(top, at));
    for (usize i = 1; i < count; i++) {
        for (usize j = 0; j < i; j++) {
            if (pairs[j].original.get() != pairs[i].original->parent.get()) continue;
            (void)vfs::MountTable::attach_locked(
                pairs[i].copy, vfs::Path(pairs[j].copy, pairs[i].original->mount_point));
            break;
        }
    }
    return {};
}

Result<void> move_mount(const vfs::Path& from, const vfs::Path& at) {
    if (!is_mount_root(from) || !from.mount->parent) return Err(Error::inval);
    if (from.dentry->inode()->is_dir() != at.dentry->inode()->is_dir()) return Err(Error::notdir);
    sync::MutexGuard guard(vfs::MountTable::lock());
    if (!from.mount->attached()) return Err(Error::inval);
    if (at.mount == from.mount || vfs::MountTable::is_below(*at.mount, *from.mount))
        return Err(Error::loop);
    Ref<vfs::Mount> m = from.mount;
    vfs::Path old_place(m->parent, m->mount_point);
    vfs::MountTable::detach_locked(*m);
    Result<void> done = vfs::MountTable::attach_locked(m, at);
    if (!done) (void)vfs::MountTable::attach_locked(m, old_place);
    return done;
}

Result<void> remount(const vfs::Path& at, u32 flags, std::string_view data) {
    if (!is_mount_root(at)) return Err(Error::inval);
    vfs::SuperBlock& super = *at.mount->super;
    if (super.ops()) TRY(super.ops().call(&vfs::SuperOps::remount, super, flags, data));
    if (flags & vfs::kMountReadOnly)
        super.flags.fetch_or(vfs::kMountReadOnly);
    else
        super.flags.fetch_and(~vfs::kMountReadOnly);
    at.mount->flags.store(flags);
    return {};
}

Result<void> unmount(const vfs::Path& at, bool lazy) {
    if (!is_mount_root(at)) return Err(Error::inval);
    Ref<vfs::Mount> top = at.mount;
    if (!top->parent) return Err(Error::inval);
    sync::MutexGuard guard(vfs::MountTable::lock());
    if (!top->attached()) return Err(Error::inval);
    if (!lazy) {
        if (vfs::MountTable::next_below_locked(*top)) return Err(Error::busy);
        // Ours, the caller's path, the table's: any other is a file, a directory or a root in use.
        if (top->ref_count() > 3) return Err(Error::busy);
    } else {
        while (Ref<vfs::Mount> below = vfs::MountTable::next_below_locked(*top))
            vfs::MountTable::detach_locked(*below);
    }
    vfs::MountTable::detach_locked(*top);
    return {};
}

Result<void> pivot_root(const vfs::Path& new_root, const vfs::Path& put_old) {
    sync::MutexGuard guard(vfs::MountTable::lock());
    vfs::Path& top = vfs::root_of_everything();
    Ref<vfs::Mount> fresh = new_root.mount, old = top.mount;
    if (!is_mount_root(new_root) || !fresh->parent || !fresh->attached()) return Err(Error::inval);
    if (fresh == old || put_old.mount == old) return Err(Error::busy);
    // put_old lies at or below the new root.
    if (put_old.mount != fresh && !vfs::MountTable::is_below(*put_old.mount, *fresh))
        return Err(Error::inval);
    if (!old->parent) return Err(Error::inval);  // rootfs itself cannot be moved
    vfs::Path old_place(old->parent, old->mount_point);
    vfs::MountTable::detach_locked(*fresh);
    vfs::MountTable::detach_locked(*old);
    TRY(vfs::MountTable::attach_locked(fresh, old_place));
    TRY(vfs::MountTable::attach_locked(old, put_old));
    top = vfs::Path(fresh, fresh->root);
    return {};
}

}  // namespace tenon::personality
