#include "core/vfs/walk.h"

#include <tenon/mm/slab.h>

#include <cstring>

#include "core/mm/page_alloc.h"
#include "core/vfs/dentry_cache.h"

namespace tenon::vfs {

Walk::Walk(const LookupStart& start, std::string_view path, u32 flags)
    : start_(start), original_(path), flags_(flags) {}

Walk::~Walk() {
    reset();
    for (char* h : heap_)
        if (h != nullptr) mm::kfree(h);
}

void Walk::reset() {
    if (!rcu_) {
        if (dentry_ != nullptr) dentry_->unref();
        if (mount_ != nullptr) mount_->unref();
        if (root_dentry_ != nullptr) root_dentry_->unref();
        if (root_mount_ != nullptr) root_mount_->unref();
    }
    mount_ = root_mount_ = nullptr;
    dentry_ = root_dentry_ = nullptr;
}

void Walk::set(Mount* mount, Dentry* dentry) {
    if (!rcu_) {
        if (dentry_ != nullptr) dentry_->unref();
        if (mount_ != nullptr) mount_->unref();
    }
    mount_ = mount;
    dentry_ = dentry;
}

Result<Path> Walk::to_target() {
    return run(Goal::target);
}
Result<Path> Walk::to_parent() {
    return run(Goal::parent);
}

Result<Path> Walk::run(Goal goal) {
    if (original_.size() >= kPathMax) return Err(Error::nametoolong);
    if (original_.empty() && !(flags_ & kLookupEmptyOk)) return Err(Error::noent);
    Ref<Mount> undo;  // dropped outside the RCU section
    {
        sync::RcuGuard rcu;
        rcu_ = true;
        sequence_ = DentryCache::tree_sequence.read();
        if (!TreeSequence::busy(sequence_)) {
            retry_ = false;
            Result<void> done = begin();
            if (done) done = components(goal);
            if (!retry_ && !DentryCache::tree_sequence.changed(sequence_)) {
                if (!done) {
                    reset();
                    rcu_ = false;
                    return Err(done.error());
                }
                if (mount_->try_ref()) {
                    if (dentry_->try_ref()) {
                        DentryCache::mark_accessed(*dentry_);
                        Path path(adopt_ref(mount_), adopt_ref(dentry_));
                        reset();
                        rcu_ = false;
                        return path;
                    }
                    undo = adopt_ref(mount_);
                }
            }
        }
        mount_ = root_mount_ = nullptr;
        dentry_ = root_dentry_ = nullptr;
        rcu_ = false;
    }
    if (flags_ & kLookupCached) return Err(Error::again);
    links_ = 0;
    went_up_ = false;
    sequence_ = DentryCache::tree_sequence.read();
    TRY(begin());
    TRY(components(goal));
    return finish();
}

Result<Path> Walk::finish() {
    // ".." under a rename could have led out of the tree that the caller confines us to.
    if ((flags_ & (kLookupBeneath | kLookupInRoot)) && went_up_ &&
        DentryCache::tree_sequence.changed(sequence_))
        return Err(Error::again);
    return Path(Ref<Mount>(mount_), Ref<Dentry>(dentry_));
}

Result<void> Walk::begin() {
    rest_ = original_;
    links_ = 0;
    last_kind_ = Last::root;
    trailing_slash_ = false;
    bool confined = (flags_ & (kLookupBeneath | kLookupInRoot)) != 0;
    bool absolute = !rest_.empty() && rest_.front() == '/';
    process::FsContext::Borrowed root, at;
    Path held_root, held_at;
    if (confined) {
        if (start_.base != nullptr)
            root = {start_.base->mount.get(), start_.base->dentry.get()};
        else if (rcu_)
            root = start_.fs.borrow_cwd();
        else {
            held_root = start_.fs.cwd();
            root = {held_root.mount.get(), held_root.dentry.get()};
        }
        if (absolute && (flags_ & kLookupBeneath)) return Err(Error::xdev);
        at = root;
    } else {
        if (rcu_)
            root = start_.fs.borrow_root();
        else {
            held_root = start_.fs.root();
            root = {held_root.mount.get(), held_root.dentry.get()};
        }
        if (absolute)
            at = root;
        else if (start_.base != nullptr)
            at = {start_.base->mount.get(), start_.base->dentry.get()};
        else if (rcu_)
            at = start_.fs.borrow_cwd();
        else {
            held_at = start_.fs.cwd();
            at = {held_at.mount.get(), held_at.dentry.get()};
        }
    }
    if (!rcu_) {
        root.mount->ref();
        root.dentry->ref();
        at.mount->ref();
        at.dentry->ref();
    }
    root_mount_ = root.mount;
    root_dentry_ = root.dentry;
    mount_ = at.mount;
    dentry_ = at.dentry;
    return {};
}

// Goes through rest_. In the end the walk stands on the target, or on the directory of last_.
Result<void> Walk::components(Goal goal) {
    for (;;) {
        usize slashes = 0;
        while (slashes < rest_.size() && rest_[slashes] == '/') slashes++;
        rest_.remove_prefix(slashes);
        if (rest_.empty()) {
            if (last_kind_ == Last::root) last_ = {};
            if ((trailing_slash_ || ((flags_ & kLookupDirectory) && goal == Goal::target)) &&
                (dentry_->inode() == nullptr || !dentry_->inode()->is_dir()))
                return Err(Error::notdir);
            return {};
        }
        Inode* directory = dentry_->inode();
        if (directory == nullptr || !directory->is_dir()) return Err(Error::notdir);
        if (auto may = permission(*directory, kMayExec, start_.cred); !may) [[unlikely]]
            return may;
        const char* end = static_cast<const char*>(std::memchr(rest_.data(), '/', rest_.size()));
        usize length = end != nullptr ? static_cast<usize>(end - rest_.data()) : rest_.size();
        std::string_view name = rest_.substr(0, length);
        rest_.remove_prefix(length);
        bool is_last = true;
        bool slash_after = !rest_.empty();
        for (char c : rest_)
            if (c != '/') {
                is_last = false;
                break;
            }
        if (is_last) {
            trailing_slash_ |= slash_after;
            rest_ = {};
        }
        if (name == ".") {
            last_kind_ = Last::dot;
        } else if (name == "..") {
            last_kind_ = Last::dot_dot;
        } else {
            last_kind_ = Last::normal;
        }
        if (is_last && goal == Goal::parent) {
            last_ = name;
            return {};
        }
        if (last_kind_ == Last::dot) continue;
        if (last_kind_ == Last::dot_dot) {
            TRY(step_up());
            continue;
        }
        TRY(step(name, !is_last || slash_after || (flags_ & kLookupFollow)));
    }
}

Result<void> Walk::step(std::string_view name, bool follow) {
    if (name.size() > kNameMax) return Err(Error::nametoolong);
    Dentry* child;
    if (rcu_) {
        if (dentry_->inode()->needs_revalidate()) return retry();
        child = DentryCache::find_rcu(*dentry_, name, DentryCache::hash_name(name));
        if (child == nullptr) return retry();
        DentryCache::mark_accessed(*child);
    } else {
        TRY_ASSIGN(Ref<Dentry> found, lookup_child(*dentry_, name, DirLock::free));
        child = found.release();
    }
    Inode* inode = child->inode();
    if (inode == nullptr) {
        if (!rcu_) child->unref();
        return Err(Error::noent);
    }
    if (child->is_mount_point()) [[unlikely]] {
        if (!rcu_) mount_->ref();
        set(mount_, child);
        TRY(enter_mounts());
        inode = dentry_->inode();
        if (!is_symlink(inode->mode)) return {};
        child = dentry_;
        if (!rcu_) child->ref();
    }
    if (is_symlink(inode->mode) && follow) [[unlikely]] {
        // The link's own directory stays where we are until the target says otherwise.
        Ref<Dentry> hold = rcu_ ? Ref<Dentry>() : adopt_ref(child);
        return follow_link(*inode);
    }
    if (!rcu_) mount_->ref();
    set(mount_, child);
    return {};
}

Result<void> Walk::enter_mounts() {
    while (dentry_->is_mount_point()) {
        Mount* above;
        if (rcu_) {
            above = MountTable::find_rcu(*mount_, *dentry_);
            if (above == nullptr) {
                if (DentryCache::tree_sequence.changed(sequence_)) return retry();
                return {};
            }
        } else {
            above = MountTable::find(*mount_, *dentry_).release();
            if (above == nullptr) return {};
        }
        if (flags_ & kLookupNoXdev) {
            if (!rcu_) above->unref();
            return Err(Error::xdev);
        }
        Dentry* root = above->root.get();
        if (!rcu_) root->ref();
        set(above, root);
    }
    return {};
}

Result<void> Walk::step_up() {
    went_up_ = true;
    for (;;) {
        if (dentry_ == root_dentry_ && mount_ == root_mount_) {
            if (flags_ & kLookupBeneath) return Err(Error::xdev);
            return {};
        }
        if (dentry_ != mount_->root.get()) {
            Dentry* up = dentry_->parent();
            if (up == nullptr) return {};
            if (!rcu_) {
                // The parent is held by its child, which we hold; a rename may swap it meanwhile.
                sync::RcuGuard guard;
                up = dentry_->parent();
                if (!up->try_ref()) return Err(Error::noent);
                mount_->ref();
            }
            set(mount_, up);
            return enter_mounts();
        }
        Mount* below = mount_->parent.get();
        if (below == nullptr || !mount_->attached()) return {};
        if (flags_ & kLookupNoXdev) return Err(Error::xdev);
        Dentry* point = mount_->mount_point.get();
        if (!rcu_) {
            below->ref();
            point->ref();
        }
        set(below, point);
    }
}

Result<void> Walk::jump_root() {
    if (flags_ & kLookupBeneath) return Err(Error::xdev);
    if ((flags_ & kLookupNoXdev) && mount_ != root_mount_) return Err(Error::xdev);
    if (!rcu_) {
        root_mount_->ref();
        root_dentry_->ref();
    }
    set(root_mount_, root_dentry_);
    return {};
}

Result<void> Walk::follow_link(Inode& inode) {
    if (++links_ > kMaxSymlinks) return Err(Error::loop);
    if (flags_ & kLookupNoSymlinks) return Err(Error::loop);
    if (mount_->flags.load(std::memory_order_relaxed) & kMountNoSymFollow) return Err(Error::loop);
    if (rest_.empty())
        TRY(may_use(NameUse::follow, dentry_->inode(), inode, start_.cred));
    mount_->note_access(inode);
    if (inode.link_target != nullptr) return push_target(inode.link_target);
    if (rcu_) return retry();
    Result<Path> magic = inode.ops().call(&InodeOps::follow, inode);
    if (magic) {
        if (flags_ & kLookupNoMagic) return Err(Error::loop);
        if (flags_ & (kLookupBeneath | kLookupInRoot)) return Err(Error::xdev);
        if ((flags_ & kLookupNoXdev) && magic->mount.get() != mount_) return Err(Error::xdev);
        set(magic->mount.release(), magic->dentry.release());
        last_kind_ = Last::normal;
        last_ = {};
        return {};
    }
    if (magic.error() != Error::opnotsupp) return Err(magic.error());
    auto* text = static_cast<char*>(mm::kmalloc_open(kPathMax));
    if (text == nullptr) return Err(Error::nomem);
    Result<usize> length =
        inode.ops().call(&InodeOps::read_link, inode, std::span<char>(text, kPathMax));
    Result<void> pushed = length ? push_target({text, *length}) : Result<void>(Err(length.error()));
    mm::kfree(text);
    return pushed;
}

// What remains to be walked becomes target + rest.
Result<void> Walk::push_target(std::string_view target) {
    if (target.empty()) return Err(Error::noent);
    usize need = target.size() + 1 + rest_.size();
    u32 next = buffer_ ^ 1;
    char* into = inline_[next];
    char* old_heap = heap_[next];
    if (need > kInline) {
        into = static_cast<char*>(mm::kmalloc(need, rcu_ ? mm::Alloc::atomic : mm::Alloc::none));
        if (into == nullptr) return rcu_ ? retry() : Err(Error::nomem);
        heap_[next] = into;
    } else {
        heap_[next] = nullptr;
    }
    if (old_heap != nullptr) mm::kfree(old_heap);
    std::memcpy(into, target.data(), target.size());
    usize used = target.size();
    if (!rest_.empty()) {
        into[used++] = '/';
        std::memcpy(into + used, rest_.data(), rest_.size());
        used += rest_.size();
    } else if (trailing_slash_) {
        into[used++] = '/';
    }
    buffer_ = next;
    rest_ = {into, used};
    last_kind_ = Last::root;
    if (target.front() == '/') return jump_root();
    return {};
}

Result<Path> Walk::follow_last(const Path& parent, const Path& link) {
    reset();
    rcu_ = false;
    parent.mount->ref();
    parent.dentry->ref();
    mount_ = parent.mount.get();
    dentry_ = parent.dentry.get();
    if (flags_ & (kLookupBeneath | kLookupInRoot)) {
        Path root = start_.base != nullptr ? *start_.base : start_.fs.cwd();
        root_mount_ = root.mount.release();
        root_dentry_ = root.dentry.release();
    } else {
        Path root = start_.fs.root();
        root_mount_ = root.mount.release();
        root_dentry_ = root.dentry.release();
    }
    rest_ = {};
    TRY(follow_link(*link.dentry->inode()));
    TRY(components(Goal::parent));
    return finish();
}

Result<Ref<Dentry>> lookup_child(Dentry& directory, std::string_view name, DirLock lock) {
    Inode& inode = *directory.inode();
    u32 hash = DentryCache::hash_name(name);
    Ref<Dentry> cached = DentryCache::find(directory, name, hash);
    if (cached) {
        if (!inode.needs_revalidate() ||
            inode.ops().call(&InodeOps::revalidate, inode, name, cached->inode()))
            return cached;
        cached->invalidate();
    }
    struct MaybeRead {
        Inode* inode;
        ~MaybeRead() {
            if (inode != nullptr) inode->lock.unlock_read();
        }
    } guard{nullptr};
    if (lock == DirLock::free) {
        inode.lock.lock_read();
        guard.inode = &inode;
        cached = DentryCache::find(directory, name, hash);
        if (cached && !inode.needs_revalidate()) return cached;
    }
    if (inode.nlink == 0) return Err(Error::noent);
    Result<Ref<Inode>> found = inode.ops().call(&InodeOps::lookup, inode, name);
    if (!found && found.error() != Error::noent) return Err(found.error());
    TRY_ASSIGN(Ref<Dentry> fresh,
               DentryCache::make(&directory, name, hash, found ? std::move(*found) : Ref<Inode>()));
    // A name that may appear behind our back is not remembered as absent; nor is anything below a
    // directory that has been forgotten itself.
    if ((fresh->is_negative() && inode.needs_revalidate()) || directory.is_unlinked()) return fresh;
    return DentryCache::insert(std::move(fresh));
}

Path cross_mounts(Path path) {
    while (path.dentry->is_mount_point()) {
        Ref<Mount> above = MountTable::find(*path.mount, *path.dentry);
        if (!above) break;
        Ref<Dentry> root = above->root;
        path = Path(std::move(above), std::move(root));
    }
    return path;
}

}  // namespace tenon::vfs
