#include <tenon/module/gate.h>
#include <tenon/process/task.h>
#include <tenon/sync/rcu.h>
#include <tenon/sync/wait_queue.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>

#include "core/module/crossing.h"

namespace tenon::sync {

namespace {

TaskState sleeping_state(WaitMode mode) {
    switch (mode) {
        case WaitMode::uninterruptible:
            return TaskState::uninterruptible;
        case WaitMode::killable:
            return TaskState::killable;
        case WaitMode::interruptible:
            return TaskState::interruptible;
    }
    return TaskState::uninterruptible;
}

// Whether the sleep in `mode` must not begin, or is over, for a reason other than its condition.
Result<void> interruption(Task& task, WaitMode mode) {
    if (mode == WaitMode::uninterruptible) return {};
    if ((task.work_flags.load(std::memory_order_relaxed) & kWorkSignal) != 0) {
        const bool ends = mode == WaitMode::interruptible ? process::signal_pending()
                                                          : process::fatal_signal_pending();
        if (ends) return Err(Error::restart);
    }
    // A kernel thread that shall stop.
    if (task.is_kernel_thread() && task.should_stop.load(std::memory_order_relaxed))
        return Err(Error::restart);
    return {};
}

struct SleepTimer {
    explicit SleepTimer(Task& t) : timer(&SleepTimer::fired), task(t) {}
    static void fired(time::Timer& t) {
        auto* self = container_of_offset<SleepTimer>(&t, offsetof(SleepTimer, timer));
        // The task's schedule() may not have returned yet when this is read again: both live on
        // its stack until cancel_sync().
        sched::wake(self->task);
    }
    time::Timer timer;
    Task& task;
};

// The sleep itself; a failing module can end it.
Result<void> sleep_in_call(Task& task, WaitMode mode, Deadline deadline) {
    const module::SleepScope scope(task);
    if (mode != WaitMode::uninterruptible && scope.revoked()) return Err(Error::nodev);
    if (deadline.is_never()) {
        sched::schedule();
        return {};
    }
    if (time::monotonic_ns() >= deadline.ns) return Err(Error::timedout);
    SleepTimer sleeper(task);
    sleeper.timer.arm_at(deadline.ns);
    sched::schedule();
    sleeper.timer.cancel_sync();
    return {};
}

}  // namespace

Deadline Deadline::after_ns(u64 delta_ns) {
    const u64 now = time::monotonic_ns();
    return {delta_ns > ~u64{0} - 1 - now ? ~u64{0} : now + delta_ns};
}

bool WaitQueue::has_waiters() const {
    // Pairs with the exchange in prepare(): condition and queue are written on one side and read
    // on the other in opposite orders.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return __atomic_load_n(&first_, __ATOMIC_RELAXED) != nullptr;
}

void WaitQueue::add(WaitEntry& entry) {
    {
        IrqSpinGuard guard(lock_);
        if (entry.queue != nullptr) return;
        link_locked(entry);
    }
    if (entry.callback != nullptr) module::Gate::watch(entry);
}

void WaitQueue::link_locked(WaitEntry& entry) {
    // Exclusive ones at the end, so that wake_one() reaches everybody else first.
    WaitEntry* before = last_;
    if (!entry.exclusive)
        while (before != nullptr && before->exclusive) before = before->prev;
    entry.prev = before;
    entry.next = before != nullptr ? before->next : first_;
    if (entry.next != nullptr)
        entry.next->prev = &entry;
    else
        last_ = &entry;
    if (before != nullptr)
        before->next = &entry;
    else
        __atomic_store_n(&first_, &entry, __ATOMIC_RELAXED);
    // Last: a queue that a module broke may fault above, and the entry hangs nowhere then.
    __atomic_store_n(&entry.queue, this, __ATOMIC_RELAXED);
}

void WaitQueue::unlink_locked(WaitEntry& entry) {
    if (entry.prev != nullptr)
        entry.prev->next = entry.next;
    else
        __atomic_store_n(&first_, entry.next, __ATOMIC_RELAXED);
    if (entry.next != nullptr)
        entry.next->prev = entry.prev;
    else
        last_ = entry.prev;
    __atomic_store_n(&entry.queue, nullptr, __ATOMIC_RELAXED);
    entry.next = entry.prev = nullptr;
}

void WaitQueue::remove(WaitEntry& entry) {
    {
        IrqSpinGuard guard(lock_);
        if (entry.queue == this) unlink_locked(entry);
    }
    if (entry.callback != nullptr) module::Gate::unwatch(entry);
}

void WaitQueue::give_up(WaitEntry& entry) {
    IrqSpinGuard guard(lock_);
    if (entry.queue != this) return;
    WaitEntry* const next = entry.next;
    unlink_locked(entry);
    if (entry.exclusive) wake_first_of(next, 0);
}

void WaitQueue::take_off(WaitEntry& entry) {
    {
        // The memory of a queue whose module goes stays for a grace period after dismiss().
        RcuGuard rcu;
        WaitQueue* queue = __atomic_load_n(&entry.queue, __ATOMIC_RELAXED);
        if (queue != nullptr) {
            IrqSpinGuard guard(queue->lock_);
            if (entry.queue == queue) queue->unlink_locked(entry);
        }
    }
    module::Gate::unwatch(entry);
}

void WaitQueue::dismiss(WaitEntry& entry, u32 events) {
    IrqSpinGuard guard(lock_);
    if (entry.queue != this) return;
    unlink_locked(entry);
    (void)entry.callback(entry, events);
}

void WaitQueue::end(u32 events) {
    IrqSpinGuard guard(lock_);
    for (WaitEntry* e = first_; e != nullptr;) {
        WaitEntry& entry = *std::exchange(e, e->next);
        if (entry.callback == nullptr) continue;
        unlink_locked(entry);
        (void)entry.callback(entry, events);
    }
}

void WaitQueue::wake_one(u32 events) {
    if (!has_waiters()) return;
    IrqSpinGuard guard(lock_);
    wake_one_locked(events);
}

void WaitQueue::wake_all(u32 events) {
    if (!has_waiters()) return;
    IrqSpinGuard guard(lock_);
    wake_all_locked(events);
}

void WaitQueue::wake_first() {
    if (!has_waiters()) return;
    IrqSpinGuard guard(lock_);
    if (first_ != nullptr) (void)sched::wake(*first_->task);
}

void WaitQueue::wake_one_locked(u32 events) {
    wake_first_of(first_, events);
}

void WaitQueue::wake_first_of(WaitEntry* e, u32 events) {
    while (e != nullptr) {
        WaitEntry* next = e->next;  // a callback may take its entry off
        const bool exclusive = e->exclusive;
        const bool woke = e->callback != nullptr ? e->callback(*e, events) : sched::wake(*e->task);
        if (woke && exclusive) return;
        e = next;
    }
}

void WaitQueue::wake_all_locked(u32 events) {
    for (WaitEntry* e = first_; e != nullptr;) {
        WaitEntry* next = e->next;
        if (e->callback != nullptr)
            (void)e->callback(*e, events);
        else
            sched::wake(*e->task);
        e = next;
    }
}

void WaitQueue::prepare(WaitEntry& entry, WaitMode mode) {
    Task& task = *current();
    if (entry.queue == nullptr) {
        entry.task = &task;
        if (task.crossing != nullptr) entry.outer = std::exchange(task.waits, &entry);
        add(entry);
    }
    // A full barrier before the condition is read; pairs with has_waiters() and wake().
    task.state.store(sleeping_state(mode), std::memory_order_seq_cst);
}

void WaitQueue::finish(WaitEntry& entry) {
    Task& task = *current();
    task.state.store(TaskState::running, std::memory_order_relaxed);
    // Registrations end in reverse order.
    if (task.waits == &entry) task.waits = entry.outer;
    remove(entry);
}

Result<void> WaitQueue::sleep(WaitMode mode, Deadline deadline) {
    Task& task = *current();
    if (auto r = interruption(task, mode); !r) return r;
    auto result = sleep_in_call(task, mode, deadline);
    if (task.crossing != nullptr) [[unlikely]]
        module::end_cut_sleep(task);
    return result;
}

}  // namespace tenon::sync
