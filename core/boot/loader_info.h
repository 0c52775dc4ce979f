// Readers of the two loaders' data. Both take bytes as they were found and believe nothing: an
// entry that is cut off or contradicts itself is dropped and counted.
#pragma once

#include <span>

#include "core/boot/memory_map.h"

namespace tenon::boot {

// Reads physical memory: `length_bytes` at `start`, or an empty span where that cannot be read.
using PhysReader = std::span<const u8> (*)(u64 start, u64 length_bytes);

// Spec: Multiboot2 2.0 section 3.6.
inline constexpr u32 kMultiboot2Magic = 0x36d76289;
bool read_multiboot2(u64 info_phys, PhysReader read, BootInfo& info);

// Spec: xen/include/public/arch-x86/hvm/start_info.h.
inline constexpr u32 kPvhMagic = 0x336ec578;
bool read_pvh(u64 info_phys, PhysReader read, BootInfo& info);

// What the numbers of both loaders mean, which are the BIOS's own (E820).
MemoryKind memory_kind(u32 number);
void set_command_line(BootInfo& info, std::span<const u8> text);
void add_initrd(BootInfo& info, u64 start, u64 end);

}  // namespace tenon::boot
