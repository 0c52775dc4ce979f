// The module: registers the file system type "sysfs".
#include <tenon/module/module.h>
#include <tenon/vfs/dentry.h>

#include "node.h"

namespace tenon::sysfs {

namespace {

constexpr std::string_view kNames[] = {"block",   "bus",      "class", "dev",
                                       "devices", "firmware", "fs",    "hypervisor",
                                       "kernel",  "module",   "power"};

class Super final : public vfs::SuperOps {};
constinit Super super_ops;

class Type final : public vfs::FileSystemType {
  public:
    std::string_view name() const override { return "sysfs"; }
    Result<Ref<vfs::SuperBlock>> mount(std::string_view, u32, std::string_view data) override {
        if (!data.empty()) return Err(Error::inval);
        TRY_ASSIGN(Ref<vfs::SuperBlock> super,
                   vfs::SuperBlock::create(*this, module::Gated<vfs::SuperOps>::borrow(
                                                      static_cast<vfs::SuperOps*>(&super_ops))));
        super->magic = 0x62656572;
        Found root = directory();
        root.mode = vfs::kDirectory | 0555;
        TRY_ASSIGN(Ref<vfs::Inode> inode, Node::make(*super, {}, 1, root));
        TRY_ASSIGN(super->root, vfs::Dentry::make_root(std::move(inode)));
        return super;
    }
};

class Sysfs final : public module::Instance {
  public:
    static Result<std::unique_ptr<Sysfs>> create(module::Context& context) {
        std::unique_ptr<Sysfs> self(new (std::nothrow) Sysfs);
        std::unique_ptr<Type> type(new (std::nothrow) Type);
        if (!self || !type) return Err(Error::nomem);
        TRY_ASSIGN(self->registered_, context.register_file_system(std::move(type)));
        return self;
    }

  private:
    module::Held registered_;
};

}  // namespace

Branch* find_branch(std::string_view name) {
    // Not a table: it would need a constructor, the branches being of other files.
    if (name == "devices") return &device_branch;
    if (name == "module") return &module_branch;
    if (name == "bus") return &bus_branch;
    if (name == "class") return &class_branch;
    if (name == "dev") return &dev_branch;
    if (name == "kernel") return &kernel_branch;
    if (name == "firmware") return &firmware_branch;
    if (name == "block") return &block_branch;
    if (name == "fs" || name == "hypervisor" || name == "power") return &empty_branch;
    return nullptr;
}

std::span<const std::string_view> branch_names() {
    return kNames;
}

}  // namespace tenon::sysfs

TENON_MODULE(tenon::sysfs::Sysfs, {
                                      .name = "sysfs",
                                      .version = "1.0",
                                      .description = "/sys: devices, drivers and modules",
                                      .aliases = {"fs-sysfs"},
                                  });
