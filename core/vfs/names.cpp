// Making and removing names: mkdir, mknod, symlink, link, unlink, rmdir.
//
// Each follows the order of checks that Linux programs see: what exists comes before what is
// read-only, which comes before permission. Spec: man 2 mkdir, mknod, symlink, link, unlink, rmdir.
#include <tenon/time/clock.h>

#include "core/vfs/dentry_cache.h"
#include "core/vfs/internal.h"
#include "core/vfs/walk.h"

namespace tenon::vfs {

using process::Capability;
using process::Credentials;

Result<void> may_create(Inode& directory, const Credentials& cred) {
    // Where a mode is final, the names are, too: no other is there.
    if (directory.nlink == 0 || directory.mode_is_final) return Err(Error::noent);
    return permission(directory, kMayWrite | kMayExec, cred);
}

Result<void> may_delete(Inode& directory, const Dentry& victim, bool as_directory,
                        const Credentials& cred) {
    TRY(permission(directory, kMayWrite | kMayExec, cred));
    Inode& inode = *victim.inode();
    if ((directory.mode & kSticky) && inode.uid != cred.fsuid && directory.uid != cred.fsuid &&
        !cred.has(Capability::fowner))
        return Err(Error::perm);
    if (as_directory) {
        if (!inode.is_dir()) return Err(Error::notdir);
        if (victim.parent() == nullptr) return Err(Error::busy);
    } else if (inode.is_dir()) {
        return Err(Error::isdir);
    }
    if (directory.nlink == 0) return Err(Error::noent);
    return {};
}

Result<void> create_in(Dentry& directory, Dentry& dentry, Mode mode, DeviceNumber rdev,
                       std::string_view target, const LookupStart& start) {
    Inode& dir = *directory.inode();
    TRY(may_create(dir, start.cred));
    CreateRequest request;
    request.name = dentry.name();
    request.mode = mode;
    if (!is_symlink(mode)) request.mode &= ~start.fs.umask.load(std::memory_order_relaxed) | ~0777u;
    request.rdev = rdev;
    request.target = target;
    request.uid = start.cred.fsuid;
    request.gid = start.cred.fsgid;
    if (dir.mode & kSetGid) {
        request.gid = dir.gid;
        if (is_dir(mode))
            request.mode |= kSetGid;
        else if ((request.mode & (kSetGid | 0010)) == (kSetGid | 0010) &&
                 !start.cred.in_group(dir.gid) && !start.cred.has(Capability::fsetid))
            request.mode &= ~kSetGid;
    }
    TRY_ASSIGN(Ref<Inode> made, dir.ops().call(&InodeOps::create, dir, request));
    Inode& inode = *made;
    DentryCache::instantiate(dentry, std::move(made));
    notify(kNotifyCreate, &dir, dentry.name(), inode);
    return {};
}

namespace {

// The negative dentry of a name to be made, its directory locked; the rest as Linux orders it.
template <typename Act>
Result<void> make_name(const LookupStart& start, std::string_view path, bool directory_wanted,
                       Act&& act) {
    Walk walk(start, path, 0);
    TRY_ASSIGN(Path parent, walk.to_parent());
    if (walk.last_kind() != Walk::Last::normal) return Err(Error::exist);
    if (walk.last().size() > kNameMax) return Err(Error::nametoolong);
    DirectoryGuard guard(*parent.dentry->inode());
    TRY_ASSIGN(Ref<Dentry> dentry, lookup_child(*parent.dentry, walk.last(), DirLock::held));
    if (!dentry->is_negative()) return Err(Error::exist);
    if (walk.wants_directory() && !directory_wanted) return Err(Error::noent);
    if (parent.mount->is_read_only()) return Err(Error::rofs);
    return act(parent, *dentry);
}

}  // namespace

Result<Path> make_node_at(const LookupStart& start, std::string_view path, Mode mode,
                          DeviceNumber rdev) {
    Path made;
    TRY(make_name(start, path, is_dir(mode), [&](const Path& parent, Dentry& dentry) -> Result<> {
        Mode type = mode & kTypeMask;
        TRY(may_create(*parent.dentry->inode(), start.cred));
        if ((type == kCharDevice || type == kBlockDevice) && !start.cred.has(Capability::mknod))
            return Err(Error::perm);
        TRY(create_in(*parent.dentry, dentry, mode, rdev, {}, start));
        made = Path(parent.mount, Ref<Dentry>(&dentry));
        return {};
    }));
    return made;
}

Result<void> make_node(const LookupStart& start, std::string_view path, Mode mode,
                       DeviceNumber rdev) {
    TRY(make_node_at(start, path, mode, rdev));
    return {};
}

Result<void> make_symlink(const LookupStart& start, std::string_view path,
                          std::string_view target) {
    return make_name(start, path, false, [&](const Path& parent, Dentry& dentry) -> Result<> {
        return create_in(*parent.dentry, dentry, kSymlink | 0777, {}, target, start);
    });
}

Result<void> link(const Path& existing, const LookupStart& start, std::string_view path) {
    return make_name(start, path, false, [&](const Path& parent, Dentry& dentry) -> Result<> {
        if (parent.mount != existing.mount) return Err(Error::xdev);
        Inode& dir = *parent.dentry->inode();
        Inode& inode = *existing.dentry->inode();
        TRY(may_use(NameUse::link, nullptr, inode, start.cred));
        TRY(may_create(dir, start.cred));
        if (inode.is_dir()) return Err(Error::perm);
        sync::WriteGuard target_guard(inode.lock);
        if (inode.nlink == 0 && !inode.linkable) return Err(Error::noent);
        TRY(dir.ops().call(&InodeOps::link, dir, dentry.name(), inode));
        DentryCache::instantiate(dentry, Ref<Inode>(&inode));
        notify(kNotifyAttrib, nullptr, {}, inode);
        notify(kNotifyCreate, &dir, dentry.name(), inode);
        return {};
    });
}

Result<void> unlink(const LookupStart& start, std::string_view path, UnlinkKind kind) {
    bool directory = kind == UnlinkKind::directory;
    Walk walk(start, path, 0);
    TRY_ASSIGN(Path parent, walk.to_parent());
    switch (walk.last_kind()) {
        case Walk::Last::normal:
            break;
        case Walk::Last::dot:
            return Err(directory ? Error::inval : Error::isdir);
        case Walk::Last::dot_dot:
            return Err(directory ? Error::notempty : Error::isdir);
        case Walk::Last::root:
            return Err(directory ? Error::busy : Error::isdir);
    }
    if (parent.mount->is_read_only()) return Err(Error::rofs);
    if (walk.last().size() > kNameMax) return Err(Error::nametoolong);
    Ref<Dentry> victim;  // outlives the lock: its last reference may free pages
    {
        Inode& dir = *parent.dentry->inode();
        DirectoryGuard guard(dir);
        TRY_ASSIGN(victim, lookup_child(*parent.dentry, walk.last(), DirLock::held));
        if (victim->is_negative()) return Err(Error::noent);
        Inode& inode = *victim->inode();
        if (walk.wants_directory() && !directory)
            return Err(inode.is_dir() ? Error::isdir : Error::notdir);
        TRY(may_delete(dir, *victim, directory, start.cred));
        if (victim->is_mount_point()) return Err(Error::busy);
        {
            DirectoryGuard victim_guard(inode, sync::LockRank::vfs_inode);
            TRY(directory ? dir.ops().call(&InodeOps::remove_dir, dir, walk.last(), inode)
                          : dir.ops().call(&InodeOps::unlink, dir, walk.last(), inode));
        }
        DentryCache::drop(*victim, DentryCache::Drop::unlinked);
        if (directory) DentryCache::shrink_children(*victim);
        if (!directory) notify(kNotifyAttrib, nullptr, {}, inode);
        // While somebody else has it open it is not gone yet: see DentryCache::dispose().
        if (victim->ref_count() == 1) DentryCache::tell_if_gone(*victim);
        notify(kNotifyDelete, &dir, walk.last(), inode);
    }
    return {};
}

// rename(2), with its flags.
//
// Two directories are locked ancestor first, under the super block's rename lock, which also keeps
// the tree's shape still while ancestry is checked. Spec: man 2 rename.

namespace {

// Under the rename lock: is `upper` a proper ancestor of `d`? The child of `upper` on the way, or
// null.
Dentry* child_towards(Dentry* upper, Dentry* d) {
    for (Dentry* p = d; p != nullptr; p = p->parent())
        if (p->parent() == upper) return p;
    return nullptr;
}

// Both directories of a rename, locked in order.
class TwoDirectories {
  public:
    TwoDirectories(Dentry& a, Dentry& b) : super_(a.inode()->super()) {
        if (&a == &b) {
            first_ = a.inode();
            first_->lock.lock_write();
            return;
        }
        super_.rename_lock.lock();
        renaming_ = true;
        // The child through which one directory holds the other may itself not be renamed there.
        if (Dentry* t = child_towards(&b, &a)) {
            trap_ = t;
            first_ = b.inode();
            second_ = a.inode();
        } else {
            trap_ = child_towards(&a, &b);
            first_ = a.inode();
            second_ = b.inode();
        }
        first_->lock.lock_write();
        second_->lock.lock_write_nested(sync::LockRank::vfs_parent2);
    }
    ~TwoDirectories() {
        if (second_ != nullptr) second_->lock.unlock_write();
        first_->lock.unlock_write();
        if (renaming_) super_.rename_lock.unlock();
    }
    TENON_NONCOPYABLE(TwoDirectories);
    Dentry* trap() const { return trap_; }

