// One CPU's run queue. Everything in it is guarded by its lock (irqs off) unless said otherwise.
#pragma once

#include <tenon/arch/time.h>
#include <tenon/process/task.h>

#include "core/sched/fair_queue.h"

namespace tenon::sched {

using Entity = Task::SchedEntity;

inline Task& task_of(Entity& e) {
    return *container_of_offset<Task>(&e, offsetof(Task, sched));
}

inline constinit std::atomic<u64> round_robin_slice_ns{100'000'000};
inline constinit std::atomic<u64> realtime_runtime_ns{950'000'000}, realtime_period_ns{1'000'000'000};
inline constexpr u64 kFairSliceNs = 3'000'000;
inline constexpr u64 kBusyTickNs = 4'000'000;

// Above the fair class.
constexpr bool is_realtime(Policy p) {
    return p == Policy::fifo || p == Policy::rr || p == Policy::deadline;
}
// Of two such: is `a` for certain before `b`?
inline bool goes_before(const Entity& a, const Entity& b) {
    if (a.params.policy == Policy::deadline)
        return b.params.policy != Policy::deadline || a.turn_deadline_ns < b.turn_deadline_ns;
    return b.params.policy != Policy::deadline && a.params.rt_priority > b.params.rt_priority;
}

class RunQueue {
  public:
    explicit RunQueue(u32 cpu_number) : cpu(cpu_number) {}
    TENON_NONCOPYABLE(RunQueue);

    // A task that joins, or one that leaves for good (to sleep, to another queue). `task` may be
    // the current one when it leaves.
    void enqueue(Task& task, FairQueue<Entity>::Joining how, u64 now);
    void dequeue(Task& task);
    // The next to run instead of `current`, which stays runnable if `keep`. Removes it from the
    // waiting ones, puts the current one among them.
    Task& switch_current(bool keep);
    // Accounts the time since the last call to the current task. True: its slice is over, which is
    // said once: whoever asks has it make way.
    [[nodiscard]] bool charge_current(u64 now);
    // Should the newly queued task run at once?
    bool preempts(const Task& task) const;
    // Must somebody be looked for at `ns`? ~0: nobody waits.
    u64 slice_end(u64 now) const;
    // Takes a waiting task that may run on `for_cpu` off this queue, or null.
    Task* take_for(u32 for_cpu);
    bool has_waiting() const { return !fair.empty() || !realtime.empty(); }
    // Is there anything to do about a slice that is over?
    bool must_switch() const { return has_waiting() || is_used_up(*current); }
    // Tasks whose next period has begun wait again. True: one of them should run at once.
    bool release_throttled(u64 now);
    // How many wait; without the lock only a hint.
    u32 waiting() const { return waiting_count.load(std::memory_order_relaxed); }
    // Asks for the next interrupt that the current task needs.
    void request_tick(u64 now) const;

    sync::SpinLock lock{sync::LockRank::run_queue};
    const u32 cpu;
    Task* current = nullptr;
    Task* idle = nullptr;
    FairQueue<Entity> fair;
    List<Entity, &Entity::list_hook> realtime;   // deadlines, earliest first; by priority
    List<Entity, &Entity::list_hook> throttled;  // by the time when their next period begins
    std::atomic<u32> waiting_count{0};
    u64 realtime_since_ns = 0, realtime_used_ns = 0;  // of this period
    u64 idle_since_ns = 0;
    u64 next_balance_ns = 0;
    // Statistics; read without the lock.
    std::atomic<u64> switches{0}, idle_ns{0}, user_ns{0}, nice_ns{0}, system_ns{0}, delay_ns{0};
    std::atomic<i64> load_sleepers{0};

  private:
    Entity* fair_current() const {
        return current != idle && current->sched.queued &&
                       !is_realtime(current->sched.params.policy)
                   ? &current->sched
                   : nullptr;
    }
    // Real-time tasks had their share, and somebody else wants the CPU.
    bool realtime_is_spent() const {
        return realtime_used_ns >= realtime_runtime_ns.load(std::memory_order_relaxed) &&
               (!fair.empty() || fair_current() != nullptr);
    }
    // A deadline task that had the runtime of this period.
    static bool is_used_up(const Task& task) {
        return task.sched.params.policy == Policy::deadline && task.sched.turn_left_ns == 0;
    }
    void insert_realtime(Entity& e, bool at_front);
    void insert_throttled(Entity& e);
    void count(i32 change) {
        waiting_count.store(waiting_count.load(std::memory_order_relaxed) + change,
                            std::memory_order_relaxed);
    }
    Task* pick(bool keep);
};

RunQueue& run_queue(u32 cpu);
// This CPU's; irqs or preemption off.
RunQueue& this_run_queue();
// The queue of a task, locked; irqs must be off.
RunQueue& lock_queue_of(const Task& task);

// Set bits: CPUs that run their idle task. A hint.
extern std::atomic<u64> g_idle_cpus;

// Makes `queue`'s CPU look for another task. Its lock is held.
void reschedule(RunQueue& queue);
// Pulls a task from the fullest queue into `queue`, whose lock is held, or answers false.
bool steal_into(RunQueue& queue, u64 now, u32 minimum_waiting);

// policy.cpp: a task that will not run again gives its deadline's share of the CPUs back.
void forget_bandwidth(Task& task);
// kthread.cpp, policy.cpp: what starts with the first kernel threads.
void start_work_queues();
void start_load_average();

}  // namespace tenon::sched
