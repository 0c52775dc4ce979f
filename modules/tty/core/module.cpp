// The terminals by number, /dev/tty, /dev/console.
#include <tenon/boot/boot_info.h>
#include <tenon/device/device.h>
#include <tenon/module/module.h>

#include "terminals.h"

namespace tenon::tty {

namespace {

constexpr u32 kTtyMajor = 4, kAuxMajor = 5;
constexpr u32 kSerialMinors = 64, kSerialCount = 32;

// Serial lines and virtual consoles (ptys have a table of their own).
constexpr usize kMaxTerminals = 96;
constinit sync::Mutex g_mutex{sync::LockRank::sleeping_leaf};
constinit Tty* g_terminals[kMaxTerminals] = {};

// "ttyS0" of the last console= on the command line.
Ref<Tty> console_terminal() {
    std::string_view wanted = "ttyS0";
    if (const auto p = boot::parameter("console"); p.found && !p.value.empty()) {
        wanted = p.value.substr(0, p.value.find(','));
    }
    sync::MutexGuard guard(g_mutex);
    Tty* first = nullptr;
    for (Tty* tty : g_terminals) {
        if (tty == nullptr) continue;
        if (tty->name() == wanted) return Ref<Tty>(tty);
        if (first == nullptr) first = tty;
    }
    return Ref<Tty>(first);
}

class FixedOpener final : public vfs::DeviceOpener {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber number, u32 flags) override {
        Ref<Tty> tty = find_terminal(number);
        if (!tty) return Err(Error::nxio);
        return tty->open(flags, true);
    }
};

class AuxOpener final : public vfs::DeviceOpener {
  public:
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber number, u32 flags) override {
        Ref<Tty> tty = number.minor == 0 ? controlling_terminal() : console_terminal();
        if (!tty) return Err(number.minor == 0 ? Error::nxio : Error::nodev);
        return tty->open(flags, false);
    }
};

class TtyModule final : public module::Instance {
  public:
    static Result<std::unique_ptr<TtyModule>> create(module::Context& context) {
        std::unique_ptr<TtyModule> self(new (std::nothrow) TtyModule);
        std::unique_ptr<vfs::DeviceOpener> fixed(new (std::nothrow) FixedOpener);
        std::unique_ptr<vfs::DeviceOpener> aux(new (std::nothrow) AuxOpener);
        if (!self || !fixed || !aux) return Err(Error::nomem);
        TRY_ASSIGN(self->fixed_, context.register_char_device(kTtyMajor, kSerialMinors,
                                                              kSerialCount, "ttyS",
                                                              std::move(fixed)));
        TRY_ASSIGN(self->aux_,
                   context.register_char_device(kAuxMajor, 0, 2, "tty", std::move(aux)));
        TRY_ASSIGN(self->tty_node_, add_node(context, "tty", 0, 0666));
        TRY_ASSIGN(self->console_node_, add_node(context, "console", 1, 0600));
        return self;
    }

  private:
    static Result<module::Held> add_node(module::Context& context, std::string_view name, u32 minor,
                                         u32 mode) {
        TRY_ASSIGN(auto device,
                   device::Device::create({.name = name,
                                           .class_name = "tty",
                                           .node = {.major = kAuxMajor, .minor = minor,
                                                    .mode = mode}}));
        return context.add_device(std::move(device), nullptr, nullptr);
    }
    module::CharDevice fixed_, aux_;
    module::Held tty_node_, console_node_;
};

}  // namespace

Ref<Tty> find_terminal(vfs::DeviceNumber number) {
    sync::MutexGuard guard(g_mutex);
    for (Tty* tty : g_terminals)
        if (tty != nullptr && tty->number() == number) return Ref<Tty>(tty);
    return nullptr;
}

namespace {

void remove_terminal(void* terminal) {
    const Ref<Tty> tty(static_cast<Tty*>(terminal), kAdoptRef);
    {
        sync::MutexGuard guard(g_mutex);
        for (Tty*& slot : g_terminals)
            if (slot == tty.get()) slot = nullptr;
    }
    tty->hang_up();
}

}  // namespace

Result<module::Held> add_terminal(module::Context& context, Ref<Tty> tty) {
    TRY_ASSIGN(module::Held held, context.hold("terminal", &remove_terminal, tty.get()));
    Tty* const added = tty.release();  // the handle's
    sync::MutexGuard guard(g_mutex);
    for (Tty*& slot : g_terminals) {
        if (slot != nullptr) continue;
        slot = added;
        return held;
    }
    return Err(Error::nospc);
}

}  // namespace tenon::tty

TENON_MODULE(tenon::tty::TtyModule, {
    .name = "tty",
    .version = "1.0",
    .description = "Terminals: line discipline, job control, /dev/tty, /dev/console",
});
