// Turns the loader's list of memory ranges, in any order and overlapping, into a sorted one.
#pragma once

#include <tenon/boot/boot_info.h>

namespace tenon::boot {

class MemoryMap {
  public:
    explicit MemoryMap(BootInfo& info) : info_(info) {}

    // Adds what the loader said. Where ranges overlap, the more restrictive kind wins.
    void add(u64 start, u64 length_bytes, MemoryKind kind);
    // Claims RAM that the loader called usable: the image, the initrd. Partial pages count as
    // whole.
    void claim(u64 start, u64 length_bytes, MemoryKind kind);
    // Takes `length_bytes` (whole pages, aligned to `alignment`) of usable RAM below `limit`; 0
    // when there is none. Prefers high addresses: low memory is scarce.
    u64 take(u64 length_bytes, u64 alignment, u64 limit, MemoryKind kind);

  private:
    void set(u64 start, u64 end, MemoryKind kind, bool only_stronger);
    bool insert(usize at, MemoryRange range);
    void merge();

    BootInfo& info_;
};

}  // namespace tenon::boot
