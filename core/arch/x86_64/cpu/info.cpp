// CPU identity for /proc/cpuinfo and the auxiliary vector. Spec: Intel SDM 2A, CPUID.
#include "core/arch/x86_64/cpu/info.h"

#include <tenon/arch/cpu.h>
#include <tenon/arch/machine.h>

#include <cstring>

#include "core/arch/x86_64/cpu/feature_names.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/irq/lapic.h"
#include "core/arch/x86_64/time/clock.h"

namespace tenon::arch {

namespace {

constinit CpuInfo g_info[kMaxCpus] = {};

void read_identity(CpuInfo& info) {
    const auto l0 = x86::cpuid(0);
    std::memcpy(info.vendor, &l0.b, 4);
    std::memcpy(info.vendor + 4, &l0.d, 4);
    std::memcpy(info.vendor + 8, &l0.c, 4);
    info.cpuid_level = l0.a;
    const auto l1 = x86::cpuid(1);
    info.family = (l1.a >> 8) & 15;
    info.model = (l1.a >> 4) & 15;
    info.stepping = l1.a & 15;
    if (info.family == 15) info.family += (l1.a >> 20) & 0xff;
    if (info.family == 6 || info.family >= 15) info.model |= ((l1.a >> 16) & 15) << 4;
    info.clflush_bytes = ((l1.b >> 8) & 0xff) * 8;
    if (x86::cpuid(0x80000000).a >= 0x80000004) {
        for (u32 i = 0; i < 3; ++i) {
            const auto l = x86::cpuid(0x80000002 + i);
            std::memcpy(info.model_name + 16 * i, &l, 16);
        }
    }
}

void read_limits(CpuInfo& info) {
    const u32 max_ext = x86::cpuid(0x80000000).a;
    info.phys_bits = 36;
    info.virt_bits = 48;
    if (max_ext >= 0x80000008) {
        const auto l = x86::cpuid(0x80000008);
        info.phys_bits = l.a & 0xff;
        info.virt_bits = (l.a >> 8) & 0xff;
    }
    if (max_ext >= 0x80000006) info.cache_kib = x86::cpuid(0x80000006).c >> 16;
    // The largest data cache, where leaf 4 lists them.
    if (info.cpuid_level >= 4) {
        for (u32 i = 0; i < 8; ++i) {
            const auto l = x86::cpuid(4, i);
            if ((l.a & 31) == 0) break;
            const u32 kib = ((l.b >> 22) + 1) * (((l.b >> 12) & 0x3ff) + 1) * ((l.b & 0xfff) + 1) *
                            (l.c + 1) / 1024;
            if ((l.a & 31) != 2 && kib > info.cache_kib) info.cache_kib = kib;
        }
    }
}

}  // namespace

void x86::init_cpu_info(u32 cpu) {
    CpuInfo& info = g_info[cpu];
    read_identity(info);
    read_limits(info);
    x86::read_feature_words(info.features);
    info.apic_id = lapic_id();
    info.physical_id = info.apic_id;
    info.core_id = 0;
    info.siblings = 1;
    info.cores = 1;
    info.frequency_khz = tsc_khz();
}

const CpuInfo& cpu_info(u32 cpu) {
    CpuInfo& info = g_info[cpu < kMaxCpus ? cpu : 0];
    if (info.frequency_khz == 0) info.frequency_khz = x86::tsc_khz();
    return info;
}

// AT_HWCAP is CPUID leaf 1's edx; AT_HWCAP2 says what the kernel made usable.
u64 elf_hwcap() {
    return x86::cpuid(1).d;
}
u64 elf_hwcap2() {
    constexpr u64 kFsgsbase = 1 << 1;
    return x86::features().fsgsbase ? kFsgsbase : 0;
}

}  // namespace tenon::arch
