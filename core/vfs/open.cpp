// open(2) and what it checks. Spec: man 2 open.
#include <tenon/process/task.h>
#include <tenon/vfs/char_device.h>

#include "core/vfs/dentry_cache.h"
#include "core/vfs/internal.h"
#include "core/vfs/walk.h"

namespace tenon::vfs {

using process::Capability;
using process::Credentials;

LookupStart lookup_start_of_current(const Path* base) {
    Task* task = current();
    return {*task->fs, base, *task->credentials};
}

Result<Path> lookup(const LookupStart& start, std::string_view path, u32 flags) {
    auto found = Walk(start, path, flags).to_target();
    if (!found && found.error() == Error::nodev && wait_mounted_again()) [[unlikely]]
        found = Walk(start, path, flags).to_target();
    return found;
}

namespace {

// Flags that only the opening itself looks at; what O_PATH leaves of the others.
constexpr u32 kCreationFlags =
    kOpenCreate | kOpenExclusive | kOpenTruncate | kOpenTmpfile | kOpenNoCtty;
constexpr u32 kPathFlags = kOpenPath | kOpenDirectory | kOpenNoFollow;

Result<void> may_open(const Path& path, u32 flags, const Credentials& cred, bool created) {
    Inode& inode = *path.dentry->inode();
    bool writes = flags & kOpenWrite;
    u32 mount_flags = path.mount ? path.mount->flags.load(std::memory_order_relaxed) : 0;
    switch (inode.mode & kTypeMask) {
        case kSymlink:
            return Err(Error::loop);
        case kDirectory:
            if (writes || (flags & (kOpenCreate | kOpenTruncate))) return Err(Error::isdir);
            if (flags & kOpenExec) return Err(Error::acces);
            break;
        case kCharDevice:
        case kBlockDevice:
            if (mount_flags & kMountNoDev) return Err(Error::acces);
            [[fallthrough]];
        case kFifo:
        case kSocket:
            if (flags & kOpenExec) return Err(Error::acces);
            break;
        default:
            if ((flags & kOpenExec) && (mount_flags & kMountNoExec)) return Err(Error::acces);
            break;
    }
    if (!created) {
        u32 access = 0;
        // What is run need not be readable.
        if ((flags & (kOpenRead | kOpenExec)) == kOpenRead) access |= kMayRead;
        if (writes || (flags & kOpenTruncate)) access |= kMayWrite;
        if (flags & kOpenExec) access |= kMayExec;
        if ((access & kMayWrite) && path.mount && path.mount->is_read_only()) {
            Mode type = inode.mode & kTypeMask;
            if (type == kRegular || type == kDirectory) return Err(Error::rofs);
        }
        TRY(permission(inode, access, cred));
    }
    if ((flags & kOpenNoAtime) && cred.fsuid != inode.uid && !cred.has(Capability::fowner))
        return Err(Error::perm);
    return {};
}

Result<module::Gated<FileOps>> ops_for(Inode& inode, u32 flags) {
    switch (inode.mode & kTypeMask) {
        case kCharDevice:
            return open_char_device(inode.rdev, flags);
        case kBlockDevice:
            return open_block_device(inode.rdev, flags);
        case kSocket:
            return Err(Error::nxio);
        default:
            return inode.ops().call(&InodeOps::open, inode, flags);
    }
}

// What a writer (+1) or an execution (-1) adds to a file's count, by which they exclude each other.
// Taken back unless the open file keeps it.
class AccessClaim {
  public:
    AccessClaim() = default;
    TENON_NONCOPYABLE(AccessClaim);
    ~AccessClaim() {
        if (inode_ != nullptr) inode_->write_count.fetch_sub(step_, std::memory_order_acq_rel);
    }
    Result<void> take(Inode& inode, i32 step) {
        i32 n = inode.write_count.load(std::memory_order_relaxed);
        do {
            if (step > 0 ? n < 0 : n > 0) return Err(Error::txtbsy);
        } while (!inode.write_count.compare_exchange_weak(n, n + step, std::memory_order_acq_rel));
        inode_ = &inode;
        step_ = step;
        return {};
    }
    void keep() { inode_ = nullptr; }

