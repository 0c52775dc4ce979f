// mount, umount2, pivot_root. Spec: man 2 mount, umount, pivot_root.
#include "personality/linux/file/common.h"
#include "personality/linux/file/mount_tree.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

// Flags of umount2; not in the exported headers. Spec: Linux include/linux/fs.h.
enum : u32 { MNT_FORCE = 1, MNT_DETACH = 2, MNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8 };

bool may_mount() {
    return process::capable(process::Capability::sys_admin);
}

// The flags of one mount.
u32 mount_flags_from(u64 flags) {
    u32 out = 0;
    if (flags & MS_RDONLY) out |= vfs::kMountReadOnly;
    if (flags & MS_NOSUID) out |= vfs::kMountNoSuid;
    if (flags & MS_NODEV) out |= vfs::kMountNoDev;
    if (flags & MS_NOEXEC) out |= vfs::kMountNoExec;
    if (flags & MS_NODIRATIME) out |= vfs::kMountNoDirAtime;
    if (flags & MS_NOSYMFOLLOW) out |= vfs::kMountNoSymFollow;
    if (!(flags & MS_STRICTATIME))
        out |= flags & MS_NOATIME ? vfs::kMountNoAtime : vfs::kMountRelAtime;
    return out;
}

// The flags of the file system.
u32 super_flags_from(u64 flags) {
    u32 out = 0;
    if (flags & MS_RDONLY) out |= vfs::kMountReadOnly;
    if (flags & MS_SYNCHRONOUS) out |= vfs::kMountSync;
    if (flags & MS_DIRSYNC) out |= vfs::kMountDirSync;
    if (flags & MS_MANDLOCK) out |= vfs::kMountMandatoryLocks;
    if (flags & MS_LAZYTIME) out |= vfs::kMountLazyTime;
    return out;
}

// Error::inval: not one of the four, or something else beside it.
Result<Propagation> propagation_from(u64 flags) {
    switch (flags & ~u64{MS_REC | MS_SILENT}) {
        case MS_SHARED:
            return Propagation::shared;
        case MS_SLAVE:
            return Propagation::slave;
        case MS_PRIVATE:
            return Propagation::is_private;
        case MS_UNBINDABLE:
            return Propagation::unbindable;
        default:
            return Err(Error::inval);
    }
}

// A string argument that may be null; at most a page.
class OptionalText {
  public:
    Result<void> load(u64 address) {
        if (address == 0) return {};
        text_.reset(new (std::nothrow) char[kPageSize]);
        if (!text_) return Err(Error::nomem);
        isize n = arch::copy_string_from_user_raw(text_.get(), address, kPageSize - 1);
        if (n < 0) return Err(Error::fault);
        length_ = static_cast<usize>(n);
        return {};
    }
    bool given() const { return static_cast<bool>(text_); }
    std::string_view view() const { return {text_.get(), length_}; }

  private:
    std::unique_ptr<char[]> text_;
    usize length_ = 0;
};

Result<vfs::Path> source_path(const OptionalText& source) {
    if (!source.given() || source.view().empty()) return Err(Error::inval);
    return vfs::lookup(vfs::lookup_start_of_current(), source.view(), vfs::kLookupFollow);
}

}  // namespace

Result<i64> sys_mount(u64 dev_name, u64 dir_name, u64 type, u64 flags, u64 data) {
    OptionalText fs_type, source, options;
    TRY(fs_type.load(type));
    TRY(source.load(dev_name));
    TRY(options.load(data));
    TRY_ASSIGN(vfs::Path at, resolve_at(AT_FDCWD, dir_name, vfs::kLookupFollow));
    if (!may_mount()) return Err(Error::perm);
    if ((flags & MS_MGC_MSK) == MS_MGC_VAL) flags &= ~u64{MS_MGC_MSK};
    if (flags & MS_NOUSER) return Err(Error::inval);
    u32 mount_flags = mount_flags_from(flags);
    constexpr u64 propagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
    constexpr u64 atime = MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME;
    if ((flags & MS_REMOUNT) && !(flags & atime)) {
        constexpr u32 kept = vfs::kMountNoAtime | vfs::kMountNoDirAtime | vfs::kMountRelAtime;
        mount_flags = (mount_flags & ~kept) | (at.mount->flags.load() & kept);
    }
    if ((flags & (MS_REMOUNT | MS_BIND)) == (MS_REMOUNT | MS_BIND)) {
        TRY(remount_mount(at, mount_flags));
    } else if (flags & MS_REMOUNT) {
        TRY(remount(at, mount_flags, super_flags_from(flags), options.view()));
    } else if (flags & MS_BIND) {
        TRY_ASSIGN(vfs::Path from, source_path(source));
        TRY(bind_mount(from, at, flags & MS_REC));
    } else if (flags & propagation) {
        TRY_ASSIGN(Propagation to, propagation_from(flags));
        TRY(change_type(at, to, flags & MS_REC));
    } else if (flags & MS_MOVE) {
        TRY_ASSIGN(vfs::Path from, source_path(source));
        TRY(move_mount(from, at));
    } else {
        if (!fs_type.given()) return Err(Error::inval);
        TRY(mount(fs_type.view(), source.given() ? source.view() : "none", at, mount_flags,
                  super_flags_from(flags), options.view()));
    }
    return 0;
}

Result<i64> sys_umount2(u64 name, u32 flags) {
    constexpr u32 known = MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW;
    if (flags & ~known) return Err(Error::inval);
    TRY_ASSIGN(vfs::Path at,
               resolve_at(AT_FDCWD, name, (flags & UMOUNT_NOFOLLOW) ? 0 : u32{vfs::kLookupFollow}));
    if (!may_mount()) return Err(Error::perm);
    if (at.dentry != at.mount->root) return Err(Error::inval);
    if (flags & MNT_EXPIRE) {
        if (flags & (MNT_FORCE | MNT_DETACH)) return Err(Error::inval);
        return Err(Error::again);
    }
    TRY(unmount(at, (flags & MNT_DETACH) ? Unmount::lazy : Unmount::now));
    return 0;
}

Result<i64> sys_pivot_root(u64 new_root, u64 put_old) {
    if (!may_mount()) return Err(Error::perm);
    TRY_ASSIGN(vfs::Path fresh,
               resolve_at(AT_FDCWD, new_root, vfs::kLookupFollow | vfs::kLookupDirectory));
    TRY_ASSIGN(vfs::Path old,
               resolve_at(AT_FDCWD, put_old, vfs::kLookupFollow | vfs::kLookupDirectory));
    TRY(pivot_root(fresh, old));
    return 0;
}

}  // namespace tenon::personality
