// The extended attribute calls.
// Spec: man 2 setxattr, getxattr, listxattr, removexattr; man 7 xattr.
#include "personality/linux/exec/file_capabilities.h"
#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

enum class XattrUse : u8 { read, write };

// user.: by the file's permissions, on files and directories only. trusted.: CAP_SYS_ADMIN.
// security.: readable by all, written with CAP_SYS_ADMIN (capabilities: CAP_SETFCAP, for
// an empty value, too: Linux 6.1 lets everybody set that, and so keep others from executing a
// file).
Result<void> may_use_xattr(const vfs::Path& path, std::string_view name, XattrUse use,
                           const process::Credentials& cred) {
    vfs::Inode& inode = *path.dentry->inode();
    const bool writes = use == XattrUse::write;
    if (writes && path.mount && path.mount->is_read_only()) return Err(Error::rofs);
    if (name.starts_with("user.")) {
        if (name.size() == 5) return Err(Error::inval);
        if (!vfs::is_regular(inode.mode) && !inode.is_dir())
            return Err(writes ? Error::perm : Error::nodata);
        if (writes && inode.is_dir() && (inode.mode & vfs::kSticky) && inode.uid != cred.fsuid &&
            !cred.has(process::Capability::fowner))
            return Err(Error::perm);
        return vfs::permission(inode, writes ? vfs::kMayWrite : vfs::kMayRead, cred);
    }
    if (name.starts_with("trusted.")) {
        if (name.size() == 8) return Err(Error::inval);
        if (!cred.has(process::Capability::sys_admin))
            return Err(writes ? Error::perm : Error::nodata);
        return {};
    }
    if (name.starts_with("security.")) {
        if (name.size() == 9) return Err(Error::inval);
        if (!writes) return {};
        process::Capability need = name == kCapabilityAttribute ? process::Capability::setfcap
                                                                : process::Capability::sys_admin;
        return cred.has(need) ? Result<void>{} : Err(Error::perm);
    }
    return Err(Error::opnotsupp);
}

Result<usize> get_xattr(const vfs::Path& path, std::string_view name, std::span<u8> out,
                        const process::Credentials& cred) {
    TRY(may_use_xattr(path, name, XattrUse::read, cred));
    vfs::Inode& inode = *path.dentry->inode();
    sync::ReadGuard guard(inode.lock);
    if (name == kCapabilityAttribute) return show_file_capabilities(inode, out);
    return inode.ops().call(&vfs::InodeOps::get_xattr, inode, name, out);
}

Result<void> set_xattr(const vfs::Path& path, std::string_view name, std::span<const u8> value,
                       vfs::InodeOps::XattrSet how, const process::Credentials& cred) {
    const bool capabilities = name == kCapabilityAttribute;
    if (capabilities && !value.empty()) TRY(check_file_capabilities(value));
    TRY(may_use_xattr(path, name, XattrUse::write, cred));
    vfs::Inode& inode = *path.dentry->inode();
    {
        sync::WriteGuard guard(inode.lock);
        TRY(inode.ops().call(&vfs::InodeOps::set_xattr, inode, name, value, how));
        if (capabilities) inode.privilege_attribute = kCapabilityAttribute;
        inode.touch_ctime();
    }
    vfs::notify_dentry(vfs::kNotifyAttrib, *path.dentry);
    return {};
}

Result<void> remove_xattr(const vfs::Path& path, std::string_view name,
                          const process::Credentials& cred) {
    TRY(may_use_xattr(path, name, XattrUse::write, cred));
    vfs::Inode& inode = *path.dentry->inode();
    {
        sync::WriteGuard guard(inode.lock);
        TRY(inode.ops().call(&vfs::InodeOps::remove_xattr, inode, name));
        inode.touch_ctime();
    }
    vfs::notify_dentry(vfs::kNotifyAttrib, *path.dentry);
    return {};
}

Result<usize> list_xattr(const vfs::Path& path, std::span<char> out) {
    vfs::Inode& inode = *path.dentry->inode();
    sync::ReadGuard guard(inode.lock);
    return inode.ops().call(&vfs::InodeOps::list_xattr, inode, out);
}

// The name argument: 1..255 bytes, else ERANGE.
class AttributeName {
  public:
    Result<void> load(u64 address) {
        isize n = arch::copy_string_from_user_raw(text_, address, sizeof(text_));
        if (n < 0) return Err(Error::fault);
        if (n == 0 || n >= static_cast<isize>(sizeof(text_))) return Err(Error::range);
        length_ = static_cast<usize>(n);
        return {};
    }
    std::string_view view() const { return {text_, length_}; }

  private:
    char text_[XATTR_NAME_MAX + 1];
    usize length_ = 0;
};

