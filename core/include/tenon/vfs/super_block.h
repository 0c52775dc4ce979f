// File system types and mounted instances.
#pragma once

#include <tenon/vfs/inode.h>

namespace tenon::vfs {

class SuperOps {
  public:
    virtual ~SuperOps() = default;
    // Default: nothing is counted.
    virtual FsStatistics statistics(SuperBlock& super);
    virtual Result<void> sync(SuperBlock& super) { return {}; }
    virtual Result<void> remount(SuperBlock& super, u32 flags, std::string_view data) { return {}; }
    // Options for /proc/mounts beyond rw/ro: ",size=..." or nothing.
    virtual void describe(SuperBlock& super, fmt::Sink& sink) {}
};

class SuperBlock : public RefCounted<SuperBlock> {
  public:
    // Called in the type's mount(). An anonymous device number (major 0) is assigned.
    TENON_API static Result<Ref<SuperBlock>> create(const class FileSystemType& type,
                                                    module::Gated<SuperOps> ops);
    TENON_API ~SuperBlock();
    std::string_view type_name() const { return type_name_; }
    DeviceNumber device;
    u64 magic = 0;
    u32 block_size = kPageSize;
    std::atomic<u32> flags{0};  // kMount* of the instance (read only)
    bool orphaned = false;      // its type's module went; under the mount table's lock
    Ref<Dentry> root;
    module::Gated<SuperOps>& ops() { return ops_; }
    // As given to mount_file_system(), for the mount that follows a restart.
    std::string_view options() const { return options_ ? options_.get() : std::string_view(); }
    TENON_API u64 next_ino();
    sync::Mutex rename_lock{sync::LockRank::vfs_rename};
    TENON_API void on_last_ref();

  private:
    friend class MountTable;
    friend Result<Ref<SuperBlock>> mount_file_system(std::string_view, std::string_view, u32,
                                                     std::string_view);
    SuperBlock(std::string_view type_name, module::Gated<SuperOps> ops);
    char type_name_[32] = {};  // the type is its module's, which may go
    std::unique_ptr<char[]> options_;
    module::Gated<SuperOps> ops_;
    std::atomic<u64> next_ino_{2};
};

inline FsStatistics SuperOps::statistics(SuperBlock& super) {
    FsStatistics s;
    s.magic = super.magic;
    return s;
}

// For Context::hold(): gives a reference back, also when the module failed.
TENON_API void release_super_block(void* super);

// Registered by a module; `mount` builds the super block with its root dentry (Dentry::make_root).
class FileSystemType {
  public:
    virtual ~FileSystemType() = default;
    virtual std::string_view name() const = 0;
    virtual bool needs_device() const { return false; }
    virtual Result<Ref<SuperBlock>> mount(std::string_view source, u32 flags,
                                          std::string_view data) = 0;
};
// Error::busy on a name twice, Error::nametoolong from 32 bytes on.
TENON_API Result<void> register_file_system(module::Gated<FileSystemType> type);
// Where a type of this name went with its module while it was mounted, its mounts get fresh
// instances of the one that is registered. Calls it; may sleep.
void mount_again(std::string_view type);
TENON_API void unregister_file_system(std::string_view name);
// A fresh instance of a registered type; Error::nodev.
TENON_API Result<Ref<SuperBlock>> mount_file_system(std::string_view type, std::string_view source,
                                                    u32 flags, std::string_view data);
TENON_API void for_each_file_system(void (*visit)(std::string_view name, bool needs_device, void*),
                                    void* context);

// A fresh tmpfs instance under another type's name: devtmpfs and others whose nodes live in memory.
// Options as tmpfs.
TENON_API Result<Ref<SuperBlock>> make_tmpfs(const FileSystemType& type, std::string_view data,
                                             Mode mode);

// Mount flags.
enum : u32 {
    kMountReadOnly = 1,
    kMountNoSuid = 2,
    kMountNoDev = 4,
    kMountNoExec = 8,
    kMountSync = 16,
    kMountNoAtime = 32,
    kMountNoDirAtime = 64,
    kMountRelAtime = 128,
    kMountNoSymFollow = 512,
    kMountDirSync = 1024,         // of a file system
    kMountMandatoryLocks = 2048,  // of a file system
    kMountLazyTime = 4096,        // of a file system
    kMountUnbindable = 8192,      // of a mount
};

}  // namespace tenon::vfs
