// The module: /dev/ptmx, the slaves' major number, devpts.
#include <tenon/device/device.h>
#include <tenon/module/module.h>

#include "devpts.h"
#include "pty/limits.h"
#include "pty.h"

namespace tenon::tty {

namespace {

class MasterOpener final : public vfs::DeviceOpener {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber, u32) override {
        return open_master();
    }
};

class SlaveOpener final : public vfs::DeviceOpener {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber number, u32 flags) override {
        auto tty = Pty::find(number.minor);
        if (!tty) return Err(Error::io);
        TRY(Pty::of(*tty).may_open());
        return tty->open(flags, true);
    }
};

class OwnLimits final : public PtyLimits {
  public:
    u32 count() override { return pty_count(); }
    u32 limit() override { return pty_limit(); }
    void set_limit(u32 pairs) override { set_pty_limit(pairs); }
};

class PtyModule final : public module::Instance {
  public:
    static Result<std::unique_ptr<PtyModule>> create(module::Context& context) {
        std::unique_ptr<PtyModule> self(new (std::nothrow) PtyModule);
        std::unique_ptr<vfs::DeviceOpener> master(new (std::nothrow) MasterOpener);
        std::unique_ptr<vfs::DeviceOpener> slave(new (std::nothrow) SlaveOpener);
        auto devpts = make_devpts();
        if (!self || !master || !slave || !devpts) return Err(Error::nomem);
        TRY_ASSIGN(self->slaves_, context.register_char_device(kPtsMajor, 0, kMaxPtys, "pts",
                                                               std::move(slave)));
        TRY_ASSIGN(self->master_,
                   context.register_char_device(5, 2, 1, "ptmx", std::move(master)));
        TRY_ASSIGN(self->devpts_, context.register_file_system(std::move(devpts)));
        TRY_ASSIGN(auto device,
                   device::Device::create({.name = "ptmx",
                                           .class_name = "tty",
                                           .node = {.major = 5, .minor = 2, .mode = 0666}}));
        TRY_ASSIGN(self->node_, context.add_device(std::move(device), nullptr, nullptr));
        TRY_ASSIGN(self->limits_,
                   module::offer(context, kPtyLimits,
                                 std::unique_ptr<PtyLimits>(new (std::nothrow) OwnLimits)));
        return self;
    }

  private:
    module::CharDevice slaves_, master_;
    module::Held devpts_, node_, limits_;
};

}  // namespace
}  // namespace tenon::tty

TENON_MODULE(tenon::tty::PtyModule, {
    .name = "pty",
    .version = "1.0",
    .description = "Pseudo-terminals: /dev/ptmx and devpts",
    .needs = {"tty>=1.0,<2"},
    .aliases = {"fs-devpts"},
});
