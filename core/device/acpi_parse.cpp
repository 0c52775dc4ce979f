// The pure half of the ACPI tables: bytes in, structures out.
#include <tenon/device/acpi_tables.h>

#include <cstring>

#include "core/lib/bytes.h"

namespace tenon::acpi {

namespace {

constexpr usize kHeaderBytes = 36;

// Calls visit(type, record) for the records behind the first `at` bytes, each headed by its type
// and length, up to the first whose length cannot be.
template <typename Visit>
void for_each_record(std::span<const u8> table, usize at, Visit&& visit) {
    while (at + 2 <= table.size()) {
        const u8 length = table[at + 1];
        if (length < 2 || length > table.size() - at) return;
        visit(table[at], table.subspan(at, length));
        at += length;
    }
}

// Adds to an array with a count, as long as there is room.
template <typename T, usize N>
void add(T (&list)[N], u32& count, const T& entry) {
    if (count < N) list[count++] = entry;
}

}  // namespace

bool checksum_ok(std::span<const u8> bytes) {
    u8 sum = 0;
    for (u8 b : bytes) sum = static_cast<u8>(sum + b);
    return sum == 0;
}

bool parse_madt(std::span<const u8> table, Madt& out) {
    if (table.size() < kHeaderBytes + 8) return false;
    out.cpu_count = out.io_apic_count = out.override_count = 0;
    out.local_apic = {get<u32>(table, kHeaderBytes)};
    // Bit 0: enabled; bit 1: can come later. Neither: an empty slot.
    auto add_cpu = [&](u32 apic_id, u32 flags) {
        if ((flags & 3) != 0) add(out.cpus, out.cpu_count, {apic_id, (flags & 1) != 0});
    };
    for_each_record(table, kHeaderBytes + 8, [&](u8 type, std::span<const u8> e) {
        if (type == 0 && e.size() >= 8)  // local APIC
            add_cpu(e[3], get<u32>(e, 4));
        else if (type == 9 && e.size() >= 16)  // local x2APIC
            add_cpu(get<u32>(e, 4), get<u32>(e, 8));
        else if (type == 1 && e.size() >= 12)  // IO-APIC
            add(out.io_apics, out.io_apic_count, {e[2], get<u32>(e, 8), {get<u32>(e, 4)}});
        else if (type == 2 && e.size() >= 10 && e[2] == 0)  // interrupt source override
            add(out.overrides, out.override_count, {e[3], get<u32>(e, 4), get<u16>(e, 8)});
        else if (type == 5 && e.size() >= 12)  // local APIC address override
            out.local_apic = {get<u64>(e, 4)};
    });
    return true;
}

bool parse_srat(std::span<const u8> table, Srat& out) {
    if (table.size() < kHeaderBytes + 12) return false;
    out.memory_count = out.cpu_count = 0;
    for_each_record(table, kHeaderBytes + 12, [&](u8 type, std::span<const u8> e) {
        if (type == 1 && e.size() >= 40 && (get<u32>(e, 28) & 1) && get<u64>(e, 16) != 0)
            add(out.memory, out.memory_count, {{get<u64>(e, 8)}, get<u64>(e, 16), get<u32>(e, 2)});
        else if (type == 0 && e.size() >= 16 && (get<u32>(e, 4) & 1))
            add(out.cpus, out.cpu_count, {e[3], e[2] | (get<u32>(e, 8) & 0xffff'ff00)});
        else if (type == 2 && e.size() >= 24 && (get<u32>(e, 12) & 1))
            add(out.cpus, out.cpu_count, {get<u32>(e, 8), get<u32>(e, 4)});
    });
    return true;
}

bool parse_fadt(std::span<const u8> t, Fadt& out) {
    if (t.size() < 116) return false;
    out.dsdt = {get<u32>(t, 40)};
    out.sci_irq = get<u16>(t, 46);
    out.smi_command = get<u32>(t, 48);
    out.acpi_enable = t[52];
    out.pm1a_event = get<u32>(t, 56);
    out.pm1a_control = get<u32>(t, 64);
    out.pm1b_control = get<u32>(t, 68);
    out.pm_timer = get<u32>(t, 76);
    out.pm1_event_length = t[88];
    out.flags = get<u32>(t, 112);
    if (t.size() >= 129) {
        out.reset_supported = out.flags & (1u << 10);
        out.reset_space = t[116];
        out.reset_address = get<u64>(t, 120);
        out.reset_value = t[128];
    }
    // The 64-bit field wins where it is set.
    if (const u64 dsdt = get<u64>(t, 140); dsdt != 0) out.dsdt = {dsdt};
    return true;
}

usize parse_mcfg(std::span<const u8> t, std::span<EcamRegion> out) {
    usize n = 0;
    for (usize at = 44; at + 16 <= t.size() && n < out.size(); at += 16)
        out[n++] = {{get<u64>(t, at)}, get<u16>(t, at + 8), t[at + 10], t[at + 11]};
    return n;
}

}  // namespace tenon::acpi
