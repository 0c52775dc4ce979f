// Finds the tables in physical memory and keeps those that are intact.
#include <tenon/arch/machine.h>
#include <tenon/arch/page_table.h>
#include <tenon/boot/boot_info.h>
#include <tenon/device/acpi_tables.h>
#include <tenon/trace/log.h>

#include <algorithm>
#include <cstring>

#include "core/lib/bytes.h"

namespace tenon::acpi {

namespace {

constexpr usize kMaxTables = 64;
constexpr u32 kMaxTableBytes = 16 << 20;
constexpr usize kHeaderBytes = 36;

constinit std::span<const u8> g_tables[kMaxTables];
constinit usize g_table_count = 0;
constinit Fadt g_fadt;
constinit bool g_has_fadt = false;

std::span<const u8> map(u64 phys, u64 length_bytes) {
    const auto p = arch::map_firmware_table({phys}, length_bytes);
    if (!p) return {};
    return {static_cast<const u8*>(*p), length_bytes};
}

bool rsdp_ok(std::span<const u8> r) {
    return r.size() >= 20 && std::memcmp(r.data(), "RSD PTR ", 8) == 0 && checksum_ok(r.first(20));
}

std::span<const u8> search(u64 start, u64 length_bytes) {
    const auto area = map(start, length_bytes);
    for (usize at = 0; at + 36 <= area.size(); at += 16)
        if (rsdp_ok(area.subspan(at, 36))) return area.subspan(at, 36);
    return {};
}

// What the loader named, its copy, or the BIOS areas. Spec: ACPI 6.5 section 5.2.5.1.
std::span<const u8> find_rsdp() {
    const auto& info = boot::boot_info();
    if (info.rsdp.value != 0) {
        const auto r = map(info.rsdp.value, 36);
        if (rsdp_ok(r)) return r;
    }
    if (rsdp_ok(info.rsdp_copy)) return info.rsdp_copy;
    return search(0xe0000, 0x20000);
}

void add(u64 phys) {
    if (phys == 0 || g_table_count == kMaxTables) return;
    const auto head = map(phys, kHeaderBytes);
    const u32 length = get<u32>(head, 4);
    if (head.empty() || length < kHeaderBytes || length > kMaxTableBytes) return;
    const auto table = map(phys, length);
    if (table.empty()) return;
    if (!checksum_ok(table)) {
        char name[5] = {};
        std::memcpy(name, table.data(), 4);
        log::warn("acpi: table {} has a wrong checksum; ignored", std::string_view(name));
        return;
    }
    g_tables[g_table_count++] = table;
}

}  // namespace

void init_tables() {
    const auto rsdp = find_rsdp();
    if (rsdp.empty()) {
        log::warn("acpi: no root pointer");
        return;
    }
    const u64 xsdt = rsdp[15] >= 2 ? get<u64>(rsdp, 24) : 0;
    const u64 root = xsdt != 0 ? xsdt : get<u32>(rsdp, 16);
    const usize entry_bytes = xsdt != 0 ? 8 : 4;
    add(root);
    if (g_table_count == 0) {
        log::warn("acpi: the root table is damaged");
        return;
    }
    const auto table = g_tables[0];
    for (usize at = kHeaderBytes; at + entry_bytes <= table.size(); at += entry_bytes)
        add(entry_bytes == 8 ? get<u64>(table, at) : get<u32>(table, at));
    g_has_fadt = parse_fadt(find_table("FACP"), g_fadt);
    if (g_has_fadt) add(g_fadt.dsdt.value);
    char names[kMaxTables * 5 + 1] = {};
    for (usize i = 0; i < g_table_count; ++i) {
        std::memcpy(names + i * 5, g_tables[i].data(), 4);
        names[i * 5 + 4] = ' ';
    }
    log::info("acpi: {}", std::string_view(names));
}

std::span<const u8> find_table(const char (&signature)[5], u32 index) {
    for (usize i = 0; i < g_table_count; ++i)
        if (std::memcmp(g_tables[i].data(), signature, 4) == 0 && index-- == 0) return g_tables[i];
    return {};
}

void for_each_table(void (*visit)(std::span<const u8>, void*), void* context) {
    for (usize i = 0; i < g_table_count; ++i) visit(g_tables[i], context);
}

const Fadt* fadt() {
    return g_has_fadt ? &g_fadt : nullptr;
}
bool read_madt(Madt& out) {
    return parse_madt(find_table("APIC"), out);
}

usize ecam_regions(std::span<EcamRegion> out) {
    return parse_mcfg(find_table("MCFG"), out);
}
PhysAddr hpet_address() {
    const auto t = find_table("HPET");
    // Generic address structure at 40: memory space only.
    if (t.size() < 56 || t[40] != 0) return {0};
    return {get<u64>(t, 44)};
}

}  // namespace tenon::acpi
