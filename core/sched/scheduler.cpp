// Switching, waking, the tick and the idle loop. Theory: README.md in this folder.
#include <tenon/arch/smp.h>
#include <tenon/mm/address_space.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>

#include "core/module/crossing.h"
#include "core/sched/run_queue.h"
#include "core/sync/rcu_thread.h"

namespace tenon::sched {

namespace {

using Joining = FairQueue<Entity>::Joining;

enum class Reason : u8 { voluntary, preempted };

bool is_final(TaskState state) {
    return state == TaskState::zombie || state == TaskState::dead;
}

// For a task that is about to be woken: the CPU to put it on.
u32 choose_cpu(const Task& task, u32 last) {
    const u64 allowed = task.sched.allowed.bits() & arch::online_mask().bits();
    const u64 idle = g_idle_cpus.load(std::memory_order_relaxed) & allowed;
    const u64 last_bit = u64{1} << last;
    if ((idle & last_bit) != 0) return last;
    if (idle != 0) return static_cast<u32>(__builtin_ctzll(idle));
    if (is_realtime(task.sched.params.policy)) {
        // Where it can run at once, if that is anywhere.
        for (u64 left = allowed; left != 0; left &= left - 1) {
            const u32 cpu = static_cast<u32>(__builtin_ctzll(left));
            const Task* runs = run_queue(cpu).current;
            if (runs == nullptr) continue;
            if (!is_realtime(runs->sched.params.policy) || goes_before(task.sched, runs->sched))
                return cpu;
        }
    }
    if ((allowed & last_bit) != 0) return last;
    return allowed != 0 ? static_cast<u32>(__builtin_ctzll(allowed)) : last;
}

// `task` is runnable, on no queue, and nobody else will queue it. `queue`, its last, is locked; on
// return none is. Irqs off.
void put_somewhere(Task& task, RunQueue* queue, Joining how) {
    for (;;) {
        const u32 target = arch::online_cpus() == 1 ? queue->cpu : choose_cpu(task, queue->cpu);
        if (target == queue->cpu) break;
        if (task.notify_on_switch) task.set_work(kWorkNotify);
        task.sched.cpu.store(target, std::memory_order_release);
        queue->lock.unlock_raw();
        queue = &run_queue(target);
        queue->lock.lock_raw();
        if (task.sched.allowed.test(target)) break;  // else it was forbidden just now
    }
    const u64 now = arch::clock_ns();
    const bool over = queue->charge_current(now);
    queue->enqueue(task, how, now);
    if (over || queue->preempts(task))
        reschedule(*queue);
    else if (queue->cpu == arch::cpu_id())
        queue->request_tick(now);
    // Another busy CPU finds it at its next busy tick.
    queue->lock.unlock_raw();
}

// The lock of this CPU's queue, taken by whoever ran before, is released; irqs go on.
void finish_switch(Task& previous) {
    RunQueue& queue = this_run_queue();
    const TaskState state = previous.state.load(std::memory_order_relaxed);
    const bool left = !previous.sched.queued && &previous != queue.idle;
    // Release: another CPU that sees it off takes over its stack.
    previous.sched.on_cpu.store(false, std::memory_order_release);
    // Runnable, but on no queue: its affinity forbids this CPU.
    if (left && state == TaskState::running) [[unlikely]]
        put_somewhere(previous, &queue, Joining::woken);
    else
        queue.lock.unlock_raw();
    arch::irq_enable();
    if (left && is_final(state)) [[unlikely]] {
        forget_bandwidth(previous);
        module::give_stacks_back(previous);
        mm::free_kernel_stack(reinterpret_cast<void*>(previous.kernel_stack));
        previous.kernel_stack = 0;
        previous.unref();
    }
}

// Preemption off (so that nothing below comes in here again), irqs on.
void switch_away(Reason reason) {
    arch::irq_disable();
    RunQueue& queue = this_run_queue();
    queue.lock.lock_raw();
    arch::clear_need_resched();
    Task& previous = *queue.current;
    const u64 now = arch::clock_ns();
    (void)queue.charge_current(now);

    bool keep = true;
    const TaskState state = previous.state.load(std::memory_order_relaxed);
    // The boot task may meet a lock before there is anybody else: it spins in place of sleeping.
    if (reason == Reason::voluntary && state != TaskState::running && &previous != queue.idle) {
        keep = false;
        queue.dequeue(previous);
        ++previous.sched.voluntary_switches;
        if (state == TaskState::uninterruptible) {
            previous.sched.in_load = true;
            queue.load_sleepers.fetch_add(1, std::memory_order_relaxed);
        }
    }
    if (keep && &previous != queue.idle && !previous.sched.allowed.test(queue.cpu)) [[unlikely]] {
        keep = false;
        queue.dequeue(previous);
    }
    if (!queue.has_waiting() && (!keep || &previous == queue.idle) && arch::online_cpus() > 1)
        (void)steal_into(queue, now, 1);

    Task& next = queue.switch_current(keep);
    sync::rcu_quiescent();  // readers keep preemption off; that the task goes on alone is no matter
    if (&next == &previous) {
        queue.request_tick(now);
        queue.lock.unlock_raw();
        arch::irq_enable();
        return;
    }
    if (keep && &previous != queue.idle) {
        ++previous.sched.involuntary_switches;
        if (previous.notify_on_switch) previous.set_work(kWorkNotify);
    }
    if (&previous == queue.idle) {
        queue.idle_ns.store(
            queue.idle_ns.load(std::memory_order_relaxed) + now - queue.idle_since_ns,
            std::memory_order_relaxed);
        g_idle_cpus.fetch_and(~(u64{1} << queue.cpu), std::memory_order_relaxed);
    }
    if (&next == queue.idle) {
        queue.idle_since_ns = now;
        g_idle_cpus.fetch_or(u64{1} << queue.cpu, std::memory_order_relaxed);
    } else {
        next.sched.exec_start_ns = now;
        next.sched.run_delay_ns += now - next.sched.last_queued_ns;
        queue.delay_ns.store(
            queue.delay_ns.load(std::memory_order_relaxed) + now - next.sched.last_queued_ns,
            std::memory_order_relaxed);
    }
    if (keep) previous.sched.last_queued_ns = now;
    queue.current = &next;
    queue.request_tick(now);
    queue.switches.store(queue.switches.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
    next.sched.on_cpu.store(true, std::memory_order_relaxed);
    // A kernel thread borrows whatever space is active.
    if (mm::AddressSpace* space = next.space.get();
        space != nullptr && space != previous.space.get())
        space->activate();
    Task* ran = arch::switch_to(previous, next);
    finish_switch(*ran);
}

}  // namespace

void schedule() {
    // In a module's call, too, is it the module's fault: another task would run with its count.
    if (TENON_DEBUG || arch::current()->crossing != nullptr) [[unlikely]]
        TENON_ASSERT(may_sleep());
    preempt_disable();
    switch_away(Reason::voluntary);
    preempt_enable();
}

void preempt_schedule() {
    if (!arch::irqs_enabled() || arch::preempt_count() != 0) return;
    do {
        preempt_disable();
        switch_away(Reason::preempted);
        (void)arch::preempt_count_sub_and_test(kPreemptOne);
    } while (arch::need_resched());
}

// Preemption goes off before interrupts go on: else each one that comes in between would find the
// same reschedule due and nest once more, until the stack is full.
void preempt_from_irq() {
    do {
        preempt_disable();
        switch_away(Reason::preempted);
        arch::irq_disable();
        (void)arch::preempt_count_sub_and_test(kPreemptOne);
    } while (arch::need_resched());
}

void finish_first_switch(Task* previous) {
    finish_switch(*previous);
    preempt_enable();
}

void yield() {
    {
        const IrqGuard irqs;
        RunQueue& queue = this_run_queue();
        queue.lock.lock_raw();
        Entity& e = queue.current->sched;
        if (is_realtime(e.params.policy)) {
            e.turn_left_ns = 0;  // to the end of its priority; its next period
        } else if (!queue.fair.empty()) {
            (void)queue.charge_current(arch::clock_ns());
            queue.fair.yield(e);
        }
        queue.lock.unlock_raw();
    }
    schedule();
}

bool wake(Task& task, u32 states) {
    const IrqGuard irqs;
    // The lock's exchange is a full barrier: what the waker wrote is visible before the state is
    // read.
    RunQueue& queue = lock_queue_of(task);
    const u32 state = static_cast<u32>(task.state.load(std::memory_order_relaxed));
    if ((state & states) == 0) {
        queue.lock.unlock_raw();
        return false;
    }
    task.state.store(TaskState::running, std::memory_order_relaxed);
    if (task.sched.queued) {
        // It has not gone to sleep yet.
        queue.lock.unlock_raw();
        return true;
    }
    if (task.sched.in_load) {
        task.sched.in_load = false;
        queue.load_sleepers.fetch_sub(1, std::memory_order_relaxed);
    }
    put_somewhere(task, &queue, Joining::woken);
    return true;
}

void start(Task& task) {
    task.ref();  // finish_switch() drops it when the task has ended
    task.state.store(TaskState::running, std::memory_order_relaxed);
    const IrqGuard irqs;
    put_somewhere(task, &lock_queue_of(task), Joining::fresh);
}

Result<void> sleep_until(sync::Deadline deadline, sync::WaitMode mode) {
    sync::WaitQueue nobody;
    auto result = nobody.wait([] { return false; }, mode, deadline);
    if (!result && result.error() == Error::timedout) return {};
    return result;
}

void sleep_ns(u64 ns) {
    (void)sleep_until(sync::Deadline::after_ns(ns), sync::WaitMode::uninterruptible);
}

void tick(bool user) {
    const u64 now = arch::clock_ns();
    RunQueue& queue = this_run_queue();
    time::run_expired(now);
    sync::rcu_poll();
    queue.lock.lock_raw();
    if (!queue.throttled.empty()) [[unlikely]] {
        if (queue.release_throttled(now)) arch::set_need_resched();
        if (queue.current == queue.idle) queue.request_tick(now);
    }
    if (queue.current != queue.idle) {
        queue.current->sched.sampled_user = user;
        const bool over = queue.charge_current(now);
        if (over && queue.must_switch()) arch::set_need_resched();
        queue.request_tick(now);
        if (arch::online_cpus() > 1 && now >= queue.next_balance_ns) {
            queue.next_balance_ns = now + 2 * kBusyTickNs;
            const u64 idle = g_idle_cpus.load(std::memory_order_relaxed);
            if (queue.has_waiting() && idle != 0)
                arch::send_reschedule(static_cast<u32>(__builtin_ctzll(idle)));
            else if (steal_into(queue, now, queue.waiting() + 2))
                arch::set_need_resched();
        }
    }
    queue.lock.unlock_raw();
}

void run_idle(u32 cpu) {
    RunQueue& queue = run_queue(cpu);
    queue.idle_since_ns = arch::clock_ns();
    g_idle_cpus.fetch_or(u64{1} << cpu, std::memory_order_relaxed);
    for (;;) {
        // With irqs off nothing can set the flag between the look and the halt, and the halt turns
        // them on in the same instruction.
        arch::irq_disable();
        if (sync::rcu_wants_thread()) sync::rcu_poll();
        if (arch::need_resched() || queue.has_waiting()) {
            arch::irq_enable();
            schedule();
        } else {
            arch::wait_for_interrupt();
            arch::irq_disable();
            if (!arch::need_resched()) time::ask_again();
        }
    }
}

}  // namespace tenon::sched
