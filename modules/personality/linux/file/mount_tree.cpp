// The mount(2) family on top of the core's mount table.
#include "personality/linux/file/mount_tree.h"

#include <tenon/process/process.h>
#include <tenon/vfs/lookup.h>

#include "personality/linux/file/propagation.h"

namespace tenon::personality {

namespace {

using vfs::MountTable;

constexpr u32 kAtimeFlags = vfs::kMountNoAtime | vfs::kMountNoDirAtime | vfs::kMountRelAtime;
// What mount(2) may set of one mount, and of the whole file system when it is mounted again.
constexpr u32 kPerMount = vfs::kMountReadOnly | vfs::kMountNoSuid | vfs::kMountNoDev |
                          vfs::kMountNoExec | vfs::kMountNoSymFollow | kAtimeFlags;
constexpr u32 kPerSuper =
    vfs::kMountReadOnly | vfs::kMountSync | vfs::kMountMandatoryLocks | vfs::kMountLazyTime;

bool is_mount_root(const vfs::Path& p) {
    return p.dentry == p.mount->root;
}
bool is_dir(const vfs::Path& p) {
    return p.dentry->inode()->is_dir();
}

void set_mount_flags(vfs::Mount& mount, u32 flags) {
    mount.flags = (mount.flags.load() & ~kPerMount) | (flags & kPerMount);
}

// What a thread of the process uses; threads rarely have different ones.
Ref<process::FsContext> fs_of_process(process::Process& process) {
    Ref<Task> task = process::find_task(process.pid);
    return task ? process::fs_of(*task) : Ref<process::FsContext>();
}

// A file system with a writer cannot become read-only.
Result<void> make_read_only(vfs::SuperBlock& super) {
    for (const vfs::Mount& m : MountTable::all_locked())
        if (m.super.get() == &super && !(m.flags.load() & vfs::kMountReadOnly) &&
            m.writers.load() != 0)
            return Err(Error::busy);
    super.flags.fetch_or(vfs::kMountReadOnly);
    return {};
}

}  // namespace

Result<void> mount(std::string_view fs_type, std::string_view source, const vfs::Path& at,
                   u32 flags, u32 super_flags, std::string_view data) {
    TRY_ASSIGN(Ref<vfs::SuperBlock> super, vfs::mount_file_system(fs_type, source, flags, data));
    // Linux refuses the same file system on the same place twice.
    if (is_mount_root(at) && at.mount->root == super->root) return Err(Error::busy);
    if (!is_dir(at)) return Err(Error::notdir);
    Ref<vfs::Dentry> root = super->root;
    // One that is mounted already keeps what it was mounted with.
    if (super->ref_count() == 1) super->flags.fetch_or(super_flags);
    TRY_ASSIGN(Ref<vfs::Mount> m,
               MountTable::make(std::move(super), std::move(root), flags & kPerMount, source));
    Images images;
    MountTree tree;
    tree.add(std::move(m));
    sync::MutexGuard guard(MountTable::lock());
    return graft(tree, at, Grafting::fresh, images);
}

Result<void> bind_mount(const vfs::Path& from, const vfs::Path& at, bool recursive) {
    Images images;
    MountTree tree;
    sync::MutexGuard guard(MountTable::lock());
    if (!at.mount->attached() || !from.mount->attached()) return Err(Error::inval);
    if (is_unbindable(*from.mount)) return Err(Error::inval);
    TRY(tree.copy(*from.mount, from.dentry, recursive));
    if (is_dir(from) != is_dir(at)) return Err(Error::notdir);
    return graft(tree, at, Grafting::fresh, images);
}

Result<void> move_mount(const vfs::Path& from, const vfs::Path& at) {
    Images images;
    MountTree tree;
    sync::MutexGuard guard(MountTable::lock());
    vfs::Mount& mount = *from.mount;
    if (!at.mount->attached() || !mount.attached() || !is_mount_root(from) || !mount.parent)
        return Err(Error::inval);
    if (is_dir(from) != is_dir(at)) return Err(Error::inval);
    if (is_shared(*mount.parent)) return Err(Error::inval);
    tree.collect(mount);
    if (is_shared(*at.mount) && tree_has_unbindable(tree)) return Err(Error::inval);
    if (at.mount == from.mount || MountTable::is_below(*at.mount, mount)) return Err(Error::loop);
    return graft(tree, at, Grafting::moving, images);
}

Result<void> change_type(const vfs::Path& at, Propagation to, bool recursive) {
    MountTree tree;
    sync::MutexGuard guard(MountTable::lock());
    if (!is_mount_root(at) || !at.mount->attached()) return Err(Error::inval);
    if (recursive)
        tree.collect(*at.mount);
    else
        tree.add(at.mount);
    change_propagation(tree, to);
    return {};
}

Result<void> remount_mount(const vfs::Path& at, u32 flags) {
    sync::MutexGuard guard(MountTable::lock());
    vfs::Mount& mount = *at.mount;
    if (!is_mount_root(at) || !mount.attached()) return Err(Error::inval);
    if ((flags & vfs::kMountReadOnly) && !mount.is_read_only() && mount.writers.load() != 0)
        return Err(Error::busy);
    set_mount_flags(mount, flags);
    return {};
}

Result<void> remount(const vfs::Path& at, u32 flags, u32 super_flags, std::string_view data) {
    if (!is_mount_root(at) || !at.mount->attached()) return Err(Error::inval);
    vfs::SuperBlock& super = *at.mount->super;
    const bool read_only = super_flags & vfs::kMountReadOnly;
    const bool was = super.flags.load() & vfs::kMountReadOnly;
    if (read_only && !was) {
        sync::MutexGuard guard(MountTable::lock());
        TRY(make_read_only(super));
    }
    if (super.ops()) {
        auto done = super.ops().call(&vfs::SuperOps::remount, super, flags, data);
        if (!done) {
            if (!was) super.flags.fetch_and(~u32{vfs::kMountReadOnly});
            return done;
        }
    }
    sync::MutexGuard guard(MountTable::lock());
    super.flags = (super.flags.load() & ~kPerSuper) | (super_flags & kPerSuper);
    set_mount_flags(*at.mount, flags);
    return {};
}

Result<void> unmount(const vfs::Path& at, Unmount how) {
    if (!is_mount_root(at)) return Err(Error::inval);
    MountTree tree, gone;
    sync::MutexGuard guard(MountTable::lock());
    vfs::Mount& top = *at.mount;
    if (!top.attached() || !top.parent) return Err(Error::inval);
    if (how == Unmount::lazy) {
        tree.collect(top);
    } else {
        // The caller's path and the table's: any other is a file, a directory or a root in use.
        if (in_use(top, 2)) return Err(Error::busy);
        tree.add(at.mount);
    }
    take_down(tree, gone);
    return {};
}

Result<void> pivot_root(const vfs::Path& new_root, const vfs::Path& put_old) {
    const vfs::Path root = current()->fs->root();
    const Ref<vfs::Mount>&fresh = new_root.mount, &old = root.mount;
    {
        sync::MutexGuard guard(MountTable::lock());
        if (is_shared(*put_old.mount) || (fresh->parent && is_shared(*fresh->parent)) ||
            (old->parent && is_shared(*old->parent)))
            return Err(Error::inval);
        if (!old->attached() || !fresh->attached()) return Err(Error::inval);
        if (!fresh->parent) return Err(Error::inval);  // the first root of all stays where it is
        if (new_root.dentry->is_unlinked()) return Err(Error::noent);
        if (fresh == old || put_old.mount == old) return Err(Error::busy);
        if (!is_mount_root(root) || !old->parent || !is_mount_root(new_root))
            return Err(Error::inval);
        // The old root comes to lie below the new one, which lies below the old.
        if (put_old.mount != fresh && !MountTable::is_below(*put_old.mount, *fresh))
            return Err(Error::inval);
        if (!MountTable::is_below(*fresh, *old)) return Err(Error::inval);
        const vfs::Path place(old->parent, old->mount_point);
        MountTable::detach_locked(*fresh);
        MountTable::detach_locked(*old);
        TRY(MountTable::attach_locked(fresh, place));
        TRY(MountTable::attach_locked(old, put_old));
        vfs::Path& top = vfs::root_of_everything();
        if (top == root) top = new_root;
    }
    // Who stood in the old root stands in the new one.
    for (i32 pid = 1; Ref<process::Process> process = process::next_process(pid);
         pid = process->pid + 1) {
        Ref<process::FsContext> fs = fs_of_process(*process);
        if (!fs) continue;
        if (fs->root() == root) fs->set_root(new_root);
        if (fs->cwd() == root) fs->set_cwd(new_root);
    }
    return {};
}

}  // namespace tenon::personality
