#include "core/arch/x86_64/cpu/features.h"

#include "core/arch/x86_64/cpu/instructions.h"

namespace tenon::arch::x86 {

namespace {
constinit Features g_features{};
constexpr bool bit(u32 word, u32 n) {
    return (word >> n) & 1;
}
}  // namespace

const Features& features() {
    return g_features;
}

// Spec: Intel SDM 2A, CPUID.
void detect_features() {
    Features& f = g_features;
    const u32 max = cpuid(0).a;
    const u32 max_ext = cpuid(0x80000000).a;
    const auto l1 = cpuid(1);
    f.x2apic = bit(l1.c, 21);
    f.tsc_deadline = bit(l1.c, 24);
    f.xsave = bit(l1.c, 26);
    f.rdrand = bit(l1.c, 30);
    f.hypervisor = bit(l1.c, 31);
    f.pge = bit(l1.d, 13);
    f.pat = bit(l1.d, 16);
    if (max >= 7) {
        const auto l7 = cpuid(7);
        f.fsgsbase = bit(l7.b, 0);
        f.smep = bit(l7.b, 7);
        f.erms = bit(l7.b, 9);
        f.rdseed = bit(l7.b, 18);
        f.smap = bit(l7.b, 20);
        f.umip = bit(l7.c, 2);
        f.rdpid = bit(l7.c, 22);
        f.pks = bit(l7.c, 31);
    }
    if (f.xsave && max >= 0xd) f.xsaveopt = bit(cpuid(0xd, 1).a, 0);
    const auto e1 = cpuid(0x80000001);
    f.nx = bit(e1.d, 20);
    f.huge_pages_1g = bit(e1.d, 26);
    f.rdtscp = bit(e1.d, 27);
    if (max_ext >= 0x80000007) f.invariant_tsc = bit(cpuid(0x80000007).d, 8);
    f.phys_bits = 36;
    if (max_ext >= 0x80000008) f.phys_bits = static_cast<u8>(cpuid(0x80000008).a);
    if (f.phys_bits > 52) f.phys_bits = 52;
}

}  // namespace tenon::arch::x86
