// What the boot CPU can do. Read once, before anything else; every use has a fall-back.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

struct Features {
    bool nx, huge_pages_1g, pge, smep, smap, umip, fsgsbase, rdrand, rdseed, rdtscp, rdpid;
    bool x2apic, tsc_deadline, invariant_tsc, xsave, xsaveopt, pat, hypervisor, erms, pks;
    u8 phys_bits;
};

extern constinit Features boot_features;
void detect_features();
inline const Features& features() {
    return boot_features;
}

// Random numbers before there is a generator: for address-space layout only.

u64 mix(u64 x);

class EarlyRandom {
  public:
    explicit EarlyRandom(u64 seed) : state_(seed) {}
    u64 next();
    u64 below(u64 limit) { return limit == 0 ? 0 : next() % limit; }

  private:
    u64 state_;
};

}  // namespace tenon::arch::x86
