// Grace periods and callbacks. Theory: README.md in this folder.
#include <tenon/arch/smp.h>
#include <tenon/process/task.h>
#include <tenon/sched/kthread.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/rcu.h>
#include <tenon/time/clock.h>

#include "core/sync/rcu_thread.h"

namespace tenon::sync {

namespace {

constexpr u64 kPollNs = 1'000'000;

struct CpuRcu {
    std::atomic<RcuHead*> head;  // callbacks, newest first
    std::atomic<u64> quiescent;  // switches and interrupts that found no reader
};
TENON_PERCPU(CpuRcu, g_rcu);

// Batches whose collection began, and that are done. A callback queued before batch n begins has
// run when n is done.
std::atomic<u64> g_started{0}, g_done{0};
std::atomic<bool> g_kick{false};
std::atomic<bool> g_running{false};
constinit WaitQueue g_thread_queue, g_done_queue;

void kick() {
    if (g_kick.exchange(true, std::memory_order_seq_cst)) return;
    g_thread_queue.wake_one();
}

// In an interrupt on each CPU: outside of a reader, unless the interrupted code kept preemption
// off; then the switch that is asked for here will tell.
void observe(void*) {
    if ((arch::preempt_count() & 0xffff) == 0)
        rcu_quiescent();
    else
        arch::set_need_resched();
}

RcuHead* take_all() {
    RcuHead* all = nullptr;
    for (u32 cpu = 0; cpu < arch::kMaxCpus; ++cpu) {
        if (!arch::online_mask().test(cpu)) continue;
        // Pairs with the release in rcu_call().
        RcuHead* list = g_rcu.of(cpu).head.exchange(nullptr, std::memory_order_acquire);
        while (list != nullptr) {
            RcuHead* next = list->next;
            list->next = all;
            all = list;
            list = next;
        }
    }
    return all;
}

void run_batch() {
    g_started.fetch_add(1, std::memory_order_seq_cst);
    if (RcuHead* list = take_all(); list != nullptr) {
        rcu_synchronize();
        while (list != nullptr) {
            RcuHead* next = list->next;
            list->function(list);
            list = next;
        }
    }
    g_done.fetch_add(1, std::memory_order_release);
    g_done_queue.wake_all();
}

void thread_main(void*) {
    for (;;) {
        (void)g_thread_queue.wait([] { return g_kick.load(std::memory_order_seq_cst); },
                                  WaitMode::interruptible);
        g_kick.store(false, std::memory_order_seq_cst);
        run_batch();
    }
}

}  // namespace

void rcu_quiescent() {
    auto& n = g_rcu.local().quiescent;
    n.store(n.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void rcu_synchronize() {
    TENON_DEBUG_ASSERT(may_sleep());
    // What the caller unpublished is unpublished for every reader that starts from here on.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    CpuMask waiting = arch::online_mask();
    u64 before[arch::kMaxCpus];
    {
        const PreemptGuard guard;
        // This CPU runs the caller, which is no reader.
        waiting.clear(arch::cpu_id());
        for (u32 cpu = 0; cpu < arch::kMaxCpus; ++cpu)
            if (waiting.test(cpu))
                before[cpu] = g_rcu.of(cpu).quiescent.load(std::memory_order_acquire);
    }
    while (!waiting.empty()) {
        arch::call_on(waiting, observe, nullptr);
        for (u32 cpu = 0; cpu < arch::kMaxCpus; ++cpu)
            if (waiting.test(cpu) &&
                g_rcu.of(cpu).quiescent.load(std::memory_order_acquire) != before[cpu])
                waiting.clear(cpu);
        if (!waiting.empty()) sched::sleep_ns(kPollNs);
    }
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

void rcu_call(RcuHead& head, void (*function)(RcuHead*)) {
    head.function = function;
    const PreemptGuard guard;
    CpuRcu& cpu = g_rcu.local();
    RcuHead* first = cpu.head.load(std::memory_order_relaxed);
    do {
        head.next = first;
    } while (!cpu.head.compare_exchange_weak(first, &head, std::memory_order_release,
                                             std::memory_order_relaxed));
}

void rcu_poll() {
    if (g_rcu.local().head.load(std::memory_order_relaxed) != nullptr &&
        g_running.load(std::memory_order_relaxed))
        kick();
}

bool rcu_wants_thread() {
    return g_rcu.local().head.load(std::memory_order_relaxed) != nullptr &&
           !g_kick.load(std::memory_order_relaxed) && g_running.load(std::memory_order_relaxed);
}

void rcu_barrier() {
    const u64 wanted = g_started.load(std::memory_order_seq_cst) + 1;
    while (g_done.load(std::memory_order_acquire) < wanted) {
        kick();
        (void)g_done_queue.wait([&] { return g_done.load(std::memory_order_acquire) >= wanted; },
                                WaitMode::uninterruptible, Deadline::after_ns(100 * kPollNs));
    }
}

void rcu_start_thread() {
    g_running.store(true, std::memory_order_release);
    if (auto r = sched::KThread::start("rcu", thread_main, nullptr); !r)
        panic("no memory for the RCU thread");
    kick();
}

}  // namespace tenon::sync
