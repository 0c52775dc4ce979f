// Root, working directory and umask of a process (shared by CLONE_FS).
#pragma once

#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/sync/mutex.h>
#include <tenon/vfs/path.h>

namespace tenon::process {

class FsContext : public RefCounted<FsContext> {
  public:
    TENON_API static Result<Ref<FsContext>> create(vfs::Path root, vfs::Path cwd);
    TENON_API Result<Ref<FsContext>> copy();
    TENON_API vfs::Path root() const;
    TENON_API vfs::Path cwd() const;
    TENON_API void set_root(vfs::Path path);
    TENON_API void set_cwd(vfs::Path path);
    std::atomic<u32> umask{022};

    // The same without references: valid while the caller stays in its RCU section.
    struct Borrowed {
        vfs::Mount* mount;
        vfs::Dentry* dentry;
    };
    Borrowed borrow_root() const {
        sync::SpinGuard guard(lock_);
        return {root_.mount.get(), root_.dentry.get()};
    }
    Borrowed borrow_cwd() const {
        sync::SpinGuard guard(lock_);
        return {cwd_.mount.get(), cwd_.dentry.get()};
    }

  private:
    mutable sync::SpinLock lock_{sync::LockRank::spin_leaf};
    vfs::Path root_, cwd_;
};

// For Context::hold(): gives a reference back, also when the module failed.
TENON_API void release_fs_context(void* context);

}  // namespace tenon::process
