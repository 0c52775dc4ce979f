// The scheduler's face: block, wake, yield, policy.
//
// Theory: per-CPU run queues; fair class by virtual deadline (EEVDF) with nice weights; FIFO and RR
// above it; above these, earliest deadline first, each task with a constant bandwidth; IDLE below;
// idle CPUs steal.
#pragma once

#include <tenon/lib/result.h>
#include <tenon/sync/wait_queue.h>

namespace tenon::sched {

enum class Policy : u8 { normal, batch, idle, fifo, rr, deadline };

struct Params {
    Policy policy = Policy::normal;
    i8 nice = 0;         // -20..19, fair classes
    u8 rt_priority = 0;  // 1..99, FIFO and RR
    bool reset_on_fork = false;
    u64 runtime_ns = 0;   // Policy::deadline: what the task gets in each period
    u64 deadline_ns = 0;  // the same: in which part of the period, from its beginning
    u64 period_ns = 0;    // the same
    bool operator==(const Params&) const = default;
};

// Gives up the CPU in the state that the task has set (running: it stays queued). Irqs on, no spin
// lock held.
TENON_API void schedule();
TENON_API void yield();
// Makes a sleeping task runnable; false if it was not sleeping in a state of `states`. Any context.
enum : u32 {
    kWakeInterruptible = 1,
    kWakeUninterruptible = 2,
    kWakeStopped = 4,
    kWakeKillable = 8,
    kWakeTraced = 16,
    kWakeAny = 15 & ~4u
};
TENON_API bool wake(Task& task, u32 states = kWakeAny);
// First start of a new task. Takes over one reference, the scheduler's.
TENON_API void start(Task& task);
// Sleeps; Error::restart when a signal ended it.
TENON_API Result<void> sleep_until(sync::Deadline deadline,
                                   sync::WaitMode mode = sync::WaitMode::interruptible);
TENON_API void sleep_ns(u64 ns);  // uninterruptible

TENON_API Params params(const Task& task);
// No permission check. Error::inval; busy: the CPUs have not that much time for deadlines left.
TENON_API Result<void> set_params(Task& task, const Params& params);
// Lends the task a real-time priority (FIFO) while that is above its own; 0: no more.
TENON_API void lend_priority(Task& task, u8 rt_priority);
// Migrates if needed. Error::inval when the intersection with the online CPUs is empty.
TENON_API Result<void> set_affinity(Task& task, CpuMask mask);
TENON_API CpuMask affinity(const Task& task);
TENON_API u64 rr_interval_ns(const Task& task);
// Of each period, what real-time tasks may take of a CPU that others want, too. ~0: all.
TENON_API void set_realtime_share(u64 runtime_ns, u64 period_ns);
TENON_API void set_rr_interval_ns(u64 ns);  // of round-robin tasks, from their next turn on

struct LoadAverages {
    u32 fixed[3];  // 1, 5, 15 minutes, 11-bit fraction
    u32 running, total;
};
TENON_API LoadAverages load_averages();
// Per CPU: time spent, ns.
struct CpuTimes {
    u64 user_ns, nice_ns, system_ns, idle_ns, irq_ns, run_delay_ns, switches;
};
TENON_API CpuTimes cpu_times(u32 cpu);
// CPU time of a task up to now, ns.
TENON_API u64 cpu_time_ns(Task& task);
TENON_API u64 context_switches();

// [process] Scheduling state of a new task that does not run yet: policy, nice and affinity of
// `parent` (reset where it asked for that); null: defaults.
void init_entity(Task& child, const Task* parent);
// A task whose state is zombie or dead when it calls schedule() never runs again; its kernel stack
// is freed and the scheduler's reference dropped in the context of whoever runs next, with
// preemption off: Task::on_last_ref() must not sleep.

// [arch] What a new task's first run calls before anything else: releases the run queue that
// switch_to() held, with the task that ran before. Leaves irqs on and preemption enabled.
void finish_first_switch(Task* previous);

// [core] Boot, in this order.
void init_boot_cpu();              // current() becomes the boot task, CPU 0's idle task later
void start_services();             // kernel threads, work queues and RCU callbacks work after this
Task* prepare_idle_task(u32 cpu);  // for arch::start_cpus
[[noreturn]] void secondary_cpu_main(u32 cpu);
[[noreturn]] void run_idle(u32 cpu);  // the idle loop of each CPU
// [arch] This CPU's timer fired; irq context. `user`: it interrupted user mode.
void tick(bool user);

}  // namespace tenon::sched