  private:
    Inode* inode_ = nullptr;
    i32 step_ = 0;
};

// A dentry outside the cache for a file that has no name (yet).
Result<Ref<File>> open_unnamed(const LookupStart& start, std::string_view path,
                               const OpenRequest& request) {
    TRY_ASSIGN(Path directory, lookup(start, path, request.lookup_flags | kLookupDirectory));
    Inode& dir = *directory.dentry->inode();
    if (directory.mount->is_read_only()) return Err(Error::rofs);
    TRY(permission(dir, kMayWrite | kMayExec, start.cred));
    CreateRequest create;
    create.mode = (request.mode & kPermMask & ~start.fs.umask.load()) | kRegular;
    create.uid = start.cred.fsuid;
    create.gid = (dir.mode & kSetGid) ? dir.gid : start.cred.fsgid;
    TRY_ASSIGN(Ref<Inode> inode, dir.ops().call(&InodeOps::create_unnamed, dir, create));
    inode->linkable = !(request.flags & kOpenExclusive);
    fmt::Line<32> name("#{}", inode->ino());
    TRY_ASSIGN(Ref<Dentry> dentry,
               DentryCache::make(directory.dentry.get(), name.view(), 0, std::move(inode)));
    DentryCache::drop(*dentry, DentryCache::Drop::unlinked);
    return open_checked(Path(directory.mount, std::move(dentry)),
                        request.flags & ~(kOpenTmpfile | kOpenDirectory), start.cred, true);
}

// O_CREAT: the last component is looked up by hand, because it may have to be made.
Result<Ref<File>> open_creating(const LookupStart& start, std::string_view path,
                                const OpenRequest& request) {
    bool follow = (request.lookup_flags & kLookupFollow) &&
                  !(request.flags & (kOpenNoFollow | kOpenExclusive));
    Walk walk(start, path, request.lookup_flags);
    TRY_ASSIGN(Path parent, walk.to_parent());
    for (;;) {
        if (walk.last_kind() != Walk::Last::normal || walk.wants_directory())
            return Err(Error::isdir);
        if (walk.last().size() > kNameMax) return Err(Error::nametoolong);
        Dentry& directory = *parent.dentry;
        TRY_ASSIGN(Ref<Dentry> dentry, lookup_child(directory, walk.last(), DirLock::free));
        bool created = false;
        if (dentry->is_negative()) {
            if (request.lookup_flags & kLookupCached) return Err(Error::again);
            DirectoryGuard guard(*directory.inode());
            TRY_ASSIGN(dentry, lookup_child(directory, walk.last(), DirLock::held));
            if (dentry->is_negative()) {
                if (parent.mount->is_read_only()) return Err(Error::rofs);
                TRY(create_in(directory, *dentry, (request.mode & kPermMask) | kRegular, {}, {},
                              start));
                created = true;
            }
        }
        if (created)
            return open_checked(Path(parent.mount, std::move(dentry)),
                                request.flags & ~kOpenTruncate, start.cred, true);
        if (request.flags & kOpenExclusive) return Err(Error::exist);
        Path target(parent.mount, std::move(dentry));
        if (target.dentry->is_mount_point()) {
            if (request.lookup_flags & kLookupNoXdev) return Err(Error::xdev);
            target = cross_mounts(std::move(target));
        }
        if (!is_symlink(target.dentry->inode()->mode) || !follow) {
            TRY(may_use(NameUse::open, directory.inode(), *target.dentry->inode(), start.cred));
            if ((request.flags & kOpenDirectory) && !target.dentry->inode()->is_dir())
                return Err(Error::notdir);
            return open_checked(target, request.flags, start.cred, false);
        }
        TRY_ASSIGN(parent, walk.follow_last(parent, target));
        // A magic link lands on its target, with nothing left to walk.
        if (walk.last_kind() == Walk::Last::normal && walk.last().empty())
            return open_checked(parent, request.flags, start.cred, false);
    }
}

Result<Ref<File>> open_once(const LookupStart& start, std::string_view path,
                            const OpenRequest& request) {
    if (request.flags & kOpenTmpfile) return open_unnamed(start, path, request);
    if ((request.flags & kOpenCreate) && !(request.flags & kOpenPath))
        return open_creating(start, path, request);
    u32 lookup_flags = request.lookup_flags;
    if (request.flags & kOpenNoFollow) lookup_flags &= ~kLookupFollow;
    if (request.flags & kOpenDirectory) lookup_flags |= kLookupDirectory;
    TRY_ASSIGN(Path target, lookup(start, path, lookup_flags));
    return open_checked(target, request.flags, start.cred, false);
}

}  // namespace

Result<Ref<File>> open(const LookupStart& start, std::string_view path,
                       const OpenRequest& request) {
    auto opened = open_once(start, path, request);
    if (!opened && opened.error() == Error::nodev && wait_mounted_again()) [[unlikely]]
        opened = open_once(start, path, request);
    return opened;
}

Result<Ref<File>> open_path(const Path& path, u32 open_flags, const Credentials& cred) {
    return open_checked(path, open_flags, cred, false);
}

Result<Ref<File>> open_checked(const Path& path, u32 flags, const Credentials& cred, bool created) {
    u32 kept = flags & ~kCreationFlags;
    if (flags & kOpenPath) return File::create(path, {}, flags & kPathFlags);
    TRY(may_open(path, flags, cred, created));
    Inode& inode = *path.dentry->inode();
    // Past the page cache goes what block devices serve alone.
    if ((flags & kOpenDirect) && (inode.mode & kTypeMask) != kBlockDevice) return Err(Error::inval);
    if ((inode.mode & kTypeMask) == kFifo) return open_fifo(path, kept);

    const bool regular = is_regular(inode.mode);
    AccessClaim claim;
    if (regular && (flags & kOpenWrite)) {
        TRY(claim.take(inode, 1));
    } else if (regular && (flags & kOpenExec)) {
        TRY(claim.take(inode, -1));
    }
    TRY_ASSIGN(module::Gated<FileOps> ops, ops_for(inode, flags));
    TRY_ASSIGN(Ref<File> file, File::create(path, std::move(ops), kept));
    claim.keep();
    file->count_access(regular);
    if (regular && (flags & kOpenWrite)) path.mount->writers.fetch_add(1);
    if ((flags & kOpenTruncate) && regular) {
        TRY(truncate_inode(inode, 0, cred));
        if (!created) notify_dentry(kNotifyModify, *path.dentry);
    }
    notify_dentry(kNotifyOpen, *path.dentry);
    return file;
}

}  // namespace tenon::vfs
