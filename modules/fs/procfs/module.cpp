// The module: registers the file system type "proc".
#include <tenon/module/module.h>
#include <tenon/process/process.h>
#include <tenon/vfs/dentry.h>

#include "node.h"
#include "ns.h"

namespace tenon::procfs {
namespace {

class Super final : public vfs::SuperOps {};
constinit Super super_ops;

// The one tree, for every mount: there is one pid namespace. Made by the first mount.
constinit sync::Mutex tree_lock{sync::LockRank::sleeping_leaf};
constinit std::atomic<vfs::SuperBlock*> tree{nullptr};

constinit module::Context* self_context = nullptr;

// The directory of a process that is gone leaves the dentry cache at once, with its inodes.
class Forgetful final : public process::ExitListener {
  public:
    void exited(i32 pid) override {
        vfs::SuperBlock* super = tree.load(std::memory_order_acquire);
        if (super == nullptr) return;
        fmt::Line<16> name("{}", pid);
        vfs::invalidate_child(*super->root, name.view());
    }
};
constinit Forgetful forgetful;

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
        TRY_ASSIGN(kept_, self_context->hold("tree", &vfs::release_super_block, super.get()));
        super->ref();
        tree.store(super.get(), std::memory_order_release);
        return super;
    }

  private:
    module::Held kept_;
};

class Procfs final : public module::Instance {
  public:
    static Result<std::unique_ptr<Procfs>> create(module::Context& context) {
        std::unique_ptr<Procfs> self(new (std::nothrow) Procfs);
        std::unique_ptr<Type> type(new (std::nothrow) Type);
        if (!self || !type) return Err(Error::nomem);
        self_context = &context;
        TRY_ASSIGN(self->name_spaces_, make_ns_files(context));
        TRY_ASSIGN(self->registered_, context.register_file_system(std::move(type)));
        process::set_exit_listener(module::Gated<process::ExitListener>::borrow(&forgetful));
        return self;
    }
    ~Procfs() override {
        process::set_exit_listener({});
        forget_ns_files();
        tree = nullptr;  // released with its hold, by the type
    }

  private:
    module::Held name_spaces_, registered_;
};

}  // namespace
}  // namespace tenon::procfs

TENON_MODULE(tenon::procfs::Procfs, {
                                        .name = "procfs",
                                        .version = "1.0",
                                        .description = "/proc: processes and the system as text",
                                    });
