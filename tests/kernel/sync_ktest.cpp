// Spin locks, mutexes, wait queues, completions, RCU: under threads that really meet.
#include <tenon/mm/slab.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/rcu.h>
#include <tenon/sync/revocation.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>

#include <algorithm>

#include "ktest.h"

using namespace tenon;

namespace {

// Two words that agree whenever nobody holds the lock.
struct Pair {
    u64 a = 0, b = 0;
};

KTEST(a_spin_lock_lets_one_in) {
    static sync::SpinLock lock;
    static Pair pair;
    pair = {};
    t.parallel(8, [&](u32) {
        for (u32 i = 0; i < 20000; ++i) {
            sync::SpinGuard guard(lock);
            EXPECT(pair.a == pair.b);
            ++pair.a;
            ++pair.b;
        }
    });
    EXPECT(pair.a == 8 * 20000);
    EXPECT(lock.try_lock());
    EXPECT(!lock.try_lock());
    lock.unlock();
}

KTEST(a_mutex_lets_one_in_though_holders_sleep) {
    static sync::Mutex mutex;
    static Pair pair;
    pair = {};
    t.parallel(8, [&](u32 me) {
        ktest::Random random(me + 1);
        for (u32 i = 0; i < 1500; ++i) {
            sync::MutexGuard guard(mutex);
            EXPECT(mutex.is_held_by_current());
            const u64 a = pair.a;
            EXPECT(pair.b == a);
            ++pair.a;
            if (random.below(50) == 0) sched::sleep_ns(20'000);
            if (random.below(8) == 0) sched::yield();
            EXPECT(pair.a == a + 1);
            ++pair.b;
        }
    });
    EXPECT(pair.a == 8 * 1500);
    EXPECT(mutex.try_lock());
    mutex.unlock();
}

KTEST(a_rwmutex_lets_in_readers_or_one_writer) {
    static sync::RwMutex mutex{sync::LockRank::none};  // one thread reads twice
    static Pair pair;
    static std::atomic<u32> inside, most;
    pair = {};
    inside = most = 0;
    t.parallel(8, [&](u32 me) {
        ktest::Random random(me + 1);
        for (u32 i = 0; i < 1500; ++i) {
            if (me < 2) {
                sync::WriteGuard guard(mutex);
                EXPECT(inside.load() == 0);
                ++pair.a;
                if (random.below(16) == 0) sched::yield();
                ++pair.b;
                continue;
            }
            sync::ReadGuard guard(mutex);
            const u32 now = inside.fetch_add(1) + 1;
            for (u32 seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
            }
            EXPECT(pair.a == pair.b);
            if (random.below(16) == 0) sched::yield();
            EXPECT(pair.a == pair.b);
            inside.fetch_sub(1);
        }
    });
    EXPECT(pair.a == 2 * 1500);
    EXPECT(most.load() >= 1);
    mutex.lock_read();
    mutex.lock_read();  // a second reader comes in
    EXPECT(!mutex.try_lock_write());
    mutex.unlock_read();
    EXPECT(!mutex.try_lock_write());
    mutex.unlock_read();
    EXPECT(mutex.try_lock_write());
    mutex.unlock_write();
}

KTEST(writers_that_queue_up_all_get_in) {
    static sync::RwMutex mutex;
    static u32 entered;
    entered = 0;
    t.parallel(16, [&](u32 me) {
        ktest::Random random(me + 1);
        for (u32 i = 0; i < 500; ++i) {
            sync::WriteGuard guard(mutex);
            const u32 before = entered;
            if (random.below(8) == 0)
                sched::yield();  // the others queue up, and pass by each other
            entered = before + 1;
        }
    });
    EXPECT(entered == 16 * 500);
}

KTEST(a_wait_queue_loses_no_wake_up) {
    // Each thread waits for its turn and passes it on: one lost wake-up and all of them sleep.
    constexpr u32 kThreads = 6, kRounds = 2000;
    static sync::WaitQueue queue;
    static std::atomic<u32> turn;
    turn = 0;
    t.parallel(kThreads, [&](u32 me) {
        for (u32 i = 0; i < kRounds; ++i) {
            auto woken = queue.wait([&] { return turn.load() % kThreads == me; },
                                    sync::WaitMode::uninterruptible,
                                    sync::Deadline::after_ns(20'000'000'000));
            REQUIRE(woken.has_value());
            turn.fetch_add(1);
            queue.wake_all();
        }
    });
    EXPECT(turn.load() == kThreads * kRounds);
}

KTEST(an_exclusive_wake_up_wakes_one) {
    static sync::WaitQueue queue;
    static std::atomic<u32> tokens, taken;
    tokens = taken = 0;
    t.parallel(5, [&](u32 me) {
        if (me == 0) {
            for (u32 i = 0; i < 4; ++i) {
                sched::sleep_ns(2'000'000);
                tokens.fetch_add(1);
                queue.wake_one();
            }
            return;
        }
        auto woken = queue.wait(
            [&] {
                u32 n = tokens.load();
                while (n != 0 && !tokens.compare_exchange_weak(n, n - 1)) {
                }
                return n != 0;
            },
            sync::WaitMode::uninterruptible, sync::Deadline::after_ns(20'000'000'000), true);
        if (woken) taken.fetch_add(1);
    });
    EXPECT(taken.load() == 4);
}

KTEST(a_wait_ends_at_its_deadline) {
    sync::WaitQueue queue;
    const u64 began = time::monotonic_ns();
    auto result = queue.wait([] { return false; }, sync::WaitMode::uninterruptible,
                             sync::Deadline::after_ns(5'000'000));
    const u64 took = time::monotonic_ns() - began;
    EXPECT(!result && result.error() == Error::timedout);
    EXPECT(took >= 5'000'000);
    sync::Completion done;
    EXPECT(!done.wait(sync::WaitMode::uninterruptible, sync::Deadline::after_ns(1'000'000)));
    done.complete();
    EXPECT(done.wait().has_value());
    EXPECT(!done.done());
    done.complete_all();
    EXPECT(done.wait().has_value() && done.wait().has_value());
}

KTEST(a_completion_is_left_alone_once_its_wait_returned) {
    // One thread completes what another waits for and fills with other bytes at once.
    constexpr u32 kRounds = 3000;
    static constexpr u8 kFill = 0x6b;
    alignas(sync::Completion) static u8 memory[sizeof(sync::Completion)];
    static std::atomic<u32> made, left;
    made = left = 0;
    t.parallel(2, [&](u32 me) {
        for (u32 i = 1; i <= kRounds; ++i) {
            if (me == 0) {
                while (made.load() != i) sched::yield();
                reinterpret_cast<sync::Completion*>(memory)->complete();
                left.store(i);
                continue;
            }
            auto* done = new (memory) sync::Completion;
            made.store(i);
            EXPECT(done->wait().has_value());
            std::fill_n(memory, sizeof memory, kFill);
            bool alone = true;
            while (left.load() != i) {
                sched::yield();
                alone &= std::all_of(memory, std::end(memory), [](u8 b) { return b == kFill; });
                if (!alone) std::fill_n(memory, sizeof memory, u8{0});  // it is not kept for ever
            }
            // complete() may have returned before this thread looked even once.
            alone &= std::all_of(memory, std::end(memory), [](u8 b) { return b == kFill; });
            EXPECT(alone);
        }
    });
}

KTEST(what_is_revoked_is_left_alone) {
    constexpr u32 kRounds = 3000;
    static constexpr u8 kFill = 0x6b;
    alignas(sync::Revocation) static u8 memory[sizeof(sync::Revocation)];
    static std::atomic<u32> made, left;
    made = left = 0;
    t.parallel(2, [&](u32 me) {
        for (u32 i = 1; i <= kRounds; ++i) {
            if (me == 0) {
                while (made.load() != i) sched::yield();
                reinterpret_cast<sync::Revocation*>(memory)->leave();
                left.store(i);
                continue;
            }
            auto* calls = new (memory) sync::Revocation;
            EXPECT(calls->enter());
            made.store(i);
            calls->revoke();
            EXPECT(!calls->enter());
            std::fill_n(memory, sizeof memory, kFill);
            bool alone = true;
            while (left.load() != i) {
                sched::yield();
                alone &= std::all_of(memory, std::end(memory), [](u8 b) { return b == kFill; });
                if (!alone) std::fill_n(memory, sizeof memory, u8{0});
            }
            EXPECT(alone);
        }
    });
}

// It is armed on one CPU, arms itself again, and ends on another.
struct Ticker {
    time::Timer timer{&fired};
    std::atomic<bool> gone{false};
    std::atomic<u32>* late = nullptr;
    static void fired(time::Timer& t) {
        auto& self = *container_of_offset<Ticker>(&t, offsetof(Ticker, timer));
        if (self.gone.load()) self.late->fetch_add(1);
        t.arm_at(time::monotonic_ns() + 2000);
    }
};

KTEST(a_timer_is_quiet_once_it_is_cancelled) {
    constexpr u32 kRounds = 2000;
    static std::atomic<u32> armed, ended, late;
    Ticker ticker;
    armed = ended = late = 0;
    ticker.late = &late;
    t.parallel(2, [&](u32 me) {
        ktest::Random random(me + 1);
        for (u32 i = 1; i <= kRounds; ++i) {
            if (me == 0) {
                while (ended.load() != i - 1) sched::yield();
                ticker.gone = false;
                ticker.timer.arm_at(time::monotonic_ns() + random.below(3000));
                armed.store(i);
                continue;
            }
            while (armed.load() != i) arch::cpu_relax();
            for (u64 spins = random.below(3000); spins != 0; --spins) arch::cpu_relax();
            (void)ticker.timer.cancel_sync();
            ticker.gone = true;
            EXPECT(!ticker.timer.armed());
            if (random.below(16) == 0) sched::sleep_ns(20'000);
            ended.store(i);
        }
    });
    EXPECT(late.load() == 0);
}

struct Node {
    sync::RcuHead rcu;
    u64 value = 0, check = 0;
};
std::atomic<u32> freed;

KTEST(rcu_keeps_what_readers_see) {
    static sync::RcuPtr<Node> published;
    static std::atomic<bool> stop;
    freed = 0;
    stop = false;
    auto* first = new (std::nothrow) Node;
    REQUIRE(first != nullptr);
    first->check = ~u64{0};
    published.assign(first);
    constexpr u32 kUpdates = 400, kWaits = kUpdates / 16;
    static std::atomic<u64> waited_ns;
    waited_ns = 0;
    t.parallel(6, [&](u32 me) {
        if (me != 0) {
            while (!stop.load(std::memory_order_relaxed)) {
                for (u32 i = 0; i < 64; ++i) {
                    sync::RcuGuard guard;
                    const Node* seen = published.load();
                    const u64 value = seen->value;
                    for (u32 spin = 0; spin < 20; ++spin) arch::cpu_relax();
                    EXPECT(seen->check == ~value && seen->value == value);
                }
                sched::yield();
            }
            return;
        }
        for (u64 i = 1; i <= kUpdates; ++i) {
            auto* fresh = new (std::nothrow) Node;
            if (fresh == nullptr) break;
            fresh->value = i;
            fresh->check = ~i;
            Node* old = published.exchange(fresh);
            if (i % 16 == 0) {
                const u64 asked_ns = time::monotonic_ns();
                sync::rcu_synchronize();
                waited_ns.fetch_add(time::monotonic_ns() - asked_ns);
                old->value = old->check = 0;  // a reader that still saw it would say so
                freed.fetch_add(1);
                delete old;
            } else {
                sync::rcu_call(old->rcu, [](sync::RcuHead* head) {
                    auto* node = container_of_offset<Node>(head, offsetof(Node, rcu));
                    node->value = node->check = 0;
                    freed.fetch_add(1);
                    delete node;
                });
            }
            if (i % 4 == 0) sched::yield();
        }
        stop = true;
    });
    sync::rcu_barrier();
    EXPECT(freed.load() == kUpdates);
    // Readers that never sleep hold a grace period up for a moment only.
    EXPECT(waited_ns.load() / kWaits < 1'000'000'000);
    delete published.exchange(nullptr);
}

}  // namespace

KTEST_MODULE("ktest_sync", &a_spin_lock_lets_one_in, &a_mutex_lets_one_in_though_holders_sleep,
             &a_rwmutex_lets_in_readers_or_one_writer, &writers_that_queue_up_all_get_in,
             &a_wait_queue_loses_no_wake_up, &an_exclusive_wake_up_wakes_one,
             &a_wait_ends_at_its_deadline, &a_completion_is_left_alone_once_its_wait_returned,
             &what_is_revoked_is_left_alone, &a_timer_is_quiet_once_it_is_cancelled,
             &rcu_keeps_what_readers_see);
