// File handles, as Linux's tmpfs gives them: generation and inode number.
// Spec: man 2 name_to_handle_at.
#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

constexpr u32 kMaxHandleBytes = 128;  // MAX_HANDLE_SZ
constexpr u64 kTmpfsMagic = 0x01021994;
struct Header {
    u32 bytes;
    i32 type;
};

}  // namespace

Result<i64> sys_name_to_handle_at(i32 dfd, u64 name, u64 handle, u64 mnt_id, u32 flag) {
    if (flag & ~static_cast<u32>(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) return Err(Error::inval);
    u32 lookup_flags = (flag & AT_SYMLINK_FOLLOW) ? u32{vfs::kLookupFollow} : 0;
    if (flag & AT_EMPTY_PATH) lookup_flags |= vfs::kLookupEmptyOk;
    TRY_ASSIGN(vfs::Path path, resolve_at(dfd, name, lookup_flags));
    vfs::Inode& inode = *path.dentry->inode();
    if (inode.super().magic != kTmpfsMagic) return Err(Error::opnotsupp);
    TRY_ASSIGN(Header header, mm::UserIn<Header>(handle).read());
    if (header.bytes > kMaxHandleBytes) return Err(Error::inval);
    u32 words[3] = {0, static_cast<u32>(inode.ino()), static_cast<u32>(inode.ino() >> 32)};
    bool fits = header.bytes >= sizeof(words);
    header.bytes = sizeof(words);
    header.type = fits ? 1 : 255;
    TRY(mm::UserOut<i32>(mnt_id).write(static_cast<i32>(path.mount ? path.mount->id : 0)));
    TRY(mm::UserOut<Header>(handle).write(header));
    if (!fits) return Err(Error::overflow);
    TRY(mm::copy_to_user(UserAddr{handle + sizeof(header)}, words, sizeof(words)));
    return 0;
}

Result<i64> sys_open_by_handle_at(i32 mountdirfd, u64 handle, u32) {
    if (!process::capable(process::Capability::dac_read_search)) return Err(Error::perm);
    if (mountdirfd != AT_FDCWD) TRY(file_or_path_of(mountdirfd));
    TRY_ASSIGN(Header header, mm::UserIn<Header>(handle).read());
    if (header.bytes > kMaxHandleBytes || header.bytes == 0) return Err(Error::inval);
    // No file system keeps an index by inode number yet.
    return Err(Error::stale);
}

}  // namespace tenon::personality
