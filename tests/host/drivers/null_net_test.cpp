// null_net on the mock core, and the packets that it carries.
#include <tenon/mock/net.h>

namespace {

using namespace tenon;

std::string frame(std::string_view payload) {
    return std::string("\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5", 14) + std::string(payload);
}

class NullNet : public mock::ModuleTest {
  protected:
    mock::NetInterface net{"null%d"};

    void carries_in_order(std::string_view parameters) {
        ASSERT_TRUE(mock::load(parameters));
        ASSERT_TRUE(net.up());
        std::vector<std::string> all;
        for (u32 i = 0; i < 500; ++i) {
            all.push_back(frame(std::to_string(i)));
            ASSERT_TRUE(net.send(all.back()));
        }
        mock::advance(100'000'000);
        EXPECT_EQ(net.received(), all);
        EXPECT_EQ(net.sent(), 500u);
        EXPECT_EQ(net.refused(), 0u);
        EXPECT_EQ(net.pending(), 0u);
    }
};

TEST_F(NullNet, gives_back_in_order_at_once) {
    carries_in_order("loopback=1 depth=7");
}
TEST_F(NullNet, gives_back_in_order_by_timer) {
    carries_in_order("loopback=1 completion=timer completion_ns=50000 depth=7");
}
TEST_F(NullNet, gives_back_in_order_by_worker) {
    carries_in_order("loopback=1 completion=worker");
}

TEST_F(NullNet, answers_what_it_drops) {
    for (const char* parameters : {"", "completion=timer", "completion=worker"}) {
        ASSERT_TRUE(mock::load(parameters));
        ASSERT_TRUE(net.up());
        for (u32 i = 0; i < 300; ++i) ASSERT_TRUE(net.send(frame("x")));
        mock::advance(100'000'000);
        EXPECT_EQ(net.sent(), 300u) << parameters;
        EXPECT_TRUE(net.received().empty());
        EXPECT_TRUE(mock::unload());
    }
}

TEST_F(NullNet, answers_nothing_of_before_when_it_is_up_again) {
    ASSERT_TRUE(mock::load("loopback=1 completion=timer completion_ns=1000000"));
    ASSERT_TRUE(net.up());
    ASSERT_TRUE(net.send(frame("before")));
    net.down();
    ASSERT_TRUE(net.up());
    ASSERT_TRUE(net.send(frame("after")));
    mock::advance(10'000'000);
    EXPECT_EQ(net.received(), std::vector{frame("after")});
    EXPECT_EQ(net.refused(), 0u);
}

TEST_F(NullNet, gives_all_back_when_the_load_fails_at_any_step) {
    EXPECT_GE(
        mock::at_every_failure([] { return mock::load("queues=2 completion=timer").has_value(); },
                               [] { mock::unload(); }),
        6u);
    EXPECT_EQ(mock::load("completion=never").error(), Error::inval);
}

// --- Packets

std::string text(const net::Packet& packet, u32 offset = 0) {
    std::string out(packet.length_bytes() - offset, '\0');
    EXPECT_EQ(packet.copy_to(offset, {reinterpret_cast<u8*>(out.data()), out.size()}), out.size());
    return out;
}
void fill(net::Packet& packet, std::string_view with, u32 offset = 0) {
    packet.fill(offset, {reinterpret_cast<const u8*>(with.data()), with.size()});
}
std::string pattern(usize length) {
    std::string out;
    for (u32 i = 0; out.size() < length; ++i) out += std::to_string(i) + ",";
    out.resize(length);
    return out;
}

class Packets : public mock::ModuleTest {};

TEST_F(Packets, hold_any_length_in_segments_within_pages) {
    for (u32 length : {0u, 1u, 60u, 1514u, 3840u, 3841u, 9000u, 65536u + 128u}) {
        auto packet = net::Packet::create(length);
        ASSERT_TRUE(packet) << length;
        fill(**packet, pattern(length));
        EXPECT_EQ(text(**packet), pattern(length)) << length;
        u32 sum = 0;
        for (const net::Segment& s : (*packet)->segments()) {
            sum += s.length_bytes;
            EXPECT_TRUE(s.page == nullptr || s.data == mm::page_address(s.page));
        }
        EXPECT_EQ(sum, length);
        EXPECT_LE((*packet)->segments().size(), net::kMaxSegments);
        EXPECT_GE((*packet)->head().size(), std::min(length, 128u));
        EXPECT_EQ((*packet)->segments().size() == 1, length <= 3840) << length;
    }
    EXPECT_EQ(net::Packet::create(net::kMaxPacketBytes + 1).error(), Error::msgsize);
}

TEST_F(Packets, get_headers_and_lose_them) {
    auto packet = *net::Packet::create(5, 20);
    fill(*packet, "bytes");
    ASSERT_NE(packet->push(14), nullptr);
    fill(*packet, "fourteen bytes");
    EXPECT_EQ(text(*packet), "fourteen bytesbytes");
    EXPECT_EQ(packet->push(19), nullptr);
    EXPECT_TRUE(packet->pull(9));
    EXPECT_EQ(text(*packet), "bytesbytes");
    EXPECT_FALSE(packet->pull(11));
    packet->trim(7);
    EXPECT_EQ(text(*packet, 2), "tesby");
}

TEST_F(Packets, are_cut_at_any_length) {
    for (u32 length : {0u, 1u, 255u, 256u, 257u, 4352u, 4353u, 8999u, 9000u, 9001u}) {
        auto packet = *net::Packet::create(9000);
        fill(*packet, pattern(9000));
        packet->trim(length);
        EXPECT_EQ(text(*packet), pattern(std::min(length, 9000u)));
        for (usize i = 1; i < packet->segments().size(); ++i)
            EXPECT_GT(packet->segments()[i].length_bytes, 0u);
    }
}

TEST_F(Packets, of_pages_take_the_references) {
    mm::Page* page = *mm::alloc_page();
    mm::page_ref(page);
    u8* bytes = static_cast<u8*>(mm::page_address(page));
    std::copy_n("zero copy", 9, bytes + 100);
    const net::Segment pieces[] = {{bytes + 100, 4, page}, {bytes + 104, 5, page}};
    {
        auto packet = net::Packet::of_pages(pieces);
        ASSERT_TRUE(packet);
        EXPECT_EQ(text(**packet), "zero copy");
        EXPECT_EQ((*packet)->segments()[0].data, bytes + 100);
        mm::page_ref(page);
    }
    EXPECT_EQ(page->refs, 1u);
    EXPECT_EQ(net::Packet::of_pages({}).error(), Error::inval);
    mm::page_unref(page);
}

TEST_F(Packets, count_against_their_sender_until_they_are_freed) {
    auto room = *net::SendRoom::create(3000);
    auto first = *net::Packet::create(1500), second = *net::Packet::create(1500);
    first->charge(room);
    EXPECT_TRUE(room->has_room());
    EXPECT_FALSE(room->has_half());
    second->charge(room);
    EXPECT_FALSE(room->has_room());
    EXPECT_TRUE(second->is_charged_to(*room));
    second->discharge();
    EXPECT_FALSE(second->is_charged_to(*room));
    EXPECT_TRUE(room->has_room());
    net::PacketList list;
    list.push_back(std::move(first));
    list.clear();
    EXPECT_EQ(room->used_bytes(), 0u);
}

TEST_F(Packets, stand_in_lists_in_order) {
    const auto make = [](u32 n) { return *net::Packet::create(n); };
    net::PacketList list, other;
    list.push_back(make(2));
    list.push_front(make(1));
    other.push_back(make(3));
    list.take(other);
    EXPECT_TRUE(other.empty());
    EXPECT_EQ(list.count(), 3u);
    for (u32 i = 1; i <= 3; ++i) EXPECT_EQ(list.pop_front()->length_bytes(), i);
    EXPECT_FALSE(list.pop_front());
}

}  // namespace
