#include <gtest/gtest.h>
#include <tenon/vfs/pipe_ring.h>

namespace tenon::vfs {
namespace {

struct Page {
    int number;
};
using Slot = PipeSlot<Page>;

TEST(PipeRing, is_first_in_first_out_around_the_end) {
    Slot slots[4];
    PipeRing<Page> ring;
    ring.init(slots, 4);
    Page pages[10];
    int in = 0, out = 0;
    for (int round = 0; round < 20; round++) {
        while (!ring.full()) {
            pages[in % 10].number = in;
            ring.push().page = &pages[in % 10];
            in++;
        }
        EXPECT_EQ(ring.used(), 4u);
        for (int i = 0; i < 3; i++) EXPECT_EQ(ring.pop()->number, out++);
    }
}

TEST(PipeRing, counts_bytes_and_room) {
    Slot slots[2];
    PipeRing<Page> ring;
    ring.init(slots, 2);
    Slot& s = ring.push();
    s.length = 100;
    s.may_append = true;
    EXPECT_EQ(ring.bytes(), 100u);
    s.may_append = false;
}

TEST(PipeRing, resizes_only_when_the_contents_fit) {
    Slot small[2], big[8], tiny[1];
    PipeRing<Page> ring;
    ring.init(small, 2);
    Page pages[2] = {{1}, {2}};
    ring.push().page = &pages[0];
    (void)ring.pop();
    ring.push().page = &pages[0];
    ring.push().page = &pages[1];  // wraps
    EXPECT_FALSE(ring.resize(tiny, 1));
    EXPECT_TRUE(ring.resize(big, 8));
    EXPECT_EQ(ring.capacity(), 8u);
    EXPECT_EQ(ring.pop()->number, 1);
    EXPECT_EQ(ring.pop()->number, 2);
    EXPECT_TRUE(ring.empty());
}

}  // namespace
}  // namespace tenon::vfs
