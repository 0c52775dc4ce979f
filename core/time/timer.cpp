#include <tenon/arch/time.h>
#include <tenon/lib/assert.h>
#include <tenon/sync/spinlock.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>
#include <tenon/trace/metrics.h>

#include <algorithm>
#include <new>

#include "core/time/timer_queue.h"

namespace tenon::time {

// Reaches into Timer.
struct TimerQueue {
    struct DeadlineOf {
        u64 operator()(const Timer& t) const { return t.deadline_ns_; }
    };
    sync::SpinLock lock{sync::LockRank::timer};
    ExpiryTree<Timer, &Timer::hook_, DeadlineOf> tree;
    std::atomic<Timer*> running{nullptr};
    u64 rest_until_ns = 0;  // a timer that its own callback arms fires no earlier

    // The queue that `timer` is or was on last, locked. Irqs off.
    static TimerQueue& lock_of(Timer& timer);
    // `runs`: its callback has been taken up and has not returned.
    static bool cancel(Timer& timer, bool& runs) {
        TimerQueue& queue = lock_of(timer);
        const bool was = timer.armed();
        if (was) {
            queue.tree.erase(timer);
            timer.armed_.store(false, std::memory_order_relaxed);
        }
        runs = queue.running.load(std::memory_order_relaxed) == &timer;
        queue.lock.unlock_raw();
        return was;
    }
    static void arm(Timer& timer, u64 deadline_ns);
    bool insert(Timer& timer, u64 deadline_ns);
    static bool runs(Timer& timer);
    void run(u64 now_ns);
};

namespace {

// What a callback leaves the CPU to others when it arms its own timer for a time that is past.
constexpr u64 kRestNs = 20'000;

// Every CPU's queue, in static memory: timers can be armed on a CPU that has just come up.
alignas(TimerQueue) constinit u8 g_queues[arch::kMaxCpus][sizeof(TimerQueue)] = {};
constinit metrics::Metric g_late{metrics::Kind::counter, "tenon_timers_asked_again_total",
                                 "Interrupts of CPUs' timers that were ten milliseconds late"};
TENON_PERCPU(u64, g_programmed);  // what the hardware is armed for; 0: nothing yet

TimerQueue& queue_of(u32 cpu) {
    return *std::launder(reinterpret_cast<TimerQueue*>(g_queues[cpu]));
}

}  // namespace

TimerQueue& TimerQueue::lock_of(Timer& timer) {
    for (;;) {
        const u32 cpu = timer.cpu_.load(std::memory_order_relaxed);
        TimerQueue& queue = queue_of(cpu);
        queue.lock.lock_raw();
        if (timer.cpu_.load(std::memory_order_relaxed) == cpu) [[likely]]
            return queue;
        queue.lock.unlock_raw();
    }
}

// [locked] True: it is the first now.
bool TimerQueue::insert(Timer& timer, u64 deadline_ns) {
    if (running.load(std::memory_order_relaxed) == &timer)
        deadline_ns = std::max(deadline_ns, rest_until_ns);
    timer.deadline_ns_ = deadline_ns;
    timer.armed_.store(true, std::memory_order_relaxed);
    return tree.insert(timer);
}

void TimerQueue::arm(Timer& timer, u64 deadline_ns) {
    const u32 me = arch::cpu_id();
    for (;;) {
        TimerQueue& old = lock_of(timer);
        if (timer.armed()) {
            old.tree.erase(timer);
            timer.armed_.store(false, std::memory_order_relaxed);
        }
        if (timer.cpu_.load(std::memory_order_relaxed) == me) {
            const bool first = old.insert(timer, deadline_ns);
            const u64 at_ns = timer.deadline_ns_;
            old.lock.unlock_raw();
            if (first) request_interrupt(at_ns);
            return;
        }
        // It moves to this CPU; a callback of it that still runs on the other is cancel_sync()'s
        // business, so it stays there while that lasts.
        if (old.running.load(std::memory_order_relaxed) == &timer) {
            (void)old.insert(timer, deadline_ns);  // run() looks at the tree after the callback
            old.lock.unlock_raw();
            return;
        }
        timer.cpu_.store(me, std::memory_order_relaxed);
        old.lock.unlock_raw();
    }
}

bool TimerQueue::runs(Timer& timer) {
    // Pairs with the release in run(): what the callback did is visible.
    return queue_of(timer.cpu_.load(std::memory_order_relaxed))
               .running.load(std::memory_order_acquire) == &timer;
}

void TimerQueue::run(u64 now_ns) {
    lock.lock_raw();
    rest_until_ns = now_ns + kRestNs;
    while (Timer* timer = tree.take_expired(now_ns)) {
        timer->armed_.store(false, std::memory_order_relaxed);
        running.store(timer, std::memory_order_relaxed);
        lock.unlock_raw();
        // SAFETY: cancel_sync() and the destructor wait for `running`, so the timer lives until the
        // callback returned; it is not touched after that.
        timer->callback_(*timer);
        lock.lock_raw();
        running.store(nullptr, std::memory_order_release);
    }
    const u64 next = tree.next_ns();
    lock.unlock_raw();
    request_interrupt(next);
}

u32 armed_timers() {
    u32 n = 0;
    for (u32 cpu = 0; cpu < arch::possible_cpus(); ++cpu) {
        const IrqGuard irqs;
        TimerQueue& queue = queue_of(cpu);
        queue.lock.lock_raw();
        n += static_cast<u32>(queue.tree.count());
        queue.lock.unlock_raw();
    }
    return n;
}

Timer::~Timer() {
    cancel_sync();
}

void Timer::arm_at(u64 deadline_ns) {
    const IrqGuard irqs;
    TimerQueue::arm(*this, deadline_ns);
}

bool Timer::cancel() {
    const IrqGuard irqs;
    bool runs;
    return TimerQueue::cancel(*this, runs);
}

// Under the lock, for between two reads without it run() may take the timer up, or its callback arm
// it again.
bool Timer::cancel_sync() {
    bool runs = false;
    const auto cancel_once = [&] {
        const IrqGuard irqs;
        return TimerQueue::cancel(*this, runs);
    };
    const bool was = cancel_once();
    while (runs) {
        while (TimerQueue::runs(*this)) arch::cpu_relax();
        (void)cancel_once();
    }
    return was;
}

void request_interrupt(u64 deadline_ns) {
    u64& programmed = g_programmed.local();
    if (deadline_ns >= programmed && programmed != 0) return;
    if (deadline_ns == ~u64{0}) return;
    programmed = deadline_ns;
    arch::set_timer(deadline_ns);
}

void run_expired(u64 now_ns) {
    // The hardware has fired: nothing is programmed any more.
    g_programmed.local() = ~u64{0};
    queue_of(arch::cpu_id()).run(now_ns);
}

// Some machines lose it (arch/x86_64/smp/reminder.h). Without this the CPU would sleep until
// something else comes.
void ask_again() {
    constexpr u64 kLateNs = 10'000'000;
    u64& programmed = g_programmed.local();
    if (programmed == 0 || programmed == ~u64{0}) return;
    const u64 now = arch::clock_ns();
    if (now < programmed + kLateNs) return;
    g_late.add();
    programmed = now;
    arch::set_timer(now);
}

static void init_timers() {
    for (auto& storage : g_queues) new (storage) TimerQueue;
}

namespace {

constexpr i64 kNsPerSecond = 1'000'000'000;

constinit std::atomic<i64> g_offset_ns{0};  // realtime - monotonic
constinit std::atomic<u32> g_steps{0};
// Outermost: its callbacks arm timers and wake other queues.
constinit sync::WaitQueue g_step_queue{sync::LockRank::spin_outer};

}  // namespace

u64 monotonic_ns() {
    return arch::clock_ns();
}
u64 boottime_ns() {
    return arch::clock_ns();
}
i64 realtime_offset_ns() {
    return g_offset_ns.load(std::memory_order_relaxed);
}
i64 realtime_ns() {
    return static_cast<i64>(arch::clock_ns()) + realtime_offset_ns();
}
void set_realtime_ns(i64 value) {
    g_offset_ns.store(value - static_cast<i64>(arch::clock_ns()), std::memory_order_relaxed);
    g_steps.fetch_add(1, std::memory_order_release);
    g_step_queue.wake_all();
}
u32 realtime_step_count() {
    return g_steps.load(std::memory_order_acquire);
}
sync::WaitQueue& realtime_step_queue() {
    return g_step_queue;
}

void init() {
    metrics::add_metric(g_late);
    init_timers();
    g_offset_ns.store(static_cast<i64>(arch::read_wall_clock_seconds()) * kNsPerSecond -
                          static_cast<i64>(arch::clock_ns()),
                      std::memory_order_relaxed);
}

}  // namespace tenon::time
