// The static ACPI tables: found, checked and read. AML is the ACPI module's.
//
// Tables stay mapped read-only for good, so the spans stay valid. A table with a wrong length or
// checksum does not exist, as far as anyone here is told.
//
// Spec: ACPI 6.5 section 5.2; MCFG: PCI Firmware 3.3 section 4.1.2; HPET: IA-PC HPET 1.0a
// section 3.2.4.
#pragma once

#include <tenon/lib/types.h>

#include <span>

namespace tenon::acpi {

// [core] Finds the root table. Logs what it found; without ACPI everything below answers "none".
void init_tables();

// The `index`th table with this signature ("APIC", "FACP", "SSDT", ...), header included; empty if
// there is none. "DSDT" works too.
TENON_API std::span<const u8> find_table(const char (&signature)[5], u32 index = 0);
// Calls visit for each table that is intact.
TENON_API void for_each_table(void (*visit)(std::span<const u8> table, void*), void* context);
// Processors and interrupt controllers (MADT).
struct Processor {
    u32 apic_id = 0;
    bool enabled = false;  // usable now; else it can only be hot-plugged
};
struct LineController {
    u32 id = 0, gsi_base = 0;
    PhysAddr address;
};
// An ISA interrupt that is not where, or not what, ISA says.
struct IsaOverride {
    u8 isa_irq = 0;
    u32 gsi = 0;
    u16 flags = 0;  // MPS INTI: polarity in bits 0-1, trigger in bits 2-3
};
struct Madt {
    PhysAddr local_apic;
    u32 cpu_count = 0, io_apic_count = 0, override_count = 0;
    Processor cpus[256] = {};
    LineController io_apics[16] = {};
    IsaOverride overrides[32] = {};
};
// False when there is none; then there is one CPU and no line controller.
bool read_madt(Madt& out);
// The parsers behind the calls here, for bytes from anywhere. Nothing outside `table` is read.
bool parse_madt(std::span<const u8> table, Madt& out);
bool checksum_ok(std::span<const u8> bytes);

struct Fadt {
    PhysAddr dsdt;
    u16 sci_irq = 0;
    u32 smi_command = 0;
    u8 acpi_enable = 0;
    u32 pm1a_event = 0, pm1a_control = 0, pm1b_control = 0, pm_timer = 0;
    u8 pm1_event_length = 0;
    u32 flags = 0;
    bool reset_supported = false;
    u8 reset_space = 0;  // 0 memory, 1 port
    u64 reset_address = 0;
    u8 reset_value = 0;
    bool hardware_reduced() const { return flags & (1u << 20); }
};
bool parse_fadt(std::span<const u8> table, Fadt& out);
TENON_API const Fadt* fadt();  // null if there is none

struct EcamRegion {
    PhysAddr base;
    u16 segment;
    u8 first_bus, last_bus;
};
// Fills `out`; the number of regions.
TENON_API usize ecam_regions(std::span<EcamRegion> out);
usize parse_mcfg(std::span<const u8> table, std::span<EcamRegion> out);
// The HPET's registers; 0 if there is none.
PhysAddr hpet_address();

// Which node memory and processors are near to (SRAT).
struct MemoryAffinity {
    PhysAddr start;
    u64 length_bytes;
    u32 node;
};
struct CpuAffinity {
    u32 apic_id, node;
};
struct Srat {
    u32 memory_count = 0, cpu_count = 0;
    MemoryAffinity memory[64] = {};
    CpuAffinity cpus[256] = {};
};
bool parse_srat(std::span<const u8> table, Srat& out);

}  // namespace tenon::acpi
