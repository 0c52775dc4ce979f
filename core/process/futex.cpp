// Futex queues.
//
// Theory: a waiter looks at the word under its bucket's lock and queues itself before it lets go; a
// waker changes the word first and then takes the lock, so it finds every waiter that saw the old
// value. The word is read with preemption off: a page that is not there makes the read fail, the
// lock is dropped, the page is fetched, and all starts again. A waiter is taken off its queue by
// the waker; `woken` then releases it, after which its memory may be gone: only its Task, which RCU
// keeps, is touched. The rank of two buckets is their order in memory.
#include <tenon/arch/user_copy.h>
#include <tenon/mm/slab.h>
#include <tenon/process/futex.h>
#include <tenon/process/task.h>

#include <algorithm>
#include <utility>

namespace tenon::process::futex {

namespace {

constexpr u32 kBuckets = 256;

struct Bucket;
struct Waiter {
    Key key{};
    u32 bitset = ~u32{0};
    u8 priority = 0;  // real-time
    Task* task = nullptr;
    // Where it is queued; changed by requeue() under both locks, null when it was woken.
    std::atomic<Bucket*> bucket{nullptr};
    Waiter* next = nullptr;
    Waiter* prev = nullptr;
};

struct alignas(64) Bucket {
    sync::SpinLock lock{sync::LockRank::futex};
    std::atomic<u32> waiters{0};  // also those about to queue: lets wake() skip an empty bucket
    Waiter* first = nullptr;
    Waiter* last = nullptr;

    // Behind those of its real-time priority and above.
    void insert(Waiter& w) {
        w.prev = last;
        while (w.prev != nullptr && w.prev->priority < w.priority) w.prev = w.prev->prev;
        Waiter*& before = w.prev != nullptr ? w.prev->next : first;
        w.next = std::exchange(before, &w);
        (w.next != nullptr ? w.next->prev : last) = &w;
        w.bucket.store(this, std::memory_order_relaxed);
    }
    void remove(Waiter& w) {
        (w.prev != nullptr ? w.prev->next : first) = w.next;
        (w.next != nullptr ? w.next->prev : last) = w.prev;
        waiters.fetch_sub(1, std::memory_order_relaxed);
    }
};
constinit Bucket g_buckets[kBuckets];

bool operator==(const Key& a, const Key& b) {
    return a.object == b.object && a.offset == b.offset;
}

Bucket& bucket_of(const Key& key) {
    u64 h = (reinterpret_cast<u64>(key.object) >> 4) ^ (key.offset >> 2) * 0x9e37'79b9'7f4a'7c15;
    h *= 0xff51'afd7'ed55'8ccd;
    return g_buckets[h >> 56];
}
static_assert(kBuckets == 256);

Result<Key> key_of(u64 address, Scope scope) {
    if (address % 4 != 0) return Err(Error::inval);
    return current()->space->futex_key(address, scope == Scope::shared);
}

// Fetches the page of a word that could not be read under a lock.
Result<u32> fault_in(u64 address) {
    u32 value;
    if (!arch::user_load32(address, value)) return Err(Error::fault);
    return value;
}

// Off its queue and runnable. The bucket's lock is held, which keeps the task readable.
void release(Bucket& bucket, Waiter& w) {
    Task* task = w.task;
    bucket.remove(w);
    // Pairs with the acquire in Waiter users' conditions. `w` may be gone after this.
    w.bucket.store(nullptr, std::memory_order_release);
    sched::wake(*task);
}

u32 wake_locked(Bucket& bucket, const Key& key, u32 count, u32 bitset) {
    u32 woken = 0;
    for (Waiter* w = bucket.first; w != nullptr && woken < count;) {
        Waiter* next = w->next;
        if (w->key == key && (w->bitset & bitset) != 0) {
            release(bucket, *w);
            ++woken;
        }
        w = next;
    }
    return woken;
}

// Two buckets in address order; one lock when they are the same.
class TwoBuckets {
  public:
    TwoBuckets(Bucket& a, Bucket& b) : low_(&a < &b ? a : b), high_(&a < &b ? b : a) {
        low_.lock.lock();
        if (&low_ != &high_) {
            preempt_disable();
            // The rank of the second is above the first's by position, which ranks cannot say.
            while (!high_.lock.try_lock_raw()) arch::cpu_relax();
        }
    }
    ~TwoBuckets() {
        if (&low_ != &high_) high_.lock.unlock();
        low_.lock.unlock();
    }
    TENON_NONCOPYABLE(TwoBuckets);

