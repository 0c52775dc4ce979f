// Kernel threads.
#include <tenon/mm/slab.h>
#include <tenon/process/process.h>
#include <tenon/sched/kthread.h>

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

}  // namespace tenon::sched
