// A hash table that is read under RCU without locks, written under striped spin locks.
//
// T carries the chain link and is freed only after a grace period. A reader that follows a chain
// while an element moves to another one (rename) may leave its chain and miss what it looks for; it
// never loops for ever, because an element is relinked only after it was unlinked, at the head.
// Users that move elements tell by a sequence count whether a miss is real.
#pragma once

#include <tenon/lib/result.h>
#include <tenon/mm/slab.h>
#include <tenon/sync/rcu.h>
#include <tenon/sync/spinlock.h>

#include <bit>

namespace tenon {

template <typename T, sync::RcuPtr<T> T::* Next>
class RcuHash {
  public:
    constexpr explicit RcuHash(sync::LockRank rank) : rank_(rank) {}
    TENON_NONCOPYABLE(RcuHash);

    // `buckets` is a power of two. Once, before use.
    Result<void> init(usize buckets) {
        buckets_ = static_cast<sync::RcuPtr<T>*>(
            mm::kmalloc(buckets * sizeof(sync::RcuPtr<T>), mm::Alloc::zero));
        locks_ = static_cast<sync::SpinLock*>(mm::kmalloc(kLocks * sizeof(sync::SpinLock)));
        if (buckets_ == nullptr || locks_ == nullptr) return Err(Error::nomem);
        for (usize i = 0; i < kLocks; i++) new (&locks_[i]) sync::SpinLock(rank_);
        mask_ = buckets - 1;
        return {};
    }

    // Under RCU. `equal` sees candidates; the first it accepts is returned.
    template <typename Equal>
    T* find(usize hash, Equal&& equal) const {
        for (T* e = bucket(hash).load(); e != nullptr; e = (e->*Next).load())
            if (equal(*e)) return e;
        return nullptr;
    }
    sync::SpinLock& lock_for(usize hash) { return locks_[spread(hash) & (kLocks - 1)]; }

    // With lock_for(hash) held.
    void insert_locked(usize hash, T& element) {
        sync::RcuPtr<T>& head = bucket(hash);
        (element.*Next).assign(head.load());
        head.assign(&element);
    }
    // False if it was not there. The element's own link stays, for readers that stand on it.
    bool erase_locked(usize hash, T& element) {
        sync::RcuPtr<T>* link = &bucket(hash);
        for (T* e = link->load(); e != nullptr; link = &(e->*Next), e = link->load()) {
            if (e != &element) continue;
            link->assign((e->*Next).load());
            return true;
        }
        return false;
    }

  private:
    static constexpr usize kLocks = 64;  // fewer than buckets: a bucket has one lock
    static usize spread(usize hash) { return (hash * 0x9e3779b97f4a7c15ull) >> 20; }
    sync::RcuPtr<T>& bucket(usize hash) const { return buckets_[spread(hash) & mask_]; }

    sync::RcuPtr<T>* buckets_ = nullptr;
    sync::SpinLock* locks_ = nullptr;
    usize mask_ = 0;
    sync::LockRank rank_;
};

}  // namespace tenon
