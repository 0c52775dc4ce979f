#include "core/sched/run_queue.h"

#include <tenon/arch/smp.h>
#include <tenon/time/timer.h>

#include "core/sched/deadline.h"

namespace tenon::sched {

constinit std::atomic<u64> g_idle_cpus{0};

void RunQueue::insert_realtime(Entity& e, bool at_front) {
    auto it = realtime.begin();
    while (it != realtime.end() && (goes_before(*it, e) || (!at_front && !goes_before(e, *it))))
        ++it;
    realtime.insert(it, e);
}

void RunQueue::insert_throttled(Entity& e) {
    e.throttled = true;
    auto it = throttled.begin();
    while (it != throttled.end() && edf::next_turn_ns(*it) <= edf::next_turn_ns(e)) ++it;
    throttled.insert(it, e);
}

bool RunQueue::release_throttled(u64 now) {
    bool urgent = false;
    while (!throttled.empty() && edf::next_turn_ns(throttled.front()) <= now) {
        Entity& e = throttled.front();
        throttled.pop_front();
        e.throttled = false;
        edf::renew_turn(e, now);
        e.last_queued_ns = now;
        insert_realtime(e, false);
        count(1);
        urgent |= preempts(task_of(e));
    }
    return urgent;
}

void RunQueue::enqueue(Task& task, FairQueue<Entity>::Joining how, u64 now) {
    Entity& e = task.sched;
    e.last_queued_ns = now;
    if (e.params.policy == Policy::deadline && !edf::may_run(e, now)) [[unlikely]] {
        e.queued = true;
        return insert_throttled(e);
    }
    if (is_realtime(e.params.policy)) {
        if (e.params.policy != Policy::deadline) e.turn_left_ns = round_robin_slice_ns;
        insert_realtime(e, false);
    } else {
        fair.place(e, fair_current(), how);
        fair.insert(e);
    }
    e.queued = true;
    count(1);
}

void RunQueue::dequeue(Task& task) {
    Entity& e = task.sched;
    if (e.throttled) [[unlikely]] {
        throttled.erase(throttled.iterator_to(e));
        e.throttled = e.queued = false;
        return;
    }
    if (!is_realtime(e.params.policy)) {
        fair.save_lag(e, fair_current());
        if (&task != current) fair.erase(e);
    } else if (&task != current) {
        realtime.erase(realtime.iterator_to(e));
    }
    e.queued = false;
    if (&task != current) count(-1);
}

Task* RunQueue::pick(bool keep) {
    Task* candidate = keep && current != idle && !is_used_up(*current) ? current : nullptr;
    const bool candidate_realtime =
        candidate != nullptr && is_realtime(candidate->sched.params.policy);
    const bool has_deadline =
        (candidate != nullptr && candidate->sched.params.policy == Policy::deadline) ||
        (!realtime.empty() && realtime.front().params.policy == Policy::deadline);
    if (!has_deadline && realtime_is_spent()) [[unlikely]] {
        return &task_of(
            *fair.pick(candidate_realtime || candidate == nullptr ? nullptr : &candidate->sched));
    }
    if (!realtime.empty()) [[unlikely]] {
        Entity& first = realtime.front();
        if (!candidate_realtime) return &task_of(first);
        // One whose turn is over, or that yielded, goes behind its equals.
        const bool turn_over = candidate->sched.turn_left_ns == 0;
        if (goes_before(first, candidate->sched) ||
            (turn_over && !goes_before(candidate->sched, first)))
            return &task_of(first);
    }
    if (candidate_realtime) return candidate;
    Entity* e = fair.pick(candidate != nullptr ? &candidate->sched : nullptr);
    return e != nullptr ? &task_of(*e) : nullptr;
}

Task& RunQueue::switch_current(bool keep) {
    Task* next = pick(keep);
    if (next == current) return *next;
    if (keep && current != idle) {
        Entity& e = current->sched;
        if (is_used_up(*current)) [[unlikely]] {
            insert_throttled(e);
        } else {
            if (is_realtime(e.params.policy)) {
                // A preempted task stays at the head of its priority; one whose turn is over does
                // not.
                const bool turn_over = e.turn_left_ns == 0;
                insert_realtime(e, !turn_over);
                if (turn_over) e.turn_left_ns = round_robin_slice_ns;
            } else {
                fair.insert(e);
            }
            count(1);
        }
    }
    if (next == nullptr) return *idle;
    count(-1);
    if (is_realtime(next->sched.params.policy))
        realtime.erase(realtime.iterator_to(next->sched));
    else
        fair.erase(next->sched);
    return *next;
}

bool RunQueue::charge_current(u64 now) {
    if (current == idle) return false;
    Entity& e = current->sched;
    const u64 ran = now - e.exec_start_ns;
    if (static_cast<i64>(ran) <= 0) return false;
    e.exec_start_ns = now;
    e.sum_exec_ns += ran;
    // Which mode it was in is only sampled (tick()); in between it counts as the last sample.
    if (e.sampled_user && !current->is_kernel_thread()) {
        current->user_ns += ran;
        auto& total = e.params.nice > 0 ? nice_ns : user_ns;
        total.store(total.load(std::memory_order_relaxed) + ran, std::memory_order_relaxed);
    } else {
        current->system_ns += ran;
        system_ns.store(system_ns.load(std::memory_order_relaxed) + ran, std::memory_order_relaxed);
    }
    if (now - realtime_since_ns >= realtime_period_ns.load(std::memory_order_relaxed)) {
        realtime_since_ns = now;
        realtime_used_ns = 0;
    }
    const Policy policy = e.params.policy;
    if ((policy == Policy::fifo || policy == Policy::rr) && e.lent == 0) realtime_used_ns += ran;
    switch (policy) {
        case Policy::fifo:
            return realtime_is_spent();
        case Policy::rr:
            e.turn_left_ns = ran < e.turn_left_ns ? e.turn_left_ns - ran : 0;
            return e.turn_left_ns == 0 || realtime_is_spent();
        case Policy::deadline:
            e.turn_left_ns = ran < e.turn_left_ns ? e.turn_left_ns - ran : 0;
            return e.turn_left_ns == 0;
        default:
            return fair.charge(e, ran);
    }
}

bool RunQueue::preempts(const Task& task) const {
    if (current == idle) return true;  // if only to ask for the tick that ends a throttling
    const Entity& mine = current->sched;
    const Entity& other = task.sched;
    if (other.throttled) return false;
    if (is_realtime(other.params.policy))
        return !is_realtime(mine.params.policy) || goes_before(other, mine);
    if (is_realtime(mine.params.policy)) return false;
    if (mine.params.policy == Policy::idle && other.params.policy != Policy::idle) return true;
    if (other.params.policy != Policy::normal) return false;
    return fair.preempts(other, mine);
}

u64 RunQueue::slice_end(u64 now) const {
    if (current == idle) return ~u64{0};
    const Entity& e = current->sched;
    if (e.params.policy == Policy::fifo) return ~u64{0};
    if (e.params.policy == Policy::deadline) return now + e.turn_left_ns;
    if (e.params.policy == Policy::rr) return realtime.empty() ? ~u64{0} : now + e.turn_left_ns;
    return fair.empty() ? ~u64{0} : now + fair.slice_left_ns(e);
}

void RunQueue::request_tick(u64 now) const {
    if (!throttled.empty()) [[unlikely]]
        time::request_interrupt(edf::next_turn_ns(throttled.front()));
    if (current == idle) return;
    u64 at = now + kBusyTickNs;
    if (has_waiting() || current->sched.params.policy == Policy::deadline)
        at = std::min(at, slice_end(now));
    time::request_interrupt(at);
}

Task* RunQueue::take_for(u32 for_cpu) {
    Entity* found = nullptr;
    for (Entity& e : realtime) {
        if (!e.allowed.test(for_cpu)) continue;
        found = &e;
        break;
    }
    if (found == nullptr)
        found = fair.find_last([&](const Entity& e) { return e.allowed.test(for_cpu); });
    if (found == nullptr) return nullptr;
    Task& task = task_of(*found);
    dequeue(task);
    return &task;
}

RunQueue& lock_queue_of(const Task& task) {
    for (;;) {
        const u32 cpu = task.sched.cpu.load(std::memory_order_acquire);
        RunQueue& queue = run_queue(cpu);
        queue.lock.lock_raw();
        if (task.sched.cpu.load(std::memory_order_relaxed) == cpu) [[likely]]
            return queue;
        queue.lock.unlock_raw();
    }
}

void reschedule(RunQueue& queue) {
    if (queue.cpu == arch::cpu_id())
        arch::set_need_resched();
    else
        arch::send_reschedule(queue.cpu);
}

bool steal_into(RunQueue& queue, u64 now, u32 minimum_waiting) {
    const u32 cpus = arch::online_cpus();
    RunQueue* fullest = nullptr;
    u32 most = minimum_waiting - 1;
    for (u32 i = 1; i < cpus; ++i) {
        RunQueue& other = run_queue((queue.cpu + i) % cpus);
        if (other.current == nullptr) continue;
        if (const u32 n = other.waiting(); n > most) {
            most = n;
            fullest = &other;
        }
    }
    // Against the order of the queues' locks, so only if it is free: the next idle moment tries
    // again.
    if (fullest == nullptr || !fullest->lock.try_lock_raw()) return false;
    Task* task = fullest->take_for(queue.cpu);
    if (task != nullptr) {
        if (task->notify_on_switch) task->set_work(kWorkNotify);
        task->sched.cpu.store(queue.cpu, std::memory_order_release);
    }
    fullest->lock.unlock_raw();
    if (task == nullptr) return false;
    queue.enqueue(*task, FairQueue<Entity>::Joining::woken, now);
    return true;
}

}  // namespace tenon::sched
