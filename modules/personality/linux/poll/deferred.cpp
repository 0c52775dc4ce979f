#include "personality/linux/poll/deferred.h"

#include <tenon/sched/kthread.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/wait_queue.h>

#include <utility>

namespace tenon::personality {

// First come, first served. The lock is taken under any queue's.
struct DeferredList {
    sync::SpinLock lock{sync::LockRank::none};
    Deferred* first = nullptr;
    Deferred** end = &first;
    sync::WaitQueue queue{sync::LockRank::none};
    sync::Mutex running{sync::LockRank::none};  // held while one runs

    bool empty() {
        sync::IrqSpinGuard guard(lock);
        return first == nullptr;
    }
    Deferred* take() {
        sync::IrqSpinGuard guard(lock);
        Deferred* one = first;
        if (one == nullptr) return nullptr;
        first = std::exchange(one->next_, nullptr);
        if (first == nullptr) end = &first;
        one->due_ = false;
        return one;
    }
    void run_one() {
        sync::MutexGuard guard(running);
        if (Deferred* one = take(); one != nullptr) one->run();
    }
};

namespace {

constinit DeferredList list;
constinit sync::Mutex thread_lock{sync::LockRank::sleeping_leaf};
constinit sched::KThread* thread = nullptr;

void run_all(void*) {
    while (!sched::KThread::should_stop()) {
        (void)list.queue.wait([] { return !list.empty() || sched::KThread::should_stop(); });
        list.run_one();
    }
}

}  // namespace

void Deferred::defer() {
    {
        sync::IrqSpinGuard guard(list.lock);
        if (due_) return;
        due_ = true;
        *list.end = this;
        list.end = &next_;
    }
    list.queue.wake_one();
}

void Deferred::forget() {
    sync::IrqSpinGuard guard(list.lock);
    if (!due_) return;
    due_ = false;
    Deferred** at = &list.first;
    while (*at != this) at = &(*at)->next_;
    *at = std::exchange(next_, nullptr);
    if (*at == nullptr) list.end = at;
}

void Deferred::withdraw() {
    forget();
    if (list.running.is_held_by_current()) return;  // from another one's run()
    sync::MutexGuard guard(list.running);
}

void settle_deferred() {
    struct Mark final : Deferred {
        sync::Completion reached;
        void run() override { reached.complete(); }
    } mark;
    mark.defer();
    (void)mark.reached.wait();
}

Result<void> start_deferring() {
    sync::MutexGuard guard(thread_lock);
    if (thread != nullptr) return {};
    TRY_ASSIGN(thread, sched::KThread::start("deferred", run_all, nullptr));
    return {};
}

void stop_deferring() {
    if (thread != nullptr) sched::KThread::stop(std::exchange(thread, nullptr));
}

}  // namespace tenon::personality
