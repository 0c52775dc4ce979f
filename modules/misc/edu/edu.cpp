#include "edu.h"

#include <tenon/time/clock.h>

namespace tenon::edu {

namespace {

// Registers, in bytes from the start of BAR 0.
constexpr usize kIdentity = 0x00, kLiveness = 0x04, kFactorial = 0x08, kStatus = 0x20,
                kInterruptStatus = 0x24, kInterruptRaise = 0x60, kInterruptAck = 0x64,
                kDmaSource = 0x80, kDmaTarget = 0x88, kDmaCount = 0x90, kDmaCommand = 0x98;
constexpr u32 kStatusInterrupt = 0x80;
constexpr u32 kCauseFactorial = 0x1, kCauseDma = 0x100;
constexpr u64 kDmaStart = 1, kDmaFromDevice = 2, kDmaInterrupt = 4;
constexpr u64 kDeviceBuffer = 0x40000;
constexpr u64 kTimeoutNs = 5'000'000'000;
constinit std::atomic<u64> g_numbers{0};  // of nodes in use
static_assert(kInterruptRaise < kInterruptAck);

TENON_PARAMETER(
    u32, dma_bits,
    {.value = 28, .min = 20, .max = 64, .description = "address bits that the device drives"});

}  // namespace

Result<std::unique_ptr<Edu>> Edu::create(module::Context& context, pci::Function& function) {
    std::unique_ptr<Edu> self(new (std::nothrow) Edu);
    if (!self) return Err(Error::nomem);
    self->function_ = &function;
    function.enable_memory();
    TRY_ASSIGN(self->registers_, function.map_bar(context, 0));
    const u32 identity = self->registers_.read32(kIdentity);
    if ((identity & 0xffff) != 0x00ed) return Err(Error::nodev);
    // What an instance that failed left raised: all ones would look like a device that is gone.
    self->registers_.write32(kInterruptAck, ~u32{0});
    self->registers_.write32(kLiveness, 0x12345678);
    if (self->registers_.read32(kLiveness) != ~u32{0x12345678}) return Err(Error::io);

    TRY_ASSIGN(self->dma_, context.alloc_dma(kBufferBytes));
    const u32 bits = dma_bits;
    const u64 limit = bits >= 64 ? ~u64{0} : (u64{1} << bits) - 1;
    if (self->dma_.address().value + kBufferBytes - 1 > limit) {
        // Only the lowest zone is sure to be within reach.
        TRY_ASSIGN(self->dma_, context.alloc_dma(kBufferBytes, mm::Alloc::dma | mm::Alloc::zero));
    }
    self->can_dma_ = self->dma_.address().value + kBufferBytes - 1 <= limit;
    function.set_bus_master(true);

    TRY_ASSIGN(self->interrupt_,
               pci::Interrupt::request<&Edu::on_interrupt>(context, function, 0, self.get()));
    TRY(self->publish(context));
    log::info("edu: version {}.{} at {:#x}", identity >> 24, (identity >> 16) & 0xff,
              function.bar(0).address.value);
    return self;
}

// The first is called edu, the others edu1, edu2, ...
Result<void> Edu::publish(module::Context& context) {
    TRY_ASSIGN(const u32 number, number_.take(g_numbers));
    fmt::Line<8> name(number == 0 ? "edu" : "edu{}", number);
    return node_.publish(context,
                         {.name = name.view(), .class_name = "edu", .node = {.mode = 0666}},
                         &function_->core_device(), make_opener(*this));
}

Edu::~Edu() {
    // Calls in flight end, then the files; from then on nobody uses the device.
    going_.store(true, std::memory_order_release);
    done_.wake_all();
    node_.withdraw();
    interrupt_.release();
    // The device must not reach memory that is about to be given back.
    if (function_ != nullptr) function_->set_bus_master(false);
}

irq::Handled Edu::on_interrupt() {
    const u32 causes = registers_.read32(kInterruptStatus);
    if (causes == 0 || causes == ~u32{0}) return irq::Handled::no;  // all ones: it is gone
    registers_.write32(kInterruptAck, causes);
    pending_.fetch_or(causes, std::memory_order_release);
    done_.wake_all();
    return irq::Handled::yes;
}

Result<void> Edu::wait_for(u32 bit) {
    const auto going = [&] { return going_.load(std::memory_order_acquire); };
    TRY(done_.wait([&] { return (pending_.load(std::memory_order_acquire) & bit) != 0 || going(); },
                   sync::WaitMode::killable, sync::Deadline::after_ns(kTimeoutNs)));
    if (going()) return Err(Error::nodev);
    pending_.fetch_and(~bit, std::memory_order_acq_rel);
    return {};
}

Result<u32> Edu::factorial(u32 n) {
    pending_.fetch_and(~kCauseFactorial, std::memory_order_acq_rel);
    registers_.write32(kStatus, kStatusInterrupt);
    registers_.write32(kFactorial, n);
    if (auto r = wait_for(kCauseFactorial); !r)
        return Err(r.error() == Error::timedout ? Error::io : r.error());
    last_result_ = registers_.read32(kFactorial);
    return last_result_;
}

Result<void> Edu::copy(Direction direction, usize offset, usize length_bytes) {
    if (!can_dma_) return Err(Error::nodev);
    pending_.fetch_and(~kCauseDma, std::memory_order_acq_rel);
    const u64 memory = dma_.address().value, buffer = kDeviceBuffer + offset;
    const bool from = direction == Direction::from_device;
    registers_.write64(kDmaSource, from ? buffer : memory);
    registers_.write64(kDmaTarget, from ? memory : buffer);
    registers_.write64(kDmaCount, length_bytes);
    registers_.write64(kDmaCommand, kDmaStart | kDmaInterrupt | (from ? kDmaFromDevice : 0));
    // Not interruptible: the device writes to the page until it is done.
    if (auto r = wait_for(kCauseDma); !r)
        return Err(r.error() == Error::timedout ? Error::io : r.error());
    return {};
}

}  // namespace tenon::edu

TENON_MODULE(tenon::pci::DriverModule<tenon::edu::Edu>,
             {
                 .name = "edu",
                 .version = "1.0",
                 .description = "QEMU's teaching device: factorials, interrupts, DMA",
                 .needs = {"pci>=1.0,<2"},
                 .aliases = {"pci:v00001234d000011E8sv*sd*bc*sc*i*"},
             });
