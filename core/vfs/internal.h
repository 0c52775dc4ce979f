// What the sources of core/vfs share and nobody else sees.
#pragma once

#include <tenon/process/credentials.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/lookup.h>

namespace tenon::vfs {

inline constexpr usize kNameMax = 255;
inline constexpr usize kPathMax = 4096;
inline constexpr u32 kMaxSymlinks = 40;

// A directory's lock for as long as names in it change, and the nested form for two objects of one
// class.
class DirectoryGuard {
  public:
    explicit DirectoryGuard(Inode& directory) : inode_(directory) { inode_.lock.lock_write(); }
    DirectoryGuard(Inode& directory, sync::LockRank rank) : inode_(directory) {
        inode_.lock.lock_write_nested(rank);
    }
    ~DirectoryGuard() { inode_.lock.unlock_write(); }
    TENON_NONCOPYABLE(DirectoryGuard);

  private:
    Inode& inode_;
};

// Reports to the notify hook if anyone watches.
void notify_slow(u32 event, Inode* directory, std::string_view name, Inode& inode, u32 cookie);
inline void notify(u32 event, Inode* directory, std::string_view name, Inode& inode,
                   u32 cookie = 0) {
    if (inode.watches.load(std::memory_order_relaxed) != nullptr ||
        (directory != nullptr && directory->watches.load(std::memory_order_relaxed) != nullptr))
        [[unlikely]]
        notify_slow(event, directory, name, inode, cookie);
}
// The same for an event on what `dentry` names.
inline void notify_dentry(u32 event, Dentry& dentry) {
    Dentry* parent = dentry.parent();
    Inode* inode = dentry.inode();
    if (inode == nullptr) return;
    Inode* directory = parent != nullptr ? parent->inode() : nullptr;
    if (inode->watches.load(std::memory_order_relaxed) != nullptr ||
        (directory != nullptr && directory->watches.load(std::memory_order_relaxed) != nullptr))
        [[unlikely]]
        notify_slow(event, directory, dentry.name(), *inode, 0);
}

// super_block.cpp
Result<Ref<SuperBlock>> mount_file_system(std::string_view type, std::string_view source, u32 flags,
                                          std::string_view data);
// locks.cpp
void release_lock_state(Inode& inode);
void release_flock(File& file);
// pipe.cpp: what opening a FIFO node gives.
Result<Ref<File>> open_fifo(const Path& path, u32 open_flags);
// anonymous.cpp
Result<void> init_anonymous();
// tmpfs: the type of the root, and of shared memory.
Result<Ref<SuperBlock>> make_rootfs();
SuperBlock* shm_super();
Result<Ref<Inode>> tmpfs_unlinked_file(SuperBlock& super, u64 size_bytes, Mode mode);

// What becomes of a file when its owner or contents change: the bits that go.
Mode without_privilege(Mode mode);
// Removes setuid/setgid after a write by someone without CAP_FSETID. Inode lock held.
void drop_privilege_bits(Inode& inode, const process::Credentials& cred);
// Called by every path that ends with an open file of a directory, regular file or node.
Result<Ref<File>> open_checked(const Path& path, u32 open_flags, const process::Credentials& cred,
                               bool created);

Result<void> truncate_inode(Inode& inode, u64 size_bytes, const process::Credentials& cred);

// A new object in a directory that is locked for writing: permission, umask, setgid inheritance,
// then the file system. `dentry` is the negative one and becomes positive.
Result<void> create_in(Dentry& directory, Dentry& dentry, Mode mode, DeviceNumber rdev,
                       std::string_view target, const LookupStart& start);
// May `cred` take the name of `victim` out of `directory`? Both known, the directory locked.
Result<void> may_delete(Inode& directory, const Dentry& victim, bool as_directory,
                        const process::Credentials& cred);
Result<void> may_create(Inode& directory, const process::Credentials& cred);

}  // namespace tenon::vfs
