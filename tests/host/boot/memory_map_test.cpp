#include "core/boot/memory_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tenon::boot {
namespace {

constexpr u64 kPage = kPageSize;

void expect_sound(const BootInfo& info) {
    u64 last = 0;
    for (const MemoryRange& r : info.memory()) {
        EXPECT_TRUE(is_aligned(r.start.value, kPage));
        EXPECT_TRUE(is_aligned(r.length_bytes, kPage));
        EXPECT_NE(r.length_bytes, 0u);
        EXPECT_GE(r.start.value, last);
        last = r.end().value;
    }
}

TEST(MemoryMap, sorts_joins_and_lets_the_stricter_kind_win) {
    BootInfo info;
    MemoryMap map(info);
    map.add(8 * kPage, 4 * kPage, MemoryKind::usable);
    map.add(0, 8 * kPage, MemoryKind::usable);
    map.add(4 * kPage, kPage, MemoryKind::reserved);
    expect_sound(info);
    ASSERT_EQ(info.memory_count, 3u);
    EXPECT_EQ(info.memory()[1].kind, MemoryKind::reserved);
    EXPECT_EQ(info.memory()[2].end().value, 12 * kPage);
}

TEST(MemoryMap, takes_only_whole_pages_as_usable_and_taints_parts) {
    BootInfo info;
    MemoryMap map(info);
    map.add(100, 3 * kPage, MemoryKind::usable);  // two whole pages
    map.add(2 * kPage + 1, 1, MemoryKind::reserved);
    expect_sound(info);
    ASSERT_EQ(info.memory_count, 2u);
    EXPECT_EQ(info.memory()[0].start.value, kPage);
    EXPECT_EQ(info.memory()[0].length_bytes, kPage);
    EXPECT_EQ(info.memory()[1].kind, MemoryKind::reserved);
}

TEST(MemoryMap, drops_ranges_without_length_and_cuts_those_that_wrap) {
    BootInfo info;
    MemoryMap map(info);
    map.add(kPage, 0, MemoryKind::usable);
    map.add(~u64{0} - 5, kPage, MemoryKind::usable);
    EXPECT_EQ(info.memory_count, 0u);
    EXPECT_EQ(info.dropped, 2u);
    map.add(kPage, ~u64{0}, MemoryKind::usable);
    expect_sound(info);
    ASSERT_EQ(info.memory_count, 1u);
    EXPECT_EQ(info.memory()[0].end().value, u64{1} << 52);
    map.claim(~u64{0}, ~u64{0}, MemoryKind::kernel);  // nothing there
    EXPECT_EQ(info.memory_count, 1u);
}

TEST(MemoryMap, counts_what_does_not_fit) {
    BootInfo info;
    MemoryMap map(info);
    for (u64 i = 0; i < 1000; ++i) map.add(i * 4 * kPage, kPage, MemoryKind::usable);
    expect_sound(info);
    EXPECT_EQ(info.memory_count, info.memory_storage.size());
    EXPECT_EQ(info.dropped, 1000u - info.memory_storage.size());
    // A claim in the middle of a full list must not lose or corrupt what is there.
    map.add(1, 2000 * kPage, MemoryKind::reserved);
    expect_sound(info);
}

TEST(MemoryMap, takes_the_highest_room_below_the_limit) {
    BootInfo info;
    MemoryMap map(info);
    map.add(0, 64 * kPage, MemoryKind::usable);
    EXPECT_EQ(map.take(2 * kPage, kPage, 32 * kPage, MemoryKind::boot_data), 30 * kPage);
    EXPECT_EQ(map.take(2 * kPage, kPage, 32 * kPage, MemoryKind::boot_data), 28 * kPage);
    EXPECT_EQ(map.take(8 * kPage, 16 * kPage, 64 * kPage, MemoryKind::boot_data), 48 * kPage);
    EXPECT_EQ(map.take(100 * kPage, kPage, ~u64{0}, MemoryKind::boot_data), 0u);
    expect_sound(info);
}

TEST(MemoryMap, agrees_with_a_page_by_page_model) {
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
        BootInfo info;
        MemoryMap map(info);
        std::map<u64, MemoryKind> model;
        for (int i = 0; i < 40; ++i) {
            const u64 start = random() % 128, pages = random() % 24 + 1;
            constexpr MemoryKind kKinds[] = {MemoryKind::usable, MemoryKind::acpi_nvs,
                                             MemoryKind::reserved, MemoryKind::bad};
            const MemoryKind kind = kKinds[random() % 4];
            map.add(start * kPage, pages * kPage, kind);
            for (u64 p = start; p < start + pages; ++p) {
                auto [at, fresh] = model.try_emplace(p, kind);
                if (!fresh && kind > at->second) at->second = kind;
            }
        }
        expect_sound(info);
        std::map<u64, MemoryKind> got;
        for (const MemoryRange& r : info.memory())
            for (u64 a = r.start.value; a < r.end().value; a += kPage) got[a / kPage] = r.kind;
        EXPECT_EQ(got, model);
    }
}

}  // namespace
}  // namespace tenon::boot
