// Load averages and CPU times.
#include <tenon/arch/smp.h>
#include <tenon/process/process.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>

#include "core/sched/internal.h"
#include "core/sched/run_queue.h"

namespace tenon::sched {

namespace {

constexpr u64 kLoadPeriodNs = 5'000'000'000;
constexpr u64 kFixedOne = 1 << 11;
// 2048 * exp(-5s/1min), exp(-5s/5min), exp(-5s/15min): the decay of one period.
constexpr u64 kDecay[3] = {1884, 2014, 2037};

std::atomic<u32> g_load[3];
alignas(time::Timer) constinit u8 g_timer_storage[sizeof(time::Timer)] = {};

template <typename F>
void for_each_queue(F&& visit) {
    const CpuMask online = arch::online_mask();
    for (u32 cpu = 0; cpu < arch::kMaxCpus; ++cpu)
        if (online.test(cpu)) visit(run_queue(cpu));
}

u32 runnable() {
    u32 n = 0;
    for_each_queue([&](RunQueue& q) { n += q.waiting() + (q.current != q.idle ? 1 : 0); });
    return n;
}

void sample(time::Timer& timer) {
    i64 active = runnable();
    for_each_queue([&](RunQueue& q) { active += q.load_sleepers.load(std::memory_order_relaxed); });
    const u64 fixed = active > 0 ? static_cast<u64>(active) * kFixedOne : 0;
    for (u32 i = 0; i < 3; ++i) {
        const u64 load = g_load[i].load(std::memory_order_relaxed);
        u64 next = load * kDecay[i] + fixed * (kFixedOne - kDecay[i]);
        if (fixed >= load) next += kFixedOne - 1;  // or it would never reach a whole number
        g_load[i].store(static_cast<u32>(next / kFixedOne), std::memory_order_relaxed);
    }
    timer.arm_at(timer.deadline_ns() + kLoadPeriodNs);
}

}  // namespace

void start_load_average() {
    auto* timer = new (g_timer_storage) time::Timer(&sample);
    timer->arm_at(time::monotonic_ns() + kLoadPeriodNs);
}

LoadAverages load_averages() {
    LoadAverages out{};
    for (u32 i = 0; i < 3; ++i) out.fixed[i] = g_load[i].load(std::memory_order_relaxed);
    out.running = runnable();
    out.total = process::thread_total();
    return out;
}

CpuTimes cpu_times(u32 cpu) {
    CpuTimes t{};
    if (!arch::online_mask().test(cpu)) return t;
    const IrqGuard irqs;
    RunQueue& q = run_queue(cpu);
    q.lock.lock_raw();
    const u64 now = arch::clock_ns();
    if (q.current != q.idle) q.charge_current(now);
    t.user_ns = q.user_ns.load(std::memory_order_relaxed);
    t.nice_ns = q.nice_ns.load(std::memory_order_relaxed);
    t.system_ns = q.system_ns.load(std::memory_order_relaxed);
    t.idle_ns = q.idle_ns.load(std::memory_order_relaxed);
    if (q.current == q.idle && now > q.idle_since_ns) t.idle_ns += now - q.idle_since_ns;
    q.lock.unlock_raw();
    return t;
}

u64 cpu_time_ns(Task& task) {
    const IrqGuard irqs;
    RunQueue& q = lock_queue_of(task);
    if (q.current == &task) q.charge_current(arch::clock_ns());
    const u64 ns = task.sched.sum_exec_ns;
    q.lock.unlock_raw();
    return ns;
}

u64 context_switches() {
    u64 n = 0;
    for_each_queue([&](RunQueue& q) { n += q.switches.load(std::memory_order_relaxed); });
    return n;
}

}  // namespace tenon::sched
