// getdents, chdir, chroot, getcwd. Spec: man 2 getdents, chdir, chroot, getcwd.
#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

constexpr usize kBatch = 1024;  // bytes of records gathered before they are copied out

// Builds records in a kernel buffer and copies them out in batches: the directory is locked while
// entries come in, so user memory is touched only between walks.
class Records final : public vfs::DirSink {
  public:
    enum class Format : u8 { old, wide };
    Records(Format format, std::span<u8> space) : format_(format), space_(space) {}

    bool entry(std::string_view name, u64 ino, vfs::Mode type, u64 next_offset) override {
        usize header = format_ == Format::wide ? 19 : 18;
        // The old format keeps the type in the record's last byte.
        usize need = align_up(header + name.size() + 1 + (format_ == Format::old ? 1 : 0), 8);
        if (used_ + need > space_.size()) {
            full_ = true;
            too_small_ = used_ == 0;
            return false;
        }
        u8* p = space_.data() + used_;
        std::memset(p, 0, need);
        u16 length = static_cast<u16>(need);
        u8 kind = static_cast<u8>(type >> 12);
        std::memcpy(p, &ino, 8);
        std::memcpy(p + 8, &next_offset, 8);
        std::memcpy(p + 16, &length, 2);
        if (format_ == Format::wide) p[18] = kind;
        std::memcpy(p + header, name.data(), name.size());
        if (format_ == Format::old) p[need - 1] = kind;
        used_ += need;
        return true;
    }
    usize used() const { return used_; }
    bool full() const { return full_; }
    bool too_small() const { return too_small_; }

  private:
    Format format_;
    std::span<u8> space_;
    usize used_ = 0;
    bool full_ = false, too_small_ = false;
};

Result<i64> get_entries(i32 fd, u64 dirent, u32 count, Records::Format format) {
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    if (!file->inode().is_dir()) return Err(Error::notdir);
    // Linux keeps what is left in an int: nothing fits into a size beyond it.
    if (count > INT32_MAX) count = 0;
    // As much at once as is worth it; the position moves with what was taken.
    usize room = std::min<usize>(count, 32768);
    u8 small[kBatch];
    std::unique_ptr<u8[]> heap;
    std::span<u8> space(small, std::min(room, sizeof(small)));
    if (room > sizeof(small)) {
        heap.reset(new (std::nothrow) u8[room]);
        if (heap) space = {heap.get(), room};
    }
    u64 next = file->position();
    Records records(format, space);
    TRY(file->read_dir(records));
    vfs::notify_dentry(vfs::kNotifyAccess, *file->path().dentry);
    if (records.used() == 0) return records.too_small() ? Result<i64>(Err(Error::inval)) : 0;
    if (mm::copy_to_user(UserAddr{dirent}, space.data(), records.used()))
        return static_cast<i64>(records.used());
    // As Linux: the records that came through whole were read, and the next call begins after them.
    usize done = 0;
    while (done < records.used()) {
        const u8* record = space.data() + done;
        u16 length = 0;
        std::memcpy(&length, record + 16, 2);
        if (!mm::copy_to_user(UserAddr{dirent + done}, record, length)) break;
        std::memcpy(&next, record + 8, 8);
        done += length;
    }
    file->set_position(next);
    if (done == 0) return Err(Error::fault);
    return static_cast<i64>(done);
}

Result<void> may_enter(const vfs::Path& path) {
    return vfs::permission(*path.dentry->inode(), vfs::kMayExec, process::current_credentials());
}

}  // namespace

Result<i64> sys_getdents64(i32 fd, u64 dirent, u32 count) {
    return get_entries(fd, dirent, count, Records::Format::wide);
}
Result<i64> sys_getdents(i32 fd, u64 dirent, u32 count) {
    return get_entries(fd, dirent, count, Records::Format::old);
}

Result<i64> sys_chdir(u64 filename) {
    TRY_ASSIGN(vfs::Path path,
               resolve_at(AT_FDCWD, filename, vfs::kLookupFollow | vfs::kLookupDirectory));
    TRY(may_enter(path));
    current()->fs->set_cwd(std::move(path));
    return 0;
}
Result<i64> sys_fchdir(i32 fd) {
    TRY_ASSIGN(vfs::FileRef file, file_or_path_of(fd));
    if (!file->inode().is_dir()) return Err(Error::notdir);
    TRY(may_enter(file->path()));
    current()->fs->set_cwd(file->path());
    return 0;
}
Result<i64> sys_chroot(u64 filename) {
    TRY_ASSIGN(vfs::Path path,
               resolve_at(AT_FDCWD, filename, vfs::kLookupFollow | vfs::kLookupDirectory));
    TRY(may_enter(path));
    if (!process::capable(process::Capability::sys_chroot)) return Err(Error::perm);
    current()->fs->set_root(std::move(path));
    return 0;
}

Result<i64> sys_getcwd(u64 buf, u64 size) {
    std::unique_ptr<char[]> space(new (std::nothrow) char[PATH_MAX]);
    if (!space) return Err(Error::nomem);
    vfs::Path cwd = current()->fs->cwd(), root = current()->fs->root();
    if (cwd.dentry->is_unlinked()) return Err(Error::noent);
    space[PATH_MAX - 1] = '\0';
    TRY_ASSIGN(std::string_view text, vfs::path_text(cwd, root, {space.get(), PATH_MAX - 1}));
    usize length = text.size() + 1;
    if (length > size) return Err(Error::range);
    TRY(mm::copy_to_user(UserAddr{buf}, text.data(), length));
    return static_cast<i64>(length);
}

}  // namespace tenon::personality
