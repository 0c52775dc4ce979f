// Spec: Intel SDM 3A chapter 11.
#include "core/arch/x86_64/irq/lapic.h"

#include <tenon/arch/cpu.h>
#include <tenon/arch/lose.h>
#include <tenon/lib/assert.h>
#include <tenon/mm/vmalloc.h>

#include <atomic>

#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/trap/trap.h"

namespace tenon::arch::x86 {

namespace {

enum Register : u32 {
    kId = 0x20,
    kTpr = 0x80,
    kEoi = 0xb0,
    kLdr = 0xd0,
    kDfr = 0xe0,
    kSpurious = 0xf0,
    kInService = 0x100,
    kEsr = 0x280,
    kIcrLow = 0x300,
    kIcrHigh = 0x310,
    kLvtTimer = 0x320,
    kLvtPerf = 0x340,
    kLvtLint0 = 0x350,
    kLvtLint1 = 0x360,
    kLvtError = 0x370,
    kTimerInitial = 0x380,
    kTimerCurrent = 0x390,
    kTimerDivide = 0x3e0,
};
constexpr u32 kLvtMasked = 1 << 16, kLvtNmi = 4 << 8, kTimerDeadline = 2 << 17;
constexpr u32 kIcrPending = 1 << 12, kIcrAssert = 1 << 14;
constexpr u32 kDeliverNmi = 4 << 8, kDeliverInit = 5 << 8, kDeliverStartup = 6 << 8;
constexpr u64 kBaseEnable = 1 << 11, kBaseX2 = 1 << 10;

[[gnu::section(".ro_after_init")]] constinit volatile u32* g_registers = nullptr;
[[gnu::section(".ro_after_init")]] constinit bool g_x2 = false;
constinit u32 g_apic_ids[kMaxCpus] = {};
constinit u32 g_timer_mode = 0;
constinit std::atomic<u32> g_lost_sends{0}, g_lost_ends{0};  // that a test asked for

bool is_lost(std::atomic<u32>& left) {
    u32 n = left.load(std::memory_order_relaxed);
    while (n != 0)
        if (left.compare_exchange_weak(n, n - 1, std::memory_order_relaxed)) return true;
    return false;
}

u32 read(u32 reg) {
    if (g_x2) return static_cast<u32>(rdmsr(kMsrX2apic + reg / 16));
    return g_registers[reg / 4];
}
void write(u32 reg, u32 value) {
    if (g_x2)
        wrmsr(kMsrX2apic + reg / 16, value);
    else
        g_registers[reg / 4] = value;
}

void send(u32 apic_id, u32 command) {
    if (g_x2) {
        // x2APIC writes are no fence: what the target shall see must be visible first.
        asm volatile("mfence; lfence" ::: "memory");
        wrmsr(kMsrX2apic + kIcrLow / 16, (u64{apic_id} << 32) | command);
        return;
    }
    IrqGuard guard;  // two words that belong together
    while (read(kIcrLow) & kIcrPending) cpu_relax();
    write(kIcrHigh, apic_id << 24);
    write(kIcrLow, command);
}

}  // namespace

void init_lapic(u64 base_phys) {
    g_x2 = features().x2apic;
    if (!g_x2) {
        auto window = mm::map_mmio({base_phys}, kPageSize);
        if (!window) panic("no memory for the local APIC window");
        g_registers = static_cast<volatile u32*>(*window);
    }
    load_lapic();
    set_apic_id(0, lapic_id());
}

void load_lapic() {
    u64 base = rdmsr(kMsrApicBase) | kBaseEnable;
    if (g_x2) {
        wrmsr(kMsrApicBase, base);
        base |= kBaseX2;
    }
    wrmsr(kMsrApicBase, base);
    if (!g_x2) {
        write(kDfr, 0xffff'ffff);
        write(kLdr, 1u << 24);
    }
    write(kTpr, 0);
    write(kLvtTimer, kLvtMasked);
    write(kLvtPerf, kLvtMasked);
    write(kLvtLint0, kLvtMasked);
    write(kLvtLint1, kLvtNmi);
    write(kLvtError, kVectorApicError);
    write(kTimerDivide, 0x3);  // by 16
    write(kSpurious, 0x100 | kVectorSpurious);
    write(kEsr, 0);
    write(kEoi, 0);
}

u32 lapic_id() {
    return g_x2 ? read(kId) : read(kId) >> 24;
}
void lapic_eoi() {
    if (!is_lost(g_lost_ends)) write(kEoi, 0);
}

void lapic_end_stale() {
    for (u32 word = 0; word < 8; ++word)
        for (u32 bit = 0; bit < 32 && read(kInService + 16 * word) != 0; ++bit) lapic_eoi();
}

void send_ipi(u32 cpu, u32 vector) {
    if (!is_lost(g_lost_sends)) send(g_apic_ids[cpu], vector | kIcrAssert);
}
void send_nmi(u32 cpu) {
    send(g_apic_ids[cpu], kDeliverNmi | kIcrAssert);
}
void send_init(u32 apic_id) {
    send(apic_id, kDeliverInit | kIcrAssert);
}
void send_startup(u32 apic_id, u32 page) {
    send(apic_id, kDeliverStartup | kIcrAssert | page);
}

void lapic_timer_deadline_mode() {
    g_timer_mode = kTimerDeadline;
    write(kLvtTimer, kVectorTimer | kTimerDeadline);
    asm volatile("mfence" ::: "memory");
}
void lapic_timer_start(u32 ticks, bool masked) {
    write(kLvtTimer, kVectorTimer | (masked ? kLvtMasked : 0));
    write(kTimerInitial, ticks);
}
u32 lapic_timer_left() {
    return read(kTimerCurrent);
}

void set_apic_id(u32 cpu, u32 apic_id) {
    g_apic_ids[cpu] = apic_id;
}
u32 apic_id_of(u32 cpu) {
    return g_apic_ids[cpu];
}

}  // namespace tenon::arch::x86

namespace tenon::arch::testing {

[[gnu::section(".modinfo"), gnu::used]] constexpr char kExports[] =
    "export_ns=tenon::arch::testing: ktest_*";

void lose_interrupts(u32 sent, u32 ended) {
    x86::g_lost_sends.store(sent);
    x86::g_lost_ends.store(ended);
}

}  // namespace tenon::arch::testing
