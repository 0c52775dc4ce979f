// Theory: README.md in this folder.
#include <input/input.h>
#include <tenon/arch/machine.h>
#include <tenon/module/module.h>
#include <tenon/sched/scheduler.h>
#include <tenon/sync/wait_queue.h>

#include "scan_codes.h"

namespace tenon::ps2 {

namespace {

constexpr u16 kData = 0x60, kStatus = 0x64, kCommand = 0x64;
constexpr u8 kOutputFull = 1, kInputFull = 2, kFromSecond = 0x20;
constexpr u8 kReadConfig = 0x20, kWriteConfig = 0x60, kDisableSecond = 0xa7, kDisableFirst = 0xad,
             kEnableFirst = 0xae;
constexpr u8 kFirstInterrupt = 1, kPassedTest = 4, kTranslate = 0x40;
constexpr u8 kSetLights = 0xed, kEnableScanning = 0xf4, kSetDefaults = 0xf6;
constexpr u8 kAcknowledged = 0xfa, kResend = 0xfe;
constexpr u32 kIrq = 1, kRingBytes = 256, kBytesAtOnce = 32, kPolls = 20'000;
constexpr u64 kAnswerNs = 200'000'000;

class Keyboard final : public module::Instance, input::Driver {
  public:
    static Result<std::unique_ptr<Keyboard>> create(module::Context& context) {
        std::unique_ptr<Keyboard> self(new (std::nothrow) Keyboard);
        if (!self) return Err(Error::nomem);
        if (arch::port_in8(kStatus) == 0xff || !self->start_controller()) {
            log::info("ps2: no keyboard controller");
            return self;
        }
        self->there_ = true;
        TRY_ASSIGN(self->lights_work_, context.make_work<&Keyboard::show_lights>(self.get()));
        TRY_ASSIGN(self->interrupt_,
                   context.request_isa_irq(
                       kIrq, [](void* k) { return static_cast<Keyboard*>(k)->on_interrupt(); },
                       [](void* k) { static_cast<Keyboard*>(k)->serve(); }, self.get()));
        self->set_interrupt(true);
        TRY_ASSIGN(self->device_,
                   input::add_device(context, "AT Translated Set 2 keyboard",
                                     module::Gated<input::Driver>::borrow(self.get(),
                                                                          &context.gate()),
                                     input::Repeat::by_device, self->id_));
        return self;
    }
    ~Keyboard() override {
        if (!there_) return;
        set_interrupt(false);
        interrupt_.release();
        device_.release();
    }
    void set_leds(u32 leds) override {
        leds_.store(leds, std::memory_order_relaxed);
        (void)lights_work_.queue();
    }

  private:
    static bool wait_writable() {
        for (u32 i = 0; i < kPolls; ++i)
            if ((arch::port_in8(kStatus) & kInputFull) == 0) return true;
        return false;
    }
    static bool write(u16 port, u8 byte) {
        if (!wait_writable()) return false;
        arch::port_out8(port, byte);
        return true;
    }
    // Bytes of the first port, while its interrupt is off; -1: none came.
    static i32 poll_data() {
        for (u32 i = 0; i < kPolls; ++i) {
            const u8 status = arch::port_in8(kStatus);
            if ((status & kOutputFull) == 0) continue;
            const u8 byte = arch::port_in8(kData);
            if ((status & kFromSecond) == 0) return byte;
        }
        return -1;
    }
    static void flush() {
        for (u32 i = 0; i < kRingBytes && (arch::port_in8(kStatus) & kOutputFull) != 0; ++i)
            (void)arch::port_in8(kData);
    }
    // The first port is off meanwhile: the next byte is the controller's answer, no key and no
    // acknowledgement. What the firmware's test left stays.
    static bool set_config(u8 bits) {
        if (!write(kCommand, kDisableFirst)) return false;
        flush();
        if (!write(kCommand, kReadConfig)) return false;
        const i32 old = poll_data();
        const u8 kept = old < 0 ? 0 : static_cast<u8>(old) & kPassedTest;
        return write(kCommand, kWriteConfig) && write(kData, kept | bits) &&
               write(kCommand, kEnableFirst);
    }
    // The handler is kept from the controller's answer.
    void set_interrupt(bool on) {
        sync::IrqSpinGuard guard(lock_);
        if (!set_config(kTranslate | (on ? kFirstInterrupt : 0)))
            log::warn("ps2: the controller does not answer");
    }
    static bool tell(u8 byte) {
        if (!write(kData, byte)) return false;
        for (u32 i = 0; i < 8; ++i) {
            const i32 answer = poll_data();
            if (answer == kAcknowledged) return true;
            if (answer < 0) return false;
        }
        return false;
    }
    static bool start_controller() {
        if (!write(kCommand, kDisableSecond) || !set_config(kTranslate)) return false;
        // A machine without a keyboard may get one later.
        if (!tell(kSetDefaults) || !tell(kEnableScanning))
            log::notice("ps2: the keyboard does not answer");
        flush();
        return true;
    }

