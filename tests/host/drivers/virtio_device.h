// A virtio device behind modern PCI, for tests of drivers. Spec: virtio 1.2 sections 2.7 and 4.1.4.
#pragma once

#include <tenon/mock/mock.h>

#include <span>

namespace tenon::test {

class VirtioDevice {
  public:
    // What a request is answered with: reads the first, fills the second, answers how much.
    using Request =
        std::function<u32(std::vector<std::span<u8>> reads, std::vector<std::span<u8>> writes)>;

    VirtioDevice(u16 type, u32 queues, Request request);

    mock::PciDevice pci;
    u64 features = u64{1} << 32;
    bool answers = true;   // to doorbells
    bool refuses = false;  // the features
    u8 status = 0;
    u32 resets = 0;
    // Serves what is in the queue now.
    void serve(u16 queue);

  private:
    struct Queue {
        u64 descriptors = 0, available = 0, used = 0;
        u16 size = 16, vector = 0xffff, enabled = 0, seen = 0;
    };
    u64 read(usize offset, usize width);
    void write(usize offset, usize width, u64 value);
    void structure(u8 type, u32 offset, u32 length, bool notify);

    Request request_;
    std::vector<Queue> queues_;
    u32 feature_select_ = 0, driver_select_ = 0;
    u64 accepted_ = 0;
    u16 selected_ = 0;
};

}  // namespace tenon::test
