// The radix tree against a map, and what its readers could still reach when a node is given to RCU:
// here a grace period takes no time, and a reader walks the whole tree at its end.
#include <gtest/gtest.h>
#include <tenon/lib/radix_tree.h>

#include <map>
#include <random>

using namespace tenon;

namespace {

const RadixTree* g_read = nullptr;
u64 g_grace_periods = 0;

u64 walk(const RadixTree& tree) {
    u64 items = 0, found = 0;
    for (void* p = tree.next(0, found); p != nullptr; p = tree.next(found + 1, found)) ++items;
    return items;
}

// Keys near each other and far apart: one level and many.
u64 key_of(u64 n) {
    return n % 3 == 0 ? n : n % 3 == 1 ? n << 20 : n << 44;
}

}  // namespace

namespace tenon::sync {

void rcu_call(RcuHead& head, void (*function)(RcuHead*)) {
    ++g_grace_periods;
    function(&head);
    if (g_read != nullptr) walk(*g_read);
}

}  // namespace tenon::sync

TEST(RadixTree, gives_no_node_away_that_a_reader_can_reach) {
    RadixTree tree;
    g_read = &tree;
    static u64 items[400];
    for (u64 n = 0; n < std::size(items); ++n)
        ASSERT_TRUE(tree.insert(key_of(n), &items[n]).has_value());
    for (u64 n = 0; n < std::size(items); ++n) {
        EXPECT_EQ(tree.erase(key_of(n)), &items[n]);
        EXPECT_EQ(walk(tree), std::size(items) - n - 1);
    }
    g_read = nullptr;
    EXPECT_TRUE(tree.empty());
    EXPECT_GT(g_grace_periods, std::size(items) / 2);
}

TEST(RadixTree, agrees_with_a_map_on_random_operations) {
    RadixTree tree;
    std::map<u64, void*> model;
    std::mt19937_64 random(5);
    static u64 item;
    for (int i = 0; i < 50'000; ++i) {
        const u64 key = key_of(random() % 512);
        if (auto at = model.find(key); at != model.end()) {
            EXPECT_EQ(tree.find(key), at->second);
            EXPECT_EQ(tree.insert(key, &item).error(), Error::exist);
            if (random() % 2 == 0) {
                EXPECT_EQ(tree.erase(key), at->second);
                model.erase(at);
            }
        } else {
            EXPECT_EQ(tree.find(key), nullptr);
            EXPECT_EQ(tree.erase(key), nullptr);
            ASSERT_TRUE(tree.insert(key, &item).has_value());
            model[key] = &item;
        }
        u64 found = 0;
        const auto after = model.lower_bound(key + 1);
        void* const next = tree.next(key + 1, found);
        ASSERT_EQ(next != nullptr, after != model.end());
        if (next != nullptr) {
            EXPECT_EQ(found, after->first);
        }
    }
    for (const auto& [key, value] : model) tree.erase(key);
    EXPECT_TRUE(tree.empty());
}