    irq::Handled on_interrupt() {
        sync::IrqSpinGuard guard(lock_);
        bool any = false;
        for (u32 i = 0; i < kBytesAtOnce; ++i) {
            const u8 status = arch::port_in8(kStatus);
            if ((status & kOutputFull) == 0) break;
            const u8 byte = arch::port_in8(kData);
            any = true;
            if ((status & kFromSecond) != 0) continue;
            if (byte == kAcknowledged || byte == kResend)
                answer_.store(byte, std::memory_order_release);
            else if (head_ - tail_ < kRingBytes)
                ring_[head_++ % kRingBytes] = byte;
        }
        return any ? irq::Handled::wake_thread : irq::Handled::no;
    }
    void serve() {
        if (answer_.load(std::memory_order_acquire) != 0) answered_.wake_all();
        for (;;) {
            u8 byte;
            {
                sync::IrqSpinGuard guard(lock_);
                if (head_ == tail_) return;
                byte = ring_[tail_++ % kRingBytes];
            }
            const KeyEvent event = decoder_.feed(byte);
            if (event.code != 0) input::report(id_, {EV_KEY, event.code, event.pressed});
        }
    }
    bool ask(u8 byte) {
        answer_.store(0, std::memory_order_relaxed);
        {
            sync::IrqSpinGuard guard(lock_);
            if (!write(kData, byte)) return false;
        }
        (void)answered_.wait([&] { return answer_.load(std::memory_order_acquire) != 0; },
                             sync::WaitMode::uninterruptible, sync::Deadline::after_ns(kAnswerNs));
        return answer_.load(std::memory_order_acquire) == kAcknowledged;
    }
    void show_lights() {
        const u32 leds = leds_.load(std::memory_order_relaxed);
        const u8 bits = static_cast<u8>((leds >> LED_SCROLLL & 1) | (leds >> LED_NUML & 1) << 1 |
                                        (leds >> LED_CAPSL & 1) << 2);
        if (ask(kSetLights) && !ask(bits)) log::debug("ps2: the lights were not taken");
    }

    bool there_ = false;
    u32 id_ = 0;
    Decoder decoder_;  // of the interrupt's thread
    sync::SpinLock lock_{sync::LockRank::irq};  // guards the ring and the ports
    u8 ring_[kRingBytes];
    u32 head_ = 0, tail_ = 0;
    std::atomic<u8> answer_{0};
    std::atomic<u32> leds_{0};
    sync::WaitQueue answered_;
    module::WorkHandle lights_work_;
    module::Held interrupt_, device_;
};

}  // namespace
}  // namespace tenon::ps2

TENON_MODULE(tenon::ps2::Keyboard, {
                                       .name = "ps2",
                                       .version = "1.0",
                                       .description = "The PC's keyboard controller and keyboard",
                                       .needs = {"input_core>=1.0,<2"},
                                   });