Result<i64> set(const vfs::Path& path, u64 user_name, u64 value, u64 size, i32 flags) {
    using How = vfs::InodeOps::XattrSet;
    if (flags & ~(XATTR_CREATE | XATTR_REPLACE)) return Err(Error::inval);
    AttributeName name;
    TRY(name.load(user_name));
    if (size > XATTR_SIZE_MAX) return Err(Error::toobig);
    std::unique_ptr<u8[]> bytes(new (std::nothrow) u8[size + 1]);
    if (!bytes) return Err(Error::nomem);
    TRY(mm::copy_from_user(bytes.get(), UserAddr{value}, size));
    How how = (flags & XATTR_CREATE)    ? How::create
              : (flags & XATTR_REPLACE) ? How::replace
                                        : How::any;
    TRY(set_xattr(path, name.view(), {bytes.get(), size}, how, process::current_credentials()));
    return 0;
}

Result<i64> get(const vfs::Path& path, u64 user_name, u64 value, u64 size) {
    AttributeName name;
    TRY(name.load(user_name));
    size = std::min<u64>(size, XATTR_SIZE_MAX);
    std::unique_ptr<u8[]> bytes;
    if (size != 0) {
        bytes.reset(new (std::nothrow) u8[size]);
        if (!bytes) return Err(Error::nomem);
    }
    TRY_ASSIGN(usize got,
               get_xattr(path, name.view(), {bytes.get(), size}, process::current_credentials()));
    if (size != 0) TRY(mm::copy_to_user(UserAddr{value}, bytes.get(), got));
    return static_cast<i64>(got);
}

Result<i64> list(const vfs::Path& path, u64 out, u64 size) {
    size = std::min<u64>(size, XATTR_LIST_MAX);
    std::unique_ptr<char[]> names;
    if (size != 0) {
        names.reset(new (std::nothrow) char[size]);
        if (!names) return Err(Error::nomem);
    }
    TRY_ASSIGN(usize got, list_xattr(path, {names.get(), size}));
    if (size != 0) TRY(mm::copy_to_user(UserAddr{out}, names.get(), got));
    return static_cast<i64>(got);
}

Result<i64> remove(const vfs::Path& path, u64 user_name) {
    AttributeName name;
    TRY(name.load(user_name));
    TRY(remove_xattr(path, name.view(), process::current_credentials()));
    return 0;
}

Result<vfs::Path> at(u64 pathname, u32 lookup_flags) {
    return resolve_at(AT_FDCWD, pathname, lookup_flags);
}

}  // namespace

Result<i64> sys_setxattr(u64 pathname, u64 name, u64 value, u64 size, i32 flags) {
    TRY_ASSIGN(vfs::Path path, at(pathname, vfs::kLookupFollow));
    return set(path, name, value, size, flags);
}
Result<i64> sys_lsetxattr(u64 pathname, u64 name, u64 value, u64 size, i32 flags) {
    TRY_ASSIGN(vfs::Path path, at(pathname, 0));
    return set(path, name, value, size, flags);
}
Result<i64> sys_fsetxattr(i32 fd, u64 name, u64 value, u64 size, i32 flags) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    return set(file->path(), name, value, size, flags);
}
Result<i64> sys_getxattr(u64 pathname, u64 name, u64 value, u64 size) {
    TRY_ASSIGN(vfs::Path path, at(pathname, vfs::kLookupFollow));
    return get(path, name, value, size);
}
Result<i64> sys_lgetxattr(u64 pathname, u64 name, u64 value, u64 size) {
    TRY_ASSIGN(vfs::Path path, at(pathname, 0));
    return get(path, name, value, size);
}
Result<i64> sys_fgetxattr(i32 fd, u64 name, u64 value, u64 size) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    return get(file->path(), name, value, size);
}
Result<i64> sys_listxattr(u64 pathname, u64 names, u64 size) {
    TRY_ASSIGN(vfs::Path path, at(pathname, vfs::kLookupFollow));
    return list(path, names, size);
}
Result<i64> sys_llistxattr(u64 pathname, u64 names, u64 size) {
    TRY_ASSIGN(vfs::Path path, at(pathname, 0));
    return list(path, names, size);
}
Result<i64> sys_flistxattr(i32 fd, u64 names, u64 size) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    return list(file->path(), names, size);
}
Result<i64> sys_removexattr(u64 pathname, u64 name) {
    TRY_ASSIGN(vfs::Path path, at(pathname, vfs::kLookupFollow));
    return remove(path, name);
}
Result<i64> sys_lremovexattr(u64 pathname, u64 name) {
    TRY_ASSIGN(vfs::Path path, at(pathname, 0));
    return remove(path, name);
}
Result<i64> sys_fremovexattr(i32 fd, u64 name) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    return remove(file->path(), name);
}

}  // namespace tenon::personality
