// The facts of /proc/cpuinfo about one CPU.
#pragma once

#include <tenon/lib/types.h>

#include <string_view>

namespace tenon::procfs {

struct CpuIdentity {
    char vendor[16];
    char model_name[64];
    u32 family, model, stepping, max_leaf, apic_id;
    u32 cache_kib, phys_bits, virt_bits, clflush_bytes;
    u32 features[24];  // words of bits in Linux's own order
};
// Asks the CPU itself.
CpuIdentity cpu_identity(u32 cpu);
// Whether loads may run ahead of older stores to the same place (Speculative Store Bypass).
bool bypasses_stores();
// Empty: the bit has no name.
std::string_view cpu_feature_name(u32 bit);

}  // namespace tenon::procfs
