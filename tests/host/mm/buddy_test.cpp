#include "core/mm/buddy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace tenon::mm {
namespace {

struct Zone {
    explicit Zone(u64 start, u64 end, u64 frames) : pages(frames) {
        std::memset(static_cast<void*>(pages.data()), 0, frames * sizeof(Page));
        buddy.init(pages.data(), start, end);
    }
    std::vector<Page> pages;
    BuddyZone buddy;
};

TEST(Buddy, an_aligned_range_becomes_the_largest_blocks) {
    Zone z(0, 4096, 4096);
    z.buddy.add_range(0, 4096);
    EXPECT_EQ(z.buddy.free_pages(), 4096u);
    EXPECT_EQ(z.buddy.free_blocks(kMaxOrder), 4u);
}

TEST(Buddy, an_odd_range_is_cut_at_alignment) {
    Zone z(0, 4096, 4096);
    z.buddy.add_range(3, 21);  // 3 | 4-7 | 8-15 | 16-19 | 20
    EXPECT_EQ(z.buddy.free_pages(), 18u);
    EXPECT_EQ(z.buddy.free_blocks(0), 2u);
    EXPECT_EQ(z.buddy.free_blocks(2), 2u);
    EXPECT_EQ(z.buddy.free_blocks(3), 1u);
}

TEST(Buddy, blocks_are_naturally_aligned_and_their_page_says_so) {
    Zone z(0, 2048, 2048);
    z.buddy.add_range(1, 2048);
    for (u32 order = 0; order < kMaxOrder; ++order) {
        const u32 pfn = z.buddy.alloc(order);
        ASSERT_NE(pfn, kNoFrame);
        EXPECT_EQ(pfn % (1u << order), 0u);
        EXPECT_EQ(z.pages[pfn].order, order);
        EXPECT_EQ(z.pages[pfn].refs.load(), 1u);
        EXPECT_EQ(z.pages[pfn].kind, Page::Kind::kernel);
    }
}

TEST(Buddy, an_empty_zone_gives_nothing) {
    Zone z(0, 64, 64);
    EXPECT_EQ(z.buddy.alloc(0), kNoFrame);
    z.buddy.add_range(1, 2);
    EXPECT_EQ(z.buddy.alloc(1), kNoFrame);
    EXPECT_NE(z.buddy.alloc(0), kNoFrame);
    EXPECT_EQ(z.buddy.alloc(0), kNoFrame);
}

TEST(Buddy, never_merges_across_the_end_of_the_zone) {
    Zone z(16, 32, 64);
    z.buddy.add_range(16, 32);
    z.pages[32].kind = Page::Kind::free;  // the next zone's block
    z.pages[32].order = 4;
    const u32 pfn = z.buddy.alloc(4);
    ASSERT_EQ(pfn, 16u);
    z.buddy.free(pfn, 4);
    EXPECT_EQ(z.buddy.free_blocks(4), 1u);
}

TEST(Buddy, random_traffic_never_overlaps_and_merges_back_whole) {
    constexpr u64 kFrames = 8192;
    Zone z(0, kFrames, kFrames);
    z.buddy.add_range(1, kFrames);
    const u64 all = z.buddy.free_pages();
    std::mt19937 random(20261121);
    struct Block {
        u32 pfn, order;
    };
    std::vector<Block> held;
    std::vector<bool> used(kFrames);
    for (int step = 0; step < 50000; ++step) {
        if (held.empty() || random() % 5 < 3) {
            const u32 order = random() % 6;
            const u32 pfn = z.buddy.alloc(order);
            if (pfn == kNoFrame) continue;
            for (u32 i = 0; i < (1u << order); ++i) {
                ASSERT_FALSE(used[pfn + i]);
                used[pfn + i] = true;
            }
            held.push_back({pfn, order});
        } else {
            std::swap(held[random() % held.size()], held.back());
            const Block b = held.back();
            held.pop_back();
            for (u32 i = 0; i < (1u << b.order); ++i) used[b.pfn + i] = false;
            z.buddy.free(b.pfn, b.order);
        }
    }
    for (const Block& b : held) z.buddy.free(b.pfn, b.order);
    EXPECT_EQ(z.buddy.free_pages(), all);
    // 1 | 2-3 | ... | 512-1023 | 1024-2047 | ...
    EXPECT_EQ(z.buddy.free_blocks(kMaxOrder), kFrames / 1024 - 1);
    for (u32 order = 0; order < kMaxOrder; ++order) EXPECT_EQ(z.buddy.free_blocks(order), 1u);
}

}  // namespace
}  // namespace tenon::mm
