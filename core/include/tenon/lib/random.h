// The kernel's random bytes: a ChaCha20 generator that forgets its past.
//
// Context: any but NMI; never sleeps.
#pragma once

#include <tenon/lib/types.h>

#include <span>

namespace tenon::random {

TENON_API void fill(std::span<u8> out);
template <typename T>
T get() {
    T value;
    fill({reinterpret_cast<u8*>(&value), sizeof(value)});
    return value;
}
inline u64 next64() {
    return get<u64>();
}
// Stirs bytes in (device noise, what a program wrote to /dev/random). Credits nothing.
TENON_API void mix(std::span<const u8> in);
// Seeded with hardware entropy, so that /dev/random does not wait. Without hardware it is true as
// well once the boot's timing noise has been mixed in: there is no other source to wait for.

}  // namespace tenon::random
