// Files outside any tree: pipes, and what a personality or module makes (epoll, sockets, memfd).
#include <tenon/process/task.h>
#include <tenon/vfs/pipe.h>

#include "core/vfs/dentry_cache.h"
#include "core/vfs/internal.h"

namespace tenon::vfs {

namespace {

constexpr u64 kPipeMagic = 0x50495045, kAnonymousMagic = 0x09041934;

class AnonymousType final : public FileSystemType {
  public:
    constexpr explicit AnonymousType(std::string_view name) : name_(name) {}
    std::string_view name() const override { return name_; }
    // Linux refuses these to mount(2) as well.
    Result<Ref<SuperBlock>> mount(std::string_view, u32, std::string_view) override {
        return Err(Error::inval);
    }

  private:
    std::string_view name_;
};
class AnonymousSuperOps final : public SuperOps {};
class AnonymousInodeOps final : public InodeOps {};

constinit AnonymousType pipe_type{"pipefs"}, anonymous_type{"anon_inodefs"};
constinit AnonymousSuperOps super_ops;
constinit AnonymousInodeOps inode_ops;
constinit Mount* pipe_mount = nullptr;
constinit Mount* anonymous_mount = nullptr;
constinit sync::Mutex attach_lock{sync::LockRank::sleeping_leaf};

Result<Mount*> make_internal_mount(const FileSystemType& type, u64 magic) {
    TRY_ASSIGN(Ref<SuperBlock> super,
               SuperBlock::create(type, module::Gated<SuperOps>::borrow(&super_ops, nullptr)));
    super->magic = magic;
    auto* inode = new (std::nothrow)
        Inode(*super, 1, kDirectory | 0755,
              module::Gated<InodeOps>::borrow(static_cast<InodeOps*>(&inode_ops), nullptr));
    if (inode == nullptr) return Err(Error::nomem);
    TRY_ASSIGN(super->root, Dentry::make_root(adopt_ref(inode)));
    Ref<Dentry> root = super->root;
    TRY_ASSIGN(Ref<Mount> mount, MountTable::make(std::move(super), std::move(root), 0, "none"));
    return mount.release();
}

Result<Ref<Inode>> make_inode(Mount& mount, Mode mode) {
    SuperBlock& super = *mount.super;
    auto* inode = new (std::nothrow)
        Inode(super, super.next_ino(), mode,
              module::Gated<InodeOps>::borrow(static_cast<InodeOps*>(&inode_ops), nullptr));
    if (inode == nullptr) return Err(Error::nomem);
    inode->uid = current()->credentials ? current()->credentials->fsuid : 0;
    inode->gid = current()->credentials ? current()->credentials->fsgid : 0;
    return adopt_ref(inode);
}

Result<Ref<File>> open_pipe_end(const Path& path, u32 flags, bool wait_for_peer) {
    Inode& inode = *path.dentry->inode();
    TRY_ASSIGN(Ref<Pipe> pipe, Pipe::attach_user(inode));
    if (auto opened = pipe->open_end(flags, wait_for_peer); !opened) {
        Pipe& p = *pipe.release();
        Pipe::detach_user(inode, p);
        return Err(opened.error());
    }
    Pipe* raw = pipe.release();  // the file's, until release()
    Result<Ref<File>> file = File::create(
        path, module::Gated<FileOps>::borrow(static_cast<FileOps*>(raw), nullptr), flags);
    if (!file) {
        raw->close_end(flags);
        Pipe::detach_user(inode, *raw);
    }
    return file;
}

}  // namespace

Result<void> init_anonymous() {
    TRY_ASSIGN(pipe_mount, make_internal_mount(pipe_type, kPipeMagic));
    TRY_ASSIGN(anonymous_mount, make_internal_mount(anonymous_type, kAnonymousMagic));
    return {};
}

Result<Ref<Pipe>> Pipe::attach_user(Inode& inode) {
    sync::MutexGuard guard(attach_lock);
    auto* pipe = static_cast<Pipe*>(inode.attached.load(std::memory_order_relaxed));
    if (pipe != nullptr) {
        pipe->users_++;
        return Ref<Pipe>(pipe);
    }
    TRY_ASSIGN(Ref<Pipe> fresh, create());
    fresh->users_ = 1;
    inode.attached.store(fresh.get(), std::memory_order_relaxed);
    return fresh;
}

void Pipe::detach_user(Inode& inode, Pipe& pipe) {
    {
        sync::MutexGuard guard(attach_lock);
        if (--pipe.users_ == 0) inode.attached.store(nullptr, std::memory_order_relaxed);
    }
    pipe.unref();
}

Result<Ref<File>> open_fifo(const Path& path, u32 open_flags) {
    bool anonymous = &path.dentry->inode()->super() == pipe_mount->super.get();
    return open_pipe_end(path, open_flags, !anonymous);
}

Result<PipeEnds> make_pipe(u32 flags) {
    TRY_ASSIGN(Ref<Inode> inode, make_inode(*pipe_mount, kFifo | 0600));
    fmt::Line<32> name("pipe:[{}]", inode->ino());
    TRY_ASSIGN(Ref<Dentry> dentry, Dentry::make_anonymous(std::move(inode), name.view()));
    Path path(Ref<Mount>(pipe_mount), std::move(dentry));
    u32 common = flags & (kOpenNonblock | kOpenDirect);
    PipeEnds ends;
    // The first end keeps the pipe; nobody waits for the other.
    TRY_ASSIGN(ends.read_end, open_pipe_end(path, kOpenRead | (common & kOpenNonblock), false));
    TRY_ASSIGN(ends.write_end, open_pipe_end(path, kOpenWrite | common, false));
    return ends;
}

Result<Ref<File>> make_anonymous_file(std::string_view name, module::Gated<FileOps> ops,
                                      u32 open_flags, Mode mode) {
    TRY_ASSIGN(Ref<Inode> inode, make_inode(*anonymous_mount, mode));
    const fmt::Line<48> numbered("{}:[{}]", name, inode->ino());
    if ((mode & kTypeMask) == kSocket) name = numbered.view();
    TRY_ASSIGN(Ref<Dentry> dentry, Dentry::make_anonymous(std::move(inode), name));
    return File::create(Path(Ref<Mount>(anonymous_mount), std::move(dentry)), std::move(ops),
                        open_flags);
}

Result<Ref<File>> make_memory_file(std::string_view name, u64 size_bytes, u32 open_flags,
                                   Mode mode) {
    SuperBlock* shm = shm_super();
    if (shm == nullptr) return Err(Error::nodev);
    TRY_ASSIGN(Ref<Inode> inode, tmpfs_unlinked_file(*shm, size_bytes, mode));
    inode->write_count.fetch_add((open_flags & kOpenWrite) ? 1 : 0, std::memory_order_relaxed);
    Inode& node = *inode;
    TRY_ASSIGN(Ref<Dentry> dentry, Dentry::make_anonymous(std::move(inode), name));
    TRY_ASSIGN(module::Gated<FileOps> ops, node.ops().call(&InodeOps::open, node, open_flags));
    TRY_ASSIGN(Ref<File> file, File::create(Path(Ref<Mount>(anonymous_mount), std::move(dentry)),
                                            std::move(ops), open_flags));
    file->count_access(true);
    if (open_flags & kOpenWrite) anonymous_mount->writers.fetch_add(1);
    return file;
}

Pipe* pipe_of(File& file) {
    if ((file.inode().mode & kTypeMask) != kFifo || file.is_path_only()) return nullptr;
    return static_cast<Pipe*>(file.raw_ops());
}

}  // namespace tenon::vfs
