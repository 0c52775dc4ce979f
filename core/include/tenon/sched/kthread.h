// Kernel threads and work queues.
#pragma once

#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/sync/mutex.h>

#include <memory>

namespace tenon::sched {

// A kernel thread. It should poll should_stop() at its sleeps (a stop ends interruptible and
// killable waits with Error::restart).
class KThread {
  public:
    // Starts entry(context). `name` is cut at 15 bytes. Error::nomem.
    TENON_API static Result<KThread*> start(std::string_view name, void (*entry)(void*),
                                            void* context);
    // Asks it to stop, waits until it returned and frees the handle. May sleep.
    TENON_API static void stop(KThread* thread);
    // For the calling thread: true once somebody called stop().
    TENON_API static bool should_stop();
};

// Work that runs later in a worker thread; may sleep. A Work is queued at most once at a time.
class Work {
  public:
    using Function = void (*)(Work&);
    explicit Work(Function function) : function_(function) {}
    TENON_NONCOPYABLE(Work);

  private:
    friend class WorkQueue;
    Function function_;
    std::atomic<bool> queued_{false};
    Work* next_ = nullptr;
};

class WorkQueue {
  public:
    TENON_API static WorkQueue& system();
    TENON_API static Result<WorkQueue*> create(std::string_view name);
    TENON_API static void destroy(WorkQueue* queue);  // drains first
    // False if it was queued already. Any context.
    TENON_API bool queue(Work& work);
    // Waits until `work` is neither queued nor running. May sleep.
    TENON_API void flush(Work& work);
    TENON_API void drain();
    WorkQueue();
    ~WorkQueue();
    TENON_NONCOPYABLE(WorkQueue);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tenon::sched
