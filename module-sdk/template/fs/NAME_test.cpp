// @NAME@ on the host. What a test can do: <tenon/mock/mock.h>.
#include <tenon/mock/mock.h>
#include <tenon/vfs/super_block.h>

#include <algorithm>

namespace {

using namespace tenon;

class Module : public mock::ModuleTest {};

TEST_F(Module, lists_and_reads) {
    ASSERT_TRUE(mock::load());
    auto super = mock::mount("@NAME@");
    ASSERT_TRUE(super);
    auto root = mock::open_in(**super, "");
    ASSERT_TRUE(root);
    auto names = root->list();
    ASSERT_TRUE(names);
    EXPECT_EQ(*names, (std::vector<std::string>{".", "..", "hello", "readme"}));
    auto file = mock::open_in(**super, "hello");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->read(5).value_or("?"), "Hello");
    EXPECT_EQ(file->read(100).value_or("?"), " from @NAME@.\n");
    EXPECT_EQ(file->read(100).value_or("?"), "");
    EXPECT_EQ(mock::open_in(**super, "nothing").error(), Error::noent);
}

TEST_F(Module, refuses_options_that_it_does_not_know) {
    ASSERT_TRUE(mock::load());
    EXPECT_EQ(mock::mount("@NAME@", "none", 0, "size=1").error(), Error::inval);
}

TEST_F(Module, gives_all_back_when_a_mount_fails_at_any_step) {
    ASSERT_TRUE(mock::load());
    Ref<vfs::SuperBlock> kept;
    const u32 steps = mock::at_every_failure(
        [&] {
            auto super = mock::mount("@NAME@");
            if (super) kept = *super;
            return super.has_value();
        },
        [&] { kept = nullptr; });
    EXPECT_EQ(steps, 3u);  // super block, inode, dentry
}

}  // namespace
