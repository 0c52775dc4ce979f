// Kernel threads.
#include <tenon/mm/slab.h>
#include <tenon/process/process.h>
#include <tenon/sched/kthread.h>

#include "core/sched/run_queue.h"

namespace tenon::sched {

namespace {

struct Thread final : KThread {
    void (*entry)(void*) = nullptr;
    void* context = nullptr;
    Ref<Task> task;
    sync::Completion done;
};

void run(void* argument) {
    auto* thread = static_cast<Thread*>(argument);
    // Until stop() the handle lives, and stop() waits for `done`.
    thread->entry(thread->context);
    thread->done.complete();
    process::exit_kernel_task();
}

}  // namespace

Result<KThread*> KThread::start(std::string_view name, void (*entry)(void*), void* context) {
    auto thread = mm::make<Thread>();
    if (!thread) return Err(Error::nomem);
    thread->entry = entry;
    thread->context = context;
    TRY_ASSIGN(thread->task, process::make_kernel_task(name, run, thread.get()));
    init_entity(*thread->task, nullptr);
    sched::start(*thread->task);
    return thread.release();
}

void KThread::stop(KThread* handle) {
    auto* thread = static_cast<Thread*>(handle);
    thread->task->should_stop.store(true, std::memory_order_seq_cst);
    wake(*thread->task, kWakeInterruptible | kWakeKillable);
    (void)thread->done.wait(sync::WaitMode::uninterruptible);
    delete thread;
}

bool KThread::should_stop() {
    return arch::current()->should_stop.load(std::memory_order_relaxed);
}

// Work queues: a list under a lock, and one thread each.

// The list is first in, first out: `last_` is where the next one goes.
struct WorkQueue::State {
    sync::SpinLock lock{sync::LockRank::work_queue};
    Work* first = nullptr;
    Work* last = nullptr;
    Work* running = nullptr;
    u64 queued = 0, finished = 0;  // numbers, for drain()
    sync::WaitQueue wanted, idle;
    KThread* thread = nullptr;

    bool is_idle() {
        sync::IrqSpinGuard guard(lock);
        return first == nullptr && running == nullptr;
    }
    Work* take() {
        sync::IrqSpinGuard guard(lock);
        Work* work = first;
        if (work == nullptr) return nullptr;
        first = work->next_;
        if (first == nullptr) last = nullptr;
        running = work;
        // From here on it can be queued again, by its own function too.
        work->queued_.store(false, std::memory_order_release);
        return work;
    }
    static void run(void* context) {
        auto& self = *static_cast<State*>(context);
        for (;;) {
            Work* work = nullptr;
            (void)self.wanted.wait([&] { return (work = self.take()) != nullptr; });
            if (work == nullptr) {
                if (KThread::should_stop()) return;
                continue;
            }
            // The function may free its Work: nothing touches it afterwards.
            work->function_(*work);
            {
                sync::IrqSpinGuard guard(self.lock);
                self.running = nullptr;
                ++self.finished;
            }
            self.idle.wake_all();
        }
    }
};

namespace {
constinit WorkQueue* g_system = nullptr;
}

WorkQueue& WorkQueue::system() {
    return *g_system;
}

Result<WorkQueue*> WorkQueue::create(std::string_view name) {
    auto queue = mm::make<WorkQueue>();
    if (!queue) return Err(Error::nomem);
    queue->state_ = mm::make<State>();
    if (!queue->state_) return Err(Error::nomem);
    TRY_ASSIGN(queue->state_->thread, KThread::start(name, &State::run, queue->state_.get()));
    return queue.release();
}

void WorkQueue::destroy(WorkQueue* queue) {
    queue->drain();
    KThread::stop(queue->state_->thread);
    delete queue;
}

WorkQueue::WorkQueue() = default;
WorkQueue::~WorkQueue() = default;

bool WorkQueue::queue(Work& work) {
    if (work.queued_.exchange(true, std::memory_order_acq_rel)) return false;
    {
        sync::IrqSpinGuard guard(state_->lock);
        work.next_ = nullptr;
        if (state_->last != nullptr)
            state_->last->next_ = &work;
        else
            state_->first = &work;
        state_->last = &work;
        ++state_->queued;
    }
    state_->wanted.wake_one();
    return true;
}

void WorkQueue::flush(Work& work) {
    (void)state_->idle.wait(
        [&] {
            sync::IrqSpinGuard guard(state_->lock);
            return state_->running != &work && !work.queued_.load(std::memory_order_acquire);
        },
        sync::WaitMode::uninterruptible);
}

void WorkQueue::drain() {
    u64 until;
    {
        sync::IrqSpinGuard guard(state_->lock);
        until = state_->queued;
    }
    (void)state_->idle.wait(
        [&] {
            sync::IrqSpinGuard guard(state_->lock);
            return state_->finished >= until;
        },
        sync::WaitMode::uninterruptible);
}

void start_work_queues() {
    auto queue = WorkQueue::create("kworker");
    if (!queue) panic("no memory for the system work queue");
    g_system = *queue;
}

}  // namespace tenon::sched