  private:
    Bucket& low_;
    Bucket& high_;
};

// Queues `w` if the word still holds `expected`. Error::again if not.
Result<void> queue(Waiter& w, u64 address, Scope scope, u32 expected) {
    w.priority = w.task->sched.params.rt_priority;
    for (;;) {
        TRY_ASSIGN(w.key, key_of(address, scope));
        Bucket& bucket = bucket_of(w.key);
        // Before the word is read; pairs with the fence in wake().
        bucket.waiters.fetch_add(1, std::memory_order_seq_cst);
        u32 value = 0;
        bool readable;
        {
            sync::SpinGuard guard(bucket.lock);
            readable = arch::user_load32(address, value);
            if (readable && value == expected) {
                bucket.insert(w);
                return {};
            }
        }
        bucket.waiters.fetch_sub(1, std::memory_order_relaxed);
        if (readable) return Err(Error::again);
        TRY(fault_in(address));
    }
}

// True if it was still queued, and is not any more; false: somebody woke it.
bool unqueue(Waiter& w) {
    for (;;) {
        Bucket* bucket = w.bucket.load(std::memory_order_acquire);
        if (bucket == nullptr) return false;
        sync::SpinGuard guard(bucket->lock);
        if (w.bucket.load(std::memory_order_relaxed) != bucket) continue;
        bucket->remove(w);
        w.bucket.store(nullptr, std::memory_order_relaxed);
        return true;
    }
}

}  // namespace

Result<void> wait(u64 address, Scope scope, u32 expected, u32 bitset, const Until& until) {
    Waiter w;
    w.task = current();
    w.bitset = bitset;
    TRY(queue(w, address, scope, expected));
    auto result = sleep([&] { return w.bucket.load(std::memory_order_acquire) == nullptr; }, until);
    if (!unqueue(w)) return {};  // woken, if only at the last moment
    return result;
}

Result<u32> wait_many(std::span<const WaitSpec> specs, const Until& until) {
    if (specs.empty() || specs.size() > kMaxWaitv) return Err(Error::inval);
    std::unique_ptr<Waiter[]> waiters(new (std::nothrow) Waiter[specs.size()]);
    if (!waiters) return Err(Error::nomem);
    usize queued = 0;
    Result<void> result;
    for (; queued < specs.size() && result; ++queued) {
        waiters[queued].task = current();
        result = queue(waiters[queued], specs[queued].address, specs[queued].scope,
                       specs[queued].expected);
        if (!result) break;
    }
    auto find_woken = [&]() -> i64 {
        for (usize i = 0; i < queued; ++i)
            if (waiters[i].bucket.load(std::memory_order_acquire) == nullptr)
                return static_cast<i64>(i);
        return -1;
    };
    if (result) result = sleep([&] { return find_woken() >= 0; }, until);
    i64 woken = -1;
    for (usize i = 0; i < queued; ++i)
        if (!unqueue(waiters[i])) woken = static_cast<i64>(i);
    if (woken >= 0) return static_cast<u32>(woken);
    return Err(result.error());
}

Result<u32> wake(u64 address, Scope scope, u32 count, u32 bitset) {
    TRY_ASSIGN(const Key key, key_of(address, scope));
    Bucket& bucket = bucket_of(key);
    // The caller changed the word before; pairs with the increment in queue().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (bucket.waiters.load(std::memory_order_relaxed) == 0) return u32{0};
    sync::SpinGuard guard(bucket.lock);
    return wake_locked(bucket, key, count, bitset);
}

Result<Requeued> requeue(u64 from, u64 to, Scope scope, u32 wake_count, u32 move_count,
                         const u32* expected) {
    for (;;) {
        TRY_ASSIGN(const Key from_key, key_of(from, scope));
        TRY_ASSIGN(const Key to_key, key_of(to, scope));
        Bucket& source = bucket_of(from_key);
        Bucket& target = bucket_of(to_key);
        u32 value = 0;
        {
            TwoBuckets both(source, target);
            if (expected == nullptr || arch::user_load32(from, value)) {
                if (expected != nullptr && value != *expected) return Err(Error::again);
                Requeued done{0, 0};
                for (Waiter* w = source.first; w != nullptr;) {
                    Waiter* next = w->next;
                    if (w->key == from_key) {
                        if (done.woken < wake_count) {
                            release(source, *w);
                            ++done.woken;
                        } else if (done.moved < move_count) {
                            ++done.moved;
                            w->key = to_key;
                            if (&source != &target) {
                                source.remove(*w);
                                target.waiters.fetch_add(1, std::memory_order_seq_cst);
                                target.insert(*w);
                            }
                        } else {
                            break;
                        }
                    }
                    w = next;
                }
                return done;
            }
        }
        TRY(fault_in(from));
    }
}

Result<u32> wake_op(u64 first, u64 second, Scope scope, u32 wake_first, u32 wake_second,
                    const WakeOp& op) {
    for (;;) {
        TRY_ASSIGN(const Key first_key, key_of(first, scope));
        TRY_ASSIGN(const Key second_key, key_of(second, scope));
        if (op.change > arch::UserAtomicOp::xor_) return Err(Error::nosys);
        Bucket& a = bucket_of(first_key);
        Bucket& b = bucket_of(second_key);
        u32 word = 0;
        {
            TwoBuckets both(a, b);
            if (arch::user_atomic32(op.change, second, op.argument, word)) {
                const i32 old = static_cast<i32>(word);
                const u8 order = old < op.compared    ? WakeOp::less
                                 : old == op.compared ? WakeOp::equal
                                                      : WakeOp::greater;
                if (op.when == 0) return Err(Error::nosys);
                u32 woken = wake_locked(a, first_key, wake_first, ~u32{0});
                if (op.when & order) woken += wake_locked(b, second_key, wake_second, ~u32{0});
                return woken;
            }
        }
        // The word must be writable. A write that changes nothing brings the page in.
        u32 ignored;
        if (!arch::user_atomic32(arch::UserAtomicOp::or_, second, 0, ignored))
            return Err(Error::fault);
    }
}

}  // namespace tenon::process::futex
