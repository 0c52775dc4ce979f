// Spec: virtio 1.2 sections 3.1 (initialization) and 4.1.4 (PCI structures).
#include <tenon/module/module.h>
#include <tenon/sched/scheduler.h>
#include <tenon/time/clock.h>
#include <virtio/virtio.h>

namespace tenon::virtio {

namespace {

// cfg_type of a vendor capability.
constexpr u8 kCommon = 1, kNotify = 2, kDevice = 4;
// The common configuration structure.
constexpr usize kDeviceFeatureSelect = 0, kDeviceFeature = 4, kDriverFeatureSelect = 8,
                kDriverFeature = 12, kDeviceStatus = 20, kQueueSelect = 22, kQueueSize = 24,
                kQueueMsixVector = 26, kQueueEnable = 28, kQueueNotifyOff = 30, kQueueDesc = 32,
                kQueueDriver = 40, kQueueDevice = 48;
constexpr u8 kAcknowledge = 1, kDriver = 2, kDriverOk = 4, kFeaturesOk = 8;
constexpr u64 kResetTimeoutNs = 1'000'000'000;

}  // namespace

Result<std::unique_ptr<Transport>> Transport::create(module::Context& context,
                                                     pci::Function& function) {
    std::unique_ptr<Transport> self(new (std::nothrow) Transport);
    if (!self) return Err(Error::nomem);
    self->context_ = &context;
    function.enable_memory();
    self->function_ = &function;
    TRY(self->find_structures());
    self->common_.write8(kDeviceStatus, 0);
    const u64 deadline = time::monotonic_ns() + kResetTimeoutNs;
    while (self->common_.read8(kDeviceStatus) != 0) {
        if (time::monotonic_ns() > deadline) return Err(Error::io);
        sched::sleep_ns(1'000'000);
    }
    self->add_status(kAcknowledge);
    self->add_status(kDriver);
    function.set_bus_master(true);
    return self;
}

Transport::~Transport() {
    if (common_) common_.write8(kDeviceStatus, 0);
    if (function_ != nullptr) function_->set_bus_master(false);
}

void Transport::add_status(u8 bits) {
    common_.write8(kDeviceStatus, common_.read8(kDeviceStatus) | bits);
}

Result<module::Mmio> Transport::map(u16 at) {
    const pci::Bar& bar = function_->bar(function_->read8(static_cast<u16>(at + 4)));
    const u64 offset = function_->read32(static_cast<u16>(at + 8));
    const u64 length = function_->read32(static_cast<u16>(at + 12));
    if (bar.is_io || bar.address.value == 0 || length == 0 || offset > bar.size_bytes ||
        length > bar.size_bytes - offset)
        return Err(Error::nodev);
    return context_->map_mmio(bar.address + offset, length);
}

Result<void> Transport::find_structures() {
    for (u16 at = 0; (at = function_->find_capability(pci::kCapabilityVendor, at)) != 0;) {
        const u8 type = function_->read8(static_cast<u16>(at + 3));
        if (type == kCommon && !common_) {
            TRY_ASSIGN(common_, map(at));
        } else if (type == kNotify && !doorbells_) {
            TRY_ASSIGN(doorbells_, map(at));
            doorbell_multiplier_ = function_->read32(static_cast<u16>(at + 16));
        } else if (type == kDevice && !config_) {
            TRY_ASSIGN(config_, map(at));
        }
    }
    if (!common_ || !doorbells_ || common_.size_bytes() < 56) return Err(Error::nodev);
    return {};
}

Result<u64> Transport::negotiate(u64 wanted) {
    u64 offered = 0;
    for (u32 half = 0; half < 2; ++half) {
        common_.write32(kDeviceFeatureSelect, half);
        offered |= u64{common_.read32(kDeviceFeature)} << (32 * half);
    }
    if ((offered & kFeatureVersion1) == 0) return Err(Error::nodev);
    const u64 accepted = (offered & wanted) | kFeatureVersion1;
    for (u32 half = 0; half < 2; ++half) {
        common_.write32(kDriverFeatureSelect, half);
        common_.write32(kDriverFeature, static_cast<u32>(accepted >> (32 * half)));
    }
    add_status(kFeaturesOk);
    if ((common_.read8(kDeviceStatus) & kFeaturesOk) == 0) return Err(Error::nodev);
    return accepted;
}

void Transport::start() {
    add_status(kDriverOk);
}

Result<std::unique_ptr<Queue>> Transport::make_queue(u16 index, u16 max_size, irq::Handler handler,
                                                     void* object) {
    common_.write16(kQueueSelect, index);
    u16 size = common_.read16(kQueueSize);
    if (size == 0) return Err(Error::nodev);
    while (size > max_size) size /= 2;

    std::unique_ptr<Queue> queue(new (std::nothrow) Queue);
    if (!queue) return Err(Error::nomem);
    queue->index_ = index;
    queue->size_ = size;
    // Descriptors 16 bytes each, then the available ring, then, aligned, the used ring.
    const usize available_at = usize{16} * size;
    const usize used_at = align_up(available_at + 6 + usize{2} * size, 4);
    TRY_ASSIGN(queue->memory_, context_->alloc_dma(used_at + 6 + usize{8} * size, mm::Alloc::zero));
    queue->rings_ = reinterpret_cast<Queue::Rings*>(queue->memory_.data());
    queue->tokens_.reset(new (std::nothrow) void* [size] {});
    if (!queue->tokens_) return Err(Error::nomem);
    queue->free_count_ = size;
    // Free descriptors are chained through their `next` field.
    for (u16 i = 0; i < size; ++i) {
        const u16 next = static_cast<u16>(i + 1);
        *reinterpret_cast<u16*>(queue->memory_.data() + usize{16} * i + 14) = next;
    }
    TRY_ASSIGN(queue->interrupt_,
               pci::Interrupt::request(*context_, *function_, index, handler, object));
    common_.write16(kQueueSize, size);
    common_.write16(kQueueMsixVector, index);
    if (common_.read16(kQueueMsixVector) == 0xffff &&
        function_->find_capability(pci::kCapabilityMsix) != 0)
        return Err(Error::nospc);
    const u64 base = queue->memory_.address().value;
    common_.write64(kQueueDesc, base);
    common_.write64(kQueueDriver, base + available_at);
    common_.write64(kQueueDevice, base + used_at);
    const u64 doorbell = u64{common_.read16(kQueueNotifyOff)} * doorbell_multiplier_;
    if (doorbell + 2 > doorbells_.size_bytes()) return Err(Error::nodev);
    queue->doorbell_ = reinterpret_cast<volatile u16*>(doorbells_.base() + doorbell);
    common_.write16(kQueueEnable, 1);
    return queue;
}

}  // namespace tenon::virtio
