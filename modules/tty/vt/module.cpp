// The module: device numbers, nodes, and the console of the log.
#include <input/input.h>
#include <tenon/device/device.h>
#include <tenon/module/module.h>

#include "console.h"

namespace tenon::vt {

namespace {

class Opener final : public vfs::DeviceOpener {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber number, u32 flags) override {
        const u32 wanted = number.minor != 0 ? number.minor : Consoles::foreground();
        TRY_ASSIGN(Console * console, Consoles::get(wanted));
        return console->tty().open(flags, number.minor != 0);
    }
};

class LogConsole final : public log::Console {
  public:
    void write(std::string_view text) override { Consoles::write_log(text); }
};
constinit LogConsole g_log_console;

// /sys/class/tty/tty0/active: the console in the foreground.
class ForegroundOps final : public device::DeviceOps {
  public:
    std::span<const device::AttributeInfo> attributes(device::Device&) override {
        static constexpr device::AttributeInfo kAttributes[] = {{"active", 0444}};
        return kAttributes;
    }
    Result<void> show(device::Device&, usize, fmt::Sink& out) override {
        fmt::print(out, "tty{}\n", Consoles::foreground());
        return {};
    }
};

class Vt final : public module::Instance {
  public:
    static Result<std::unique_ptr<Vt>> create(module::Context& context) {
        std::unique_ptr<Vt> self(new (std::nothrow) Vt);
        std::unique_ptr<vfs::DeviceOpener> opener(new (std::nothrow) Opener);
        std::unique_ptr<device::DeviceOps> ops(new (std::nothrow) ForegroundOps);
        if (!self || !opener || !ops) return Err(Error::nomem);
        TRY(Consoles::start(context));
        TRY_ASSIGN(self->numbers_, context.register_char_device(kMajor, 0, kConsoles + 1, "tty",
                                                                std::move(opener)));
        auto foreground = module::Gated<device::DeviceOps>::own(std::move(ops), &context.gate());
        for (u32 i = 0; i <= kConsoles; ++i) {
            fmt::Line<16> name("tty{}", i);
            device::DeviceOptions options{.name = name.view(),
                                          .class_name = "tty",
                                          .node = {.major = kMajor, .minor = i, .mode = 0600}};
            if (i == 0) options.ops = std::move(foreground);
            TRY_ASSIGN(auto device, device::Device::create(std::move(options)));
            TRY_ASSIGN(self->nodes_[i], context.add_device(std::move(device), nullptr, nullptr));
        }
        TRY_ASSIGN(self->key_handler_, make_key_handler());
        TRY_ASSIGN(self->keys_, input::add_handler(context, module::Gated<input::Handler>::borrow(
                                                                self->key_handler_.get(), &context.gate())));
        TRY_ASSIGN(self->log_, context.add_console(g_log_console));
        return self;
    }
    ~Vt() override {
        log_.release();
        keys_.release();
        for (module::Held& node : nodes_) node.release();
        numbers_.release();
        Consoles::stop();
    }

  private:
    module::CharDevice numbers_;
    module::Held nodes_[kConsoles + 1];
    std::unique_ptr<input::Handler> key_handler_;
    module::Held log_, keys_;
};

}  // namespace
}  // namespace tenon::vt

TENON_MODULE(tenon::vt::Vt, {
    .name = "vt",
    .version = "1.0",
    .description = "Virtual consoles /dev/tty1 to /dev/tty63",
    .needs = {"tty>=1.0,<2", "input_core>=1.0,<2"},
});
