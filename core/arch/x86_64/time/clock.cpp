// clock_ns() is the TSC, scaled. Its frequency comes from CPUID where that says it, else from a
// measurement against a reference clock, which also measures the local APIC's timer.
//
// A TSC may stop or differ between CPUs on real machines without invariant TSC; there, and only
// there, the reference clock is read instead, under a lock. A virtual machine's TSC is one clock by
// construction.
//
// The scale is a 32.32 fixed point number: ns = (cycles * mult) >> 32, by a 128-bit product, so
// that nothing overflows in the life of a machine.
#include "core/arch/x86_64/time/clock.h"

#include <tenon/arch/time.h>
#include <tenon/boot/boot_info.h>
#include <tenon/device/acpi_tables.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/sync/spinlock.h>
#include <tenon/trace/log.h>

#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/irq/lapic.h"

namespace tenon::arch {

namespace {

using namespace x86;

constexpr u32 kShift = 32;
constexpr u64 kNsPerSecond = 1'000'000'000;
constexpr u64 kFarNs = u64{100} * 365 * 86400 * kNsPerSecond;

// a * b / c without overflow in between. The quotient must fit.
u64 mul_div(u64 a, u64 b, u64 c) {
    u64 low, high;
    asm("mulq %3" : "=a"(low), "=d"(high) : "0"(a), "r"(b) : "cc");
    asm("divq %2" : "+a"(low), "+d"(high) : "r"(c) : "cc");
    return low;
}

struct Scale {
    u64 mult = 0;
    u64 apply(u64 ticks) const {
        return static_cast<u64>((static_cast<unsigned __int128>(ticks) * mult) >> kShift);
    }
    static Scale from_hz(u64 hz) { return {mul_div(kNsPerSecond, u64{1} << kShift, hz)}; }
};

[[gnu::section(".ro_after_init")]] constinit u64 g_base_cycles = 0;
[[gnu::section(".ro_after_init")]] constinit Scale g_scale{};
[[gnu::section(".ro_after_init")]] constinit u64 g_tsc_hz = 0;
[[gnu::section(".ro_after_init")]] constinit u64 g_lapic_hz = 0;
[[gnu::section(".ro_after_init")]] constinit bool g_deadline_mode = false;
[[gnu::section(".ro_after_init")]] constinit bool g_tsc_usable = true;

// The clock where the TSC is not one.
struct SlowClock {
    sync::SpinLock lock{sync::LockRank::none};
    ReferenceClock reference;
    u64 last = 0, total = 0;
};
constinit SlowClock g_slow;

u64 slow_clock_ns() {
    sync::IrqSpinGuard guard(g_slow.lock);
    const u64 now = g_slow.reference.read();
    g_slow.total += (now - g_slow.last) & g_slow.reference.mask();
    g_slow.last = now;
    return mul_div(g_slow.total, kNsPerSecond, g_slow.reference.frequency_hz());
}

// TSC Hz as the CPU or the hypervisor states it, or 0. Spec: Intel SDM 3B 19.7.3.
u64 stated_tsc_hz() {
    const u32 max = cpuid(0).a;
    if (max >= 0x15) {
        const auto l = cpuid(0x15);
        if (l.a != 0 && l.b != 0 && l.c != 0) return u64{l.c} * l.b / l.a;
    }
    if (features().hypervisor) {
        const u32 top = cpuid(0x40000000).a;
        if (top >= 0x40000010 && top < 0x40010000) {
            const u64 khz = cpuid(0x40000010).a;
            if (khz != 0) return khz * 1000;
        }
    }
    return 0;
}

struct Sample {
    u64 tsc, reference, lapic;
};

// Both clocks at one moment: of several tries the one that took least.
Sample take_sample(const ReferenceClock& reference) {
    Sample best{};
    u64 best_cost = ~u64{0};
    for (int i = 0; i < 5; ++i) {
        const u64 before = rdtsc();
        const u64 value = reference.read();
        const u64 after = rdtsc();
        const u64 lapic = lapic_timer_left();
        if (after - before < best_cost) {
            best_cost = after - before;
            best = {before + (after - before) / 2, value, lapic};
        }
    }
    return best;
}

void measure(const ReferenceClock& reference) {
    // 5 ms, which is far from every reference's wrap-around (the PIT's is 55 ms).
    const u64 want = reference.frequency_hz() / 200;
    lapic_timer_start(~0u, true);
    const Sample first = take_sample(reference);
    while (((reference.read() - first.reference) & reference.mask()) < want) cpu_relax();
    const Sample last = take_sample(reference);
    lapic_timer_start(0, true);
    const u64 ticks = (last.reference - first.reference) & reference.mask();
    const u64 hz = reference.frequency_hz();
    if (g_tsc_hz == 0) g_tsc_hz = (last.tsc - first.tsc) * hz / ticks;
    g_lapic_hz = (first.lapic - last.lapic) * hz / ticks;
    if (g_lapic_hz == 0) g_lapic_hz = 1;
}

u64 bcd(u8 v) {
    return (v >> 4) * 10u + (v & 15);
}
u8 cmos(u8 reg) {
    out8(0x70, reg | 0x80);
    return in8(0x71);
}
constexpr u64 days_from_civil(u64 year, u64 month, u64 day) {
    // Howard Hinnant's algorithm, for years from 1970.
    const u64 y = month <= 2 ? year - 1 : year;
    const u64 era = y / 400, yoe = y % 400;
    const u64 doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    const u64 doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}
static_assert(days_from_civil(1970, 1, 1) == 0 && days_from_civil(2000, 3, 1) == 11017);

}  // namespace

u64 clock_ns() {
    if (g_tsc_usable) [[likely]]
        return g_scale.apply(rdtsc() - g_base_cycles);
    return slow_clock_ns();
}

namespace x86 {

void init_clock() {
    const ReferenceClock reference = ReferenceClock::find();
    g_tsc_hz = stated_tsc_hz();
    const bool stated = g_tsc_hz != 0;
    measure(reference);
    g_scale = Scale::from_hz(g_tsc_hz);
    g_base_cycles = rdtsc();
    g_tsc_usable = features().invariant_tsc || features().hypervisor ||
                   boot::parameter("tsc").value == "reliable";
    if (!g_tsc_usable) {
        g_slow.reference = reference;
        g_slow.last = reference.read();
    }
    g_deadline_mode = features().tsc_deadline && g_tsc_usable;
    load_timer();
    log::info("clock: TSC {} kHz ({}), timer {} kHz{}{}", counter_khz(),
              stated ? "stated" : reference.name(), g_lapic_hz / 1000,
              g_deadline_mode ? ", by TSC deadline" : "",
              g_tsc_usable ? "" : "; TSC not invariant, time is the reference's");
}

void load_timer() {
    if (g_deadline_mode)
        lapic_timer_deadline_mode();
    else
        lapic_timer_start(0, true);
}

}  // namespace x86

u64 counter_khz() {
    return g_tsc_hz / 1000;
}

void set_timer(u64 deadline_ns) {
    if (g_deadline_mode) {
        // 0 disarms. The product of a far deadline saturates.
        u64 cycles = 0;
        if (deadline_ns != ~u64{0}) {
            // A hundred years are far enough, and fit.
            if (deadline_ns > kFarNs) deadline_ns = kFarNs;
            cycles = g_base_cycles + mul_div(deadline_ns, u64{1} << kShift, g_scale.mult) + 1;
        }
        wrmsr(kMsrTscDeadline, cycles);
        return;
    }
    if (deadline_ns == ~u64{0}) {
        lapic_timer_start(0, true);
        return;
    }
    const u64 now = clock_ns();
    // At most four seconds, so that the product fits; who comes too early is armed again.
    u64 left = deadline_ns > now ? deadline_ns - now : 0;
    if (left > 4 * kNsPerSecond) left = 4 * kNsPerSecond;
    u64 ticks = left * (g_lapic_hz / 1000) / 1'000'000 + 1;
    if (ticks > 0xffff'ffff) ticks = 0xffff'ffff;
    lapic_timer_start(static_cast<u32>(ticks), false);
}

// Spec: Motorola MC146818A data sheet; ACPI 6.5 section 4.8.2.4.
u64 read_wall_clock_seconds() {
    u8 now[6] = {}, again[6] = {};
    constexpr u8 kRegisters[6] = {0, 2, 4, 7, 8, 9};
    for (int attempt = 0; attempt < 10; ++attempt) {
        for (u32 i = 0; i < 100000 && (cmos(0x0a) & 0x80) != 0; ++i)
            continue;  // update in progress
        for (int i = 0; i < 6; ++i) now[i] = cmos(kRegisters[i]);
        for (int i = 0; i < 6; ++i) again[i] = cmos(kRegisters[i]);
        bool same = true;
        for (int i = 0; i < 6; ++i) same = same && now[i] == again[i];
        if (same) break;
    }
    const u8 status = cmos(0x0b);
    const bool binary = status & 4, hours24 = status & 2;
    const bool pm = !hours24 && (now[2] & 0x80);
    now[2] &= 0x7f;
    u64 v[6];
    for (int i = 0; i < 6; ++i) v[i] = binary ? now[i] : bcd(now[i]);
    if (!hours24) v[2] = v[2] % 12 + (pm ? 12 : 0);
    if (v[4] < 1 || v[4] > 12 || v[3] < 1 || v[3] > 31) return 0;
    const u64 year = v[5] + (v[5] < 70 ? 2000 : 1900);
    return days_from_civil(year, v[4], v[3]) * 86400 + v[2] * 3600 + v[1] * 60 + v[0];
}

UserClock user_clock() {
    return {g_tsc_usable, g_base_cycles, 0, g_scale.mult, kShift};
}

void delay_ns(u64 ns) {
    const u64 start = rdtsc();
    while (g_scale.mult != 0 && g_scale.apply(rdtsc() - start) < ns) cpu_relax();
}

}  // namespace tenon::arch

namespace tenon::arch::x86 {

namespace {
// Spec: IA-PC HPET 1.0a section 2.3.
constexpr usize kHpetCapabilities = 0, kHpetConfig = 0x10, kHpetCounter = 0xf0;
constexpr u64 kFemtosPerSecond = 1'000'000'000'000'000;
constexpr u64 kPmTimerHz = 3'579'545;
}  // namespace

ReferenceClock ReferenceClock::find() {
    ReferenceClock c;
    if (const PhysAddr hpet = acpi::hpet_address(); hpet.value != 0) {
        if (auto window = mm::map_mmio(hpet, 0x400); window) {
            auto* base = static_cast<volatile u8*>(*window);
            auto* words = reinterpret_cast<volatile u64*>(base);
            const u64 capabilities = words[kHpetCapabilities / 8];
            const u64 period_fs = capabilities >> 32;
            if (period_fs != 0 && period_fs <= 100'000'000) {
                words[kHpetConfig / 8] = words[kHpetConfig / 8] | 1;
                c.kind_ = Kind::hpet;
                c.hpet_ = base;
                c.frequency_ = kFemtosPerSecond / period_fs;
                c.mask_ = 0xffff'ffff;  // the low half is enough, and never torn
                return c;
            }
        }
    }
    if (const auto* fadt = acpi::fadt(); fadt != nullptr && fadt->pm_timer != 0) {
        c.kind_ = Kind::pm_timer;
        c.port_ = static_cast<u16>(fadt->pm_timer);
        c.frequency_ = kPmTimerHz;
        c.mask_ = 0xff'ffff;
        const u64 before = c.read();
        for (u32 i = 0; i < 10000 && c.read() == before; ++i) continue;
        if (c.read() != before) return c;
    }
    // PIT channel 2, free running, speaker off. Spec: Intel 8254 data sheet.
    out8(0x61, static_cast<u8>((in8(0x61) & ~2) | 1));
    out8(0x43, 0xb4);
    out8(0x42, 0xff);
    out8(0x42, 0xff);
    c.kind_ = Kind::pit;
    c.frequency_ = 1'193'182;
    c.mask_ = 0xffff;
    return c;
}

const char* ReferenceClock::name() const {
    switch (kind_) {
        case Kind::hpet:
            return "HPET";
        case Kind::pm_timer:
            return "PM timer";
        default:
            return "PIT";
    }
}

u64 ReferenceClock::read() const {
    switch (kind_) {
        case Kind::hpet:
            return reinterpret_cast<volatile u32*>(hpet_)[kHpetCounter / 4];
        case Kind::pm_timer:
            return in32(port_) & mask_;
        default: {
            out8(0x43, 0x80);  // latch channel 2
            const u32 low = in8(0x42);
            const u32 high = in8(0x42);
            return 0xffff - (low | high << 8);  // it counts down
        }
    }
}

}  // namespace tenon::arch::x86