  private:
    SuperBlock& super_;
    Inode* first_ = nullptr;
    Inode* second_ = nullptr;
    Dentry* trap_ = nullptr;
    bool renaming_ = false;
};

constinit std::atomic<u32> move_cookie{0};

}  // namespace

Result<void> rename(const LookupStart& from, std::string_view from_path, const LookupStart& to,
                    std::string_view to_path, u32 flags) {
    if (flags & ~(kRenameNoReplace | kRenameExchange | kRenameWhiteout)) return Err(Error::inval);
    if ((flags & kRenameExchange) && (flags & (kRenameNoReplace | kRenameWhiteout)))
        return Err(Error::inval);
    if (flags & kRenameWhiteout) return Err(Error::inval);
    bool exchange = flags & kRenameExchange;
    const auto& cred = from.cred;

    Walk from_walk(from, from_path, 0);
    TRY_ASSIGN(Path from_parent, from_walk.to_parent());
    Walk to_walk(to, to_path, 0);
    TRY_ASSIGN(Path to_parent, to_walk.to_parent());
    if (from_parent.mount != to_parent.mount) return Err(Error::xdev);
    if (from_walk.last_kind() != Walk::Last::normal) return Err(Error::busy);
    if (to_walk.last_kind() != Walk::Last::normal)
        return Err((flags & kRenameNoReplace) ? Error::exist : Error::busy);
    if (from_parent.mount->is_read_only()) return Err(Error::rofs);
    if (from_walk.last().size() > kNameMax || to_walk.last().size() > kNameMax)
        return Err(Error::nametoolong);

    // Released after the locks: last references may free pages.
    Ref<Dentry> source, target;
    Inode& from_dir = *from_parent.dentry->inode();
    Inode& to_dir = *to_parent.dentry->inode();
    auto tell = [](Inode& dir, std::string_view name, Inode& new_dir, std::string_view new_name,
                   Inode& moved, Inode* replaced) {
        const u32 cookie = move_cookie.fetch_add(1, std::memory_order_relaxed) + 1;
        notify(kNotifyMovedFrom, &dir, name, moved, cookie);
        notify(kNotifyMovedTo, &new_dir, new_name, moved, cookie);
        if (replaced != nullptr) notify(kNotifyAttrib, nullptr, {}, *replaced);
        notify(kNotifyMoveSelf, nullptr, {}, moved);
    };
    {
        TwoDirectories locks(*from_parent.dentry, *to_parent.dentry);
        TRY_ASSIGN(source, lookup_child(*from_parent.dentry, from_walk.last(), DirLock::held));
        if (source->is_negative()) return Err(Error::noent);
        TRY_ASSIGN(target, lookup_child(*to_parent.dentry, to_walk.last(), DirLock::held));
        bool replaces = !target->is_negative();
        if ((flags & kRenameNoReplace) && replaces) return Err(Error::exist);
        Inode& moved = *source->inode();
        if (exchange) {
            if (!replaces) return Err(Error::noent);
            if (!target->inode()->is_dir() && to_walk.wants_directory()) return Err(Error::notdir);
        }
        if (!moved.is_dir()) {
            if (from_walk.wants_directory()) return Err(Error::notdir);
            if (!exchange && to_walk.wants_directory()) return Err(Error::notdir);
        }
        if (source.get() == locks.trap()) return Err(Error::inval);
        if (target.get() == locks.trap()) return Err(exchange ? Error::inval : Error::notempty);

        Inode* replaced = replaces ? target->inode() : nullptr;
        if (replaced == &moved) return {};
        TRY(may_delete(from_dir, *source, moved.is_dir(), cred));
        if (replaced == nullptr)
            TRY(may_create(to_dir, cred));
        else
            TRY(may_delete(to_dir, *target, exchange ? replaced->is_dir() : moved.is_dir(), cred));
        // A directory that changes its parent is itself written ("..").
        if (&from_dir != &to_dir) {
            if (moved.is_dir()) TRY(permission(moved, kMayWrite, cred));
            if (exchange && replaced->is_dir()) TRY(permission(*replaced, kMayWrite, cred));
        }
        if (source->is_mount_point() || target->is_mount_point()) return Err(Error::busy);

        DentryMoveNames names;
        TRY(names.prepare(*source, to_walk.last(), exchange ? target.get() : nullptr,
                          from_walk.last()));
        {
            struct Unlock {
                Inode* inode;
                ~Unlock() {
                    if (inode != nullptr) inode->lock.unlock_write();
                }
            } unlock{replaced};
            if (replaced != nullptr) replaced->lock.lock_write_nested(sync::LockRank::vfs_inode);
            TRY(from_dir.ops().call(&InodeOps::rename, from_dir, from_walk.last(), to_dir,
                                    to_walk.last(), moved, replaced, exchange));
        }
        if (exchange)
            names.exchange(*source, *target);
        else
            names.move(*source, *to_parent.dentry, target.get());
        if (replaced != nullptr && replaced->is_dir() && !exchange)
            DentryCache::shrink_below(*target);
    }
    Inode* other = target->inode();
    tell(from_dir, from_walk.last(), to_dir, to_walk.last(), *source->inode(),
         exchange ? nullptr : other);
    if (exchange) tell(to_dir, to_walk.last(), from_dir, from_walk.last(), *other, nullptr);
    return {};
}

}  // namespace tenon::vfs
