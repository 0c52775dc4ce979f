#include "core/arch/x86_64/cpu/features.h"

#include <tenon/arch/machine.h>

#include <algorithm>
#include <cstring>

#include "core/arch/x86_64/cpu/instructions.h"

namespace tenon::arch::x86 {

constinit Features boot_features{};

namespace {
constexpr bool bit(u32 word, u32 n) {
    return (word >> n) & 1;
}
}  // namespace

// Spec: Intel SDM 2A, CPUID.
void detect_features() {
    Features& f = boot_features;
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

namespace tenon::arch {

namespace {

// Spec: Intel SDM 1 7.3.17: RDRAND may fail for a moment, RDSEED for longer.
bool rdrand(u64& out) {
    for (int i = 0; i < 10; ++i) {
        bool ok;
        asm volatile("rdrand %0" : "=r"(out), "=@ccc"(ok));
        if (ok) return true;
    }
    return false;
}
bool rdseed(u64& out) {
    for (int i = 0; i < 10; ++i) {
        bool ok;
        asm volatile("rdseed %0" : "=r"(out), "=@ccc"(ok));
        if (ok) return true;
        asm volatile("pause");
    }
    return false;
}

}  // namespace

usize hardware_random(std::span<u8> out) {
    const auto& f = x86::features();
    usize done = 0;
    while (done < out.size()) {
        u64 word = 0;
        if (!(f.rdseed && rdseed(word)) && !(f.rdrand && rdrand(word))) break;
        const usize n = std::min<usize>(sizeof(word), out.size() - done);
        std::memcpy(out.data() + done, &word, n);
        done += n;
    }
    return done;
}

namespace x86 {

// splitmix64's finaliser: every input bit reaches every output bit.
u64 mix(u64 x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

u64 EarlyRandom::next() {
    u64 word = 0;
    (void)hardware_random({reinterpret_cast<u8*>(&word), sizeof(word)});
    state_ = mix(state_ + rdtsc()) ^ word;
    return mix(state_ + 0x9e3779b97f4a7c15);
}

}  // namespace x86
}  // namespace tenon::arch
