// Spec: Intel 82093AA data sheet; ACPI 6.5 section 5.2.12.

#include <tenon/arch/irq.h>
#include <tenon/device/acpi_tables.h>
#include <tenon/mm/slab.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/sync/spinlock.h>
#include <tenon/trace/log.h>

#include <atomic>

#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/irq/lapic.h"
#include "core/arch/x86_64/smp/smp.h"
#include "core/arch/x86_64/time/watchdog.h"
#include "core/arch/x86_64/trap/trap.h"

namespace tenon::arch {

namespace {

using namespace x86;

struct Controller {
    volatile u32* registers;
    u32 gsi_base, lines;
};
constinit Controller g_controllers[16];
constinit u32 g_count = 0;
constinit sync::SpinLock g_lock{sync::LockRank::spin_leaf};

constexpr u32 kVersion = 1, kTable = 0x10;
constexpr u32 kMasked = 1 << 16, kLevel = 1 << 15, kActiveLow = 1 << 13;

u32 read(const Controller& c, u32 reg) {
    c.registers[0] = reg;
    return c.registers[4];
}
void write(const Controller& c, u32 reg, u32 value) {
    c.registers[0] = reg;
    c.registers[4] = value;
}

const Controller* find(u32 gsi) {
    for (u32 i = 0; i < g_count; ++i)
        if (gsi - g_controllers[i].gsi_base < g_controllers[i].lines) return &g_controllers[i];
    return nullptr;
}

// One bit a vector.
struct VectorMap {
    sync::SpinLock lock{sync::LockRank::spin_leaf};
    u64 used[4] = {};
};
constinit VectorMap g_vectors;

void disable_8259() {
    // Remapped first, so that a spurious one is no exception. Spec: Intel 8259A data sheet.
    out8(0x20, 0x11);
    out8(0xa0, 0x11);
    out8(0x21, 0x20);
    out8(0xa1, 0x28);
    out8(0x21, 4);
    out8(0xa1, 2);
    out8(0x21, 1);
    out8(0xa1, 1);
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
}

}  // namespace

void x86::init_ioapics() {
    disable_8259();
    const auto& madt = firmware_cpus();
    for (u32 i = 0; i < madt.io_apic_count; ++i) {
        auto window = mm::map_mmio(madt.io_apics[i].address, kPageSize);
        if (!window) {
            log::err("io-apic {}: no memory for its window", madt.io_apics[i].id);
            continue;
        }
        Controller& c = g_controllers[g_count++];
        c.registers = static_cast<volatile u32*>(*window);
        c.gsi_base = madt.io_apics[i].gsi_base;
        c.lines = ((read(c, kVersion) >> 16) & 0xff) + 1;
        for (u32 line = 0; line < c.lines; ++line) write(c, kTable + 2 * line, kMasked);
    }
}

Result<u32> alloc_vector() {
    sync::IrqSpinGuard guard(g_vectors.lock);
    for (u32 v = kVectorFirstDevice; v <= kVectorLastDevice; ++v) {
        u64& word = g_vectors.used[v / 64];
        if ((word >> (v % 64)) & 1) continue;
        word |= u64{1} << (v % 64);
        return v;
    }
    return Err(Error::nospc);
}

void free_vector(u32 vector) {
    sync::IrqSpinGuard guard(g_vectors.lock);
    g_vectors.used[vector / 64] &= ~(u64{1} << (vector % 64));
}

Result<void> route_gsi(u32 gsi, u32 vector, u32 cpu, IrqTrigger trigger) {
    const Controller* c = find(gsi);
    if (c == nullptr) return Err(Error::nodev);
    u32 low = vector | kMasked;
    // ISA lines are edge, active high; PCI lines level, active low.
    if (trigger == IrqTrigger::bus_default)
        trigger = gsi < 16 ? IrqTrigger::edge_high : IrqTrigger::level_low;
    if (trigger == IrqTrigger::level_high || trigger == IrqTrigger::level_low) low |= kLevel;
    if (trigger == IrqTrigger::edge_low || trigger == IrqTrigger::level_low) low |= kActiveLow;
    sync::IrqSpinGuard guard(g_lock);
    const u32 reg = kTable + 2 * (gsi - c->gsi_base);
    write(*c, reg, kMasked);
    write(*c, reg + 1, apic_id_of(cpu) << 24);
    write(*c, reg, low);
    return {};
}

bool x86::route_nmi(u32 gsi) {
    constexpr u32 kNmi = 4 << 8, kAllCpus = 0xff;
    const Controller* c = find(gsi);
    if (c == nullptr) return false;
    sync::IrqSpinGuard guard(g_lock);
    const u32 reg = kTable + 2 * (gsi - c->gsi_base);
    write(*c, reg + 1, kAllCpus << 24);
    write(*c, reg, kNmi);
    return true;
}

Result<u32> isa_to_gsi(u32 isa_irq, IrqTrigger& trigger) {
    if (isa_irq >= 16) return Err(Error::inval);
    trigger = IrqTrigger::edge_high;
    const auto& madt = firmware_cpus();
    for (u32 i = 0; i < madt.override_count; ++i) {
        const auto& o = madt.overrides[i];
        if (o.isa_irq != isa_irq) continue;
        // MPS INTI flags; 0 in a field is the bus's own way.
        const bool low = (o.flags & 3) == 3, level = ((o.flags >> 2) & 3) == 3;
        trigger = level ? (low ? IrqTrigger::level_low : IrqTrigger::level_high)
                        : (low ? IrqTrigger::edge_low : IrqTrigger::edge_high);
        return o.gsi;
    }
    return isa_irq;
}

void mask_gsi(u32 gsi, bool masked) {
    const Controller* c = find(gsi);
    if (c == nullptr) return;
    sync::IrqSpinGuard guard(g_lock);
    const u32 reg = kTable + 2 * (gsi - c->gsi_base);
    const u32 low = read(*c, reg);
    write(*c, reg, masked ? low | kMasked : low & ~kMasked);
}

// Spec: Intel SDM 3A 11.11: physical destination, fixed, edge.
MsiMessage compose_msi(u32 vector, u32 cpu) {
    return {0xfee0'0000 | u64{apic_id_of(cpu) & 0xff} << 12, vector};
}

void end_of_interrupt(u32) {
    lapic_eoi();
}

}  // namespace tenon::arch
