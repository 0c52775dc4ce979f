#include "core/mm/slab_classes.h"

#include <gtest/gtest.h>

namespace tenon::mm {

TEST(SlabClasses, every_size_gets_the_smallest_class_that_holds_it) {
    for (usize size = 1; size <= kMaxClassBytes; ++size) {
        const u32 c = class_of(size);
        ASSERT_LT(c, kClassCount) << size;
        ASSERT_GE(kClassBytes[c], size);
        if (c > 0) ASSERT_LT(kClassBytes[c - 1], size) << size;
    }
}

TEST(SlabClasses, sizes_of_16_and_more_keep_16_byte_alignment) {
    for (u32 c = 1; c < kClassCount; ++c) EXPECT_EQ(kClassBytes[c] % 16, 0);
}

}  // namespace tenon::mm
