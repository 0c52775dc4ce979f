// The pure half of the ACPI tables: bytes in, structures out.
#include <tenon/device/acpi_tables.h>

#include <cstring>

#include "core/device/acpi_bytes.h"

namespace tenon::acpi {

namespace {

constexpr usize kHeaderBytes = 36;

void parse_madt_entry(u8 type, std::span<const u8> e, Madt& out) {
    auto add_cpu = [&](u32 acpi_id, u32 apic_id, u32 flags) {
        if (out.cpu_count == std::size(out.cpus)) return;
        // Bit 0: enabled; bit 1: can come later. Neither: an empty slot.
        if ((flags & 3) != 0) out.cpus[out.cpu_count++] = {acpi_id, apic_id, (flags & 1) != 0};
    };
    switch (type) {
        case 0:  // local APIC
            if (e.size() >= 8) add_cpu(e[2], e[3], get<u32>(e, 4));
            break;
        case 1:  // IO-APIC
            if (e.size() >= 12 && out.io_apic_count < std::size(out.io_apics))
                out.io_apics[out.io_apic_count++] = {e[2], get<u32>(e, 8), {get<u32>(e, 4)}};
            break;
        case 2:  // interrupt source override
            if (e.size() >= 10 && e[2] == 0 && out.override_count < std::size(out.overrides))
                out.overrides[out.override_count++] = {e[3], get<u32>(e, 4), get<u16>(e, 8)};
            break;
        case 4:  // NMI at a local APIC's pin
            if (e.size() >= 6 && out.nmi_count < std::size(out.nmis))
                out.nmis[out.nmi_count++] = {e[2] == 0xff ? ~0u : e[2], e[5], get<u16>(e, 3)};
            break;
        case 5:  // local APIC address override
            if (e.size() >= 12) out.local_apic = {get<u64>(e, 4)};
            break;
        case 9:  // local x2APIC
            if (e.size() >= 16) add_cpu(get<u32>(e, 12), get<u32>(e, 4), get<u32>(e, 8));
            break;
        default:
            break;
    }
}

}  // namespace

bool checksum_ok(std::span<const u8> bytes) {
    u8 sum = 0;
    for (u8 b : bytes) sum = static_cast<u8>(sum + b);
    return sum == 0;
}

bool parse_madt(std::span<const u8> table, Madt& out) {
    if (table.size() < kHeaderBytes + 8) return false;
    out.cpu_count = out.io_apic_count = out.override_count = out.nmi_count = 0;
    out.local_apic = {get<u32>(table, kHeaderBytes)};
    out.has_8259 = get<u32>(table, kHeaderBytes + 4) & 1;
    for (usize at = kHeaderBytes + 8; at + 2 <= table.size();) {
        const u8 length = table[at + 1];
        if (length < 2 || length > table.size() - at) break;
        parse_madt_entry(table[at], table.subspan(at, length), out);
        at += length;
    }
    return true;
}

bool parse_fadt(std::span<const u8> t, Fadt& out) {
    if (t.size() < 116) return false;
    out.facs = {get<u32>(t, 36)};
    out.dsdt = {get<u32>(t, 40)};
    out.sci_irq = get<u16>(t, 46);
    out.smi_command = get<u32>(t, 48);
    out.acpi_enable = t[52];
    out.pm1a_event = get<u32>(t, 56);
    out.pm1b_event = get<u32>(t, 60);
    out.pm1a_control = get<u32>(t, 64);
    out.pm1b_control = get<u32>(t, 68);
    out.pm_timer = get<u32>(t, 76);
    out.gpe0 = get<u32>(t, 80);
    out.pm1_event_length = t[88];
    out.gpe0_length = t[92];
    out.century_register = t[108];
    out.boot_flags = get<u16>(t, 109);
    out.flags = get<u32>(t, 112);
    if (t.size() >= 129) {
        out.reset_supported = out.flags & (1u << 10);
        out.reset_space = t[116];
        out.reset_address = get<u64>(t, 120);
        out.reset_value = t[128];
    }
    // The 64-bit fields win where they are set.
    if (t.size() >= 148) {
        if (const u64 facs = get<u64>(t, 132); facs != 0) out.facs = {facs};
        if (const u64 dsdt = get<u64>(t, 140); dsdt != 0) out.dsdt = {dsdt};
    }
    return true;
}

usize ecam_regions(std::span<EcamRegion> out) {
    const auto t = find_table("MCFG");
    usize n = 0;
    for (usize at = 44; at + 16 <= t.size() && n < out.size(); at += 16)
        out[n++] = {{get<u64>(t, at)}, get<u16>(t, at + 8), t[at + 10], t[at + 11]};
    return n;
}

PhysAddr hpet_address() {
    const auto t = find_table("HPET");
    // Generic address structure at 40: memory space only.
    if (t.size() < 56 || t[40] != 0) return {0};
    return {get<u64>(t, 44)};
}

usize memory_affinities(std::span<MemoryAffinity> out) {
    const auto t = find_table("SRAT");
    usize n = 0;
    for (usize at = 48; at + 2 <= t.size() && n < out.size();) {
        const u8 length = t[at + 1];
        if (length < 2 || length > t.size() - at) break;
        const auto e = t.subspan(at, length);
        if (t[at] == 1 && length >= 40 && (get<u32>(e, 28) & 1) && get<u64>(e, 16) != 0)
            out[n++] = {{get<u64>(e, 8)}, get<u64>(e, 16), get<u32>(e, 2)};
        at += length;
    }
    return n;
}

usize cpu_affinities(std::span<CpuAffinity> out) {
    const auto t = find_table("SRAT");
    usize n = 0;
    for (usize at = 48; at + 2 <= t.size() && n < out.size();) {
        const u8 length = t[at + 1];
        if (length < 2 || length > t.size() - at) break;
        const auto e = t.subspan(at, length);
        if (t[at] == 0 && length >= 16 && (get<u32>(e, 4) & 1))
            out[n++] = {e[3], u32{e[2]} | u32{e[9]} << 8 | u32{e[10]} << 16 | u32{e[11]} << 24};
        if (t[at] == 2 && length >= 24 && (get<u32>(e, 12) & 1))
            out[n++] = {get<u32>(e, 8), get<u32>(e, 4)};
        at += length;
    }
    return n;
}

}  // namespace tenon::acpi
