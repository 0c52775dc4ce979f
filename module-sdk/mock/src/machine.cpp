// The one CPU: tasks by baton, the clock, interrupts, wait queues.
#include <tenon/arch/time.h>
#include <tenon/sched/kthread.h>
#include <tenon/sched/scheduler.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>

#include <algorithm>
#include <cstring>

#include "world.h"

namespace tenon {

using mock::SimTask;
using mock::world;

namespace time {
// The door that Timer leaves open for whoever keeps it.
struct TimerQueue {
    static void fire(Timer& t) {
        t.armed_ = false;
        t.callback_(t);
    }
};
}  // namespace time

namespace mock {

World& world() {
    static World* w = new World;  // never destroyed: kernel objects of the test may outlive main
    return *w;
}

namespace {

constexpr u64 kNever = ~u64{0};
constexpr u64 kPatienceNs = 3'600'000'000'000;  // who waits longer, waits for ever

void give_baton(SimTask& to) {
    World& w = world();
    SimTask& self = *w.running;
    if (&to == &self) return;
    std::unique_lock lock(w.mutex);
    w.running = &to;
    to.turn.notify_one();
    if (self.finished) return;
    self.turn.wait(lock, [&] { return w.running == &self; });
}

std::vector<SimTask*> all_tasks() {
    World& w = world();
    std::vector<SimTask*> list{&w.boot};
    for (auto& t : w.tasks) list.push_back(t.get());
    return list;
}

// The next runnable task after the running one, or null.
SimTask* next_runnable() {
    const auto list = all_tasks();
    const usize at =
        static_cast<usize>(std::find(list.begin(), list.end(), world().running) - list.begin());
    for (usize i = 1; i <= list.size(); ++i) {
        SimTask* t = list[(at + i) % list.size()];
        if (t->runnable && !t->finished) return t;
    }
    return nullptr;
}

void wake_sleepers() {
    for (SimTask* t : all_tasks())
        if (!t->runnable && t->wake_ns <= world().now_ns) t->runnable = t->timed_out = true;
}

}  // namespace

SimTask& spawn(std::function<void()> body) {
    World& w = world();
    w.tasks.push_back(std::make_unique<SimTask>());
    SimTask& t = *w.tasks.back();
    t.body = std::move(body);
    t.thread = std::thread([&t] {
        World& w = world();
        {
            std::unique_lock lock(w.mutex);
            t.turn.wait(lock, [&] { return w.running == &t; });
        }
        t.body();
        t.finished = true;
        t.runnable = false;
        for (SimTask* other : all_tasks())  // whoever joins looks again
            if (!other->runnable && !other->finished && other->wake_ns == kNever - 1)
                other->runnable = true;
        SimTask* next = next_runnable();
        give_baton(next != nullptr ? *next : w.boot);
    });
    return t;
}

void join(SimTask& task) {
    World& w = world();
    task.stop = true;
    if (!task.finished) task.runnable = true;
    SimTask& self = *w.running;
    while (!task.finished) {
        self.runnable = false;
        self.wake_ns = kNever - 1;
        block(kNever - 1);
        if (self.hung) break;
    }
    self.runnable = true;
    if (!task.finished) {
        ADD_FAILURE() << "a kernel thread does not return after it was asked to stop";
        std::abort();  // its stack is still in use
    }
    task.thread.join();
    std::erase_if(w.tasks, [&](auto& t) { return t.get() == &task; });
}

u64 next_event_ns() {
    World& w = world();
    u64 next = w.timers.empty() ? kNever : w.timers.begin()->first;
    for (SimTask* t : all_tasks())
        if (!t->runnable && !t->finished && t->wake_ns < kNever - 1)
            next = std::min(next, t->wake_ns);
    return next;
}

void fire_timers() {
    World& w = world();
    while (!w.timers.empty() && w.timers.begin()->first <= w.now_ns) {
        time::Timer* t = w.timers.begin()->second;
        w.timers.erase(w.timers.begin());
        interrupt([t] { time::TimerQueue::fire(*t); });
    }
    wake_sleepers();
}

void block(u64 deadline_ns) {
    World& w = world();
    SimTask& self = *w.running;
    self.wake_ns = deadline_ns;
    self.timed_out = self.hung = false;
    const u64 began = w.now_ns;
    while (!self.runnable) {
        if (SimTask* next = next_runnable()) {
            give_baton(*next);
            continue;
        }
        const u64 next = next_event_ns();
        if (next == kNever || next - began > kPatienceNs) {
            SimTask& hung = w.boot.runnable ? self : w.boot;
            ADD_FAILURE() << "a task sleeps for ever: nothing is left that could wake it";
            hung.runnable = hung.hung = true;
            continue;
        }
        w.now_ns = std::max(w.now_ns, next);
        fire_timers();
    }
    self.wake_ns = kNever;
}

void run_others() {
    World& w = world();
    for (u32 n = 0; n < 100'000; ++n) {
        SimTask* next = next_runnable();
        if (next == nullptr || next == w.running) return;
        give_baton(*next);
    }
    ADD_FAILURE() << "a kernel thread spins";
}

void interrupt(std::function<void()> handler) {
    World& w = world();
    SimTask& self = *w.running;
    if (!self.irqs_on) {
        w.interrupts.push_back(std::move(handler));
        return;
    }
    self.irqs_on = false;
    self.preempt_count += kHardirqOne;
    handler();
    self.preempt_count -= kHardirqOne;
    arch::irq_enable();
}

u64 now_ns() {
    return world().now_ns;
}

void advance(u64 ns) {
    World& w = world();
    const u64 end = w.now_ns + ns;
    for (;;) {
        run_others();
        const u64 next = next_event_ns();
        if (next > end) break;
        w.now_ns = std::max(w.now_ns, next);
        fire_timers();
    }
    w.now_ns = end;
}

void settle() {
    run_others();
}

void set_signal(bool pending) {
    world().signal = pending;
    if (!pending) return;
    for (SimTask* t : all_tasks())
        if (!t->finished && t->wake_ns != kNever - 1) t->runnable = true;
}

}  // namespace mock

namespace arch {

namespace {
SimTask& self() {
    return *world().running;
}
}  // namespace

Task* current() {
    return reinterpret_cast<Task*>(&self().identity);
}
bool irqs_enabled() {
    return self().irqs_on;
}
void irq_disable() {
    self().irqs_on = false;
}
void irq_enable() {
    self().irqs_on = true;
    while (!world().interrupts.empty() && self().irqs_on) {
        auto handler = std::move(world().interrupts.front());
        world().interrupts.pop_front();
        mock::interrupt(std::move(handler));
    }
}
void wait_for_interrupt() {
    irq_enable();
}
u32 preempt_count() {
    return self().preempt_count;
}
void preempt_count_add(u32 n) {
    self().preempt_count += n;
}
bool preempt_count_sub_and_test(u32 n) {
    self().preempt_count -= n;
    return false;
}
u64 cycles() {
    return time::monotonic_ns();
}
u32 possible_cpus() {
    return 1;
}
u32 online_cpus() {
    return 1;
}
u64 clock_ns() {
    return time::monotonic_ns();
}
void delay_ns(u64 ns) {
    world().now_ns += ns;
    if (self().irqs_on) mock::fire_timers();
}

}  // namespace arch

namespace sched {

void preempt_schedule() {}
void yield() {
    mock::run_others();
}
void sleep_ns(u64 ns) {
    (void)sleep_until(sync::Deadline::after_ns(ns), sync::WaitMode::uninterruptible);
}
Result<void> sleep_until(sync::Deadline deadline, sync::WaitMode mode) {
    sync::WaitQueue nobody;
    auto r = nobody.wait([] { return false; }, mode, deadline);
    return !r && r.error() == Error::timedout ? Result<void>() : r;
}

Result<KThread*> KThread::start(std::string_view, void (*entry)(void*), void* context) {
    return reinterpret_cast<KThread*>(&mock::spawn([=] { entry(context); }));
}
void KThread::stop(KThread* thread) {
    mock::join(*reinterpret_cast<SimTask*>(thread));
}
bool KThread::should_stop() {
    return world().running->stop;
}

struct WorkQueue::State {
    std::deque<Work*> items;
    Work* running = nullptr;
    SimTask* worker = nullptr;
    sync::WaitQueue wake, idle;
};
WorkQueue::WorkQueue() : state_(new State) {}
WorkQueue::~WorkQueue() {
    if (state_->worker != nullptr) mock::join(*state_->worker);
}
WorkQueue& WorkQueue::system() {
    static WorkQueue* queue = new WorkQueue;
    return *queue;
}
Result<WorkQueue*> WorkQueue::create(std::string_view) {
    return new WorkQueue;
}
void WorkQueue::destroy(WorkQueue* queue) {
    queue->drain();
    delete queue;
}
bool WorkQueue::queue(Work& work) {
    State& s = *state_;
    if (work.queued_.exchange(true)) return false;
    s.items.push_back(&work);
    if (s.worker == nullptr) {
        s.worker = &mock::spawn([this, &s] {
            while (!KThread::should_stop()) {
                if (!s.wake.wait([&] { return !s.items.empty(); })) continue;
                Work* work = s.items.front();
                s.items.pop_front();
                s.running = work;
                work->queued_ = false;
                work->function_(*work);
                s.running = nullptr;
                s.idle.wake_all();
            }
        });
    }
    s.wake.wake_all();
    return true;
}
void WorkQueue::flush(Work& work) {
    State& s = *state_;
    (void)s.idle.wait([&] { return !work.queued_.load() && s.running != &work; },
                      sync::WaitMode::uninterruptible);
}
void WorkQueue::drain() {
    State& s = *state_;
    (void)s.idle.wait([&] { return s.items.empty() && s.running == nullptr; },
                      sync::WaitMode::uninterruptible);
}

}  // namespace sched

namespace time {

u64 monotonic_ns() {
    return world().now_ns += 100;  // reading takes time: a loop that polls until a deadline ends
}
u64 boottime_ns() {
    return monotonic_ns();
}
i64 realtime_offset_ns() {
    return 1'700'000'000'000'000'000;
}
i64 realtime_ns() {
    return realtime_offset_ns() + static_cast<i64>(monotonic_ns());
}

Timer::~Timer() {
    cancel();
}
void Timer::arm_at(u64 deadline_ns) {
    cancel();
    deadline_ns_ = deadline_ns;
    armed_ = true;
    world().timers.emplace(deadline_ns, this);
}
bool Timer::cancel() {
    if (!armed_.exchange(false)) return false;
    std::erase_if(world().timers, [&](auto& t) { return t.second == this; });
    return true;
}
bool Timer::cancel_sync() {
    return cancel();
}
u32 armed_timers() {
    return static_cast<u32>(world().timers.size());
}

}  // namespace time

namespace sync {

Deadline Deadline::after_ns(u64 delta_ns) {
    const u64 now = world().now_ns;
    return {delta_ns > ~now ? ~u64{0} - 2 : now + delta_ns};
}

void WaitQueue::add(WaitEntry& entry) {
    entry.queue = this;
    entry.prev = last_;
    entry.next = nullptr;
    (last_ != nullptr ? last_->next : first_) = &entry;
    last_ = &entry;
}
void WaitQueue::remove(WaitEntry& entry) {
    if (entry.queue != this) return;
    (entry.prev != nullptr ? entry.prev->next : first_) = entry.next;
    (entry.next != nullptr ? entry.next->prev : last_) = entry.prev;
    entry.queue = nullptr;
}
void WaitQueue::wake_one(u32 events) {
    for (WaitEntry* e = first_; e != nullptr;) {
        WaitEntry* next = e->next;
        bool woke = true;
        if (e->callback != nullptr)
            woke = e->callback(*e, events);
        else
            reinterpret_cast<SimTask*>(e->task)->runnable = true;
        if (woke && e->exclusive) return;
        e = next;
    }
}
void WaitQueue::wake_all(u32 events) {
    for (WaitEntry* e = first_; e != nullptr;) {
        WaitEntry* next = e->next;
        if (e->callback != nullptr)
            e->callback(*e, events);
        else
            reinterpret_cast<SimTask*>(e->task)->runnable = true;
        e = next;
    }
}
bool WaitQueue::has_waiters() const {
    return first_ != nullptr;
}
void WaitQueue::prepare(WaitEntry& entry, WaitMode) {
    entry.task = current();
    if (entry.queue == nullptr) add(entry);
    world().running->runnable = false;
}
void WaitQueue::finish(WaitEntry& entry) {
    world().running->runnable = true;
    remove(entry);
}
Result<void> WaitQueue::sleep(WaitMode mode, Deadline deadline) {
    SimTask& self = *world().running;
    if (!may_sleep()) {
        ADD_FAILURE() << "a sleep in interrupt context, under a spin lock or with interrupts off";
        self.runnable = true;
        return Err(Error::deadlk);
    }
    const auto ends = [&]() -> bool {
        if (mode == WaitMode::uninterruptible) return false;
        return self.stop || (mode == WaitMode::interruptible && world().signal);
    };
    if (ends()) return Err(Error::restart);
    if (world().now_ns >= deadline.ns) return Err(Error::timedout);
    mock::block(deadline.is_never() ? ~u64{0} : deadline.ns);
    if (self.hung) return Err(Error::timedout);
    if (self.timed_out) return Err(Error::timedout);
    if (ends()) return Err(Error::restart);
    return {};
}

}  // namespace sync
}  // namespace tenon
