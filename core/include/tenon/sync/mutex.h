// Sleeping locks: Mutex, RwMutex (many readers or one writer), Completion.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/sync/wait_queue.h>

namespace tenon::sync {

// Owner-tracked, adaptive (spins while the owner runs). Thread context only.
class TENON_CAPABILITY("mutex") Mutex {
  public:
    constexpr explicit Mutex(LockRank rank = LockRank::sleeping_leaf) : rank_(rank) {}
    TENON_NONCOPYABLE(Mutex);
    void lock() ACQUIRE() {
        rank_acquire(rank_, this);
        if constexpr (kTracksLocks) return lock_tracked();
        note_lock(this, HeldKind::mutex);
        uptr expected = 0;
        if (!owner_.compare_exchange_strong(expected, reinterpret_cast<uptr>(current()),
                                            std::memory_order_acquire, std::memory_order_relaxed))
            [[unlikely]]
            lock_slow();
    }
    TENON_API bool try_lock();
    TENON_API Result<void> lock_interruptible();
    void unlock() RELEASE() {
        rank_release(rank_, this);
        if constexpr (kTracksLocks) return unlock_tracked();
        forget_lock(this);
        uptr expected = reinterpret_cast<uptr>(current());
        if (!owner_.compare_exchange_strong(expected, 0, std::memory_order_release,
                                            std::memory_order_relaxed)) [[unlikely]]
            unlock_slow();
    }
    bool is_held_by_current() const {
        return (owner_.load(std::memory_order_relaxed) & ~uptr{7}) ==
               reinterpret_cast<uptr>(current());
    }

  private:
    TENON_API void lock_tracked();
    TENON_API void unlock_tracked();
    TENON_API void lock_slow();
    TENON_API void unlock_slow();
    std::atomic<uptr> owner_{0};  // Task*; bit 0: somebody waits
    WaitQueue waiters_;
    LockRank rank_;
};

class SCOPED_CAPABILITY MutexGuard {
  public:
    explicit MutexGuard(Mutex& m) ACQUIRE(m) : mutex_(m) { mutex_.lock(); }
    ~MutexGuard() RELEASE() { mutex_.unlock(); }
    TENON_NONCOPYABLE(MutexGuard);

  private:
    Mutex& mutex_;
};

// Writers are preferred once they wait: who lets go wakes one of them, or else all readers. Not
// recursive.
class TENON_CAPABILITY("rwmutex") RwMutex {
  public:
    constexpr explicit RwMutex(LockRank rank = LockRank::sleeping_leaf) : rank_(rank) {}
    TENON_NONCOPYABLE(RwMutex);
    TENON_API void lock_read();
    TENON_API void unlock_read();
    TENON_API void lock_write();
    TENON_API bool try_lock_write();
    // As lock_write(), checked against another rank: for two objects of one class whose order the
    // caller knows (directories of a rename).
    TENON_API void lock_write_nested(LockRank rank);
    TENON_API void unlock_write();
    // [module] A writer that waits does not come back.
    void give_up_write();

  private:
    void wake_next();
    std::atomic<i64> state_{0};  // readers, or -1 for a writer
    std::atomic<u32> writers_waiting_{0};
    LockRank rank_;
    WaitQueue readers_, writers_;
};
class ReadGuard {
  public:
    explicit ReadGuard(RwMutex& m) : m_(m) { m_.lock_read(); }
    ~ReadGuard() { m_.unlock_read(); }
    TENON_NONCOPYABLE(ReadGuard);

  private:
    RwMutex& m_;
};
class WriteGuard {
  public:
    explicit WriteGuard(RwMutex& m) : m_(m) { m_.lock_write(); }
    ~WriteGuard() { m_.unlock_write(); }
    TENON_NONCOPYABLE(WriteGuard);

  private:
    RwMutex& m_;
};

// One thing that is waited for. It may be freed as soon as wait() returned success: complete() does
// not touch it any more then.
class Completion {
  public:
    TENON_API void complete();
    TENON_API void complete_all();
    TENON_API Result<void> wait(WaitMode mode = WaitMode::uninterruptible,
                                Deadline deadline = Deadline::never());
    // A look, without that promise.
    bool done() const { return count_.load(std::memory_order_acquire) != 0; }

  private:
    static constexpr u32 kForAll = ~u32{0} / 2;
    std::atomic<u32> count_{0};
    WaitQueue queue_;
};

}  // namespace tenon::sync
