// cpuinfo, stat, interrupts, softirqs.
#include <tenon/arch/smp.h>
#include <tenon/arch/time.h>
#include <tenon/irq/irq.h>
#include <tenon/sched/scheduler.h>
#include <tenon/time/clock.h>

#include "cpu_identity.h"
#include "files.h"

namespace tenon::procfs {

Result<void> show_cpuinfo(Text& out, const Subject&) {
    for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu) {
        const CpuIdentity c = cpu_identity(cpu);
        const u64 khz = arch::counter_khz(), mhz = khz / 1000, thousandths = khz % 1000;
        out.print(
            "processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\n"
            "model name\t: {}\nstepping\t: {}\ncpu MHz\t\t: {}.{:03}\n",
            cpu, static_cast<const char*>(c.vendor), c.family, c.model,
            static_cast<const char*>(c.model_name), c.stepping, mhz, thousandths);
        if (c.cache_kib != 0) out.print("cache size\t: {} KB\n", c.cache_kib);
        out.print(
            "physical id\t: {}\nsiblings\t: {}\ncore id\t\t: {}\ncpu cores\t: {}\n"
            "apicid\t\t: {}\ninitial apicid\t: {}\nfpu\t\t: yes\nfpu_exception\t: yes\n"
            "cpuid level\t: {}\nwp\t\t: yes\nflags\t\t:",
            c.apic_id, 1, 0, 1, c.apic_id, c.apic_id, c.max_leaf);
        for (u32 bit = 0; bit < 24 * 32; ++bit) {
            if (!((c.features[bit / 32] >> (bit % 32)) & 1)) continue;
            if (const auto name = cpu_feature_name(bit); !name.empty()) out.print(" {}", name);
        }
        // Two times the clock, in millions, as the delay loop counts.
        const u64 bogo = khz * 2 / 10;
        out.print(
            "\nbugs\t\t:\nbogomips\t: {}.{:02}\nclflush size\t: {}\ncache_alignment\t: {}\n"
            "address sizes\t: {} bits physical, {} bits virtual\npower management:\n\n",
            bogo / 100, bogo % 100, c.clflush_bytes, c.clflush_bytes, c.phys_bits, c.virt_bits);
    }
    return {};
}

namespace {
struct IrqTotals {
    u64 total = 0;
};
}  // namespace

Result<void> show_stat(Text& out, const Subject&) {
    sched::CpuTimes sum{};
    const u32 cpus = arch::online_cpus();
    const auto line = [&](const sched::CpuTimes& t) {
        out.print(" {} {} {} {} 0 {} 0 0 0 0\n", ticks(t.user_ns), ticks(t.nice_ns),
                  ticks(t.system_ns), ticks(t.idle_ns), ticks(t.irq_ns));
    };
    for (u32 cpu = 0; cpu < cpus; ++cpu) {
        const sched::CpuTimes t = sched::cpu_times(cpu);
        sum.user_ns += t.user_ns;
        sum.nice_ns += t.nice_ns;
        sum.system_ns += t.system_ns;
        sum.idle_ns += t.idle_ns;
        sum.irq_ns += t.irq_ns;
    }
    out.print("cpu ");
    line(sum);
    for (u32 cpu = 0; cpu < cpus; ++cpu) {
        out.print("cpu{}", cpu);
        line(sched::cpu_times(cpu));
    }
    IrqTotals irqs;
    irq::for_each(
        [](const irq::LineInfo& info, void* context) {
            for (u64 n : info.counts) static_cast<IrqTotals*>(context)->total += n;
        },
        &irqs);
    const sched::LoadAverages load = sched::load_averages();
    const i64 boot_time =
        (time::realtime_ns() - static_cast<i64>(time::boottime_ns())) / 1'000'000'000;
    out.print(
        "intr {}\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n"
        "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
        irqs.total, sched::context_switches(), boot_time, process::last_pid(), load.running);
    return {};
}

// Of what Linux counts only when asked (sched_schedstats) there is nothing. There are no domains.
// Spec: Linux Documentation/scheduler/sched-stats.rst.
Result<void> show_cpu_schedstat(Text& out, const Subject&) {
    out.print("version 15\ntimestamp {}\n", time::monotonic_ns() / 4'000'000);
    for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu) {
        const sched::CpuTimes t = sched::cpu_times(cpu);
        out.print("cpu{} 0 0 0 0 0 0 {} {} {}\n", cpu, t.user_ns + t.nice_ns + t.system_ns,
                  t.run_delay_ns, t.switches);
    }
    return {};
}

Result<void> show_interrupts(Text& out, const Subject&) {
    out.print("    ");
    for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu) out.print("       CPU{}", cpu);
    out.print("\n");
    irq::for_each(
        [](const irq::LineInfo& info, void* context) {
            auto& text = *static_cast<Text*>(context);
            text.print("{:3}:", info.irq);
            for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu)
                text.print(" {:10}", info.counts[cpu]);
            text.print("  {}  {}\n", info.kind, info.owner);
        },
        &out);
    return {};
}

Result<void> show_softirqs(Text& out, const Subject&) {
    out.print("                    ");
    for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu) out.print("CPU{:<8}", cpu);
    out.print("\n");
    for (std::string_view name : {"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET",
                                  "SCHED", "HRTIMER", "RCU"}) {
        out.print("{:>12}:", name);
        for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu) out.print(" {:10}", 0);
        out.print("\n");
    }
    return {};
}

}  // namespace tenon::procfs
