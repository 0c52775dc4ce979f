#include "personality/linux/futex/pi.h"

#include <tenon/arch/user_copy.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/sched/scheduler.h>

#include "personality/linux/abi.h"
#include "personality/linux/linux_task.h"

namespace tenon::personality::pi {

using process::futex::Key;

struct Waiter {
    Task* task = nullptr;
    Lock* lock = nullptr;
    u8 priority = 0;  // real-time; 0: of a fair class
    bool owner_died = false;
    std::atomic<bool> granted{false};
    Waiter* next = nullptr;  // in the lock's queue
};

struct Lock {
    Key key{};
    Ref<Task> owner;
    Waiter* first = nullptr;    // by priority, of the same who came first
    Lock* next_held = nullptr;  // in the owner's list
    Lock* next_in_table = nullptr;
};

namespace {

constexpr u32 kTidMask = FUTEX_TID_MASK, kWaiters = FUTEX_WAITERS, kDied = FUTEX_OWNER_DIED;
constexpr u32 kSlots = 64;

// Guards all that is here and in Side. Words of user memory are changed under it. Who comes here
// sleeps or ends somebody's sleep, so one lock is enough.
constinit sync::Mutex pi_lock{sync::LockRank::pipe};
constinit Lock* table[kSlots] = {};

Side* side_of(Task& task) {
    return task.extension ? &linux_task(task).pi : nullptr;
}
u32 tid_of(const Task& task) {
    return static_cast<u32>(task.tid);
}

Lock** slot_of(const Key& key) {
    const u64 h = (reinterpret_cast<u64>(key.object) >> 6) ^ (key.offset >> 2);
    return &table[h * 0x9e37'79b9'7f4a'7c15 >> 58];
}
Lock* find(const Key& key) {
    Lock* at = *slot_of(key);
    while (at != nullptr && !(at->key.object == key.object && at->key.offset == key.offset))
        at = at->next_in_table;
    return at;
}

template <auto Next, typename T>
void unlink(T** head, T& entry) {
    while (*head != &entry) head = &((*head)->*Next);
    *head = entry.*Next;
    entry.*Next = nullptr;
}

void hold(Lock& lock, Task& owner) {
    lock.owner = Ref<Task>(&owner);
    Side& side = *side_of(owner);
    lock.next_held = side.held;
    side.held = &lock;
}
Ref<Task> let_go(Lock& lock) {
    unlink<&Lock::next_held>(&side_of(*lock.owner)->held, lock);
    return std::move(lock.owner);
}

void enqueue(Lock& lock, Waiter& waiter) {
    waiter.priority = waiter.task->sched.params.rt_priority;
    Waiter** at = &lock.first;
    while (*at != nullptr && (*at)->priority >= waiter.priority) at = &(*at)->next;
    waiter.next = *at;
    *at = &waiter;
}

// What waits for the task's locks lends it its priority; and so on along the chain of owners, each
// of which stands where its priority puts it.
void lend_along(Task* task) {
    // A chain has no circle: lock() refuses to close one. The bound is for safety's sake.
    for (u32 depth = 0; task != nullptr && depth < 1024; ++depth) {
        Side& side = *side_of(*task);
        u8 most = 0;
        for (const Lock* lock = side.held; lock != nullptr; lock = lock->next_held)
            if (lock->first != nullptr) most = std::max(most, lock->first->priority);
        sched::lend_priority(*task, most);
        Waiter* waiter = side.waits;
        if (waiter == nullptr || waiter->priority == task->sched.params.rt_priority) return;
        unlink<&Waiter::next>(&waiter->lock->first, *waiter);
        enqueue(*waiter->lock, *waiter);
        task = waiter->lock->owner.get();
    }
}

void free_if_idle(Lock* lock) {
    if (lock->first != nullptr) return;
    if (lock->owner) (void)let_go(*lock);
    unlink<&Lock::next_in_table>(slot_of(lock->key), *lock);
    delete lock;
}

// The lock is the first waiter's now.
void pass_on(Lock& lock, bool owner_died) {
    Waiter& heir = *lock.first;
    lock.first = heir.next;
    heir.next = nullptr;
    heir.owner_died = owner_died;
    side_of(*heir.task)->waits = nullptr;
    const Ref<Task> before = let_go(lock);
    const Ref<Task> task(heir.task);
    hold(lock, *task);
    lend_along(before.get());
    lend_along(task.get());
    if (!owner_died) free_if_idle(&lock);  // else the heir does it, when the word is right
    heir.granted.store(true, std::memory_order_release);
    sched::wake(*task);
}

bool closes_circle(const Lock& lock) {
    const Task* owner = lock.owner.get();
    for (u32 depth = 0; owner != nullptr && depth < 1024; ++depth) {
        if (owner == current()) return true;
        const Waiter* waits = side_of(const_cast<Task&>(*owner))->waits;
        owner = waits != nullptr ? waits->lock->owner.get() : nullptr;
    }
    return owner != nullptr;
}

// What the word says of a lock that somebody waits for must be what is so.
bool agrees(const Lock& lock, u32 word) {
    const u32 tid = word & kTidMask;
    if ((word & kWaiters) == 0) return false;
    if ((word & kDied) != 0 && tid == 0) return true;  // its owner is about to pass it on
    return tid == tid_of(*lock.owner);
}

enum class Step : u8 { taken, again, waits };

// One look at the word: takes the lock, or finds out (`lock`) what is to be waited for.
Result<Step> look(u64 address, const Key& key, Lock*& lock) {
    u32 word;
    if (!arch::user_load32(address, word)) return Err(Error::fault);
    const u32 own = tid_of(*current()), tid = word & kTidMask;
    if (tid == own) return Err(Error::deadlk);
    lock = find(key);
    if (lock != nullptr) {
        if (!agrees(*lock, word)) return Err(Error::inval);
        return Step::waits;
    }
    u32 expected = word;
    const u32 wanted = tid == 0 ? (word & kDied) | own : word | kWaiters;
    if (!arch::user_cmpxchg32(address, expected, wanted)) return Err(Error::fault);
    if (expected != word) return Step::again;
    if (tid == 0) return Step::taken;
    const Ref<Task> owner = process::find_task(static_cast<i32>(tid));
    if (owner && owner->is_kernel_thread()) return Err(Error::perm);
    const Side* side = owner ? side_of(*owner) : nullptr;
    if (side == nullptr || side->is_gone) {
        // Its end may have changed the word meanwhile.
        if (!arch::user_load32(address, expected)) return Err(Error::fault);
        return expected == wanted ? Result<Step>(Err(Error::srch)) : Step::again;
    }
    auto* fresh = new (std::nothrow) Lock;
    if (fresh == nullptr) return Err(Error::nomem);
    fresh->key = key;
    Lock** slot = slot_of(key);
    fresh->next_in_table = *slot;
    *slot = fresh;
    hold(*fresh, *owner);
    lock = fresh;
    return Step::waits;
}

// In the heir's context: the word did not change when its owner died.
Result<void> write_inherited(u64 address) {
    u32 word;
    if (!arch::user_load32(address, word)) return Err(Error::fault);
    for (;;) {
        u32 expected = word;
        if (!arch::user_cmpxchg32(address, expected, kWaiters | kDied | tid_of(*current())))
            return Err(Error::fault);
        if (expected == word) return {};
        word = expected;
    }
}

}  // namespace

Result<void> lock(u64 address, process::futex::Scope scope, const process::futex::Until& until,
                  bool only_try) {
    if (address % 4 != 0) return Err(Error::inval);
    TRY_ASSIGN(const Key key,
               current()->space->futex_key(address, scope == process::futex::Scope::shared));
    Side& own = linux_task().pi;
    Waiter waiter;
    waiter.task = current();
    {
        sync::MutexGuard guard(pi_lock);
        Lock* found = nullptr;
        for (;;) {
            TRY_ASSIGN(const Step step, look(address, key, found));
            if (step == Step::taken) return {};
            if (step == Step::waits) break;
        }
        if (only_try || closes_circle(*found)) {
            free_if_idle(found);
            return Err(only_try ? Error::again : Error::deadlk);
        }
        waiter.lock = found;
        own.waits = &waiter;
        enqueue(*found, waiter);
        lend_along(found->owner.get());
    }
    auto slept = process::futex::sleep(
        [&] { return waiter.granted.load(std::memory_order_acquire); }, until);
    sync::MutexGuard guard(pi_lock);
    if (waiter.granted.load(std::memory_order_relaxed)) {
        if (!waiter.owner_died) return {};
        auto written = write_inherited(address);
        free_if_idle(waiter.lock);
        return written;
    }
    own.waits = nullptr;
    unlink<&Waiter::next>(&waiter.lock->first, waiter);
    const Ref<Task> owner = waiter.lock->owner;
    free_if_idle(waiter.lock);
    lend_along(owner.get());
    return Err(slept.error() == Error::restart ? Error::restart_no_intr : slept.error());
}

Result<void> unlock(u64 address, process::futex::Scope scope) {
    u32 word;
    const u32 own = tid_of(*current());
    for (;;) {
        TRY(mm::copy_from_user(&word, UserAddr{address}, sizeof(word)));  // aligned or not
        if ((word & kTidMask) != own) return Err(Error::perm);
        if (address % 4 != 0) return Err(Error::inval);
        TRY_ASSIGN(const Key key,
                   current()->space->futex_key(address, scope == process::futex::Scope::shared));
        sync::MutexGuard guard(pi_lock);
        Lock* found = find(key);
        if (found != nullptr && found->owner.get() != current()) return Err(Error::inval);
        const bool passes = found != nullptr && found->first != nullptr;
        u32 expected = word;
        const u32 wanted = passes ? kWaiters | tid_of(*found->first->task) : 0;
        if (!arch::user_cmpxchg32(address, expected, wanted)) return Err(Error::fault);
        if (expected != word) {
            // Somebody set FUTEX_WAITERS meanwhile; anything else is nobody's to write.
            if (!passes || (expected & kTidMask) == word) continue;
            return Err(Error::inval);
        }
        if (passes) pass_on(*found, false);
        return {};
    }
}

void leave(Task& task, bool for_good) {
    Side& side = linux_task(task).pi;
    sync::MutexGuard guard(pi_lock);
    while (side.held != nullptr) {
        if (side.held->first != nullptr)
            pass_on(*side.held, true);
        else
            free_if_idle(side.held);
    }
    side.is_gone = for_good;
}

}  // namespace tenon::personality::pi
