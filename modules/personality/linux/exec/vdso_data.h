// The page that the kernel writes and the vDSO reads. Freestanding: both sides include it.
#pragma once

namespace tenon::personality::vdso {

struct Data {
    // Odd while the kernel writes. Readers take the fields only when it was even and unchanged.
    volatile unsigned sequence;
    unsigned usable;  // the counter may be read in user mode
    unsigned long long base_cycles, base_ns, mult;
    long long realtime_offset_ns;
    unsigned shift;
};

// The step of the coarse clocks, of which the calls and the vDSO must say the same: as in a kernel
// of 250 Hz.
inline constexpr long long kCoarseTickNs = 4'000'000;

}  // namespace tenon::personality::vdso
