// Spec: IA-PC HPET 1.0a section 2.3.
#include "core/arch/x86_64/time/watchdog.h"

#include <tenon/arch/smp.h>
#include <tenon/boot/boot_info.h>
#include <tenon/device/acpi_tables.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/trace/log.h>

namespace tenon::arch::x86 {

namespace {

constexpr usize kCapabilities = 0, kConfig = 0x10, kCounter = 0xf0;
constexpr usize kTimerConfig = 0x100, kTimerCompare = 0x108;
constexpr u64 kEnable = 1;
constexpr u64 kIrqOn = 1 << 2, kPeriodic = 1 << 3, kPeriodicAble = 1 << 4, kSetValue = 1 << 6;
constexpr u32 kRouteShift = 9;
constexpr u64 kFemtosPerNs = 1'000'000;

constinit bool g_runs = false;

// The PIT's line, which nobody uses here, before those of PCI.
u32 pick_line(u32 able) {
    if ((able >> 2) & 1) return 2;
    return static_cast<u32>(__builtin_ctz(able));
}

bool start(volatile u64* hpet, u64 period_ns) {
    const u64 tick_fs = hpet[kCapabilities / 8] >> 32;
    const u64 config = hpet[kTimerConfig / 8];
    const u32 able = static_cast<u32>(config >> 32);
    if (tick_fs == 0 || able == 0 || (config & kPeriodicAble) == 0) return false;
    const u32 line = pick_line(able);
    if (!route_nmi(line)) return false;
    const u64 ticks = period_ns * kFemtosPerNs / tick_fs;
    // The counter stands while the comparator and then the period are written.
    hpet[kConfig / 8] = hpet[kConfig / 8] & ~kEnable;
    hpet[kTimerConfig / 8] = kIrqOn | kPeriodic | kSetValue | u64{line} << kRouteShift;
    hpet[kTimerCompare / 8] = hpet[kCounter / 8] + ticks;
    hpet[kTimerCompare / 8] = ticks;
    hpet[kConfig / 8] = hpet[kConfig / 8] | kEnable;
    return true;
}

}  // namespace

bool watchdog_runs() {
    return g_runs;
}

}  // namespace tenon::arch::x86

namespace tenon::arch {

void start_watchdog(u64 period_ns) {
    using namespace x86;
    if (boot::parameter("watchdog").value == "off") return;
    // An NMI is the end of a CPU that firmware left without a table to take it by.
    if (online_cpus() != possible_cpus()) {
        log::warn("watchdog: off, as {} CPUs are not up", possible_cpus() - online_cpus());
        return;
    }
    if (const PhysAddr hpet = acpi::hpet_address(); hpet.value != 0)
        if (auto window = mm::map_mmio(hpet, 0x400); window)
            g_runs = start(static_cast<volatile u64*>(*window), period_ns);
    if (!g_runs)
        log::warn("watchdog: no HPET: a module that loops with interrupts off is not ended");
}

}  // namespace tenon::arch
