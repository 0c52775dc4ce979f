// Root, working directory and umask.
#include <tenon/process/fs_context.h>
#include <tenon/vfs/dentry.h>

namespace tenon::process {

Result<Ref<FsContext>> FsContext::create(vfs::Path root, vfs::Path cwd) {
    auto fs = adopt_ref(new (std::nothrow) FsContext);
    if (!fs) return Err(Error::nomem);
    fs->root_ = std::move(root);
    fs->cwd_ = std::move(cwd);
    return fs;
}

Result<Ref<FsContext>> FsContext::copy() {
    TRY_ASSIGN(auto fs, create(root(), cwd()));
    fs->umask.store(umask.load(std::memory_order_relaxed), std::memory_order_relaxed);
    return fs;
}

vfs::Path FsContext::root() const {
    sync::SpinGuard guard(lock_);
    return root_;
}
vfs::Path FsContext::cwd() const {
    sync::SpinGuard guard(lock_);
    return cwd_;
}
// The old path's references are dropped after the lock.
void FsContext::set_root(vfs::Path path) {
    sync::SpinGuard guard(lock_);
    std::swap(root_.mount, path.mount);
    std::swap(root_.dentry, path.dentry);
}
void FsContext::set_cwd(vfs::Path path) {
    sync::SpinGuard guard(lock_);
    std::swap(cwd_.mount, path.mount);
    std::swap(cwd_.dentry, path.dentry);
}

}  // namespace tenon::process
