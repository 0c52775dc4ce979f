// The size classes of kmalloc: arithmetic only.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::mm {

inline constexpr u32 kClassCount = 19;
inline constexpr u16 kClassBytes[kClassCount] = {
    8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192};
inline constexpr const char* kClassNames[kClassCount] = {
    "kmalloc-8",   "kmalloc-16",  "kmalloc-32",  "kmalloc-48",   "kmalloc-64",
    "kmalloc-96",  "kmalloc-128", "kmalloc-192", "kmalloc-256",  "kmalloc-384",
    "kmalloc-512", "kmalloc-768", "kmalloc-1k",  "kmalloc-1.5k", "kmalloc-2k",
    "kmalloc-3k",  "kmalloc-4k",  "kmalloc-6k",  "kmalloc-8k"};
// Larger ones would waste pages.
inline constexpr u32 kModuleClassCount = 15;
inline constexpr usize kMaxModuleClassBytes = 2048;
inline constexpr const char* kModuleClassNames[kModuleClassCount] = {
    "module-8",   "module-16",  "module-32",  "module-48",   "module-64",
    "module-96",  "module-128", "module-192", "module-256",  "module-384",
    "module-512", "module-768", "module-1k",  "module-1.5k", "module-2k"};
inline constexpr usize kMaxClassBytes = 8192;

namespace detail {
// Class of every multiple of 16 up to 1 KiB.
struct SmallTable {
    u8 of[65];
    constexpr SmallTable() : of{} {
        for (u32 i = 0; i <= 64; ++i) {
            u8 c = 0;
            while (kClassBytes[c] < i * 16) ++c;
            of[i] = c;
        }
    }
};
inline constexpr SmallTable kSmallTable;
}  // namespace detail

// The class for `size` <= kMaxClassBytes.
constexpr u32 class_of(usize size) {
    if (size <= 8) return 0;
    if (size <= 1024) return detail::kSmallTable.of[(size + 15) / 16];
    u32 c = 13;
    while (kClassBytes[c] < size) ++c;
    return c;
}

}  // namespace tenon::mm
