// Page allocator, slab caches, vmalloc.
#include <tenon/device/device.h>
#include <tenon/lib/random.h>
#include <tenon/mm/slab.h>
#include <tenon/mm/vmalloc.h>

#include <cstring>

#include "ktest.h"

using namespace tenon;

namespace {

bool filled_with(const void* p, usize n, u8 byte) {
    const auto* bytes = static_cast<const u8*>(p);
    for (usize i = 0; i < n; ++i)
        if (bytes[i] != byte) return false;
    return true;
}

KTEST(pages_of_each_order_are_aligned_and_apart) {
    constexpr u32 kOrders = 9;
    mm::Page* pages[kOrders];
    for (u32 order = 0; order < kOrders; ++order) {
        auto page = mm::alloc_pages(order);
        REQUIRE(page.has_value());
        pages[order] = *page;
        EXPECT(is_aligned(mm::pfn_of(*page).value, u64{1} << order));
        EXPECT((*page)->order == order);
        EXPECT(mm::page_of(mm::pfn_of(*page)) == *page);
        std::memset(mm::page_address(*page), static_cast<int>(order + 1), kPageSize << order);
    }
    for (u32 order = 0; order < kOrders; ++order) {
        EXPECT(filled_with(mm::page_address(pages[order]), kPageSize << order,
                           static_cast<u8>(order + 1)));
        mm::free_pages(pages[order], order);
    }
    EXPECT(!mm::alloc_pages(64).has_value());
}

KTEST(pages_keep_within_the_zone_asked_for) {
    for (u32 i = 0; i < 64; ++i) {
        auto low = mm::alloc_page(mm::Alloc::dma);
        auto below4g = mm::alloc_page(mm::Alloc::dma32 | mm::Alloc::zero);
        REQUIRE(low.has_value() && below4g.has_value());
        EXPECT(mm::pfn_of(*low).phys().value < u64{16} << 20);
        EXPECT(mm::pfn_of(*below4g).phys().value < u64{4} << 30);
        EXPECT(filled_with(mm::page_address(*below4g), kPageSize, 0));
        mm::free_pages(*low, 0);
        mm::free_pages(*below4g, 0);
    }
}

KTEST(free_blocks_join_again) {
    // All memory that is free in blocks of 64 pages, twice: the second time needs them joined.
    constexpr u32 kOrder = 6, kMost = 256;
    static mm::Page* taken[kMost];
    u32 first = 0;
    for (u32 round = 0; round < 2; ++round) {
        u32 n = 0;
        while (n < kMost) {
            auto page = mm::alloc_pages(kOrder, mm::Alloc::no_oom);
            if (!page) break;
            taken[n++] = *page;
        }
        for (u32 i = 0; i < n; ++i) mm::free_pages(taken[i], kOrder);
        if (round == 0) {
            first = n;
            // Splits many of them to single pages and gives those back in another order.
            static mm::Page* single[2048];
            u32 m = 0;
            for (; m < std::size(single); ++m) {
                auto page = mm::alloc_page(mm::Alloc::dma32);
                if (!page) break;
                single[m] = *page;
            }
            for (u32 i = 0; i < m; i += 2) mm::free_pages(single[i], 0);
            for (u32 i = 1; i < m; i += 2) mm::free_pages(single[i], 0);
        } else {
            EXPECT(n + 8 >= first);
        }
    }
    EXPECT(first > 16);
}

KTEST(a_shared_page_is_freed_by_its_last_holder) {
    auto page = mm::alloc_page();
    REQUIRE(page.has_value());
    mm::page_ref(*page);
    mm::page_unref(*page);
    EXPECT((*page)->refs.load() == 1);
    mm::page_unref(*page);
}

KTEST(pages_are_taken_and_given_by_all_cpus_at_once) {
    struct Slot {
        std::atomic<mm::Page*> page{nullptr};
    };
    static Slot exchange[64];  // pages that one CPU took and another gives back
    t.parallel(8, [&](u32 me) {
        ktest::Random random(me + 1);
        for (u32 i = 0; i < 3000; ++i) {
            auto page = mm::alloc_page();
            REQUIRE(page.has_value());
            auto* words = static_cast<u64*>(mm::page_address(*page));
            words[0] = reinterpret_cast<u64>(*page);
            words[511] = ~words[0];
            mm::Page* other = exchange[random.below(64)].page.exchange(*page);
            if (other == nullptr) continue;
            auto* theirs = static_cast<u64*>(mm::page_address(other));
            EXPECT(theirs[0] == reinterpret_cast<u64>(other) && theirs[511] == ~theirs[0]);
            mm::free_pages(other, 0);
        }
    });
    for (Slot& slot : exchange)
        if (mm::Page* page = slot.page.exchange(nullptr)) mm::free_pages(page, 0);
}

KTEST(kmalloc_gives_room_of_every_size) {
    for (usize size = 1; size <= 64 * 1024; size = size * 5 / 4 + 1) {
        auto* p = static_cast<u8*>(mm::kmalloc(size));
        REQUIRE(p != nullptr);
        EXPECT(mm::kmalloc_usable_size(p) >= size);
        if (size >= 16) EXPECT(is_aligned(reinterpret_cast<u64>(p), 16));
        std::memset(p, 0xa5, size);
        auto* q = static_cast<u8*>(mm::krealloc(p, size * 2));
        REQUIRE(q != nullptr);
        EXPECT(filled_with(q, size, 0xa5));
        mm::kfree(q);
        auto* z = mm::kmalloc(size, mm::Alloc::zero);
        REQUIRE(z != nullptr);
        EXPECT(filled_with(z, size, 0));
        mm::kfree(z);
    }
    mm::kfree(nullptr);
    EXPECT(mm::kmalloc(usize{1} << 40) == nullptr);
}

KTEST(a_list_of_free_objects_that_a_module_wrote_over_is_given_up) {
    if (TENON_DEBUG || TENON_KASAN) return t.skip();  // they find the write after the free itself
    constexpr u32 kObjects = 400;
    static void* objects[kObjects];
    for (void*& object : objects) REQUIRE((object = mm::kmalloc(700)) != nullptr);
    // Every other one, so that each slab stays.
    for (u32 i = 0; i < kObjects; i += 2) mm::kfree(objects[i]);
    for (u32 i = 0; i < kObjects; i += 2) *static_cast<volatile u64*>(objects[i]) = 0xeeee;
    for (u32 i = 0; i < kObjects; i += 2) REQUIRE((objects[i] = mm::kmalloc(700)) != nullptr);
    for (u32 i = 0; i < kObjects; ++i) *static_cast<u64*>(objects[i]) = i;
    for (u32 i = 0; i < kObjects; ++i) EXPECT(*static_cast<u64*>(objects[i]) == i);
    for (void* object : objects) mm::kfree(object);
}

KTEST(a_cache_keeps_its_alignment_and_count) {
    auto cache = mm::SlabCache::create("ktest_192", 136, 64);
    REQUIRE(cache.has_value());
    constexpr u32 kObjects = 500;
    static void* objects[kObjects];
    for (void*& object : objects) {
        object = (*cache)->alloc();
        REQUIRE(object != nullptr);
        EXPECT(is_aligned(reinterpret_cast<u64>(object), 64));
        std::memset(object, 0x11, 136);
    }
    u64 seen = 0;
    mm::for_each_cache(
        [](const mm::SlabCache::Info& info, void* out) {
            if (std::string_view(info.name) == "ktest_192")
                *static_cast<u64*>(out) = info.active_objects;
        },
        &seen);
    EXPECT(seen == kObjects);
    for (void* object : objects) (*cache)->free(object);
    mm::SlabCache::destroy(*cache);
}

// A debug kernel looks whether what it gives out was written since it was freed.
KTEST(what_a_destroyed_cache_gives_back_counts_as_freed) {
    auto cache = mm::SlabCache::create("ktest_64", 64, 8);
    REQUIRE(cache.has_value());
    // Each CPU gets a magazine, an object of 256 bytes.
    t.parallel(8, [&](u32) {
        for (u32 i = 0; i < 200; ++i) {
            void* object = (*cache)->alloc();
            EXPECT(object != nullptr);
            (*cache)->free(object);
            if (i % 50 == 0) sched::yield();
        }
    });
    mm::SlabCache::destroy(*cache);
    // The core copies the modalias into memory of its own, of the same class.
    char text[250];
    std::memset(text, 'm', sizeof text);
    Ref<device::Device> devices[64];
    for (auto& device : devices) {
        auto made = device::Device::create({.name = "ktest", .modalias = {text, sizeof text}});
        EXPECT(made.has_value());
        if (made) device = *made;
    }
}

KTEST(objects_cross_cpus_without_being_given_twice) {
    struct Object {
        std::atomic<u32> owner;
        u32 pad[9];
    };
    static std::atomic<Object*> exchange[128];
    t.parallel(8, [&](u32 me) {
        ktest::Random random(me + 77);
        for (u32 i = 0; i < 8000; ++i) {
            auto* mine = static_cast<Object*>(mm::kmalloc(sizeof(Object), mm::Alloc::zero));
            REQUIRE(mine != nullptr);
            EXPECT(mine->owner.exchange(me + 1) == 0);
            Object* other = exchange[random.below(128)].exchange(mine);
            if (other == nullptr) continue;
            EXPECT(other->owner.exchange(0) != 0);
            mm::kfree(other);
        }
    });
    for (auto& slot : exchange) mm::kfree(slot.exchange(nullptr));
}

KTEST(vmalloc_areas_are_zero_apart_and_guarded) {
    constexpr u32 kAreas = 24;
    u8* areas[kAreas];
    for (u32 i = 0; i < kAreas; ++i) {
        const usize bytes = (i + 1) * kPageSize - i;
        auto area = mm::vmalloc(bytes);
        REQUIRE(area.has_value());
        areas[i] = static_cast<u8*>(*area);
        EXPECT(is_aligned(reinterpret_cast<u64>(areas[i]), kPageSize));
        EXPECT(filled_with(areas[i], bytes, 0));
        std::memset(areas[i], static_cast<int>(i + 1), bytes);
    }
    for (u32 i = 0; i < kAreas; ++i) {
        const usize bytes = (i + 1) * kPageSize - i;
        EXPECT(filled_with(areas[i], bytes, static_cast<u8>(i + 1)));
        for (u32 j = 0; j < kAreas; ++j)  // a page at least lies behind each
            if (areas[j] > areas[i])
                EXPECT(areas[j] >= areas[i] + align_up(bytes, kPageSize) + kPageSize);
    }
    for (u8* area : areas) mm::vfree(area);
    mm::vfree(nullptr);
    EXPECT(!mm::vmalloc(0).has_value());
}

KTEST(vmalloc_by_all_cpus_at_once) {
    t.parallel(4, [&](u32 me) {
        ktest::Random random(me + 5);
        for (u32 i = 0; i < 200; ++i) {
            const usize bytes = (1 + random.below(6)) * kPageSize;
            auto area = mm::vmalloc(bytes);
            REQUIRE(area.has_value());
            std::memset(*area, static_cast<int>(me + 1), bytes);
            sched::yield();
            EXPECT(filled_with(*area, bytes, static_cast<u8>(me + 1)));
            mm::vfree(*area);
        }
    });
}

KTEST(register_windows_do_not_use_up_page_tables) {
    // 1 MiB windows, as drivers map them: page tables are kept, so the addresses must come again.
    const u64 before = mm::memory_stats().page_table_pages;
    for (u32 i = 0; i < 64; ++i) {
        auto window = mm::map_mmio(PhysAddr{0xfee00000}, 1 << 20);
        REQUIRE(window.has_value());
        mm::unmap_mmio(*window);
    }
    EXPECT(mm::memory_stats().page_table_pages <= before + 16);
}

}  // namespace

KTEST_MODULE("ktest_mm",
             &a_list_of_free_objects_that_a_module_wrote_over_is_given_up,
             &pages_of_each_order_are_aligned_and_apart,
             &pages_keep_within_the_zone_asked_for, &free_blocks_join_again,
             &a_shared_page_is_freed_by_its_last_holder,
             &pages_are_taken_and_given_by_all_cpus_at_once, &kmalloc_gives_room_of_every_size,
             &a_cache_keeps_its_alignment_and_count,
             &what_a_destroyed_cache_gives_back_counts_as_freed,
             &objects_cross_cpus_without_being_given_twice,
             &vmalloc_areas_are_zero_apart_and_guarded, &vmalloc_by_all_cpus_at_once,
             &register_windows_do_not_use_up_page_tables);
