// An inode: a file's identity and attributes (core-owned), with the operations of its file system
// behind a gate.
#pragma once

#include <tenon/mm/mapping.h>
#include <tenon/process/credentials.h>
#include <tenon/vfs/file.h>

#include <memory>

namespace tenon::vfs {

struct CreateRequest {
    std::string_view name;
    Mode mode = 0;  // type and permissions, umask already applied
    DeviceNumber rdev;
    std::string_view target;  // of a symlink
    u32 uid = 0, gid = 0;
};

// Implemented by a file system. Directory operations are called with the parent's lock held for
// writing (lookup and read_link: reading or none), permissions checked, the negative dentry known.
// All may sleep.
class InodeOps {
  public:
    virtual ~InodeOps() = default;
    // Error::noent when there is no such name.
    virtual Result<Ref<Inode>> lookup(Inode& directory, std::string_view name) {
        return Err(Error::notdir);
    }
    virtual Result<Ref<Inode>> create(Inode& directory, const CreateRequest& request) {
        return Err(Error::perm);
    }
    virtual Result<void> link(Inode& directory, std::string_view name, Inode& target) {
        return Err(Error::perm);
    }
    virtual Result<void> unlink(Inode& directory, std::string_view name, Inode& target) {
        return Err(Error::perm);
    }
    virtual Result<void> remove_dir(Inode& directory, std::string_view name, Inode& target) {
        return Err(Error::perm);
    }
    // `replaced` may be null. `exchange`: both names swap.
    virtual Result<void> rename(Inode& from_dir, std::string_view from, Inode& to_dir,
                                std::string_view to, Inode& moved, Inode* replaced, bool exchange) {
        return Err(Error::perm);
    }
    // An unlinked regular file (O_TMPFILE).
    virtual Result<Ref<Inode>> create_unnamed(Inode& directory, const CreateRequest& request) {
        return Err(Error::opnotsupp);
    }
    // The target of a symlink into `buffer`; its length. Magic links (/proc/PID/fd) answer follow()
    // instead.
    virtual Result<usize> read_link(Inode& inode, std::span<char> buffer) {
        return Err(Error::inval);
    }
    virtual Result<Path> follow(Inode& inode) { return Err(Error::opnotsupp); }
    virtual Result<module::Gated<FileOps>> open(Inode& inode, u32 open_flags) {
        return Err(Error::nxio);
    }
    virtual Result<void> refresh(Inode& inode) {
        return {};
    }  // before stat: sizes and times that are made on demand
    virtual Result<void> set_attributes(
        Inode& inode, const AttributeChange& change);  // default: core fields only
    virtual Result<usize> get_xattr(Inode& inode, std::string_view name, std::span<u8> out) {
        return Err(Error::opnotsupp);
    }
    enum class XattrSet : u8 { any, create, replace };
    virtual Result<void> set_xattr(Inode& inode, std::string_view name, std::span<const u8> value,
                                   XattrSet how) {
        return Err(Error::opnotsupp);
    }
    virtual Result<void> remove_xattr(Inode& inode, std::string_view name) {
        return Err(Error::opnotsupp);
    }
    // Names, each with its NUL, into `out`; bytes needed when `out` is empty.
    virtual Result<usize> list_xattr(Inode& inode, std::span<char> out) { return usize{0}; }
    // Last reference and no link: free the storage.
    virtual void evict(Inode& inode) {}
    // A cached positive or negative dentry still holds (procfs says no for processes that ended).
    // Called in ref-walk only.
    virtual bool revalidate(Inode& directory, std::string_view name, Inode* cached) { return true; }
    virtual bool needs_revalidate() const { return false; }
};

class Inode : public RefCounted<Inode> {
  public:
    TENON_API Inode(SuperBlock& super, u64 ino, Mode mode, module::Gated<InodeOps> ops);
    TENON_API virtual ~Inode();

    SuperBlock& super() const { return super_; }
    u64 ino() const { return ino_; }
    module::Gated<InodeOps>& ops() { return ops_; }

    // Guarded by `lock` for writing; single words may be read without.
    Mode mode;
    u32 nlink = 1, uid = 0, gid = 0;
    DeviceNumber rdev;
    std::atomic<u64> size_bytes{0};
    u64 blocks_512 = 0;
    Timestamp atime, mtime, ctime, btime;
    sync::RwMutex lock{sync::LockRank::vfs_inode};

    // The page cache, made on first use; null for what has none.
    TENON_API mm::Mapping* mapping();
    TENON_API void set_page_source(mm::PageSource* source);
    // Writers exclude execution and the reverse (ETXTBSY). >0 writers, <0 executions.
    std::atomic<i32> write_count{0};
    // POSIX, OFD and flock locks: vfs/locks.h.
    std::atomic<struct FileLocks*> locks{nullptr};
    // What opening a FIFO or a socket node finds (Pipe*, bound socket). Owned by who set it.
    std::atomic<void*> attached{nullptr};

    bool is_dir() const { return vfs::is_dir(mode); }
    TENON_API Attributes attributes();
    TENON_API void touch_mtime();  // mtime and ctime now
    TENON_API void touch_ctime();
    void on_last_ref();

  private:
    SuperBlock& super_;
    u64 ino_;
    module::Gated<InodeOps> ops_;
    std::unique_ptr<mm::Mapping> mapping_;
    mm::PageSource* page_source_ = nullptr;
};

// Access bits asked of permission().
enum : u32 { kMayExec = 1, kMayWrite = 2, kMayRead = 4 };
// Mode bits and capabilities of `cred` against the inode. Error::acces, Error::rofs is the mount's
// business.
TENON_API Result<void> permission(Inode& inode, u32 access, const process::Credentials& cred);

}  // namespace tenon::vfs
