// Builds page tables while physical memory is reached through the identity map of the first 4 GiB.
#pragma once

#include "core/boot/memory_map.h"

namespace tenon::arch::x86 {

class BootTables {
  public:
    // Table pages come out of `map`, below 4 GiB.
    explicit BootTables(boot::MemoryMap& map);

    u64 root() const { return root_; }
    // No large pages from here on: a protection key goes by the page.
    void use_small_pages() { small_pages_ = true; }
    // Maps with the largest pages that alignment and the CPU allow.
    void map(u64 va, u64 pa, u64 length_bytes, u64 bits);
    // Makes the third-level table for `va` exist, so that the root never changes later.
    void reserve_root_slot(u64 va) { (void)table(root_, 3, va); }
    u64 take_page();

  private:
    u64 table(u64 parent, u32 level, u64 va);

    boot::MemoryMap& map_;
    u64 root_;
    bool small_pages_ = false;
};

}  // namespace tenon::arch::x86
