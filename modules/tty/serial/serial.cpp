// Theory: README.md in this folder.
#include <tenon/arch/machine.h>
#include <tenon/device/device.h>
#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/module/module.h>
#include <tty/tty.h>

namespace tenon::tty {

namespace {

// Registers, from the port's base.
enum : u16 { kData = 0, kInterruptEnable = 1, kInterruptId = 2, kFifoControl = 2, kLineControl = 3,
             kModemControl = 4, kLineStatus = 5, kModemStatus = 6, kScratch = 7 };
constexpr u8 kEnableReceive = 1, kEnableTransmit = 2, kEnableStatus = 4;
constexpr u8 kNoInterrupt = 1, kInterruptKind = 0x0e, kReceiveReached = 0x04;
constexpr u32 kTrigger = 14;  // bytes that are there when the chip says kReceiveReached
constexpr u8 kDataReady = 1, kOverrun = 2, kBreak = 0x10, kTransmitEmpty = 0x20;
constexpr u32 kFifoBytes = 16, kLoadsAtOnce = 16;  // 256 bytes at a time
constexpr u32 kPiecesAtOnce = 4;                   // of those in one interrupt
constexpr u32 kMajor = 4, kFirstMinor = 64;

// Single bytes in and out of a power-of-two ring; the owner locks.
class Ring {
  public:
    static constexpr u32 kSize = 64 * 1024;
    Result<void> create() {
        bytes_.reset(new (std::nothrow) u8[kSize]);
        if (!bytes_) return Err(Error::nomem);
        return {};
    }
    u32 used() const { return head_ - tail_; }
    u32 room() const { return kSize - used(); }
    void put(u8 c) { bytes_[head_++ % kSize] = c; }
    u8 take() { return bytes_[tail_++ % kSize]; }
    u32 put(std::span<const u8> in) {
        const u32 n = std::min<u32>(static_cast<u32>(in.size()), room());
        for (u32 i = 0; i < n; ++i) put(in[i]);
        return n;
    }
    // The oldest bytes that lie together. They stay until drop().
    std::span<const u8> front() const {
        const u32 start = tail_ % kSize;
        return {bytes_.get() + start, std::min(used(), kSize - start)};
    }
    void drop(u32 n) { tail_ += n; }
    void clear() { tail_ = head_; }

  private:
    std::unique_ptr<u8[]> bytes_;
    u32 head_ = 0, tail_ = 0;
};

class Port final : public Driver {
  public:
    Port(u16 base, u32 irq, u32 line) : base_(base), irq_(irq), line_(line) {}
    ~Port() override {
        if (tty_ != nullptr) arch::port_out8(base_ + kInterruptEnable, 0);
    }

    bool is_there() const {
        for (u8 pattern : {u8{0x5a}, u8{0xa5}}) {
            arch::port_out8(base_ + kScratch, pattern);
            if (arch::port_in8(base_ + kScratch) != pattern) return false;
        }
        return true;
    }
    Result<void> start(module::Context& context) {
        TRY(input_.create());
        TRY(output_.create());
        fmt::Line<16> name("ttyS{}", line_);
        TRY_ASSIGN(auto tty, Tty::create(name.view(), {kMajor, kFirstMinor + line_},
                                         module::Gated<Driver>::borrow(this, &context.gate())));
        tty_ = tty.get();
        TRY_ASSIGN(terminal_, add_terminal(context, std::move(tty)));
        arch::port_out8(base_ + kInterruptEnable, 0);
        // FIFOs on, interrupt at 14 bytes. Not cleared: the sender may have begun.
        arch::port_out8(base_ + kFifoControl, 0xc1);
        arch::port_out8(base_ + kModemControl, 0x0b);  // DTR, RTS, interrupt line on
        TRY_ASSIGN(interrupt_, context.request_isa_irq(irq_, on_interrupt, on_thread, this));
        TRY_ASSIGN(auto device, device::Device::create({.name = name.view(),
                                                        .class_name = "tty",
                                                        .node = {.major = kMajor,
                                                                 .minor = kFirstMinor + line_,
                                                                 .mode = 0660}}));
        TRY_ASSIGN(node_, context.add_device(std::move(device), nullptr, nullptr));
        return {};
    }

