// This CPU's root table and translations.
#pragma once

#include <tenon/lib/result.h>
#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

// Loads CR3 unless it is there already. Interrupts or preemption off.
void load_root(u64 root_phys);
// Drops every translation, global ones included.
void flush_all_local();

// Kernel mappings that only arch makes.

bool is_mapped(u64 va);
// Makes what is read-only after start-up so.
Result<void> seal_kernel();

// Bits of a page-table entry. Spec: Intel SDM 3A 4.5.

inline constexpr u64 kPresent = 1 << 0, kWrite = 1 << 1, kUser = 1 << 2, kWriteThrough = 1 << 3,
                     kCacheDisable = 1 << 4, kAccessed = 1 << 5, kDirty = 1 << 6, kLarge = 1 << 7,
                     kGlobal = 1 << 8, kSoftSpecial = 1 << 9, kSoftWatched = 1 << 10,
                     kNoExec = u64{1} << 63;
// PAT index 4 of a 4 KiB page; entry 4 is programmed to write combining.
inline constexpr u64 kPatWriteCombine = 1 << 7;
inline constexpr u64 kFrameMask = 0x000f'ffff'ffff'f000;

inline constexpr usize kEntries = 512;
inline constexpr u64 kSize2M = u64{2} << 20, kSize1G = u64{1} << 30, kSize512G = u64{1} << 39;

constexpr usize index_at(u64 va, u32 level) {  // level 0: leaf table .. 3: root
    return (va >> (12 + 9 * level)) & 511;
}

}  // namespace tenon::arch::x86
