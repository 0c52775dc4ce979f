// What the sources of core/vfs share and nobody else sees.
#pragma once

#include <tenon/process/credentials.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/file.h>
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

// mount_again.cpp: when a type's module goes, and comes.
void orphan_mounts(std::string_view type);
// After an Error::nodev: waits for a mounted file system whose module is being restarted. True:
// one came back, the operation is worth another try. Sleeps, at most a few seconds.
bool wait_mounted_again();

// pipe.cpp: what opening a FIFO node gives.
Result<Ref<File>> open_fifo(const Path& path, u32 open_flags);
// anonymous.cpp
Result<void> init_anonymous();
// tmpfs: the type of the root, and of shared memory.
Result<Ref<SuperBlock>> make_rootfs();
SuperBlock* shm_super();
Result<Ref<Inode>> tmpfs_unlinked_file(SuperBlock& super, u64 size_bytes, Mode mode);

// What the personality says of a name; all, when there is none.
inline Result<void> may_use(NameUse use, const Inode* directory, Inode& inode,
                            const process::Credentials& cred) {
    const FileHooks* hooks = file_hooks();
    return hooks != nullptr ? hooks->may_use(use, directory, inode, cred) : Result<void>{};
}

// Contents change: the privilege attribute goes, and setuid/setgid for who lacks CAP_FSETID. Inode
// lock held.
void drop_privilege(Inode& inode, const process::Credentials& cred);
// Called by every path that ends with an open file of a directory, regular file or node.
Result<Ref<File>> open_checked(const Path& path, u32 open_flags, const process::Credentials& cred,
                               bool created);

// A new object in a directory that is locked for writing: permission, umask, setgid inheritance,
// then the file system. `dentry` is the negative one and becomes positive.
Result<void> create_in(Dentry& directory, Dentry& dentry, Mode mode, DeviceNumber rdev,
                       std::string_view target, const LookupStart& start);
// May `cred` take the name of `victim` out of `directory`? Both known, the directory locked.
Result<void> may_delete(Inode& directory, const Dentry& victim, bool as_directory,
                        const process::Credentials& cred);
Result<void> may_create(Inode& directory, const process::Credentials& cred);

}  // namespace tenon::vfs
