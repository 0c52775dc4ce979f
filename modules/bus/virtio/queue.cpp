// The split virtqueue. Spec: virtio 1.2 section 2.7.
//
// What the device writes (used ring) is not trusted: a token index out of range or not in use is
// dropped.
#include <virtio/virtio.h>

#include <atomic>

namespace tenon::virtio {

namespace {

struct Descriptor {
    u64 address;
    u32 length;
    u16 flags, next;
};
constexpr u16 kNext = 1, kWrite = 2;
constexpr u16 kNoNotify = 1;

struct Available {
    u16 flags, index;
    u16 ring[];
};
struct UsedElement {
    u32 id, length;
};
struct Used {
    u16 flags, index;
    UsedElement ring[];
};

Descriptor* descriptors(u8* memory) {
    return reinterpret_cast<Descriptor*>(memory);
}
Available* available(u8* memory, u16 size) {
    return reinterpret_cast<Available*>(memory + usize{16} * size);
}
Used* used(u8* memory, u16 size) {
    return reinterpret_cast<Used*>(memory + align_up(usize{16} * size + 6 + usize{2} * size, 4));
}

u16 load_acquire(const u16& word) {
    return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}

}  // namespace

Queue::~Queue() = default;

Result<void> Queue::add(std::span<const Segment> device_reads,
                        std::span<const Segment> device_writes, void* token) {
    const usize count = device_reads.size() + device_writes.size();
    if (count == 0 || token == nullptr) return Err(Error::inval);
    sync::IrqSpinGuard guard(lock_);
    if (count > free_count_) return Err(Error::again);
    Descriptor* table = descriptors(memory_.data());
    const u16 head = free_head_;
    u16 at = head, last = head;
    for (usize i = 0; i < count; ++i) {
        const bool writes = i >= device_reads.size();
        const Segment& s = writes ? device_writes[i - device_reads.size()] : device_reads[i];
        Descriptor& d = table[at];
        d.address = s.address.value;
        d.length = s.length_bytes;
        d.flags = static_cast<u16>((writes ? kWrite : 0) | kNext);
        last = at;
        at = d.next;
    }
    table[last].flags &= static_cast<u16>(~kNext);
    free_head_ = at;
    free_count_ = static_cast<u16>(free_count_ - count);
    tokens_[head] = token;
    Available* ring = available(memory_.data(), size_);
    ring->ring[available_ % size_] = head;
    ++available_;
    // Pairs with the device's read: the descriptors before the index.
    __atomic_store_n(&ring->index, available_, __ATOMIC_RELEASE);
    return {};
}

void Queue::notify() {
    // The index must be visible before the device's wish is read.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if ((load_acquire(used(memory_.data(), size_)->flags) & kNoNotify) == 0) *doorbell_ = index_;
}

bool Queue::pop(Completed& out) {
    sync::IrqSpinGuard guard(lock_);
    const Used* ring = used(memory_.data(), size_);
    Descriptor* table = descriptors(memory_.data());
    while (load_acquire(ring->index) != last_used_) {
        const UsedElement element = ring->ring[last_used_ % size_];
        ++last_used_;
        if (element.id >= size_ || tokens_[element.id] == nullptr) continue;
        out = {std::exchange(tokens_[element.id], nullptr), element.length};
        u16 last = static_cast<u16>(element.id), n = 1;
        while ((table[last].flags & kNext) != 0 && n < size_) {
            last = table[last].next;
            ++n;
        }
        table[last].next = free_head_;
        free_head_ = static_cast<u16>(element.id);
        free_count_ = static_cast<u16>(free_count_ + n);
        return true;
    }
    return false;
}

}  // namespace tenon::virtio
