// What debug kernels fill free objects with.
#pragma once

#include <tenon/lib/assert.h>
#include <tenon/lib/types.h>
#include <tenon/trace/log.h>

#include <cstring>

namespace tenon::mm {

inline constexpr u8 kPoison = 0x6b;
inline constexpr uptr kPoisonWord = ~uptr{0} / 0xff * kPoison;

inline void poison(void* object, u32 stride) {
    std::memset(object, kPoison, stride);
}

// Ends the kernel when a free object was written. Its first two bytes are the free list's.
inline void check_poison(const void* cache, const char* name, const void* object, u32 stride) {
    const auto* bytes = static_cast<const u8*>(object);
    for (u32 i = 2; i < stride; ++i) {
        if (bytes[i] == kPoison) continue;
        log::err("slab {} {}: object {:#x} was written at byte {} after it was freed", name, cache,
                 reinterpret_cast<u64>(object), i);
        panic("use after free");
    }
}

}  // namespace tenon::mm
