#include "uart.h"

#include <tenon/arch/machine.h>

#include <algorithm>

namespace tenon::serial {

namespace {
enum Register : u16 {
    kData = 0,
    kInterruptEnable = 1,
    kFifoControl = 2,
    kInterruptId = 2,
    kLineControl = 3,
    kModemControl = 4,
    kLineStatus = 5,
    kModemStatus = 6,
    kScratch = 7
};
constexpr u8 kReceiveInterrupt = 1, kTransmitInterrupt = 2;
constexpr u8 kDataReady = 1, kTransmitEmpty = 0x20, kAllSent = 0x40;
constexpr usize kFifoBytes = 16;
}  // namespace

Result<void> Ring::create() {
    data_.reset(new (std::nothrow) u8[kBytes]);
    if (!data_) return Err(Error::nomem);
    return {};
}

bool Uart::present(u16 port) {
    arch::port_out8(port + kScratch, 0x5a);
    if (arch::port_in8(port + kScratch) != 0x5a) return false;
    arch::port_out8(port + kScratch, 0xa5);
    return arch::port_in8(port + kScratch) == 0xa5;
}

Result<void> Uart::create(module::Context& context, u16 port, u32 isa_irq) {
    port_ = port;
    TRY(rx_.create());
    TRY(tx_.create());
    arch::port_out8(port_ + kInterruptEnable, 0);
    TRY_ASSIGN(irq_, context.request_isa_irq(isa_irq, &interrupt, nullptr, this));
    arch::port_out8(port_ + kLineControl, 0x80);  // divisor latch: 115200
    arch::port_out8(port_ + kData, 1);
    arch::port_out8(port_ + kInterruptEnable, 0);
    arch::port_out8(port_ + kLineControl, 3);  // 8 bits, no parity, 1 stop bit
    arch::port_out8(port_ + kFifoControl,
                    0xc1);  // FIFOs on, not cleared: input that came early counts; trigger at 14
    arch::port_out8(port_ + kModemControl, 0x0b);  // DTR, RTS, OUT2 (lets interrupts through)
    sync::IrqSpinGuard guard(lock_);
    enabled_ = kReceiveInterrupt;
    arch::port_out8(port_ + kInterruptEnable, enabled_);
    return {};
}

Uart::~Uart() {
    if (port_ == 0) return;
    sync::IrqSpinGuard guard(lock_);
    enabled_ = 0;
    arch::port_out8(port_ + kInterruptEnable, 0);
}

void Uart::fill_fifo_locked() {
    if (!(arch::port_in8(port_ + kLineStatus) & kTransmitEmpty)) return;
    for (usize i = 0; i < kFifoBytes && tx_.used() > 0; ++i)
        arch::port_out8(port_ + kData, tx_.pop());
}

irq::Handled Uart::on_interrupt() {
    irq::Handled handled = irq::Handled::no;
    bool got = false, sent = false;
    {
        sync::IrqSpinGuard guard(lock_);
        // Bounded: a broken device that always has something to say does not keep us here.
        for (int turn = 0; turn < 256; ++turn) {
            u8 id = arch::port_in8(port_ + kInterruptId);
            if (id & 1) break;
            handled = irq::Handled::yes;
            while (arch::port_in8(port_ + kLineStatus) & kDataReady) {
                if (rx_.room() == 0) {
                    enabled_ &= static_cast<u8>(~kReceiveInterrupt);
                    arch::port_out8(port_ + kInterruptEnable, enabled_);
                    break;
                }
                rx_.push(arch::port_in8(port_ + kData));
                got = true;
            }
            usize before = tx_.used();
            fill_fifo_locked();
            sent |= before != tx_.used();
            if (tx_.used() == 0 && (enabled_ & kTransmitInterrupt)) {
                enabled_ &= static_cast<u8>(~kTransmitInterrupt);
                arch::port_out8(port_ + kInterruptEnable, enabled_);
            }
            arch::port_in8(port_ + kModemStatus);
        }
    }
    if (got) readable.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    if (sent && tx_.room() >= Ring::kBytes / 4) writable.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
    return handled;
}

Result<usize> Uart::receive(vfs::IoBuffer& buffer) {
    u8 block[512];
    usize done = 0;
    while (buffer.remaining() > 0) {
        usize n = 0;
        {
            sync::IrqSpinGuard guard(lock_);
            usize want = std::min({sizeof(block), buffer.remaining(), rx_.used()});
            while (n < want) block[n++] = rx_.pop();
            if (!(enabled_ & kReceiveInterrupt) && rx_.room() >= Ring::kBytes / 2) {
                enabled_ |= kReceiveInterrupt;
                arch::port_out8(port_ + kInterruptEnable, enabled_);
            }
        }
        if (n == 0) break;
        Result<usize> put = buffer.put(block, n);
        if (!put) return done > 0 ? Result<usize>(done) : put;
        done += *put;
    }
    return done;
}

Result<usize> Uart::send(vfs::IoBuffer& buffer) {
    u8 block[512];
    usize done = 0;
    while (buffer.remaining() > 0) {
        usize room = std::min({sizeof(block), buffer.remaining(), tx_.room()});
        if (room == 0) break;
        Result<usize> got = buffer.get(block, room);
        if (!got) return done > 0 ? Result<usize>(done) : got;
        sync::IrqSpinGuard guard(lock_);
        // Room only grows behind our back: one writer at a time (the caller's lock).
        for (usize i = 0; i < *got; ++i) tx_.push(block[i]);
        fill_fifo_locked();
        if (tx_.used() > 0 && !(enabled_ & kTransmitInterrupt)) {
            enabled_ |= kTransmitInterrupt;
            arch::port_out8(port_ + kInterruptEnable, enabled_);
        }
        done += *got;
        if (*got < room) break;
    }
    return done;
}

void Uart::flush(bool input, bool output) {
    sync::IrqSpinGuard guard(lock_);
    if (input) rx_.clear();
    if (output) tx_.clear();
}

bool Uart::idle() const {
    return tx_.used() == 0 && (arch::port_in8(port_ + kLineStatus) & kAllSent);
}

}  // namespace tenon::serial
