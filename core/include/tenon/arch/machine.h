// The machine as a whole: power, random bits, identity, ports.
#pragma once

#include <tenon/lib/result.h>

#include <span>

namespace tenon::arch {

[[noreturn]] TENON_API void power_off();
[[noreturn]] TENON_API void reboot();
[[noreturn]] TENON_API void halt_forever();

// Hardware entropy (RDSEED/RDRAND); number of bytes filled, perhaps 0.
TENON_API usize hardware_random(std::span<u8> out);

// /proc/cpuinfo's facts about a CPU.
struct CpuInfo {
    char vendor[16];
    char model_name[64];
    u32 family, model, stepping;
    u64 frequency_khz;
    u32 cache_kib, apic_id, physical_id, core_id, siblings, cores;
    u32 phys_bits, virt_bits, clflush_bytes, cpuid_level;
    // Words of feature bits in the vendor's own layout, for HWCAP and for the flags line.
    u32 features[24];
};
TENON_API const CpuInfo& cpu_info(u32 cpu);
// Name of feature bit `bit` (0..24*32) as /proc/cpuinfo spells it, or null.
TENON_API const char* cpu_feature_name(u32 bit);
TENON_API const char* machine_name();  // "x86_64"
TENON_API u64 elf_hwcap();
TENON_API u64 elf_hwcap2();

// Port I/O, where the machine has it (Error-free; reads give all ones elsewhere).
TENON_API u8 port_in8(u16 port);
TENON_API u16 port_in16(u16 port);
TENON_API u32 port_in32(u16 port);
TENON_API void port_out8(u16 port, u8 value);
TENON_API void port_out16(u16 port, u16 value);
TENON_API void port_out32(u16 port, u32 value);

// Prints "name+0xoff [module]" lines for the frames from `frame_pointer` (0: here).
TENON_API void print_stack_trace(uptr frame_pointer);

}  // namespace tenon::arch
