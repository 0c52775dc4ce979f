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
    // Called with the inode's lock held for writing, permissions checked. Default: core fields only
    // (Inode::apply); a size change is the file system's own.
    TENON_API virtual Result<void> set_attributes(Inode& inode, const AttributeChange& change);
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

// What a file system keeps with an inode of its own: destroyed with the inode, through the gate.
class InodeData {
  public:
    virtual ~InodeData() = default;
};

// Made and owned by the core, so that names and open files never lead into the memory of a module
// that is gone.
class Inode : public RefCounted<Inode> {
  public:
    // With one link, times now, root's. May sleep. Error::nomem, also for null `data`.
    TENON_API static Result<Ref<Inode>> make(SuperBlock& super, u64 ino, Mode mode,
                                             module::Gated<InodeOps> ops);
    TENON_API static Result<Ref<Inode>> make(SuperBlock& super, u64 ino, Mode mode,
                                             module::Gated<InodeOps> ops,
                                             std::unique_ptr<InodeData> data);
    // [core]
    Inode(SuperBlock& super, u64 ino, Mode mode, module::Gated<InodeOps> ops);
    virtual ~Inode();

    SuperBlock& super() const { return super_; }
    u64 ino() const { return ino_; }
    module::Gated<InodeOps>& ops() { return ops_; }
    // Null: none. For the file system alone, inside calls to it.
    InodeData* data() const { return data_.object(); }

    // Guarded by `lock` for writing; single words may be read without.
    Mode mode;
    u32 nlink = 1, uid = 0, gid = 0;
    DeviceNumber rdev;
    std::atomic<u64> size_bytes{0};
    u64 blocks_512 = 0;
    Timestamp atime, mtime, ctime, btime;
    sync::RwMutex lock;

    // The page cache, made on first use; null for what has none.
    TENON_API mm::Mapping* mapping();
    mm::Mapping* mapping_if_any() const { return mapping_.load(std::memory_order_acquire); }
    TENON_API void set_page_source(mm::PageSource* source);
    // Writers exclude execution and the reverse (ETXTBSY). >0 writers, <0 executions.
    std::atomic<i32> write_count{0};
    // Advisory locks and watches (inotify), owned by the personality: see FileHooks.
    std::atomic<void*> locks{nullptr};
    std::atomic<void*> watches{nullptr};
    // What opening a FIFO or a socket node finds (Pipe*, bound socket). Owned by who set it.
    std::atomic<void*> attached{nullptr};
    TENON_API void attach(void* what);  // for modules, which may not write it themselves
    // F_ADD_SEALS bits, for memory files that allow them; ~0: not sealable.
    static constexpr u32 kSealSeal = 1, kSealShrink = 2, kSealGrow = 4, kSealWrite = 8,
                         kSealFutureWrite = 16;
    std::atomic<u32> seals{~0u};
    u32 live_seals() const {
        u32 s = seals.load(std::memory_order_relaxed);
        return s == ~0u ? 0 : s;
    }
    // Made by O_TMPFILE without O_EXCL: may be linked although its link count is 0.
    bool linkable = false;
    // No capability overrides the mode's bits. Set before the inode is published.
    bool mode_is_final = false;
    // The extended attribute that gives privilege to who executes the file, or null: a static name.
    // Under `lock`. The attribute goes when the file's contents or owner change.
    const char* privilege_attribute = nullptr;
    // The target of a symlink that never changes, NUL-terminated, alive as long as the inode: lets
    // lookup follow it without asking. Set before the inode is published.
    const char* link_target = nullptr;

    bool is_dir() const { return vfs::is_dir(mode); }
    bool needs_revalidate() const { return needs_revalidate_; }
    TENON_API Attributes attributes();
    TENON_API void touch_atime();
    TENON_API void touch_mtime();  // mtime and ctime now
    TENON_API void touch_ctime();
    // Copies the core fields of a change (all but the size) and sets ctime.
    TENON_API void apply(const AttributeChange& change);
    TENON_API void on_last_ref();

  private:
    SuperBlock& super_;
    u64 ino_;
    module::Gated<InodeOps> ops_;
    module::Gated<InodeData> data_;
    std::atomic<mm::Mapping*> mapping_{nullptr};
    mm::PageSource* page_source_ = nullptr;
    bool needs_revalidate_ = false;
    sync::RcuHead rcu_;
};

// What happened to names and files, for inotify.
enum : u32 {
    kNotifyAccess = 1,
    kNotifyModify = 2,
    kNotifyAttrib = 4,
    kNotifyCloseWrite = 8,
    kNotifyCloseNoWrite = 0x10,
    kNotifyOpen = 0x20,
    kNotifyMovedFrom = 0x40,
    kNotifyMovedTo = 0x80,
    kNotifyCreate = 0x100,
    kNotifyDelete = 0x200,
    kNotifyDeleteSelf = 0x400,
    kNotifyMoveSelf = 0x800,
    kNotifyUnmount = 0x2000,
    kNotifyUnlinked = 0x8000'0000,  // with another: the name it went by is gone
};
// Tells the personality's hook. `directory` holds `name` (null and empty for events of the inode
// alone).
TENON_API void notify_slow(u32 event, Inode* directory, std::string_view name, Inode& inode,
                           u32 cookie);
inline bool is_watched(const Inode* inode) {
    return inode != nullptr && inode->watches.load(std::memory_order_relaxed) != nullptr;
}
inline void notify(u32 event, Inode* directory, std::string_view name, Inode& inode,
                   u32 cookie = 0) {
    if (is_watched(&inode) || is_watched(directory)) [[unlikely]]
        notify_slow(event, directory, name, inode, cookie);
}

// Access bits asked of permission().
enum : u32 { kMayExec = 1, kMayWrite = 2, kMayRead = 4 };
// Mode bits and capabilities of `cred` against the inode. Error::acces, Error::rofs is the mount's
// business.
TENON_API Result<void> permission(Inode& inode, u32 access, const process::Credentials& cred);

}  // namespace tenon::vfs
