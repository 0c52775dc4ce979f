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
TENON_API PhysAddr rsdp_address();

struct LocalApic {
    u32 acpi_id = 0, apic_id = 0;
    bool enabled = false;  // usable now; else it can only be hot-plugged
};
struct IoApic {
    u32 id = 0, gsi_base = 0;
    PhysAddr address;
};
// An ISA interrupt that is not where, or not what, ISA says.
struct IsaOverride {
    u8 isa_irq = 0;
    u32 gsi = 0;
    u16 flags = 0;  // MPS INTI: polarity in bits 0-1, trigger in bits 2-3
};
struct ApicNmi {
    u32 acpi_id = 0;  // ~0: all
    u8 lint = 0;
    u16 flags = 0;
};
struct Madt {
    PhysAddr local_apic;
    bool has_8259 = false;
    u32 cpu_count = 0, io_apic_count = 0, override_count = 0, nmi_count = 0;
    LocalApic cpus[256] = {};
    IoApic io_apics[16] = {};
    IsaOverride overrides[32] = {};
    ApicNmi nmis[16] = {};
};
// False when there is none; then there is one CPU and no IO-APIC.
bool read_madt(Madt& out);
// The parsers behind the calls above, for bytes from anywhere. Nothing outside `table` is read.
bool parse_madt(std::span<const u8> table, Madt& out);
bool checksum_ok(std::span<const u8> bytes);

struct Fadt {
    PhysAddr dsdt, facs;
    u16 sci_irq = 0;
    u32 smi_command = 0;
    u8 acpi_enable = 0;
    u32 pm1a_event = 0, pm1b_event = 0, pm1a_control = 0, pm1b_control = 0, pm_timer = 0;
    u8 pm1_event_length = 0;
    u32 gpe0 = 0;
    u8 gpe0_length = 0;
    u32 flags = 0;
    u16 boot_flags = 0;
    u8 century_register = 0;
    bool reset_supported = false;
    u8 reset_space = 0;  // 0 memory, 1 port
    u64 reset_address = 0;
    u8 reset_value = 0;
    bool timer_32bit() const { return flags & (1u << 8); }
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
// The HPET's registers; 0 if there is none.
PhysAddr hpet_address();

struct MemoryAffinity {
    PhysAddr start;
    u64 length_bytes;
    u32 node;
};
struct CpuAffinity {
    u32 apic_id, node;
};
usize memory_affinities(std::span<MemoryAffinity> out);
usize cpu_affinities(std::span<CpuAffinity> out);

}  // namespace tenon::acpi
