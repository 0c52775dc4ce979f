#include "core/arch/x86_64/boot/boot_tables.h"

#include <cstring>

#include "core/arch/x86_64/boot/early_panic.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/mm/pte_bits.h"

namespace tenon::arch::x86 {

namespace {
u64* entries(u64 table_phys) {
    return reinterpret_cast<u64*>(table_phys);
}
}  // namespace

BootTables::BootTables(boot::MemoryMap& map) : map_(map), root_(take_page()) {}

u64 BootTables::take_page() {
    const u64 page = map_.take(kPageSize, kPageSize, u64{4} << 30, boot::MemoryKind::boot_data);
    if (page == 0) early_panic("no memory for page tables");
    std::memset(entries(page), 0, kPageSize);
    return page;
}

u64 BootTables::table(u64 parent, u32 level, u64 va) {
    u64& entry = entries(parent)[index_at(va, level)];
    if ((entry & kPresent) == 0) entry = take_page() | kPresent | kWrite;
    return entry & kFrameMask;
}

void BootTables::map(u64 va, u64 pa, u64 length_bytes, u64 bits) {
    const u64 end = va + length_bytes;
    while (va < end) {
        const u64 left = end - va;
        const u64 both = va | pa;
        const u64 third = table(root_, 3, va);
        if (features().huge_pages_1g && is_aligned(both, kSize1G) && left >= kSize1G) {
            entries(third)[index_at(va, 2)] = pa | bits | kLarge;
            va += kSize1G;
            pa += kSize1G;
            continue;
        }
        const u64 second = table(third, 2, va);
        if (is_aligned(both, kSize2M) && left >= kSize2M) {
            entries(second)[index_at(va, 1)] = pa | bits | kLarge;
            va += kSize2M;
            pa += kSize2M;
            continue;
        }
        const u64 first = table(second, 1, va);
        entries(first)[index_at(va, 0)] = pa | bits;
        va += kPageSize;
        pa += kPageSize;
    }
}

}  // namespace tenon::arch::x86
