// rename(2), with its flags.
//
// Two directories are locked ancestor first, under the super block's rename lock, which also keeps
// the tree's shape still while ancestry is checked. Spec: man 2 rename.
#include <tenon/time/clock.h>

#include "core/vfs/dentry_cache.h"
#include "core/vfs/internal.h"
#include "core/vfs/walk.h"

namespace tenon::vfs {

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
    u32 cookie = 0;
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
        cookie = move_cookie.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    Inode& moved = *source->inode();
    notify(kNotifyMovedFrom, &from_dir, from_walk.last(), moved, cookie);
    notify(kNotifyMovedTo, &to_dir, to_walk.last(), moved, cookie);
    notify(kNotifyMoveSelf, nullptr, {}, moved);
    return {};
}

}  // namespace tenon::vfs
