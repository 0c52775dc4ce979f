// When the machine reached user space, for ./tenon bench: ticks of the processor's counter, which
// starts with the machine and which neither kernel resets.
#pragma once

#include <cstdint>

namespace tenon::init {

#if defined(__x86_64__)
inline std::uint64_t ticks() { return __builtin_ia32_rdtsc(); }
#else
inline std::uint64_t ticks() { return 0; }
#endif

}  // namespace tenon::init
