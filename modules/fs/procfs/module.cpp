// The module: registers the file system type "proc".
#include <tenon/module/module.h>
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

class Type final : public vfs::FileSystemType {
  public:
    std::string_view name() const override { return "proc"; }
    Result<Ref<vfs::SuperBlock>> mount(std::string_view, u32, std::string_view data) override {
        if (!data.empty()) return Err(Error::inval);
        // One tree for everybody: there is one pid namespace.
        TRY_ASSIGN(Ref<vfs::SuperBlock> super,
                   vfs::SuperBlock::create(*this, module::Gated<vfs::SuperOps>::borrow(
                                                      static_cast<vfs::SuperOps*>(&super_ops))));
        super->magic = 0x9fa0;
        TRY_ASSIGN(Ref<vfs::Inode> inode, Node::make(*super, kRoot, {}));
        TRY_ASSIGN(super->root, vfs::Dentry::make_root(std::move(inode)));
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
        return self;
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
