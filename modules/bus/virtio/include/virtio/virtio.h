// Virtio devices over PCI, for drivers.
#pragma once

#include <pci/pci.h>
#include <tenon/module/context.h>
#include <tenon/sync/spinlock.h>

#include <memory>
#include <span>

namespace tenon::virtio {

inline constexpr u16 kPciVendor = 0x1af4;
inline constexpr u64 kFeatureVersion1 = u64{1} << 32;
constexpr u16 modern_pci_device(u16 device_type) {
    return 0x1040 + device_type;
}

// A piece of a request, as the device sees it.
struct Segment {
    PhysAddr address;
    u32 length_bytes = 0;
};

// A split virtqueue. Its functions take its lock; any context.
class Queue {
  public:
    TENON_API ~Queue();
    u16 size() const { return size_; }
    // Queues a request: what the device reads, then what it writes. `token` comes back from pop().
    // Error::again when there are not enough descriptors.
    TENON_API Result<void> add(std::span<const Segment> device_reads,
                               std::span<const Segment> device_writes, void* token);
    // Tells the device, if it wants to know.
    TENON_API void notify();
    struct Completed {
        void* token = nullptr;
        u32 written_bytes = 0;
    };
    // The next request that the device is done with; false: none.
    TENON_API bool pop(Completed& out);

  private:
    friend class Transport;
    Queue() = default;
    struct Rings;
    module::DmaBuffer memory_;
    Rings* rings_ = nullptr;
    std::unique_ptr<void*[]> tokens_;
    volatile u16* doorbell_ = nullptr;
    sync::SpinLock lock_{sync::LockRank::spin_leaf};
    u16 index_ = 0, size_ = 0, free_head_ = 0, free_count_ = 0, last_used_ = 0, available_ = 0;
    pci::Interrupt interrupt_;
};

class Transport {
  public:
    // Resets the device and finds its structures. Error::nodev for a legacy device.
    TENON_API static Result<std::unique_ptr<Transport>> create(module::Context& context,
                                                               pci::Function& function);
    // Resets it: it touches no memory afterwards.
    TENON_API ~Transport();
    // Accepts of `wanted` what the device offers (version 1 always). Error::nodev when it refuses.
    TENON_API Result<u64> negotiate(u64 wanted);
    // `handler` runs in irq context when requests are done. At most `max_size` entries.
    TENON_API Result<std::unique_ptr<Queue>> make_queue(u16 index, u16 max_size,
                                                        irq::Handler handler, void* object);
    // The driver is ready: requests may follow.
    TENON_API void start();
    // The device's own configuration; may be empty.
    module::Mmio& config() { return config_; }

  private:
    Transport() = default;
    Result<void> find_structures();
    Result<module::Mmio> map(u16 capability);
    void add_status(u8 bits);

    module::Context* context_ = nullptr;
    pci::Function* function_ = nullptr;
    module::Mmio common_, doorbells_, config_;
    u32 doorbell_multiplier_ = 0;
};

}  // namespace tenon::virtio
