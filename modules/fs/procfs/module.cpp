// The module: registers the file system type "proc".
#include <tenon/module/module.h>
#include <tenon/process/process.h>
#include <tenon/vfs/dentry.h>

#include "node.h"

namespace tenon::procfs {
namespace {

class Super final : public vfs::SuperOps {
  public:
    vfs::FsStatistics statistics(vfs::SuperBlock& super) override {
        vfs::FsStatistics s;
        s.magic = super.magic;
        return s;
    }
};
constinit Super super_ops;

// The one tree, for every mount: there is one pid namespace. Made by the first mount.
constinit sync::Mutex tree_lock{sync::LockRank::sleeping_leaf};
constinit std::atomic<vfs::SuperBlock*> tree{nullptr};

// The directory of a process that is gone leaves the dentry cache at once, with its inodes.
void forget_process(i32 pid) {
    vfs::SuperBlock* super = tree.load(std::memory_order_acquire);
    if (super == nullptr) return;
    fmt::Line<16> name("{}", pid);
    vfs::invalidate_child(*super->root, name.view());
}

class Type final : public vfs::FileSystemType {
  public:
    std::string_view name() const override { return "proc"; }
    Result<Ref<vfs::SuperBlock>> mount(std::string_view, u32, std::string_view data) override {
        if (!data.empty()) return Err(Error::inval);
        sync::MutexGuard guard(tree_lock);
        if (vfs::SuperBlock* made = tree.load(std::memory_order_relaxed))
            return Ref<vfs::SuperBlock>(made);
        TRY_ASSIGN(Ref<vfs::SuperBlock> super,
                   vfs::SuperBlock::create(*this, module::Gated<vfs::SuperOps>::borrow(
                                                      static_cast<vfs::SuperOps*>(&super_ops))));
        super->magic = 0x9fa0;
        TRY_ASSIGN(Ref<vfs::Inode> inode, Node::make(*super, kRoot, {}));
        TRY_ASSIGN(super->root, vfs::Dentry::make_root(std::move(inode)));
        super->ref();  // given back when the module goes
        tree.store(super.get(), std::memory_order_release);
        return super;
    }
};

class Procfs final : public module::Instance {
  public:
    static Result<std::unique_ptr<Procfs>> create(module::Context& context) {
        std::unique_ptr<Procfs> self(new (std::nothrow) Procfs);
        std::unique_ptr<Type> type(new (std::nothrow) Type);
        if (!self || !type) return Err(Error::nomem);
        TRY_ASSIGN(self->registered_, context.register_file_system(std::move(type)));
        process::set_exit_hook(forget_process);
        return self;
    }
    ~Procfs() override {
        process::set_exit_hook(nullptr);
        if (vfs::SuperBlock* super = tree.exchange(nullptr)) super->unref();
    }

  private:
    module::Held registered_;
};

}  // namespace
}  // namespace tenon::procfs

TENON_MODULE(tenon::procfs::Procfs, {
                                        .name = "procfs",
                                        .version = "1.0",
                                        .description = "/proc: processes and the system as text",
                                    });
