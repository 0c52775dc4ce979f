// What the boot loader told us, whichever it was. Filled before kernel_main() from multiboot2 or
// PVH data; everything in it is a copy or a physical range, nothing points into loader memory.
//
// Limits: 256 memory ranges, 8 initrd parts, 2047 bytes of command line. What does not fit is
// dropped and counted in `dropped`.
#pragma once

#include <tenon/lib/types.h>

#include <array>
#include <span>
#include <string_view>

namespace tenon::boot {

enum class Door : u8 { multiboot2, pvh };

enum class MemoryKind : u8 {
    usable,       // free RAM: the page allocator's
    kernel,       // the kernel image
    initrd,       // page-aligned parts of the initrd; RAM, freed by who consumed them
    boot_data,    // page tables and the boot CPU's data, made by start-up; RAM, never freed
    acpi_tables,  // RAM with tables, reclaimable once they are parsed
    acpi_nvs,
    reserved,
    bad,
};

// Sorted by start, page-aligned, never overlapping. Physical addresses in no range are not RAM.
struct MemoryRange {
    PhysAddr start;
    u64 length_bytes = 0;
    MemoryKind kind = MemoryKind::reserved;
    constexpr PhysAddr end() const { return start + length_bytes; }
};

struct PhysRange {
    PhysAddr start;
    u64 length_bytes = 0;
};

// A linear framebuffer of direct colours; width 0: there is none.
struct Framebuffer {
    PhysAddr start;
    u32 pitch_bytes = 0, width = 0, height = 0;
    u8 bits_per_pixel = 0;
    u8 red_shift = 16, red_bits = 8, green_shift = 8, green_bits = 8, blue_shift = 0, blue_bits = 8;
};

struct BootInfo {
    Door door = Door::pvh;
    u32 dropped = 0;  // entries of the loader's data that were malformed or did not fit
    std::array<MemoryRange, 256> memory_storage;
    usize memory_count = 0;
    std::array<PhysRange, 8> initrd_storage;
    usize initrd_count = 0;
    char command_line_storage[2048] = {};
    usize command_line_length = 0;
    PhysAddr rsdp;                      // 0: search for it, or use the copy
    std::array<u8, 36> rsdp_copy = {};  // as handed over by the loader; all zero if not
    Framebuffer framebuffer;
    std::array<u64, 4> entropy = {};  // hardware and timing noise gathered so far; hash before use
    PhysAddr kernel_phys;
    u64 kernel_virt = 0, kernel_length_bytes = 0;

    std::span<const MemoryRange> memory() const { return {memory_storage.data(), memory_count}; }
    std::span<const PhysRange> initrd() const { return {initrd_storage.data(), initrd_count}; }
    std::string_view command_line() const { return {command_line_storage, command_line_length}; }
};

TENON_API const BootInfo& boot_info();

// The value of kernel parameter `name` ("name=value", or "name" alone: an empty value with
// `found`). What stands behind "--" belongs to init and is not searched. The last one wins.
struct Parameter {
    bool found = false;
    std::string_view value;
};
TENON_API Parameter parameter(std::string_view name);
Parameter find_parameter(std::string_view command_line, std::string_view name);

}  // namespace tenon::boot
