// The kernel's random numbers: a CSPRNG seeded from hardware, firmware and timing.
#pragma once

#include <tenon/lib/types.h>

#include <span>

namespace tenon::random {

// Any context. Never fails, never blocks once init() ran.
TENON_API void fill(std::span<u8> out);
inline u64 next64() {
    u64 value;
    fill({reinterpret_cast<u8*>(&value), sizeof(value)});
    return value;
}

}  // namespace tenon::random
