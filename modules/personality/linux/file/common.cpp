#include "personality/linux/file/common.h"

namespace tenon::personality {

Result<void> UserPath::load(u64 address) {
    isize n = arch::copy_string_from_user_raw(inline_, address, kInline);
    if (n < 0) return Err(Error::fault);
    if (static_cast<usize>(n) < kInline) [[likely]] {
        length_ = static_cast<usize>(n);
        return {};
    }
    heap_ = static_cast<char*>(mm::kmalloc(PATH_MAX));
    if (heap_ == nullptr) return Err(Error::nomem);
    n = arch::copy_string_from_user_raw(heap_, address, PATH_MAX);
    if (n < 0) return Err(Error::fault);
    if (n >= PATH_MAX) return Err(Error::nametoolong);
    length_ = static_cast<usize>(n);
    return {};
}

Result<void> AtStart::set(i32 dirfd, const UserPath& path, Empty empty) {
    if (path.empty() && empty == Empty::refused) return Err(Error::noent);
    if (dirfd == AT_FDCWD || (!path.empty() && path.view().front() == '/')) return {};
    TRY_ASSIGN(file_, file_or_path_of(dirfd));
    base_ = &file_->path();
    return {};
}

vfs::LookupStart AtStart::start(const process::Credentials* cred) const {
    Task* task = current();
    return {*task->fs, base_, cred != nullptr ? *cred : *task->credentials};
}

Result<Ref<vfs::File>> open_named(u64 path_address, u32 open_flags) {
    UserPath path;
    TRY(path.load(path_address));
    AtStart at;
    vfs::OpenRequest request;
    request.flags = open_flags | vfs::kOpenLargeFile;
    request.lookup_flags = vfs::kLookupFollow;
    return vfs::open(at.start(), path.view(), request);
}

Result<vfs::Path> resolve_at(i32 dirfd, u64 user_path, u32 lookup_flags,
                             const process::Credentials* cred) {
    UserPath path;
    TRY(path.load(user_path));
    AtStart at;
    TRY(at.set(dirfd, path,
               (lookup_flags & vfs::kLookupEmptyOk) ? AtStart::Empty::names_start
                                                    : AtStart::Empty::refused));
    return vfs::lookup(at.start(cred), path.view(), lookup_flags);
}

Result<i64> install_file(Ref<vfs::File> file, bool close_on_exec) {
    TRY_ASSIGN(i32 fd,
               current()->files->install(std::move(file), close_on_exec, descriptor_limit()));
    return fd;
}

namespace {
struct FlagPair {
    u32 linux_flag, vfs_flag;
};
constexpr FlagPair kFlags[] = {
    {O_CREAT, vfs::kOpenCreate},        {O_EXCL, vfs::kOpenExclusive},
    {O_NOCTTY, vfs::kOpenNoCtty},       {O_TRUNC, vfs::kOpenTruncate},
    {O_APPEND, vfs::kOpenAppend},       {O_NONBLOCK, vfs::kOpenNonblock},
    {O_DSYNC, vfs::kOpenDsync},         {FASYNC, vfs::kOpenAsync},
    {O_DIRECT, vfs::kOpenDirect},       {O_LARGEFILE, vfs::kOpenLargeFile},
    {O_DIRECTORY, vfs::kOpenDirectory}, {O_NOFOLLOW, vfs::kOpenNoFollow},
    {O_NOATIME, vfs::kOpenNoAtime},     {O_PATH, vfs::kOpenPath},
    {__O_SYNC, vfs::kOpenSync},         {__O_TMPFILE, vfs::kOpenTmpfile},
};
}  // namespace

u32 open_flags_from(u32 flags) {
    u32 out = 0;
    switch (flags & O_ACCMODE) {
        case O_RDONLY:
            out = vfs::kOpenRead;
            break;
        case O_WRONLY:
            out = vfs::kOpenWrite;
            break;
        case O_RDWR:
            out = vfs::kOpenRead | vfs::kOpenWrite;
            break;
    }
    if ((flags & ~O_ACCMODE) == 0) return out;
    for (const FlagPair& p : kFlags)
        if (flags & p.linux_flag) out |= p.vfs_flag;
    return out;
}

u32 open_flags_to(u32 flags) {
    u32 out = 0;
    if (flags & vfs::kOpenPath) {
        out = 0;
    } else if ((flags & (vfs::kOpenRead | vfs::kOpenWrite)) == (vfs::kOpenRead | vfs::kOpenWrite)) {
        out = O_RDWR;
    } else if (flags & vfs::kOpenWrite) {
        out = O_WRONLY;
    } else if (!(flags & vfs::kOpenRead)) {
        out = O_ACCMODE;
    }
    for (const FlagPair& p : kFlags)
        if (flags & p.vfs_flag) out |= p.linux_flag;
    return out;
}

Result<void> UserVector::load(u64 address, u64 count) {
    if (count > UIO_MAXIOV) return Err(Error::inval);
    static_assert(sizeof(vfs::IoBuffer::Segment) == sizeof(uapi::iovec));
    vfs::IoBuffer::Segment* to = inline_;
    if (count > std::size(inline_)) {
        heap_ = static_cast<vfs::IoBuffer::Segment*>(mm::kmalloc(count * sizeof(*heap_)));
        if (heap_ == nullptr) return Err(Error::nomem);
        to = heap_;
    }
    TRY(mm::copy_from_user(to, UserAddr{address}, count * sizeof(uapi::iovec)));
    u64 total = 0;
    constexpr u64 kMax = 0x7ffff000;  // MAX_RW_COUNT
    for (u64 i = 0; i < count; i++) {
        if (static_cast<i64>(to[i].length_bytes) < 0) return Err(Error::inval);
        if (to[i].base > arch::kUserLimit || to[i].length_bytes > arch::kUserLimit - to[i].base)
            return Err(Error::fault);
        if (to[i].length_bytes > kMax - total) to[i].length_bytes = kMax - total;
        total += to[i].length_bytes;
    }
    count_ = count;
    return {};
}

}  // namespace tenon::personality
