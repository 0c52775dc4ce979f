// @NAME@ on the host. What a test can do: <tenon/mock/mock.h>, <tenon/mock/block.h>.
#include <tenon/mock/block.h>

namespace {

using namespace tenon;

class Module : public mock::ModuleTest {
  protected:
    mock::Disk disk{"@NAME@"};
};

TEST_F(Module, keeps_what_is_written) {
    ASSERT_TRUE(mock::load("size_mb=1"));
    EXPECT_EQ(disk.sectors(), 2048u);
    const std::string text(3 * 512, 'x'), zeros(512, '\0');
    ASSERT_TRUE(disk.write(7, text));
    EXPECT_EQ(disk.read(6, 5).value_or("?"), zeros + text + zeros);
    EXPECT_EQ(disk.read(2040, 9).error(), Error::nospc);
}

TEST_F(Module, moves_more_than_fits_into_a_request) {
    ASSERT_TRUE(mock::load());
    std::string text;
    for (u32 i = 0; text.size() < 512 * 1024; ++i) text += std::to_string(i) + " ";
    text.resize(512 * 1024);
    ASSERT_TRUE(disk.write(3, text));
    EXPECT_EQ(disk.read(3, 1024).value_or("?"), text);
}

TEST_F(Module, forgets_what_is_discarded) {
    ASSERT_TRUE(mock::load());
    ASSERT_TRUE(disk.write(8, std::string(8192, 'x')));
    ASSERT_TRUE(disk.discard(8, 8));
    EXPECT_EQ(disk.read(8, 16).value_or("?"), std::string(4096, '\0') + std::string(4096, 'x'));
    EXPECT_TRUE(disk.flush());
}

TEST_F(Module, takes_as_long_as_it_is_told) {
    ASSERT_TRUE(mock::load("delay_us=3000000"));
    const u64 began = mock::now_ns();
    ASSERT_TRUE(disk.write(0, std::string(512, 'x')));
    EXPECT_GE(mock::now_ns() - began, 3'000'000'000u);
}

TEST_F(Module, gives_all_back_when_the_load_fails_at_any_step) {
    EXPECT_GE(mock::at_every_failure([] { return mock::load().has_value(); },
                                     [] { mock::unload(); }),
              4u);  // the instance, the disk, its timer, the registration
}

}  // namespace
