#include "virtio_device.h"

#include <cstring>

namespace tenon::test {

namespace {
constexpr usize kCommon = 0, kNotify = 0x1000, kDevice = 0x2000;
}

VirtioDevice::VirtioDevice(u16 type, u32 queues, Request request)
    : pci({.vendor = 0x1af4,
           .device = static_cast<u16>(0x1040 + type),
           .class_code = 0x00ff00,
           .vectors = queues + 1}),
      request_(std::move(request)),
      queues_(queues) {
    pci.add_bar(
        4, 0x4000, [this](usize offset, usize width) { return read(offset, width); },
        [this](usize offset, usize width, u64 value) { write(offset, width, value); });
    structure(1, kCommon, 56, false);
    structure(2, kNotify, 4 * queues, true);
    structure(4, kDevice, 64, false);
}

void VirtioDevice::structure(u8 type, u32 offset, u32 length, bool notify) {
    u8 body[18] = {};
    body[0] = notify ? 20 : 16;  // the capability's length
    body[1] = type;
    body[2] = 4;  // BAR
    std::memcpy(body + 6, &offset, 4);
    std::memcpy(body + 10, &length, 4);
    const u32 multiplier = 4;
    if (notify) std::memcpy(body + 14, &multiplier, 4);
    pci.add_capability(0x09, {body, notify ? 18u : 14u});
}

u64 VirtioDevice::read(usize offset, usize) {
    Queue* q = selected_ < queues_.size() ? &queues_[selected_] : nullptr;
    switch (offset) {
        case 4:
            return static_cast<u32>(features >> (32 * feature_select_));
        case 20:
            return status;
        case 24:
            return q != nullptr ? q->size : 0;
        case 26:
            return q != nullptr ? q->vector : 0xffff;
        case 28:
            return q != nullptr ? q->enabled : 0;
        case 30:
            return selected_;
        default:
            return 0;
    }
}

void VirtioDevice::write(usize offset, usize width, u64 value) {
    if (offset >= kNotify && offset < kDevice) {
        EXPECT_EQ(width, 2u);
        EXPECT_EQ(status & 4, 4) << "a doorbell before DRIVER_OK";
        if (answers) serve(static_cast<u16>(value));
        return;
    }
    Queue* q = selected_ < queues_.size() ? &queues_[selected_] : nullptr;
    const u16 word = static_cast<u16>(value);
    switch (offset) {
        case 0:
            feature_select_ = static_cast<u32>(value);
            break;
        case 8:
            driver_select_ = static_cast<u32>(value);
            break;
        case 12:
            accepted_ |= (value & 0xffffffff) << (32 * driver_select_);
            break;
        case 20:
            status = static_cast<u8>(value);
            if (refuses) status &= static_cast<u8>(~8);
            if (value == 0) {
                ++resets;
                accepted_ = 0;
                for (Queue& each : queues_) each = {};
            }
            break;
        case 22:
            selected_ = word;
            break;
        case 24:
            if (q != nullptr) q->size = word;
            break;
        case 26:
            if (q != nullptr) q->vector = word;
            break;
        case 28:
            if (q != nullptr) q->enabled = word;
            break;
        case 32:
            if (q != nullptr) q->descriptors = value;
            break;
        case 40:
            if (q != nullptr) q->available = value;
            break;
        case 48:
            if (q != nullptr) q->used = value;
            break;
        default:
            ADD_FAILURE() << "a write to register " << offset;
    }
}

void VirtioDevice::serve(u16 index) {
    Queue& q = queues_.at(index);
    if (q.enabled == 0) return;
    struct Descriptor {
        u64 address;
        u32 length;
        u16 flags, next;
    };
    const auto* table = reinterpret_cast<Descriptor*>(pci.dma(q.descriptors, 16u * q.size));
    const auto* available = reinterpret_cast<u16*>(pci.dma(q.available, 6u + 2u * q.size));
    auto* used = pci.dma(q.used, 6u + 8u * q.size);
    if (table == nullptr || available == nullptr || used == nullptr) return;
    bool any = false;
    for (; q.seen != available[1]; ++q.seen) {
        const u16 head = available[2 + q.seen % q.size];
        std::vector<std::span<u8>> reads, writes;
        for (u16 at = head;; at = table[at].next) {
            ASSERT_LT(at, q.size);
            u8* p = pci.dma(table[at].address, table[at].length);
            ASSERT_NE(p, nullptr);
            ((table[at].flags & 2) != 0 ? writes : reads).push_back({p, table[at].length});
            if ((table[at].flags & 1) == 0) break;
        }
        const u32 element[2] = {head, request_(std::move(reads), std::move(writes))};
        u16 used_index;
        std::memcpy(&used_index, used + 2, 2);
        std::memcpy(used + 4 + 8 * (used_index % q.size), element, 8);
        ++used_index;
        std::memcpy(used + 2, &used_index, 2);
        any = true;
    }
    if (any && q.vector != 0xffff) pci.raise(q.vector);
}

}  // namespace tenon::test
