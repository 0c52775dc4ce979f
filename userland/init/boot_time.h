// When the system reached user space, for ./tenon bench: nanoseconds on the kernel's own clock, which
// both kernels start within milliseconds of their first instruction. What firmware and loader took
// before that is no kernel's doing.
#pragma once

#include <time.h>

#include <cstdint>

namespace tenon::init {

inline std::uint64_t since_boot_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace tenon::init
