// @NAME@ on the host. What a test can do: <tenon/mock/mock.h>, <tenon/mock/net.h>.
#include <tenon/mock/net.h>

namespace {

using namespace tenon;

// To 2:0:0:0:0:1, from 2:0:0:0:0:2.
std::string frame(std::string_view payload) {
    return std::string("\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5", 14) + std::string(payload);
}
std::string answer(std::string_view payload) {
    return std::string("\2\0\0\0\0\2\2\0\0\0\0\1\x88\xb5", 14) + std::string(payload);
}

class Module : public mock::ModuleTest {
  protected:
    mock::NetInterface net{"@NAME@"};
};

TEST_F(Module, gives_back_what_is_sent) {
    ASSERT_TRUE(mock::load());
    EXPECT_EQ(net.send(frame("early")).error(), Error::netdown);
    ASSERT_TRUE(net.up());
    ASSERT_TRUE(net.send(frame("hello")));
    ASSERT_TRUE(net.send(frame(std::string(1500, 'x'))));
    mock::settle();
    EXPECT_EQ(net.received(), (std::vector{answer("hello"), answer(std::string(1500, 'x'))}));
    EXPECT_EQ(net.sent(), 2u);
    EXPECT_EQ(net.pending(), 0u);
}

TEST_F(Module, keeps_the_order_of_more_than_its_ring_holds) {
    ASSERT_TRUE(mock::load());
    ASSERT_TRUE(net.up());
    std::vector<std::string> expected;
    for (u32 i = 0; i < 1000; ++i) {
        ASSERT_TRUE(net.send(frame(std::to_string(i))));
        expected.push_back(answer(std::to_string(i)));
    }
    mock::settle();
    EXPECT_EQ(net.received(), expected);
    EXPECT_EQ(net.refused(), 0u);
}

TEST_F(Module, holds_nothing_when_it_is_down) {
    ASSERT_TRUE(mock::load());
    ASSERT_TRUE(net.up());
    EXPECT_GT(net.buffers(), 0u);
    ASSERT_TRUE(net.send(frame("hello")));
    net.down();
    EXPECT_EQ(net.buffers(), 0u);
    EXPECT_EQ(net.pending(), 0u);
    mock::settle();
    (void)net.received();
    ASSERT_TRUE(net.up());
    ASSERT_TRUE(net.send(frame("again")));
    mock::settle();
    EXPECT_EQ(net.received(), std::vector{answer("again")});
}

TEST_F(Module, gives_all_back_when_the_load_fails_at_any_step) {
    EXPECT_GE(mock::at_every_failure([] { return mock::load().has_value(); },
                                     [] { mock::unload(); }),
              4u);  // the instance, the device, its worker, the registration
}

TEST_F(Module, is_down_when_there_is_no_memory_to_open_it) {
    ASSERT_TRUE(mock::load());
    mock::fail_step(3);
    EXPECT_EQ(net.up().error(), Error::nomem);
    mock::fail_step(0);
    net.down();
    EXPECT_TRUE(net.up());
}

}  // namespace
