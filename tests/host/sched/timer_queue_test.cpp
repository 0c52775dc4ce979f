#include "core/time/timer_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace tenon;

namespace {

struct T {
    u64 at = 0;
    int id = 0;
    bi::set_member_hook<bi::link_mode<bi::safe_link>> hook;
};
struct At {
    u64 operator()(const T& t) const { return t.at; }
};
using Tree = time::ExpiryTree<T, &T::hook, At>;

}  // namespace

TEST(ExpiryTree, empty_tree_has_no_next) {
    Tree tree;
    EXPECT_EQ(tree.next_ns(), ~u64{0});
    EXPECT_EQ(tree.take_expired(~u64{0}), nullptr);
}

TEST(ExpiryTree, gives_out_in_order_of_expiry_and_equals_in_order_of_arming) {
    Tree tree;
    std::vector<T> t(5);
    const u64 at[] = {30, 10, 20, 10, 40};
    for (int i = 0; i < 5; ++i) {
        t[i].at = at[i];
        t[i].id = i;
        const bool first = tree.insert(t[i]);
        EXPECT_EQ(first, i == 0 || i == 1);
    }
    std::vector<int> order;
    while (T* x = tree.take_expired(30)) order.push_back(x->id);
    EXPECT_EQ(order, (std::vector<int>{1, 3, 2, 0}));
    EXPECT_EQ(tree.next_ns(), 40u);
    tree.erase(t[4]);
    EXPECT_EQ(tree.next_ns(), ~u64{0});
}

TEST(ExpiryTree, agrees_with_sorting_under_random_use) {
    std::mt19937 rng(1);
    Tree tree;
    std::vector<T> t(200);
    std::vector<T*> in;
    u64 now = 0;
    for (int i = 0; i < 50'000; ++i) {
        T& x = t[rng() % t.size()];
        auto it = std::find(in.begin(), in.end(), &x);
        if (it == in.end()) {
            x.at = now + rng() % 1000;
            tree.insert(x);
            in.push_back(&x);
        } else if (rng() % 3 == 0) {
            tree.erase(x);
            in.erase(it);
        }
        now += rng() % 5;
        while (T* e = tree.take_expired(now)) {
            ASSERT_LE(e->at, now);
            in.erase(std::find(in.begin(), in.end(), e));
        }
        u64 next = ~u64{0};
        for (T* e : in) next = std::min(next, e->at);
        ASSERT_EQ(tree.next_ns(), next);
    }
    for (T* e : in) tree.erase(*e);
}
