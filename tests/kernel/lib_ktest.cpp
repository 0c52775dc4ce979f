// The containers that are read under RCU: the radix tree and RcuHash, with readers beside the
// writer.
#include <tenon/lib/radix_tree.h>

#include "core/lib/rcu_hash.h"
#include "ktest.h"

using namespace tenon;

namespace {

struct Item {
    u64 key = 0, check = 0;
    sync::RcuPtr<Item> next;
    sync::RcuHead rcu;
    static Item* make(u64 key) {
        auto* item = new (std::nothrow) Item;
        if (item == nullptr) return nullptr;
        item->key = key;
        item->check = ~key;
        return item;
    }
    void free_later() {
        sync::rcu_call(rcu, [](sync::RcuHead* head) {
            auto* item = container_of_offset<Item>(head, offsetof(Item, rcu));
            item->check = item->key;
            delete item;
        });
    }
};

// Keys near each other and far apart: one level and many.
u64 key_of(u64 n) {
    return n % 3 == 0 ? n : n % 3 == 1 ? n << 20 : n << 44;
}

KTEST(the_radix_tree_finds_what_was_put_in) {
    RadixTree tree;
    constexpr u64 kItems = 600;
    for (u64 n = 0; n < kItems; ++n) {
        Item* item = Item::make(key_of(n));
        REQUIRE(item != nullptr);
        EXPECT(tree.insert(item->key, item).has_value());
        auto again = tree.insert(item->key, item);
        EXPECT(!again && again.error() == Error::exist);
    }
    u64 walked = 0, found = 0, last = 0;
    for (void* p = tree.next(0, found); p != nullptr; p = tree.next(found + 1, found)) {
        EXPECT(static_cast<Item*>(p)->key == found);
        EXPECT(walked == 0 || found > last);
        last = found;
        ++walked;
        if (found == ~u64{0}) break;
    }
    EXPECT(walked == kItems);
    for (u64 n = 0; n < kItems; ++n) {
        auto* item = static_cast<Item*>(tree.find(key_of(n)));
        REQUIRE(item != nullptr);
        EXPECT(item->key == key_of(n));
        EXPECT(tree.erase(item->key) == item);
        EXPECT(tree.find(item->key) == nullptr);
        delete item;
    }
    EXPECT(tree.empty());
}

KTEST(radix_readers_see_old_or_new_while_a_writer_works) {
    RadixTree tree;
    static std::atomic<bool> stop;
    static std::atomic<u64> hits;
    constexpr u64 kKeys = 512;
    stop = false;
    hits = 0;
    t.parallel(6, [&](u32 me) {
        ktest::Random random(me + 9);
        if (me != 0) {
            while (!stop.load(std::memory_order_relaxed)) {
                for (u32 i = 0; i < 64; ++i) {
                    const u64 key = key_of(random.below(kKeys));
                    sync::RcuGuard guard;
                    auto* item = static_cast<const Item*>(tree.find(key));
                    if (item == nullptr) continue;
                    EXPECT(item->key == key && item->check == ~key);
                    hits.fetch_add(1, std::memory_order_relaxed);
                    u64 found = 0;
                    auto* next = static_cast<const Item*>(tree.next(key + 1, found));
                    if (next != nullptr) EXPECT(next->key == found && found > key);
                }
                sched::yield();
            }
            return;
        }
        for (u32 i = 0; i < 12000; ++i) {
            const u64 key = key_of(random.below(kKeys));
            if (auto* there = static_cast<Item*>(tree.find(key))) {
                EXPECT(tree.erase(key) == there);
                there->free_later();
            } else if (Item* item = Item::make(key)) {
                if (!tree.insert(key, item)) delete item;
            }
            if (i % 32 == 0) sched::yield();
        }
        stop = true;
    });
    EXPECT(hits.load() > 0);
    for (u64 n = 0; n < kKeys; ++n) delete static_cast<Item*>(tree.erase(key_of(n)));
    EXPECT(tree.empty());
}

// A table lives as long as the kernel: it has no end. The test's lives as long as the module's
// text, and gives its two arrays to nobody, so it is made once.
using Table = RcuHash<Item, &Item::next>;
constinit Table table{sync::LockRank::spin_leaf};
alignas(64) bool table_made = false;

KTEST(hash_readers_see_old_or_new_while_writers_work) {
    static std::atomic<u32> writers;
    static std::atomic<u64> hits;
    if (!table_made) REQUIRE(table.init(128).has_value());
    table_made = true;
    constexpr u64 kKeys = 400;
    writers = 2;
    hits = 0;
    t.parallel(6, [&](u32 me) {
        ktest::Random random(me + 3);
        if (me >= 2) {
            while (writers.load(std::memory_order_relaxed) != 0) {
                for (u32 i = 0; i < 64; ++i) {
                    const u64 key = random.below(kKeys);
                    sync::RcuGuard guard;
                    const Item* item = table.find(key, [&](Item& e) { return e.key == key; });
                    if (item == nullptr) continue;
                    EXPECT(item->key == key && item->check == ~key);
                    hits.fetch_add(1, std::memory_order_relaxed);
                }
                sched::yield();
            }
            return;
        }
        for (u32 i = 0; i < 6000; ++i) {
            const u64 key = random.below(kKeys);
            Item* spare = Item::make(key);
            if (spare == nullptr) break;
            Item* gone = nullptr;
            {
                sync::SpinGuard guard(table.lock_for(key));
                gone = table.find(key, [&](Item& e) { return e.key == key; });
                if (gone != nullptr)
                    EXPECT(table.erase_locked(key, *gone));
                else
                    table.insert_locked(key, *spare);
            }
            if (gone != nullptr) {
                gone->free_later();
                delete spare;
            }
            if (i % 32 == 0) sched::yield();
        }
        writers.fetch_sub(1);
    });
    EXPECT(hits.load() > 0);
    for (u64 key = 0; key < kKeys; ++key) {
        sync::SpinGuard guard(table.lock_for(key));
        Item* item = table.find(key, [&](Item& e) { return e.key == key; });
        if (item == nullptr) continue;
        EXPECT(table.erase_locked(key, *item));
        item->free_later();
    }
}

}  // namespace

KTEST_MODULE("ktest_lib", &the_radix_tree_finds_what_was_put_in,
             &radix_readers_see_old_or_new_while_a_writer_works,
             &hash_readers_see_old_or_new_while_writers_work);
