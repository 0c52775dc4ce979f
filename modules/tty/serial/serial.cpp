// The character devices over the UARTs: raw lines. Line discipline and job control belong to tty
// core.
#include <asm/ioctls.h>
#include <asm/termios.h>
#include <tenon/device/device.h>
#include <tenon/mm/user_copy.h>
#include <tenon/vfs/char_device.h>

#include "uart.h"

namespace tenon::serial {
namespace {

constexpr u32 kMajor = 4, kFirstMinor = 64, kPorts = 4;
constexpr struct {
    u16 port;
    u32 irq;
} kLegacy[kPorts] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

struct Port {
    Uart uart;
    sync::Mutex write_lock{sync::LockRank::tty};
    termios settings{};
    winsize size{};
    module::Held device;
};

class Line final : public vfs::FileOps {
  public:
    explicit Line(Port& port) : port_(port) {}
    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        if (buffer.remaining() == 0) return usize{0};
        for (;;) {
            TRY_ASSIGN(usize n, port_.uart.receive(buffer));
            if (n > 0) return n;
            if (file.nonblocking()) return Err(Error::again);
            TRY(port_.uart.readable.wait([&] { return port_.uart.receivable() > 0; }));
        }
    }
    Result<usize> write(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        usize done = 0;
        while (buffer.remaining() > 0) {
            {
                sync::MutexGuard guard(port_.write_lock);
                Result<usize> n = port_.uart.send(buffer);
                if (!n) return done > 0 ? Result<usize>(done) : n;
                done += *n;
            }
            if (buffer.remaining() == 0) break;
            if (file.nonblocking()) return done > 0 ? Result<usize>(done) : Err(Error::again);
            auto waited = port_.uart.writable.wait([&] { return port_.uart.send_room() > 0; });
            if (!waited) return done > 0 ? Result<usize>(done) : Err(waited.error());
        }
        return done;
    }
    u32 poll(vfs::File&, vfs::PollTable* table) override {
        if (table != nullptr) {
            table->add(port_.uart.readable);
            table->add(port_.uart.writable);
        }
        u32 events = 0;
        if (port_.uart.receivable() > 0) events |= vfs::kPollIn | vfs::kPollRdNorm;
        if (port_.uart.send_room() > 0) events |= vfs::kPollOut | vfs::kPollWrNorm;
        return events;
    }
    Result<i64> ioctl(vfs::File&, u32 command, u64 argument) override {
        switch (command) {
            case TCGETS:
                TRY(mm::UserOut<termios>(argument).write(port_.settings));
                return 0;
            case TCSETSF:
                port_.uart.flush(true, false);
                [[fallthrough]];
            case TCSETSW:
                TRY(drain());
                [[fallthrough]];
            case TCSETS: {
                TRY_ASSIGN(port_.settings, mm::UserIn<termios>(argument).read());
                return 0;
            }
            case TCFLSH:
                if (argument > 2) return Err(Error::inval);
                port_.uart.flush(argument != 1, argument != 0);
                return 0;
            case TCSBRK:
                TRY(drain());
                return 0;
            case FIONREAD:
                TRY(mm::UserOut<i32>(argument).write(static_cast<i32>(port_.uart.receivable())));
                return 0;
            case TIOCOUTQ:
                TRY(mm::UserOut<i32>(argument).write(static_cast<i32>(port_.uart.unsent())));
                return 0;
            case TIOCGWINSZ:
                TRY(mm::UserOut<winsize>(argument).write(port_.size));
                return 0;
            case TIOCSWINSZ: {
                TRY_ASSIGN(port_.size, mm::UserIn<winsize>(argument).read());
                return 0;
            }
            default:
                return Err(Error::notty);
        }
    }
    bool is_stream() const override { return true; }

  private:
    Result<void> drain() {
        TRY(port_.uart.writable.wait([&] { return port_.uart.unsent() == 0; }));
        return {};
    }
    Port& port_;
};

class Serial;
class Opener final : public vfs::DeviceOpener {
  public:
    explicit Opener(Serial& serial) : serial_(serial) {}
    Result<module::Gated<vfs::FileOps>> open(vfs::DeviceNumber number, u32) override;

  private:
    Serial& serial_;
};

class Serial final : public module::Instance {
  public:
    static Result<std::unique_ptr<Serial>> create(module::Context& context) {
        std::unique_ptr<Serial> self(new (std::nothrow) Serial);
        if (!self) return Err(Error::nomem);
        for (u32 i = 0; i < kPorts; ++i) {
            if (!Uart::present(kLegacy[i].port)) continue;
            self->ports_[i].reset(new (std::nothrow) Port);
            if (!self->ports_[i]) return Err(Error::nomem);
            TRY(self->ports_[i]->uart.create(context, kLegacy[i].port, kLegacy[i].irq));
            self->ports_[i]->settings.c_cflag = CS8 | CREAD | CLOCAL | B115200;
        }
        TRY_ASSIGN(self->lines_,
                   self->register_numbers(context, kMajor, kFirstMinor, kPorts, "ttyS"));
        TRY_ASSIGN(self->console_, self->register_numbers(context, 5, 1, 1, "console"));
        for (u32 i = 0; i < kPorts; ++i) {
            if (self->ports_[i] == nullptr) continue;
            fmt::Line<16> name("ttyS{}", i);
            TRY_ASSIGN(self->ports_[i]->device, add(context, name.view(), kMajor, kFirstMinor + i));
        }
        TRY_ASSIGN(self->console_device_, add(context, "console", 5, 1));
        return self;
    }
    Port* port(vfs::DeviceNumber number) {
        u32 index = number.major == kMajor ? number.minor - kFirstMinor : 0;
        return index < kPorts ? ports_[index].get() : nullptr;
    }

  private:
    Result<module::CharDevice> register_numbers(module::Context& context, u32 major, u32 first,
                                                u32 count, std::string_view name) {
        std::unique_ptr<Opener> opener(new (std::nothrow) Opener(*this));
        if (!opener) return Err(Error::nomem);
        return context.register_char_device(major, first, count, name, std::move(opener));
    }
    static Result<module::Held> add(module::Context& context, std::string_view name, u32 major,
                                    u32 minor) {
        TRY_ASSIGN(
            Ref<device::Device> device,
            device::Device::create({.name = name,
                                    .class_name = "tty",
                                    .node = {.major = major, .minor = minor, .mode = 0620}}));
        return context.add_device(std::move(device), nullptr, nullptr);
    }
    std::unique_ptr<Port> ports_[kPorts];
    module::CharDevice lines_, console_;
    module::Held console_device_;
};

Result<module::Gated<vfs::FileOps>> Opener::open(vfs::DeviceNumber number, u32) {
    Port* port = serial_.port(number);
    if (port == nullptr) return Err(Error::io);
    std::unique_ptr<vfs::FileOps> ops(new (std::nothrow) Line(*port));
    if (!ops) return Err(Error::nomem);
    return module::Gated<vfs::FileOps>::own(std::move(ops));
}

}  // namespace
}  // namespace tenon::serial

TENON_MODULE(tenon::serial::Serial,
             {
                 .name = "serial",
                 .version = "1.0",
                 .description = "16550 serial ports: ttyS0 to ttyS3, console",
             });
