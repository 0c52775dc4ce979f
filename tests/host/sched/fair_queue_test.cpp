#include "core/sched/fair_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

using namespace tenon;
using namespace tenon::sched;

namespace {

struct Entity {
    bi::set_member_hook<bi::link_mode<bi::safe_link>> tree_hook;
    u64 vruntime = 0, deadline = 0, slice_ns = 3'000'000;
    i64 lag = 0;
    u32 weight = kNiceZeroWeight;
    u64 ran = 0;
};
using Queue = FairQueue<Entity>;

// A CPU with this queue: runs the picked one for `step` ns at a time.
struct Machine {
    Queue queue;
    Entity* current = nullptr;

    void add(Entity& e, Queue::Joining how = Queue::Joining::fresh) {
        queue.place(e, current, how);
        queue.insert(e);
    }
    void sleep_current() {
        queue.save_lag(*current, current);
        current = nullptr;
    }
    void reschedule() {
        Entity* next = queue.pick(current);
        if (next == current) return;
        if (current != nullptr) queue.insert(*current);
        if (next != nullptr) queue.erase(*next);
        current = next;
    }
    void run(u64 total_ns, u64 step_ns = 1'000'000) {
        for (u64 t = 0; t < total_ns; t += step_ns) {
            if (current == nullptr) reschedule();
            if (current == nullptr) return;
            current->ran += step_ns;
            if (queue.charge(*current, step_ns)) reschedule();
        }
    }
    void drain() {
        if (current != nullptr) queue.insert(*current);
        current = nullptr;
        while (Entity* e = queue.pick(nullptr)) queue.erase(*e);
    }
};

}  // namespace

TEST(FairQueue, gives_equal_shares_to_equal_weights) {
    Machine m;
    Entity e[4];
    for (auto& x : e) m.add(x);
    m.run(4'000'000'000);
    for (auto& x : e) EXPECT_NEAR(double(x.ran), 1e9, 10e6);
    m.drain();
}

TEST(FairQueue, shares_follow_weights) {
    Machine m;
    Entity a, b, c;
    b.weight = weight_of_nice(5);
    c.weight = weight_of_nice(-5);
    for (auto* x : {&a, &b, &c}) m.add(*x);
    m.run(20'000'000'000);
    const double total = a.weight + b.weight + c.weight;
    EXPECT_NEAR(a.ran / 20e9, a.weight / total, 0.01);
    EXPECT_NEAR(b.ran / 20e9, b.weight / total, 0.01);
    EXPECT_NEAR(c.ran / 20e9, c.weight / total, 0.01);
    m.drain();
}

TEST(FairQueue, sleeper_gets_no_more_than_it_is_owed) {
    Machine m;
    Entity hog, sleeper;
    m.add(hog);
    m.add(sleeper);
    m.run(100'000'000);
    // Make the sleeper current, put it to sleep for a second, wake it.
    while (m.current != &sleeper) {
        ASSERT_NE(m.current, nullptr);
        m.queue.charge(*m.current, 3'000'000);
        m.reschedule();
    }
    m.sleep_current();
    m.run(1'000'000'000);
    const u64 hog_before = hog.ran, sleeper_before = sleeper.ran;
    m.add(sleeper, Queue::Joining::woken);
    m.run(200'000'000);
    EXPECT_NEAR(double(sleeper.ran - sleeper_before), double(hog.ran - hog_before), 20e6);
    m.drain();
}

TEST(FairQueue, never_lets_anybody_fall_behind_by_more_than_its_slices) {
    std::mt19937 rng(20261121);
    Machine m;
    std::vector<Entity> e(12);
    for (auto& x : e) {
        x.weight = kNiceWeights[rng() % 40];
        m.add(x);
    }
    for (int i = 0; i < 200'000; ++i) {
        m.run(1'000'000);
        if (m.current == nullptr) m.reschedule();
        const u64 v = m.queue.average(m.current);
        for (auto& x : e) {
            const i64 lag = Queue::distance(v, x.vruntime);
            const i64 bound = i64(Queue::virtual_ns(2 * x.slice_ns + 2'000'000, x.weight));
            ASSERT_LE(lag, bound + 4 * 3'000'000) << "weight " << x.weight;
        }
    }
    m.drain();
}

TEST(FairQueue, picks_somebody_whenever_somebody_waits) {
    std::mt19937 rng(7);
    Machine m;
    std::vector<Entity> e(16);
    std::vector<bool> in(16, false);
    for (int i = 0; i < 300'000; ++i) {
        const unsigned k = rng() % e.size();
        if (!in[k]) {
            e[k].weight = kNiceWeights[rng() % 40];
            m.add(e[k], rng() % 2 ? Queue::Joining::woken : Queue::Joining::fresh);
            in[k] = true;
        } else if (m.current == &e[k]) {
            m.queue.charge(e[k], rng() % 5'000'000);
            m.sleep_current();
            in[k] = false;
        } else if (rng() % 4 == 0) {
            m.queue.save_lag(e[k], m.current);
            m.queue.erase(e[k]);
            in[k] = false;
        } else if (m.current != nullptr) {
            m.queue.charge(*m.current, rng() % 4'000'000);
        }
        m.reschedule();
        bool any = false;
        for (bool b : in) any = any || b;
        ASSERT_EQ(any, m.current != nullptr);
    }
    m.drain();
}

TEST(FairQueue, an_entity_at_the_average_is_eligible) {
    Machine m;
    Entity a, b;
    m.add(a);
    m.reschedule();
    m.queue.charge(a, 777'777);
    m.add(b, Queue::Joining::woken);
    EXPECT_TRUE(m.queue.eligible(b, m.current));
    m.drain();
}

TEST(FairQueue, slice_ends_where_charge_says) {
    Machine m;
    Entity a, b;
    b.weight = weight_of_nice(10);
    m.add(b);
    m.add(a);
    m.reschedule();
    const u64 left = Queue::slice_left_ns(*m.current);
    ASSERT_GT(left, 2u);
    EXPECT_FALSE(m.queue.charge(*m.current, left - 2));
    EXPECT_TRUE(m.queue.charge(*m.current, 4));
    m.drain();
}

TEST(FairQueue, yields_in_a_row_leave_no_longer_slice) {
    Machine m;
    Entity yields, computes;
    m.add(yields);
    m.add(computes);
    m.reschedule();
    for (int i = 0; i < 10'000; ++i) {
        if (m.current == &yields) {
            m.queue.charge(yields, 1'000);
            m.queue.yield(yields);
            m.reschedule();
        } else {
            m.run(1'000'000);
        }
        ASSERT_LE(Queue::slice_left_ns(yields), yields.slice_ns);
    }
    const u64 before = computes.ran;
    m.run(60'000'000);  // both compute
    EXPECT_GE(computes.ran - before, 24'000'000u);
    m.drain();
}
