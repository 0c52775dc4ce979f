// File handles, as Linux's tmpfs gives them: generation and inode number.
// Spec: man 2 name_to_handle_at.
//
// Deviates: no file system keeps an index by inode number, so whoever opens by handle pays for a
// search of the tree; a file without a name is not found. Handles are taken often (systemd, to tell
// mounts apart) and opened rarely.
#include "personality/linux/file/common.h"
#include "personality/linux/file/open_resolved.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

constexpr u32 kMaxHandleBytes = 128;  // MAX_HANDLE_SZ
constexpr u64 kTmpfsMagic = 0x01021994;
constexpr i32 kTypeTmpfs = 1;
constexpr i32 kTypeTooSmall = 255;
constexpr usize kWords = 3;  // generation, inode number
struct Header {
    u32 bytes;
    i32 type;
};

// Directories that are still to be looked through.
struct ToSearch {
    vfs::Path path;
    ToSearch* next;
};

// A batch of a directory's entries: the name that is looked for, or those of more directories.
class Batch final : public vfs::DirSink {
  public:
    explicit Batch(u64 ino) : ino_(ino) {}
    bool entry(std::string_view name, u64 ino, vfs::Mode type, u64) override {
        if (name == "." || name == "..") return true;
        const bool directory = (type & vfs::kTypeMask) == vfs::kDirectory;
        if (ino != ino_ && !directory) return true;
        if (used_ + 1 + name.size() > sizeof(text_)) return false;
        text_[used_++] = static_cast<u8>(name.size());
        std::memcpy(text_ + used_, name.data(), name.size());
        used_ += name.size();
        return true;
    }
    void clear() { used_ = 0; }
    bool empty() const { return used_ == 0; }
    template <typename F>
    Result<void> each(F&& visit) const {
        for (usize at = 0; at < used_; at += 1 + text_[at])
            TRY(visit(std::string_view(reinterpret_cast<const char*>(text_) + at + 1, text_[at])));
        return {};
    }

  private:
    const u64 ino_;
    usize used_ = 0;
    u8 text_[1024];
};

class Search {
  public:
    explicit Search(u64 ino) : ino_(ino) {}
    ~Search() {
        while (ToSearch* t = first_) {
            first_ = t->next;
            delete t;
        }
    }
    TENON_NONCOPYABLE(Search);

    // Error::stale: nothing in the tree has that number; intr, nomem.
    Result<vfs::Path> below(vfs::Path top) {
        if (top.dentry->inode()->ino() == ino_) return top;
        TRY(add(std::move(top)));
        while (ToSearch* t = first_) {
            first_ = t->next;
            const vfs::Path here = std::move(t->path);
            delete t;
            if (process::signal_pending()) return Err(Error::intr);
            TRY(look_through(here));
            if (found_.dentry) return std::move(found_);
        }
        return Err(Error::stale);
    }

  private:
    Result<void> add(vfs::Path path) {
        auto* t = new (std::nothrow) ToSearch{std::move(path), first_};
        if (t == nullptr) return Err(Error::nomem);
        first_ = t;
        return {};
    }
    Result<void> look_through(const vfs::Path& directory) {
        TRY_ASSIGN(Ref<vfs::File> file,
                   vfs::open_path(directory, vfs::kOpenRead | vfs::kOpenDirectory, *root_));
        Batch batch(ino_);
        for (u64 before = ~u64{0}; file->position() != before && !found_.dentry;) {
            before = file->position();
            batch.clear();
            TRY(file->read_dir(batch));
            TRY(batch.each([&](std::string_view name) { return look_at(directory, name); }));
        }
        return {};
    }
    Result<void> look_at(const vfs::Path& directory, std::string_view name) {
        const vfs::LookupStart start{*current()->fs, &directory, *root_};
        auto path = vfs::lookup(start, name, vfs::kLookupNoXdev);
        if (!path) return {};  // removed meanwhile, or covered by a mount
        vfs::Inode& inode = *path->dentry->inode();
        if (inode.ino() == ino_)
            found_ = std::move(*path);
        else if (inode.is_dir())
            TRY(add(std::move(*path)));
        return {};
    }

    const u64 ino_;
    Ref<process::Credentials> root_ = process::Credentials::root();  // handles pass by all rights
    ToSearch* first_ = nullptr;
    vfs::Path found_;
};

// The mount that a descriptor lies in. Error::badf.
Result<Ref<vfs::Mount>> mount_of(i32 fd) {
    if (fd == AT_FDCWD) {
        TRY_ASSIGN(vfs::Path here, vfs::lookup(vfs::lookup_start_of_current(), ".", 0));
        return here.mount;
    }
    TRY_ASSIGN(vfs::FileRef file, file_of(fd));
    return file->path().mount;
}

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
    const u32 words[kWords] = {0, static_cast<u32>(inode.ino()),
                               static_cast<u32>(inode.ino() >> 32)};
    bool fits = header.bytes >= sizeof(words);
    header.bytes = sizeof(words);
    header.type = fits ? kTypeTmpfs : kTypeTooSmall;
    TRY(mm::UserOut<i32>(mnt_id).write(static_cast<i32>(path.mount ? path.mount->id : 0)));
    TRY(mm::UserOut<Header>(handle).write(header));
    if (!fits) return Err(Error::overflow);
    TRY(mm::copy_to_user(UserAddr{handle + sizeof(header)}, words, sizeof(words)));
    return 0;
}

Result<i64> sys_open_by_handle_at(i32 mountdirfd, u64 handle, u32 flags) {
    if (!process::capable(process::Capability::dac_read_search)) return Err(Error::perm);
    TRY_ASSIGN(const Header header, mm::UserIn<Header>(handle).read());
    if (header.bytes > kMaxHandleBytes || header.bytes == 0) return Err(Error::inval);
    u32 words[kMaxHandleBytes / sizeof(u32)] = {};
    TRY(mm::copy_from_user(words, UserAddr{handle + sizeof(header)}, header.bytes));
    TRY_ASSIGN(const Ref<vfs::Mount> mount, mount_of(mountdirfd));
    if (!mount || mount->super->magic != kTmpfsMagic || header.bytes < kWords * sizeof(u32) ||
        header.type != kTypeTmpfs || words[0] != 0)
        return Err(Error::stale);
    Search search(words[1] | u64{words[2]} << 32);
    TRY_ASSIGN(const vfs::Path path, search.below(vfs::Path(mount, mount->super->root)));
    return open_resolved(path, flags);
}

}  // namespace tenon::personality
