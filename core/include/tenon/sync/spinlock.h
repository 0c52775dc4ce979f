// Spin locks. Taking one disables preemption; the Irq form disables interrupts too and is needed
// when an interrupt handler takes the same lock.
//
//     SpinGuard guard(lock_);          // thread context only
//     IrqSpinGuard guard(lock_);       // also from irq context
//
// No sleep, no user copy, no I/O, no callback into a module, no last unref under one.
#pragma once

#include <tenon/arch/cpu.h>
#include <tenon/lib/assert.h>
#include <tenon/sync/lock_rank.h>

#include <atomic>

#if defined(__clang__)
#define TENON_TSA(x) __attribute__((x))
#else
#define TENON_TSA(x)
#endif
#define TENON_CAPABILITY(x) TENON_TSA(capability(x))
#define GUARDED_BY(x) TENON_TSA(guarded_by(x))
#define REQUIRES(...) TENON_TSA(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) TENON_TSA(acquire_capability(__VA_ARGS__))
#define RELEASE(...) TENON_TSA(release_capability(__VA_ARGS__))
#define SCOPED_CAPABILITY TENON_TSA(scoped_lockable)

namespace tenon::sync {

#if TENON_DEBUG
// Debug bookkeeping of ranks; out of line.
TENON_API void rank_acquire(LockRank rank, const void* lock);
TENON_API void rank_release(LockRank rank, const void* lock);
#else
inline void rank_acquire(LockRank, const void*) {}
inline void rank_release(LockRank, const void*) {}
#endif

// What is held inside a call into a module is remembered, so that it can be let go when a fault
// ends the call: by the module and by the core that it called. Modules that can fail always are in
// one; as the lock's word may lie in memory that only the core writes, their build asks for locking
// out of line. Any context.
enum class HeldKind : u8 { spin, mutex, read, write, write_wait };
TENON_API void note_module_lock(void* lock, HeldKind kind);
TENON_API void forget_module_lock(void* lock);
#ifdef TENON_TRACKS_LOCKS
inline constexpr bool kTracksLocks = true;
#else
inline constexpr bool kTracksLocks = false;
#endif
inline void note_lock(void* lock, HeldKind kind) {
    if (arch::in_call()) [[unlikely]]
        note_module_lock(lock, kind);
}
inline void forget_lock(void* lock) {
    if (arch::in_call()) [[unlikely]]
        forget_module_lock(lock);
}

class TENON_CAPABILITY("spinlock") SpinLock {
  public:
    constexpr explicit SpinLock(LockRank rank = LockRank::spin_leaf) : rank_(rank) {}
    TENON_NONCOPYABLE(SpinLock);

    void lock() ACQUIRE() {
        preempt_disable();
        lock_raw();
    }
    void unlock() RELEASE() {
        unlock_raw();
        preempt_enable();
    }
    bool try_lock() {
        preempt_disable();
        if (try_lock_raw()) return true;
        preempt_enable();
        return false;
    }
    // Without the preemption count: the caller has irqs or preemption off.
    void lock_raw() ACQUIRE() {
        rank_acquire(rank_, this);
        if constexpr (kTracksLocks) return lock_tracked();
        if (word_.exchange(1, std::memory_order_acquire) != 0) [[unlikely]]
            lock_slow();
        note();
    }
    bool try_lock_raw() {
        u32 expected = 0;
        if constexpr (kTracksLocks) {
            if (!try_lock_tracked()) return false;
        } else if (!word_.compare_exchange_strong(expected, 1, std::memory_order_acquire,
                                                  std::memory_order_relaxed)) {
            return false;
        }
        rank_acquire(LockRank::none, this);
        if constexpr (!kTracksLocks) note();
        return true;
    }
    void unlock_raw() RELEASE() {
        if constexpr (kTracksLocks) {
            rank_release(rank_, this);
            return unlock_tracked();
        }
        // The lock of a run queue is given back by the task that comes on.
        if (rank_ != LockRank::run_queue) forget_lock(this);
        rank_release(rank_, this);
        word_.store(0, std::memory_order_release);
    }

  private:
    void note() {
        if (rank_ != LockRank::run_queue) note_lock(this, HeldKind::spin);
    }
    TENON_API void lock_tracked();
    TENON_API bool try_lock_tracked();
    TENON_API void unlock_tracked();
    TENON_API void lock_slow();  // spins, serving TLB shootdowns if irqs are off

    std::atomic<u32> word_{0};
    LockRank rank_;
};

class SCOPED_CAPABILITY SpinGuard {
  public:
    explicit SpinGuard(SpinLock& lock) ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
    ~SpinGuard() RELEASE() { lock_.unlock(); }
    TENON_NONCOPYABLE(SpinGuard);

  private:
    SpinLock& lock_;
};

class SCOPED_CAPABILITY IrqSpinGuard {
  public:
    explicit IrqSpinGuard(SpinLock& lock) ACQUIRE(lock) : lock_(lock), state_(arch::irq_save()) {
        lock_.lock();
    }
    ~IrqSpinGuard() RELEASE() {
        lock_.unlock_raw();
        arch::irq_restore(state_);
        preempt_enable();
    }
    TENON_NONCOPYABLE(IrqSpinGuard);

  private:
    SpinLock& lock_;
    arch::IrqState state_;
};

}  // namespace tenon::sync
