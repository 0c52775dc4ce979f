// @NAME@ on the host. What a test can do: <tenon/mock/mock.h>.
#include <tenon/mock/mock.h>

namespace {

using namespace tenon;

class Module : public mock::ModuleTest {};

TEST_F(Module, remembers_the_last_line) {
    ASSERT_TRUE(mock::load());
    auto file = mock::open("/dev/@NAME@");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->read(10).value_or("?"), "");
    EXPECT_EQ(file->write("one").value_or(0), 3u);
    EXPECT_EQ(file->read_at(0, 10).value_or("?"), "one");
    EXPECT_EQ(file->read_at(1, 1).value_or("?"), "n");
}

TEST_F(Module, cuts_at_the_limit) {
    ASSERT_TRUE(mock::load("limit=4"));
    auto file = mock::open("/dev/@NAME@");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->write("abcdefgh").value_or(0), 8u);
    EXPECT_EQ(file->read_at(0, 10).value_or("?"), "abcd");
}

TEST_F(Module, refuses_a_limit_out_of_range) {
    EXPECT_FALSE(mock::load("limit=0"));
}

TEST_F(Module, gives_all_back_when_the_load_fails_at_any_step) {
    EXPECT_GE(mock::at_every_failure([] { return mock::load().has_value(); },
                                     [] { mock::unload(); }),
              4u);
}

}  // namespace