    Result<void> open(Tty&) override {
        sync::IrqSpinGuard guard(lock_);
        set_enable_locked(enable_ | kEnableReceive | kEnableStatus);
        return {};
    }
    void close(Tty&) override {
        sync::IrqSpinGuard guard(lock_);
        set_enable_locked(enable_ & ~(kEnableReceive | kEnableStatus));
        input_blocked_ = false;
    }
    usize write(Tty&, std::span<const u8> bytes) override {
        sync::IrqSpinGuard guard(lock_);
        const u32 n = output_.put(bytes);
        send_locked();
        return n;
    }
    usize write_room(Tty&) override {
        sync::IrqSpinGuard guard(lock_);
        return output_.room();
    }
    usize unsent(Tty&) override {
        sync::IrqSpinGuard guard(lock_);
        return output_.used();
    }
    void flush_output(Tty&) override {
        sync::IrqSpinGuard guard(lock_);
        output_.clear();
    }
    void input_flushed(Tty&) override {
        sync::IrqSpinGuard guard(lock_);
        input_.clear();
    }
    void input_drained(Tty&) override { pump(); }
    Result<i64> ioctl(Tty&, u32 command, u64 argument) override;

  private:
    static irq::Handled on_interrupt(void* self) { return static_cast<Port*>(self)->interrupt(); }
    static void on_thread(void* self) { static_cast<Port*>(self)->serve(); }

    void set_enable_locked(u8 bits) {
        if (bits == enable_) return;
        enable_ = bits;
        arch::port_out8(base_ + kInterruptEnable, bits);
    }
    // A bounded piece: an emulated chip takes any amount at once, but each byte is slow, and
    // interrupts are off. The chip's interrupt asks for the rest.
    void send_locked() {
        for (u32 loads = 0; loads < kLoadsAtOnce && output_.used() != 0 &&
                            (arch::port_in8(base_ + kLineStatus) & kTransmitEmpty) != 0;
             ++loads) {
            for (u32 i = 0; i < kFifoBytes && output_.used() != 0; ++i)
                arch::port_out8(base_ + kData, output_.take());
        }
        set_enable_locked(output_.used() != 0 ? enable_ | kEnableTransmit
                                              : enable_ & ~kEnableTransmit);
    }
    irq::Handled interrupt() {
        sync::IrqSpinGuard guard(lock_);
        bool mine = false, wakes = false;
        // Until the chip is quiet: the line is edge-triggered, and would never rise again. A full ring
        // bounds the input; output that goes on and on gets a new edge, with others' turn between.
        for (u32 pieces = 0;;) {
            if (pieces == kPiecesAtOnce) {
                arch::port_out8(base_ + kInterruptEnable, 0);
                arch::port_out8(base_ + kInterruptEnable, enable_);
                break;
            }
            const u8 id = arch::port_in8(base_ + kInterruptId);
            if ((id & kNoInterrupt) != 0) break;
            mine = true;
            // At the trigger level so many bytes can be read without asking for each.
            if ((id & kInterruptKind) == kReceiveReached && input_.room() >= kTrigger &&
                (enable_ & kEnableReceive) != 0) {
                const u8 first = arch::port_in8(base_ + kLineStatus);
                if ((first & (kOverrun | kBreak)) == 0 && (first & kDataReady) != 0) {
                    for (u32 i = 0; i < kTrigger; ++i) input_.put(arch::port_in8(base_ + kData));
                    wakes = true;
                    continue;
                }
            }
            u8 status = arch::port_in8(base_ + kLineStatus);
            while ((status & (kDataReady | kBreak)) != 0 && (enable_ & kEnableReceive) != 0) {
                if ((status & kOverrun) != 0) ++overruns_;
                if (input_.room() == 0) {
                    input_blocked_ = true;
                    set_enable_locked(enable_ & ~kEnableReceive);
                    break;
                }
                const u8 c = arch::port_in8(base_ + kData);
                if ((status & kBreak) != 0)
                    breaks_ = true;
                else
                    input_.put(c);
                wakes = true;
                status = arch::port_in8(base_ + kLineStatus);
            }
            if ((status & kTransmitEmpty) != 0 && (enable_ & kEnableTransmit) != 0) {
                send_locked();
                ++pieces;
                // Writers wait for a good piece, tcdrain() for the last byte.
                if (output_.used() == 0 || output_.room() >= Ring::kSize / 2) wakes = true;
            }
            (void)arch::port_in8(base_ + kModemStatus);
        }
        if (!mine) return irq::Handled::no;
        return wakes ? irq::Handled::wake_thread : irq::Handled::yes;
    }
    void serve() {
        bool saw_break;
        {
            sync::IrqSpinGuard guard(lock_);
            saw_break = std::exchange(breaks_, false);
        }
        if (saw_break) tty_->receive_break();
        pump();
        tty_->output_ready();
    }
    // Input from the ring to the terminal, as far as that takes it.
    void pump() {
        sync::MutexGuard pumping(pump_mutex_);
        for (;;) {
            std::span<const u8> bytes;
            {
                sync::IrqSpinGuard guard(lock_);
                bytes = input_.front();
            }
            if (bytes.empty()) return;
            // The interrupt only appends, so the bytes stay where they are.
            const usize taken = tty_->receive(bytes);
            sync::IrqSpinGuard guard(lock_);
            if (input_.used() < bytes.size()) return;  // flushed meanwhile
            input_.drop(static_cast<u32>(taken));
            if (input_blocked_ && input_.room() >= Ring::kSize / 2) {
                input_blocked_ = false;
                set_enable_locked(enable_ | kEnableReceive);
            }
            if (taken < bytes.size()) return;
        }
    }

