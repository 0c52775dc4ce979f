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

// One leaf of what the CPU that runs this says about itself, in the vendor's own layout.
struct IdentityLeaf {
    u32 a, b, c, d;
};
TENON_API IdentityLeaf identity_leaf(u32 leaf, u32 subleaf = 0);
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
