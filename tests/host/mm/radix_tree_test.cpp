#include <gtest/gtest.h>
#include <tenon/lib/radix_tree.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "tests/host/mm/kernel_stubs.h"

namespace tenon {
namespace {

void* item(u64 n) {
    return reinterpret_cast<void*>((n + 1) << 4);
}

TEST(RadixTree, one_item_at_zero_needs_no_node) {
    RadixTree tree;
    EXPECT_EQ(tree.find(0), nullptr);
    ASSERT_TRUE(tree.insert(0, item(0)));
    EXPECT_EQ(tree.find(0), item(0));
    EXPECT_EQ(tree.find(1), nullptr);
    EXPECT_EQ(tree.insert(0, item(1)).error(), Error::exist);
    EXPECT_EQ(tree.erase(0), item(0));
    EXPECT_TRUE(tree.empty());
    test::end_grace_period();
}

TEST(RadixTree, grows_for_large_indexes_and_shrinks_back) {
    RadixTree tree;
    ASSERT_TRUE(tree.insert(0, item(0)));
    ASSERT_TRUE(tree.insert(~u64{0}, item(1)));
    ASSERT_TRUE(tree.insert(u64{1} << 40, item(2)));
    EXPECT_EQ(tree.find(0), item(0));
    EXPECT_EQ(tree.find(~u64{0}), item(1));
    EXPECT_EQ(tree.find(u64{1} << 40), item(2));
    EXPECT_EQ(tree.erase(~u64{0}), item(1));
    EXPECT_EQ(tree.erase(u64{1} << 40), item(2));
    EXPECT_EQ(tree.find(0), item(0));
    EXPECT_EQ(tree.find(u64{1} << 40), nullptr);
    EXPECT_EQ(tree.erase(0), item(0));
    EXPECT_TRUE(tree.empty());
    test::end_grace_period();
}

TEST(RadixTree, next_walks_in_order_over_holes) {
    RadixTree tree;
    const u64 places[] = {0, 1, 15, 16, 255, 256, 4096, u64{1} << 33, ~u64{0}};
    for (u64 p : places) ASSERT_TRUE(tree.insert(p, item(p & 0xffff)));
    u64 at = 0, found = 0;
    for (u64 p : places) {
        ASSERT_NE(tree.next(at, found), nullptr);
        EXPECT_EQ(found, p);
        at = found + 1;
    }
    EXPECT_EQ(tree.next_gap(0), 2u);
    EXPECT_EQ(tree.next_gap(15), 17u);
    for (u64 p : places) tree.erase(p);
    EXPECT_EQ(tree.next(0, found), nullptr);
    test::end_grace_period();
}

TEST(RadixTree, agrees_with_a_map_under_random_changes) {
    RadixTree tree;
    std::map<u64, void*> model;
    std::mt19937_64 random(7);
    for (int step = 0; step < 40000; ++step) {
        u64 index = random() % 700;
        if (random() % 16 == 0) index <<= random() % 50;
        if (random() % 2) {
            const bool fresh = !model.contains(index);
            auto r = tree.insert(index, item(index & 0xffffff));
            ASSERT_EQ(static_cast<bool>(r), fresh);
            if (fresh) model[index] = item(index & 0xffffff);
        } else {
            void* expected = model.contains(index) ? model[index] : nullptr;
            ASSERT_EQ(tree.erase(index), expected);
            model.erase(index);
        }
        const u64 probe = random() % 800;
        u64 found = 0;
        void* got = tree.next(probe, found);
        auto it = model.lower_bound(probe);
        ASSERT_EQ(got, it == model.end() ? nullptr : it->second);
        if (got) ASSERT_EQ(found, it->first);
        if (step % 500 == 0) test::end_grace_period();
    }
    for (auto& [index, value] : model) ASSERT_EQ(tree.erase(index), value);
    EXPECT_TRUE(tree.empty());
    test::end_grace_period();
}

// Readers run while a writer inserts and erases; nodes stay until the end (one long grace period).
TEST(RadixTree, readers_see_every_item_that_stays) {
    RadixTree tree;
    for (u64 i = 0; i < 64; ++i) ASSERT_TRUE(tree.insert(i * 16, item(i)));
    std::atomic<bool> stop{false};
    std::atomic<u64> misses{0};
    std::thread reader([&] {
        while (!stop) {
            for (u64 i = 0; i < 64; ++i)
                if (tree.find(i * 16) != item(i)) ++misses;
        }
    });
    std::mt19937_64 random(11);
    for (int step = 0; step < 20000; ++step) {
        u64 index = random() % 100000;
        if (index % 16 == 0) ++index;
        if (tree.find(index))
            tree.erase(index);
        else
            (void)tree.insert(index, item(index));
    }
    stop = true;
    reader.join();
    EXPECT_EQ(misses, 0u);
    u64 found = 0;
    while (tree.next(0, found)) tree.erase(found);
    test::end_grace_period();
}

}  // namespace
}  // namespace tenon
