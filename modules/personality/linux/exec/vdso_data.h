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

}  // namespace tenon::personality::vdso
