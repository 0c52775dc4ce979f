// Policy, priority and affinity of a task.
#include <tenon/arch/smp.h>
#include <tenon/sync/mutex.h>

#include "core/sched/run_queue.h"

namespace tenon::sched {

namespace {

using Joining = FairQueue<Entity>::Joining;

u32 weight_of(const Params& p) {
    return p.policy == Policy::idle ? kIdleWeight : weight_of_nice(p.nice);
}

Result<void> check(const Params& p) {
    if (p.nice < -20 || p.nice > 19) return Err(Error::inval);
    if (p.policy == Policy::deadline) return Err(Error::opnotsupp);
    if (is_realtime(p.policy) ? p.rt_priority < 1 || p.rt_priority > 99 : p.rt_priority != 0)
        return Err(Error::inval);
    return {};
}

}  // namespace

Params params(const Task& task) {
    return task.sched.params;
}

Result<void> set_params(Task& task, const Params& wanted) {
    TRY(check(wanted));
    const IrqGuard irqs;
    RunQueue& queue = lock_queue_of(task);
    Entity& e = task.sched;
    const bool runs = queue.current == &task;
    const bool queued = e.queued;
    const u64 now = arch::clock_ns();
    if (runs) queue.charge_current(now);
    // Off the queue under the old parameters, on again under the new ones.
    if (queued) queue.dequeue(task);
    e.params = wanted;
    e.weight = weight_of(wanted);
    if (queued) {
        if (runs) {
            e.queued = true;
            e.rr_left_ns = kRoundRobinSliceNs;
            if (!is_realtime(wanted.policy)) queue.fair.place(e, nullptr, Joining::woken);
        } else {
            queue.enqueue(task, Joining::woken, now);
        }
        // Whoever runs may have to make way.
        if (runs ? queue.has_waiting() : queue.preempts(task)) reschedule(queue);
    }
    queue.lock.unlock_raw();
    return {};
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

u64 rr_interval_ns(const Task& task) {
    switch (task.sched.params.policy) {
        case Policy::fifo:
        case Policy::deadline:
            return 0;
        case Policy::rr:
            return kRoundRobinSliceNs;
        default:
            return task.sched.slice_ns;
    }
}

void init_entity(Task& child, const Task* parent) {
    Entity& e = child.sched;
    e.slice_ns = kFairSliceNs;
    if (parent != nullptr) {
        e.params = parent->sched.params;
        e.allowed = parent->sched.allowed;
        e.cpu.store(parent->sched.cpu.load(std::memory_order_relaxed), std::memory_order_relaxed);
        if (e.params.reset_on_fork) {
            if (is_realtime(e.params.policy)) e.params = {};
            if (e.params.nice < 0) e.params.nice = 0;
            e.params.reset_on_fork = false;
        }
    }
    e.weight = weight_of(e.params);
}

}  // namespace tenon::sched
