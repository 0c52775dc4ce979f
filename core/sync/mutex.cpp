#include <tenon/process/task.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/rcu.h>
#include <tenon/sync/revocation.h>

namespace tenon::sync {

namespace {

constexpr uptr kWaiters = 1;
constexpr uptr kOwnerMask = ~uptr{7};
constexpr u32 kSpinRounds = 200;

// Spins while the owner runs on another CPU: it will be out soon, and a sleep costs two switches.
// True when the mutex looked free.
bool spin_on_owner(const std::atomic<uptr>& word) {
    if (arch::online_cpus() == 1) return false;
    for (u32 round = 0; round < kSpinRounds; ++round) {
        const RcuGuard rcu;  // keeps the owner's Task readable
        const uptr seen = word.load(std::memory_order_relaxed);
        const auto* owner = reinterpret_cast<const Task*>(seen & kOwnerMask);
        if (owner == nullptr) return true;
        if ((seen & kWaiters) != 0 || !owner->sched.on_cpu.load(std::memory_order_relaxed) ||
            arch::need_resched())
            return false;
        arch::cpu_relax();
    }
    return false;
}

uptr me() {
    return reinterpret_cast<uptr>(current());
}

// For waiters: takes the mutex with the waiter bit set (others may sleep), or sets the bit so that
// the owner's unlock wakes somebody.
bool take_or_mark(std::atomic<uptr>& word) {
    uptr seen = word.load(std::memory_order_relaxed);
    for (;;) {
        if ((seen & kOwnerMask) == 0) {
            if (word.compare_exchange_weak(seen, me() | kWaiters, std::memory_order_acquire,
                                           std::memory_order_relaxed))
                return true;
        } else if ((seen & kWaiters) != 0 ||
                   word.compare_exchange_weak(seen, seen | kWaiters, std::memory_order_relaxed,
                                              std::memory_order_relaxed)) {
            return false;
        }
    }
}

}  // namespace

void Mutex::lock_tracked() {
    note_module_lock(this, HeldKind::mutex);
    uptr expected = 0;
    if (!owner_.compare_exchange_strong(expected, me(), std::memory_order_acquire,
                                        std::memory_order_relaxed))
        lock_slow();
}

void Mutex::unlock_tracked() {
    forget_module_lock(this);
    uptr expected = me();
    if (!owner_.compare_exchange_strong(expected, 0, std::memory_order_release,
                                        std::memory_order_relaxed))
        unlock_slow();
}

void Mutex::lock_slow() {
    TENON_DEBUG_ASSERT(!is_held_by_current());
    TENON_DEBUG_ASSERT(may_sleep());
    while (spin_on_owner(owner_)) {
        uptr expected = 0;
        if (owner_.compare_exchange_strong(expected, me(), std::memory_order_acquire,
                                           std::memory_order_relaxed))
            return;
    }
    (void)waiters_.wait([&] { return take_or_mark(owner_); }, WaitMode::uninterruptible,
                        Deadline::never(), true);
}

bool Mutex::try_lock() {
    uptr expected = 0;
    if (!owner_.compare_exchange_strong(expected, me(), std::memory_order_acquire,
                                        std::memory_order_relaxed))
        return false;
    rank_acquire(rank_, this);
    note_lock(this, HeldKind::mutex);
    return true;
}

Result<void> Mutex::lock_interruptible() {
    if (try_lock()) return {};
    rank_acquire(rank_, this);
    note_lock(this, HeldKind::mutex);
    auto result = waiters_.wait([&] { return take_or_mark(owner_); }, WaitMode::interruptible,
                                Deadline::never(), true);
    if (!result) {
        rank_release(rank_, this);
        forget_lock(this);
        // A wake-up that was meant for this waiter goes on to the next.
        if ((owner_.load(std::memory_order_relaxed) & kOwnerMask) == 0) waiters_.wake_first();
    }
    return result;
}

void Mutex::unlock_slow() {
    TENON_DEBUG_ASSERT(is_held_by_current());
    // Pairs with the acquire in lock() and take_or_mark(). A waiter that takes it marks it again.
    owner_.store(0, std::memory_order_release);
    waiters_.wake_first();
}

void RwMutex::lock_read() {
    rank_acquire(rank_, this);
    auto enter = [&] {
        i64 n = state_.load(std::memory_order_relaxed);
        while (n >= 0 && writers_waiting_.load(std::memory_order_relaxed) == 0)
            if (state_.compare_exchange_weak(n, n + 1, std::memory_order_acquire,
                                             std::memory_order_relaxed))
                return true;
        return false;
    };
    if (!enter()) [[unlikely]] {
        TENON_DEBUG_ASSERT(may_sleep());
        (void)readers_.wait(enter, WaitMode::uninterruptible);
    }
    note_lock(this, HeldKind::read);
}

void RwMutex::unlock_read() {
    rank_release(rank_, this);
    forget_lock(this);
    // Readers wait for a writer alone. The barrier in wake_first() orders this before the look at
    // the queue.
    if (state_.fetch_sub(1, std::memory_order_release) == 1 &&
        writers_waiting_.load(std::memory_order_relaxed) != 0)
        writers_.wake_first();
}

bool RwMutex::try_lock_write() {
    i64 expected = 0;
    if (!state_.compare_exchange_strong(expected, -1, std::memory_order_acquire,
                                        std::memory_order_relaxed))
        return false;
    rank_acquire(rank_, this);
    note_lock(this, HeldKind::write);
    return true;
}

void RwMutex::lock_write() {
    lock_write_nested(rank_);
}
void RwMutex::lock_write_nested(LockRank rank) {
    rank_acquire(rank, this);
    auto enter = [&] {
        i64 expected = 0;
        return state_.compare_exchange_strong(expected, -1, std::memory_order_acquire,
                                              std::memory_order_relaxed);
    };
    if (enter()) [[likely]] {
        note_lock(this, HeldKind::write);
        return;
    }
    TENON_DEBUG_ASSERT(may_sleep());
    // seq_cst: a reader that leaves either sees the count or has left before enter() looks.
    note_lock(this, HeldKind::write_wait);
    writers_waiting_.fetch_add(1, std::memory_order_seq_cst);
    (void)writers_.wait(enter, WaitMode::uninterruptible, Deadline::never(), true);
    writers_waiting_.fetch_sub(1, std::memory_order_relaxed);
    forget_lock(this);
    note_lock(this, HeldKind::write);
}

void RwMutex::give_up_write() {
    rank_release(rank_, this);
    writers_waiting_.fetch_sub(1, std::memory_order_relaxed);
    wake_next();
}

void RwMutex::unlock_write() {
    rank_release(rank_, this);
    forget_lock(this);
    state_.store(0, std::memory_order_release);
    wake_next();
}

// A writer that counts itself after this look finds the lock free, or its holder wakes it; one that
// has it already, but still counts, lets the readers in when it leaves.
void RwMutex::wake_next() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (writers_waiting_.load(std::memory_order_relaxed) != 0)
        writers_.wake_first();
    else
        readers_.wake_all();
}

