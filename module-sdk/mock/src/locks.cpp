// Locks: sleeping ones sleep by the baton; ranks are checked as a debug kernel does.
#include <tenon/sync/mutex.h>
#include <tenon/sync/revocation.h>
#include <tenon/sync/rcu.h>

#include <algorithm>

#include "world.h"

namespace tenon::sync {

using mock::world;

void rank_acquire(LockRank rank, const void* lock) {
    auto& held = world().running->locks;
    for (const auto& h : held) {
        if (h.lock == lock)
            ADD_FAILURE() << "a lock is taken twice by one task";
        else if (rank != LockRank::none && h.rank != LockRank::none && h.rank >= rank)
            ADD_FAILURE() << "lock order: rank " << static_cast<int>(rank)
                          << " is taken while rank " << static_cast<int>(h.rank) << " is held";
    }
    held.push_back({lock, rank});
}
void rank_release(LockRank, const void* lock) {
    auto& held = world().running->locks;
    const auto at = std::find_if(held.begin(), held.end(), [&](auto& h) { return h.lock == lock; });
    if (at == held.end())
        ADD_FAILURE() << "a lock is given back that its task does not hold";
    else
        held.erase(at);
}

void SpinLock::lock_slow() {
    // One CPU, and nobody gives the baton away under a spin lock.
    assertion_failed("a spin lock that is held already", __FILE__, __LINE__);
}

// owner_'s bit 0: somebody waits.
void Mutex::lock_slow() {
    (void)waiters_.wait(
        [&] {
            uptr expected = 0;
            if (owner_.compare_exchange_strong(expected, reinterpret_cast<uptr>(current())))
                return true;
            owner_.fetch_or(1);
            return false;
        },
        WaitMode::uninterruptible);
}
void Mutex::unlock_slow() {
    owner_.store(0);
    waiters_.wake_all();
}
bool Mutex::try_lock() {
    uptr expected = 0;
    if (!owner_.compare_exchange_strong(expected, reinterpret_cast<uptr>(current()))) return false;
    rank_acquire(LockRank::none, this);
    return true;
}
Result<void> Mutex::lock_interruptible() {
    TRY(waiters_.wait([&] {
        uptr expected = 0;
        if (owner_.compare_exchange_strong(expected, reinterpret_cast<uptr>(current())))
            return true;
        owner_.fetch_or(1);
        return false;
    }));
    rank_acquire(rank_, this);
    return {};
}

void RwMutex::lock_read() {
    rank_acquire(rank_, this);
    (void)readers_.wait([&] { return state_ >= 0 && writers_waiting_ == 0; },
                        WaitMode::uninterruptible);
    ++state_;
}
void RwMutex::unlock_read() {
    rank_release(rank_, this);
    if (--state_ == 0) writers_.wake_one();
}
void RwMutex::lock_write() {
    lock_write_nested(rank_);
}
void RwMutex::lock_write_nested(LockRank rank) {
    rank_acquire(rank, this);
    ++writers_waiting_;
    (void)writers_.wait([&] { return state_ == 0; }, WaitMode::uninterruptible);
    --writers_waiting_;
    state_ = -1;
}
bool RwMutex::try_lock_write() {
    if (state_ != 0) return false;
    rank_acquire(LockRank::none, this);
    state_ = -1;
    return true;
}
void RwMutex::unlock_write() {
    rank_release(rank_, this);
    state_ = 0;
    writers_.wake_one();
    readers_.wake_all();
}

void Completion::complete() {
    ++count_;
    queue_.wake_one();
}
void Completion::complete_all() {
    count_ = 1u << 30;
    queue_.wake_all();
}
Result<void> Completion::wait(WaitMode mode, Deadline deadline) {
    return queue_.wait(
        [&] {
            if (count_ == 0) return false;
            if (count_ < (1u << 30)) --count_;
            return true;
        },
        mode, deadline, true);
}

bool Revocation::enter() {
    if ((state_.load() & kRevoked) != 0) return false;
    state_ += kCall;
    return true;
}
void Revocation::leave() {
    if ((state_ -= kCall) == kRevoked) drained_.wake_all();
}
void Revocation::revoke() {
    state_ |= kRevoked;
    (void)drained_.wait([this] { return state_.load() == kRevoked; }, WaitMode::uninterruptible);
}

// A grace period ends when nobody runs under RCU: at once, with one CPU and no preemption.
void rcu_call(RcuHead& head, void (*function)(RcuHead*)) {
    function(&head);
}
void rcu_synchronize() {}
void rcu_barrier() {}

}  // namespace tenon::sync
