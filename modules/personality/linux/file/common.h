// What the file calls share: path arguments, directory descriptors, descriptors, conversions.
#pragma once

#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/lookup.h>

#include "personality/linux/abi.h"

namespace tenon::personality {

// A path argument, copied in. Short ones stay on the stack.
class UserPath {
  public:
    UserPath() = default;
    ~UserPath() {
        if (heap_ != nullptr) mm::kfree(heap_);
    }
    TENON_NONCOPYABLE(UserPath);
    // Error::fault, nametoolong. An empty path is an error only to the lookup.
    Result<void> load(u64 address);
    std::string_view view() const { return {heap_ != nullptr ? heap_ : inline_, length_}; }
    bool empty() const { return length_ == 0; }

  private:
    static constexpr usize kInline = 192;
    char inline_[kInline];
    char* heap_ = nullptr;
    usize length_ = 0;
};

// The file behind a descriptor. Error::badf, for O_PATH descriptors too.
inline Result<vfs::FileRef> file_of(i32 fd) {
    TRY_ASSIGN(vfs::FileRef file, current()->files->borrow(fd));
    if (file->is_path_only()) return Err(Error::badf);
    return file;
}
inline Result<vfs::FileRef> file_or_path_of(i32 fd) {
    return current()->files->borrow(fd);
}

// Where an *at call starts: the working directory, or what `dirfd` names.
class AtStart {
  public:
    AtStart() = default;
    TENON_NONCOPYABLE(AtStart);
    enum class Empty : u8 { refused, names_start };
    // Absolute paths do not look at `dirfd`, nor do empty ones that are refused: Error::noent
    // comes before Error::badf.
    Result<void> set(i32 dirfd, const UserPath& path, Empty empty = Empty::refused);
    vfs::LookupStart start(const process::Credentials* cred = nullptr) const;

  private:
    vfs::FileRef file_;
    const vfs::Path* base_ = nullptr;
};

// The path of an *at call with the usual flags, resolved. With AT_EMPTY_PATH an empty path names
// the descriptor itself.
Result<vfs::Path> resolve_at(i32 dirfd, u64 path, u32 lookup_flags,
                             const process::Credentials* cred = nullptr);

// Opens what a path argument names, links followed, with vfs::kOpen* flags.
Result<Ref<vfs::File>> open_named(u64 path, u32 open_flags);

inline u64 descriptor_limit() {
    return process::current_process().limits.value[process::Limits::nofile].soft;
}
Result<i64> install_file(Ref<vfs::File> file, bool close_on_exec);

// A descriptor of the calling task that no file is behind yet: taken before a call makes, truncates
// or accepts anything, so that Error::mfile leaves nothing changed. Given back unless published.
class ReservedDescriptor {
  public:
    static Result<ReservedDescriptor> make(bool close_on_exec) {
        TRY_ASSIGN(const i32 fd, current()->files->reserve(close_on_exec, descriptor_limit()));
        return ReservedDescriptor(fd);
    }
    ReservedDescriptor(ReservedDescriptor&& other) : fd_(std::exchange(other.fd_, -1)) {}
    ReservedDescriptor& operator=(ReservedDescriptor&&) = delete;
    ~ReservedDescriptor() {
        if (fd_ >= 0) current()->files->cancel(fd_);
    }
    i32 number() const { return fd_; }
    // The number, which is the caller's from now on.
    i64 publish(Ref<vfs::File> file) {
        current()->files->publish(fd_, std::move(file));
        return std::exchange(fd_, -1);
    }

  private:
    explicit ReservedDescriptor(i32 fd) : fd_(fd) {}
    i32 fd_;
};

// dev_t as stat and mknod carry it.
inline u64 encode_device(vfs::DeviceNumber d) {
    return (d.minor & 0xffu) | (u64{d.major} << 8) | (u64{d.minor & ~0xffu} << 12);
}
inline vfs::DeviceNumber decode_device(u64 dev) {
    return {static_cast<u32>((dev & 0xfff00) >> 8),
            static_cast<u32>((dev & 0xff) | ((dev >> 12) & 0xfff00))};
}

// O_* to vfs::kOpen* and back. `mode_flags` false leaves out what only open() looks at.
u32 open_flags_from(u32 linux_flags);
u32 open_flags_to(u32 vfs_flags);

// Changing what stat reports, with the permission checks of chmod(2), chown(2), utimensat(2) and
// truncate(2); access(2).
Result<void> change_attributes(const vfs::Path& path, const vfs::AttributeChange& wanted,
                               const process::Credentials& cred);
Result<void> truncate(const vfs::Path& path, u64 size_bytes, const process::Credentials& cred);
Result<void> truncate_open(vfs::File& file, u64 size_bytes);
Result<void> access_check(const vfs::Path& path, u32 access, const process::Credentials& cred);

// iovec arrays of readv and friends. Error::inval (count, total), fault, nomem.
class UserVector {
  public:
    UserVector() = default;
    ~UserVector() {
        if (heap_ != nullptr) mm::kfree(heap_);
    }
    TENON_NONCOPYABLE(UserVector);
    Result<void> load(u64 address, u64 count);
    vfs::IoBuffer buffer() const {
        return vfs::IoBuffer(vfs::IoBuffer::Space::user, {heap_ ? heap_ : inline_, count_});
    }

  private:
    vfs::IoBuffer::Segment inline_[8];
    vfs::IoBuffer::Segment* heap_ = nullptr;
    usize count_ = 0;
};

// A plain buffer argument: outside user space is a fault at once.
inline Result<vfs::IoBuffer> user_buffer(u64 address, u64 length) {
    if (length > arch::kUserLimit || address > arch::kUserLimit - length) return Err(Error::fault);
    return vfs::IoBuffer::user(address, length);
}

}  // namespace tenon::personality
