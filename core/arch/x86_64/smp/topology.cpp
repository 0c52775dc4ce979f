#include "core/arch/x86_64/smp/topology.h"

#include <tenon/arch/smp.h>
#include <tenon/boot/boot_info.h>
#include <tenon/trace/log.h>

#include <atomic>

#include "core/arch/x86_64/irq/lapic.h"

namespace tenon::arch {

namespace {
constinit acpi::Madt g_madt{};
constinit u32 g_possible = 1;
constinit std::atomic<u64> g_online{1};
}  // namespace

u32 possible_cpus() {
    return g_possible;
}
u32 online_cpus() {
    return static_cast<u32>(__builtin_popcountll(online_mask().bits()));
}
CpuMask online_mask() {
    return CpuMask(g_online.load(std::memory_order_acquire));
}

namespace x86 {

const acpi::Madt& firmware_cpus() {
    return g_madt;
}

void init_topology() {
    if (!acpi::read_madt(g_madt)) g_madt.local_apic = {0xfee0'0000};
    u32 limit = kMaxCpus;
    if (const auto p = boot::parameter("maxcpus"); p.found) {
        limit = 0;
        for (char c : p.value)
            if (c >= '0' && c <= '9' && limit < 1000)
                limit = limit * 10 + static_cast<u32>(c - '0');
        if (limit == 0) limit = 1;
        if (limit > kMaxCpus) limit = kMaxCpus;
    }
    init_lapic(g_madt.local_apic.value);
    const u32 boot_id = lapic_id();
    for (u32 i = 0; i < g_madt.cpu_count; ++i) {
        const auto& c = g_madt.cpus[i];
        if (!c.enabled || c.apic_id == boot_id) continue;
        if (g_possible == limit) {
            log::warn("smp: more CPUs than the {} that will be used", limit);
            break;
        }
        set_apic_id(g_possible++, c.apic_id);
    }
}

void mark_online(u32 cpu) {
    g_online.fetch_or(u64{1} << cpu);
}

}  // namespace x86
}  // namespace tenon::arch
