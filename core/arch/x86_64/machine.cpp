// Power, ports, and the order in which the machine comes up.
#include <tenon/arch/machine.h>
#include <tenon/arch/smp.h>
#include <tenon/boot/boot_info.h>
#include <tenon/boot/panic.h>
#include <tenon/device/acpi_tables.h>
#include <tenon/lib/assert.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/trace/log.h>

#include <span>

#include "core/arch/x86_64/boot/start.h"
#include "core/arch/x86_64/cpu/cpu_local.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/irq/lapic.h"
#include "core/arch/x86_64/mm/keys.h"
#include "core/arch/x86_64/mm/tlb.h"
#include "core/arch/x86_64/smp/smp.h"
#include "core/arch/x86_64/time/clock.h"

namespace tenon::arch {

using namespace x86;

std::span<const u8> trace_symbols() {
    return {reinterpret_cast<const u8*>(tenon_ksyms_start),
            reinterpret_cast<const u8*>(tenon_ksyms_end)};
}
u64 text_start() {
    return reinterpret_cast<u64>(tenon_text_start);
}
u64 text_end() {
    return reinterpret_cast<u64>(tenon_text_end);
}

void init_machine(const boot::BootInfo& info) {
    protect_core_data(info);
    acpi::init_tables();
    init_topology();
    init_ioapics();
    init_fpu();
    if (auto r = create_fpu_cache(); !r) panic("no memory for the FPU cache");
    init_clock();
    log::info("boot: {}, image at {:#x} (physical {:#x}), {} KiB",
              info.door == boot::Door::pvh ? "PVH" : "multiboot2", info.kernel_virt,
              info.kernel_phys.value, info.kernel_length_bytes / 1024);
    if (info.dropped != 0)
        log::warn("boot: {} entries of the loader's data were malformed or too many", info.dropped);
}

const char* machine_name() {
    return "x86_64";
}

IdentityLeaf identity_leaf(u32 leaf, u32 subleaf) {
    const auto l = cpuid(leaf, subleaf);
    return {l.a, l.b, l.c, l.d};
}

// AT_HWCAP is CPUID leaf 1's edx; AT_HWCAP2 says what the kernel made usable.
u64 elf_hwcap() {
    return cpuid(1).d;
}
u64 elf_hwcap2() {
    constexpr u64 kFsgsbase = 1 << 1;
    return features().fsgsbase ? kFsgsbase : 0;
}

u8 port_in8(u16 port) {
    return in8(port);
}
u16 port_in16(u16 port) {
    return in16(port);
}
u32 port_in32(u16 port) {
    return in32(port);
}
void port_out8(u16 port, u8 value) {
    out8(port, value);
}
void port_out16(u16 port, u16 value) {
    out16(port, value);
}
void port_out32(u16 port, u32 value) {
    out32(port, value);
}

void halt_forever() {
    for (;;) asm volatile("cli; hlt");
}

namespace {

// \_S5's sleep types, by looking for the name in the DSDT's bytes: "_S5_", a package of small
// integers. The ACPI module knows AML; this is for panics and for a kernel without it. Spec:
// ACPI 6.5 section 7.4.2, 20.2.5.4.
bool find_s5(u8& type_a, u8& type_b) {
    const auto dsdt = acpi::find_table("DSDT");
    for (usize at = 36; at + 12 < dsdt.size(); ++at) {
        if (dsdt[at] != '_' || dsdt[at + 1] != 'S' || dsdt[at + 2] != '5' || dsdt[at + 3] != '_' ||
            dsdt[at + 4] != 0x12)
            continue;
        usize p = at + 5;
        p += (dsdt[p] >> 6) + 1u;  // package length
        ++p;                       // element count
        auto integer = [&](u8& out) {
            if (p >= dsdt.size()) return false;
            if (dsdt[p] == 0x0a && p + 1 < dsdt.size()) {
                out = dsdt[p + 1];
                p += 2;
            } else if (dsdt[p] <= 1) {
                out = dsdt[p++];
            } else {
                return false;
            }
            return true;
        };
        return integer(type_a) && integer(type_b);
    }
    return false;
}

void wait_for_power(u32 milliseconds) {
    for (u64 i = 0; i < u64{milliseconds} * 1000; ++i) (void)in8(0x80);  // about 1 us each
}

}  // namespace

void power_off() {
    irq_disable();
    stop_other_cpus();
    u8 a = 0, b = 0;
    if (const auto* fadt = acpi::fadt(); fadt != nullptr && find_s5(a, b)) {
        constexpr u16 kSleepEnable = 1 << 13;
        if (fadt->pm1a_control != 0)
            out16(static_cast<u16>(fadt->pm1a_control), static_cast<u16>(a << 10 | kSleepEnable));
        if (fadt->pm1b_control != 0)
            out16(static_cast<u16>(fadt->pm1b_control), static_cast<u16>(b << 10 | kSleepEnable));
        wait_for_power(100);
    }
    // QEMU's machines without usable tables: PIIX4 and ICH9.
    out16(0x604, 0x2000);
    out16(0xb004, 0x2000);
    wait_for_power(10);
    halt_forever();
}

void reboot() {
    irq_disable();
    stop_other_cpus();
    const auto* fadt = acpi::fadt();
    if (fadt != nullptr && fadt->reset_supported && fadt->reset_space == 1) {
        out8(static_cast<u16>(fadt->reset_address), fadt->reset_value);
        wait_for_power(10);
    }
    for (u32 i = 0; i < 10000 && (in8(0x64) & 2) != 0; ++i) (void)in8(0x80);
    out8(0x64, 0xfe);  // keyboard controller: pulse the reset line
    wait_for_power(10);
    out8(0xcf9, 0x06);
    wait_for_power(10);
    // Triple fault: an empty descriptor table, then a trap.
    struct [[gnu::packed]] {
        u16 limit;
        u64 base;
    } empty{};
    asm volatile("lidt %0; int3" ::"m"(empty));
    halt_forever();
}

}  // namespace tenon::arch
