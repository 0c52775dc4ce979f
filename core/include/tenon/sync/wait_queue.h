// Wait queues: sleep until a condition holds.
//
//     TRY(queue.wait([&] { return ready; }));                      // interruptible by signals
//     TRY(queue.wait(cond, WaitMode::uninterruptible));
//     TRY(queue.wait(cond, WaitMode::interruptible, Deadline::after_ns(ns)));
//
// The condition is evaluated in the waiter's context, not under the queue's lock, and may itself
// sleep briefly (take mutexes). The waker changes the state first, then calls wake_*().
#pragma once

#include <tenon/lib/result.h>
#include <tenon/sync/spinlock.h>

namespace tenon::module {
class Gate;
}

namespace tenon::sync {

enum class WaitMode : u8 {
    uninterruptible,
    killable,       // a fatal signal or revocation ends it
    interruptible,  // any deliverable signal ends it: Error::restart
};

// An absolute time on the monotonic clock, in ns.
struct Deadline {
    u64 ns = ~u64{0};
    static constexpr Deadline never() { return {}; }
    TENON_API static Deadline after_ns(u64 delta_ns);  // saturates
    constexpr bool is_never() const { return ns == ~u64{0}; }
};

class WaitQueue;

// One registration on a queue. The default wakes `task`; a callback may do otherwise (poll, epoll).
// The callback runs with the queue's lock held and irqs off; it returns true if it woke somebody
// (counts for wake_one).
struct WaitEntry {
    using Callback = bool (*)(WaitEntry& entry, u32 events);
    WaitEntry() = default;
    TENON_NONCOPYABLE(WaitEntry);
    Task* task = nullptr;
    Callback callback = nullptr;
    bool exclusive = false;
    WaitQueue* queue = nullptr;  // where it hangs, or null
    WaitEntry* next = nullptr;
    WaitEntry* prev = nullptr;
    WaitEntry* outer = nullptr;  // the task's registration before, inside of module calls
    // The module whose call hung it up, which may go with the queue before it is taken off.
    module::Gate* owner = nullptr;
    WaitEntry* owner_next = nullptr;
    WaitEntry* owner_prev = nullptr;
};

class WaitQueue {
  public:
    constexpr explicit WaitQueue(LockRank rank = LockRank::wait_queue) : lock_(rank) {}
    constexpr ~WaitQueue() = default;  // nobody waits any more
    TENON_NONCOPYABLE(WaitQueue);

    // Any context. `events` is passed to callbacks (poll bits); 0 means all.
    TENON_API void wake_one(u32 events = 0);
    TENON_API void wake_all(u32 events = 0);
    // For locks: wakes the first task that waits, or leaves it at that if it is awake already and
    // only has not run yet: whoever takes the lock before it wakes it again. All wait in turn.
    void wake_first();
    TENON_API bool has_waiters() const;  // unlocked hint; a full barrier stands before the read

    // An entry with a callback that is added during a call into a module is taken off, with a last
    // call for kPollErr and kPollHup, when that module goes.
    TENON_API void add(WaitEntry& entry);
    TENON_API void remove(WaitEntry& entry);  // no-op if not queued
    // [module] remove() for a sleeper that does not come back: a wake-up that may have been meant
    // for it alone goes on to those behind it.
    void give_up(WaitEntry& entry);
    // Takes the entry off its queue, if it still hangs on one. The queue may be vanishing.
    TENON_API static void take_off(WaitEntry& entry);
    // The last call of every entry with a callback, and off: the queue's owner ends, and who holds
    // the entries may look at it until a grace period is over. Nobody adds one any more.
    void end(u32 events);
    // [module] The last call of an entry, and off. Its owner's lock is held.
    void dismiss(WaitEntry& entry, u32 events);

    // Errors: Error::restart (signal), Error::timedout, Error::nodev (revoked).
    template <typename Condition>
    Result<void> wait(Condition&& ready, WaitMode mode = WaitMode::interruptible,
                      Deadline deadline = Deadline::never(), bool exclusive = false) {
        if (ready()) return {};
        WaitEntry entry;
        entry.exclusive = exclusive;
        Result<void> result;
        for (;;) {
            prepare(entry, mode);
            if (ready()) break;
            result = sleep(mode, deadline);
            if (!result) {
                if (ready()) result = {};
                break;
            }
        }
        finish(entry);
        return result;
    }

  private:
    friend class Completion;
    friend class Revocation;
    static void wake_first_of(WaitEntry* entry, u32 events);  // with the lock of its queue
    void wake_one_locked(u32 events) REQUIRES(lock_);
    void wake_all_locked(u32 events) REQUIRES(lock_);
    void link_locked(WaitEntry& entry) REQUIRES(lock_);
    void unlink_locked(WaitEntry& entry) REQUIRES(lock_);
    TENON_API void prepare(WaitEntry& entry, WaitMode mode);  // queue (once) and set the task state
    TENON_API void finish(WaitEntry& entry);                  // running again, off the queue
    TENON_API static Result<void> sleep(WaitMode mode, Deadline deadline);

    SpinLock lock_;
    // A plain chain rather than a Boost list, whose constructor is not constexpr: static mutexes
    // hold one.
    WaitEntry* first_ GUARDED_BY(lock_) = nullptr;
    WaitEntry* last_ GUARDED_BY(lock_) = nullptr;
};

}  // namespace tenon::sync
