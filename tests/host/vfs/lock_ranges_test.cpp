#include "modules/personality/linux/file/lock_ranges.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tenon::personality {
namespace {

class LockRanges : public testing::Test {
  protected:
    void TearDown() override { drop(list_); }
    static void drop(LockRangeList& list) {
        while (!list.empty()) {
            LockRange& r = list.front();
            list.pop_front();
            delete &r;
        }
    }
    static RecordLock lock(LockType type, u64 start, u64 end, const void* owner) {
        return {.type = type, .start = start, .end = end, .owner = owner, .pid = 1};
    }
    // As set_record_lock() without waiting: false on a conflict.
    bool set(const RecordLock& wanted) {
        if (first_conflict(list_, wanted) != nullptr) return false;
        LockRange* spare[2] = {new LockRange, new LockRange};
        LockRangeList dead;
        apply_lock(list_, wanted, spare, dead);
        drop(dead);
        delete spare[0];
        delete spare[1];
        return true;
    }
    usize count() const { return list_.size(); }
    LockRangeList list_;
    int a_ = 0, b_ = 0;
};

TEST_F(LockRanges, readers_share_and_writers_do_not) {
    EXPECT_TRUE(set(lock(LockType::read, 0, 9, &a_)));
    EXPECT_TRUE(set(lock(LockType::read, 5, 15, &b_)));
    EXPECT_FALSE(set(lock(LockType::write, 9, 9, &b_)));
    EXPECT_TRUE(set(lock(LockType::write, 16, 20, &b_)));
    EXPECT_FALSE(set(lock(LockType::read, 20, 20, &a_)));
}

TEST_F(LockRanges, an_unlock_in_the_middle_splits) {
    EXPECT_TRUE(set(lock(LockType::write, 0, 99, &a_)));
    EXPECT_TRUE(set(lock(LockType::unlock, 40, 59, &a_)));
    EXPECT_EQ(count(), 2u);
    EXPECT_TRUE(set(lock(LockType::write, 40, 59, &b_)));
    EXPECT_FALSE(set(lock(LockType::write, 39, 39, &b_)));
    EXPECT_FALSE(set(lock(LockType::write, 60, 60, &b_)));
}

TEST_F(LockRanges, touching_locks_of_one_kind_join) {
    EXPECT_TRUE(set(lock(LockType::read, 0, 9, &a_)));
    EXPECT_TRUE(set(lock(LockType::read, 20, ~u64{0}, &a_)));
    EXPECT_TRUE(set(lock(LockType::read, 10, 19, &a_)));
    EXPECT_EQ(count(), 1u);
    EXPECT_EQ(list_.front().lock.start, 0u);
    EXPECT_EQ(list_.front().lock.end, ~u64{0});
}

TEST_F(LockRanges, a_conversion_inside_leaves_the_rest) {
    EXPECT_TRUE(set(lock(LockType::write, 0, 99, &a_)));
    EXPECT_TRUE(set(lock(LockType::read, 10, 19, &a_)));
    EXPECT_EQ(count(), 3u);
    EXPECT_TRUE(set(lock(LockType::read, 10, 19, &b_)));
    EXPECT_FALSE(set(lock(LockType::read, 9, 9, &b_)));
}

// Against a model that keeps a lock a byte.
TEST_F(LockRanges, agrees_with_a_byte_map_on_random_operations) {
    constexpr u64 kBytes = 64;
    std::map<const void*, std::array<LockType, kBytes>> model;
    const void* owners[] = {&a_, &b_};
    for (const void* o : owners) model[o].fill(LockType::unlock);
    std::mt19937 random(7);
    for (int round = 0; round < 20000; round++) {
        const void* owner = owners[random() % 2];
        const void* other = owner == &a_ ? &b_ : &a_;
        LockType type = static_cast<LockType>(random() % 3);
        u64 start = random() % kBytes, end = std::min<u64>(start + random() % 20, kBytes - 1);
        bool conflict = false;
        for (u64 i = start; i <= end && type != LockType::unlock; i++) {
            LockType held = model[other][i];
            conflict |=
                held == LockType::write || (held == LockType::read && type == LockType::write);
        }
        ASSERT_EQ(set(lock(type, start, end, owner)), !conflict);
        if (!conflict)
            for (u64 i = start; i <= end; i++) model[owner][i] = type;
        u64 last = 0;
        std::map<const void*, std::array<LockType, kBytes>> seen;
        for (const void* o : owners) seen[o].fill(LockType::unlock);
        for (LockRange& r : list_) {
            ASSERT_LE(last, r.lock.start);
            last = r.lock.start;
            for (u64 i = r.lock.start; i <= r.lock.end; i++) {
                ASSERT_EQ(seen[r.lock.owner][i], LockType::unlock);
                seen[r.lock.owner][i] = r.lock.type;
            }
        }
        ASSERT_TRUE(seen == model);
    }
}

}  // namespace
}  // namespace tenon::personality
