// Policy, priority and affinity of a task.
#include <tenon/arch/smp.h>
#include <tenon/process/process.h>
#include <tenon/sync/mutex.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>

#include "core/sched/deadline.h"
#include "core/sched/run_queue.h"

namespace tenon::sched {

namespace {

using Joining = FairQueue<Entity>::Joining;

u32 weight_of(const Params& p) {
    return p.policy == Policy::idle ? kIdleWeight : weight_of_nice(p.nice);
}

constexpr u64 kMostPeriodNs = u64{1} << 40;  // for share()

Result<void> check(const Params& p) {
    if (p.nice < -20 || p.nice > 19) return Err(Error::inval);
    const bool has_priority = p.policy == Policy::fifo || p.policy == Policy::rr;
    if (has_priority ? p.rt_priority < 1 || p.rt_priority > 99 : p.rt_priority != 0)
        return Err(Error::inval);
    if (p.policy == Policy::deadline &&
        (p.runtime_ns == 0 || p.runtime_ns > p.deadline_ns || p.deadline_ns > p.period_ns ||
         p.period_ns > kMostPeriodNs))
        return Err(Error::inval);
    return {};
}

// What all deadline tasks were promised together; 1 << 20 is one CPU. The lock is held while a
// task's own parameters change.
constinit sync::SpinLock g_bandwidth_lock{sync::LockRank::none};
constinit u64 g_promised = 0;

constexpr u64 share(u64 runtime_ns, u64 period_ns) {
    return (runtime_ns << 20) / period_ns;
}
u64 bandwidth_of(const Params& p) {
    return p.policy == Policy::deadline ? share(p.runtime_ns, p.period_ns) : 0;
}

Result<void> promise_locked(u64 before, u64 wanted) {
    const u64 runtime = realtime_runtime_ns.load(std::memory_order_relaxed);
    const u64 period = realtime_period_ns.load(std::memory_order_relaxed);
    const u64 total = g_promised - before + wanted;
    if (wanted > before && runtime != ~u64{0} && total > share(runtime, period) * arch::online_cpus())
        return Err(Error::busy);
    g_promised = total;
    return {};
}

// Changes what is given. The task goes by its own parameters, or by what it is lent.
void apply(Task& task, const Params* own, const u8* lent) {
    const IrqGuard irqs;
    RunQueue& queue = lock_queue_of(task);
    Entity& e = task.sched;
    const bool runs = queue.current == &task;
    const bool queued = e.queued;
    const u64 now = arch::clock_ns();
    if (runs) (void)queue.charge_current(now);
    // Off the queue under the old parameters, on again under the new ones.
    if (queued) queue.dequeue(task);
    const bool new_turn = own != nullptr && own->policy == Policy::deadline && *own != e.own;
    if (own != nullptr) e.own = *own;
    if (lent != nullptr) e.lent = *lent;
    e.params = e.own;
    if (new_turn) edf::start_turn(e, now);
    if (e.lent > e.own.rt_priority && e.own.policy != Policy::deadline) {
        e.params.policy = Policy::fifo;
        e.params.rt_priority = e.lent;
    }
    e.weight = weight_of(e.own);
    if (queued) {
        if (runs) {
            e.queued = true;
            if (e.params.policy != Policy::deadline) e.turn_left_ns = round_robin_slice_ns;
            if (!is_realtime(e.params.policy)) queue.fair.place(e, nullptr, Joining::woken);
        } else {
            queue.enqueue(task, Joining::woken, now);
        }
        // Whoever runs may have to make way.
        if (runs ? queue.must_switch() : queue.preempts(task)) reschedule(queue);
    }
    queue.lock.unlock_raw();
}

}  // namespace

Params params(const Task& task) {
    return task.sched.own;
}

Result<void> set_params(Task& task, const Params& wanted) {
    TRY(check(wanted));
    sync::IrqSpinGuard guard(g_bandwidth_lock);
    const TaskState state = task.state.load(std::memory_order_relaxed);
    if (state == TaskState::zombie || state == TaskState::dead) return Err(Error::srch);
    TRY(promise_locked(bandwidth_of(task.sched.own), bandwidth_of(wanted)));
    apply(task, &wanted, nullptr);
    return {};
}

void forget_bandwidth(Task& task) {
    if (task.sched.own.policy != Policy::deadline) [[likely]]
        return;
    sync::IrqSpinGuard guard(g_bandwidth_lock);
    (void)promise_locked(bandwidth_of(task.sched.own), 0);
}

void lend_priority(Task& task, u8 rt_priority) {
    if (task.sched.lent != rt_priority) apply(task, nullptr, &rt_priority);
}

CpuMask affinity(const Task& task) {
    return task.sched.allowed & arch::online_mask();
}

Result<void> set_affinity(Task& task, CpuMask mask) {
    const CpuMask usable = mask & arch::online_mask();
    if (usable.empty()) return Err(Error::inval);
    bool moves_itself = false;
    {
        const IrqGuard irqs;
        RunQueue& queue = lock_queue_of(task);
        task.sched.allowed = mask;
        const u32 target = static_cast<u32>(__builtin_ctzll(usable.bits()));
        if (!task.sched.queued || mask.test(queue.cpu)) {
            // A sleeper is placed when it wakes.
            queue.lock.unlock_raw();
        } else if (queue.current != &task) {
            queue.dequeue(task);
            task.sched.cpu.store(target, std::memory_order_release);
            queue.lock.unlock_raw();
            RunQueue& other = run_queue(target);
            other.lock.lock_raw();
            other.enqueue(task, Joining::woken, arch::clock_ns());
            if (other.preempts(task)) reschedule(other);
            other.lock.unlock_raw();
        } else {
            // It runs: the switch that follows finds that it must go.
            moves_itself = &task == current();
            reschedule(queue);
            queue.lock.unlock_raw();
        }
    }
    if (moves_itself) schedule();
    return {};
}

void set_realtime_share(u64 runtime_ns, u64 period_ns) {
    realtime_runtime_ns = runtime_ns;
    realtime_period_ns = period_ns;
}
void set_rr_interval_ns(u64 ns) {
    round_robin_slice_ns = ns;
}
u64 rr_interval_ns(const Task& task) {
    switch (task.sched.params.policy) {
        case Policy::fifo:
        case Policy::deadline:
            return 0;
        case Policy::rr:
            return round_robin_slice_ns;
        default:
            return task.sched.slice_ns;
    }
}

void init_entity(Task& child, const Task* parent) {
    Entity& e = child.sched;
    e.slice_ns = kFairSliceNs;
    if (parent != nullptr) {
        e.params = parent->sched.own;
        e.allowed = parent->sched.allowed;
        e.cpu.store(parent->sched.cpu.load(std::memory_order_relaxed), std::memory_order_relaxed);
        if (e.params.reset_on_fork) {
            if (is_realtime(e.params.policy)) e.params = {};
            if (e.params.nice < 0) e.params.nice = 0;
            e.params.reset_on_fork = false;
        }
    }
    e.own = e.params;
    e.weight = weight_of(e.params);
}

// Load averages and CPU times.

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
    if (q.current != q.idle && q.charge_current(now) && q.must_switch()) reschedule(q);
    t.user_ns = q.user_ns.load(std::memory_order_relaxed);
    t.nice_ns = q.nice_ns.load(std::memory_order_relaxed);
    t.system_ns = q.system_ns.load(std::memory_order_relaxed);
    t.idle_ns = q.idle_ns.load(std::memory_order_relaxed);
    t.run_delay_ns = q.delay_ns.load(std::memory_order_relaxed);
    t.switches = q.switches.load(std::memory_order_relaxed);
    if (q.current == q.idle && now > q.idle_since_ns) t.idle_ns += now - q.idle_since_ns;
    q.lock.unlock_raw();
    return t;
}

u64 cpu_time_ns(Task& task) {
    const IrqGuard irqs;
    RunQueue& q = lock_queue_of(task);
    if (q.current == &task && q.charge_current(arch::clock_ns()) && q.must_switch()) reschedule(q);
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