    const u16 base_;
    const u32 irq_, line_;
    Tty* tty_ = nullptr;  // as long as terminal_ is held: of a failed driver nobody drops a reference
    // Between the terminal's reader mutex and its state mutex.
    sync::Mutex pump_mutex_{sync::LockRank::page_cache_fill};
    sync::SpinLock lock_{sync::LockRank::irq};  // guards what follows and the chip
    Ring input_, output_;
    u8 enable_ = 0;
    bool input_blocked_ = false, breaks_ = false;
    u64 overruns_ = 0;
    module::Held terminal_, interrupt_, node_;
};

// Modem lines: those that we drive, and those that we see.
Result<i64> Port::ioctl(Tty&, u32 command, u64 argument) {
    if (command != TIOCMGET) return Err(Error::noioctl);
    const u8 control = arch::port_in8(base_ + kModemControl);
    const u8 status = arch::port_in8(base_ + kModemStatus);
    i32 bits = 0;
    if (control & 1) bits |= TIOCM_DTR;
    if (control & 2) bits |= TIOCM_RTS;
    if (status & 0x10) bits |= TIOCM_CTS;
    if (status & 0x20) bits |= TIOCM_DSR;
    if (status & 0x40) bits |= TIOCM_RNG;
    if (status & 0x80) bits |= TIOCM_CAR;
    TRY(mm::UserOut<i32>(argument).write(bits));
    return 0;
}

class Serial final : public module::Instance {
  public:
    static Result<std::unique_ptr<Serial>> create(module::Context& context) {
        std::unique_ptr<Serial> self(new (std::nothrow) Serial);
        if (!self) return Err(Error::nomem);
        constexpr struct {
            u16 base;
            u32 irq;
        } kPorts[] = {{0x3f8, 4}, {0x2f8, 3}};
        for (u32 line = 0; line < std::size(kPorts); ++line) {
            auto port = mm::make<Port>(kPorts[line].base, kPorts[line].irq, line);
            if (!port) return Err(Error::nomem);
            if (!port->is_there()) continue;
            TRY(port->start(context));
            log::info("ttyS{}: 16550 at port {:#x}, interrupt {}", line, kPorts[line].base,
                      kPorts[line].irq);
            self->ports_[line] = std::move(port);
        }
        return self;
    }

  private:
    std::unique_ptr<Port> ports_[2];
};

}  // namespace
}  // namespace tenon::tty

TENON_MODULE(tenon::tty::Serial, {
    .name = "serial",
    .version = "1.0",
    .description = "16550 serial lines ttyS0 and ttyS1",
    .needs = {"tty>=1.0,<2"},
});
