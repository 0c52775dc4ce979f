// Root, working directory and umask of a process (shared by CLONE_FS).
#pragma once

#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/sync/mutex.h>
#include <tenon/vfs/path.h>

namespace tenon::process {

class FsContext : public RefCounted<FsContext> {
  public:
    static Result<Ref<FsContext>> create(vfs::Path root, vfs::Path cwd);
    Result<Ref<FsContext>> copy();
    vfs::Path root() const;
    vfs::Path cwd() const;
    TENON_API void set_root(vfs::Path path);
    TENON_API void set_cwd(vfs::Path path);
    std::atomic<u32> umask{022};

  private:
    mutable sync::SpinLock lock_{sync::LockRank::spin_leaf};
    vfs::Path root_, cwd_;
};

}  // namespace tenon::process