// The count changes and the waiters are woken under the queue's lock, and whoever saw the count
// takes that lock once before it leaves: by then the completer has let go for good.
void Completion::complete() {
    IrqSpinGuard guard(queue_.lock_);
    const u32 n = count_.load(std::memory_order_relaxed);
    // Saturates at complete_all()'s mark.
    if (n < kForAll) count_.fetch_add(1, std::memory_order_release);
    queue_.wake_one_locked(0);
}

void Completion::complete_all() {
    IrqSpinGuard guard(queue_.lock_);
    count_.store(kForAll, std::memory_order_release);
    queue_.wake_all_locked(0);
}

Result<void> Completion::wait(WaitMode mode, Deadline deadline) {
    TRY(queue_.wait(
        [&] {
            u32 n = count_.load(std::memory_order_acquire);
            while (n != 0) {
                if (n >= kForAll) return true;
                if (count_.compare_exchange_weak(n, n - 1, std::memory_order_acquire,
                                                 std::memory_order_acquire))
                    return true;
            }
            return false;
        },
        mode, deadline, true));
    const IrqSpinGuard guard(queue_.lock_);
    return {};
}

bool Revocation::enter() {
    u32 seen = state_.load(std::memory_order_relaxed);
    while ((seen & kRevoked) == 0)
        if (state_.compare_exchange_weak(seen, seen + kCall, std::memory_order_acquire,
                                         std::memory_order_relaxed))
            return true;
    return false;
}

// Once it is revoked, as in Completion: under the lock that revoke() takes before it returns.
void Revocation::leave() {
    u32 seen = state_.load(std::memory_order_relaxed);
    while ((seen & kRevoked) == 0)
        if (state_.compare_exchange_weak(seen, seen - kCall, std::memory_order_release,
                                         std::memory_order_relaxed))
            return;
    IrqSpinGuard guard(drained_.lock_);
    if (state_.fetch_sub(kCall, std::memory_order_release) == (kCall | kRevoked))
        drained_.wake_all_locked(0);
}

void Revocation::revoke() {
    state_.fetch_or(kRevoked, std::memory_order_acq_rel);
    (void)drained_.wait([this] { return state_.load(std::memory_order_acquire) == kRevoked; },
                        WaitMode::uninterruptible);
    const IrqSpinGuard guard(drained_.lock_);
}

}  // namespace tenon::sync
