// Every name stays below the root: with openat2, and with the fallback for a kernel without it.
#include "pkg/lib/root.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "pkg/tests/scratch.h"

namespace tenon::pkg {
namespace {

class RootTest : public testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        auto r = Root::open(scratch_.root_dir());
        ASSERT_TRUE(r);
        root_ = std::move(*r);
        root_.use_openat2(GetParam());
        root_.set_sync(false);
        test::write_temp(scratch_.dir(), "outside", "secret");
    }
    test::Scratch scratch_;
    Root root_;
};

TEST_P(RootTest, an_absolute_link_means_the_root) {
    ASSERT_TRUE(root_.mkdir_all("/usr/bin", 0755));
    ASSERT_TRUE(root_.symlink("/usr/bin", "bin"));
    ASSERT_TRUE(root_.write_file("/bin/x", "1"));
    EXPECT_EQ(test::slurp(scratch_.root_dir() + "/usr/bin/x"), "1");
}

TEST_P(RootTest, no_path_and_no_link_leads_out) {
    ASSERT_TRUE(root_.symlink("..", "up"));
    ASSERT_TRUE(root_.symlink("../../../..", "far"));
    ASSERT_TRUE(root_.symlink(scratch_.dir(), "abs"));
    for (const char* path : {"../outside", "up/outside", "far/outside", "abs/outside",
                             "up/../outside", "../../../../../../etc/hostname"}) {
        auto text = root_.read_if_there(path);
        EXPECT_TRUE(!text || !*text) << path;
    }
    // Writing through them lands inside.
    ASSERT_TRUE(root_.write_file("up/made", "x"));
    EXPECT_EQ(test::slurp(scratch_.root_dir() + "/made"), "x");
    EXPECT_EQ(test::slurp(scratch_.dir() + "/made"), "");
}

TEST_P(RootTest, the_last_component_is_not_followed) {
    ASSERT_TRUE(root_.write_file("target", "old"));
    ASSERT_TRUE(root_.symlink("target", "link"));
    EXPECT_FALSE(root_.create_exclusive("link", 0644));
    EXPECT_FALSE(root_.open_read("link"));
    ASSERT_TRUE(root_.write_file("link", "new"));
    EXPECT_EQ(test::slurp(scratch_.root_dir() + "/target"), "old");
    auto st = root_.lstat("link");
    EXPECT_TRUE(st && *st && S_ISREG((*st)->st_mode));
}

TEST_P(RootTest, a_loop_of_links_is_an_error) {
    ASSERT_TRUE(root_.symlink("b", "a"));
    ASSERT_TRUE(root_.symlink("a", "b"));
    auto fd = root_.open_path("a/x");
    ASSERT_FALSE(fd);
    EXPECT_EQ(fd.error().code, ELOOP);
}

TEST_P(RootTest, magic_links_are_not_followed) {
    ASSERT_TRUE(root_.mkdir("fd", 0755));
    ASSERT_TRUE(root_.symlink("/proc/self/root/etc", "proc-link"));
    EXPECT_FALSE(root_.open_path("proc-link/hostname"));
}

TEST_P(RootTest, a_replaced_directory_is_looked_up_again) {
    ASSERT_TRUE(root_.mkdir_all("d/e", 0755));
    ASSERT_TRUE(root_.write_file("d/e/1", "1"));
    ASSERT_TRUE(root_.rename("d/e", "d/f"));
    ASSERT_TRUE(root_.mkdir("d/e", 0755));
    ASSERT_TRUE(root_.write_file("d/e/2", "2"));
    EXPECT_EQ(test::slurp(scratch_.root_dir() + "/d/e/2"), "2");
}

TEST_P(RootTest, removing_a_tree_does_not_follow_links) {
    ASSERT_TRUE(root_.mkdir_all("t/s", 0755));
    ASSERT_TRUE(root_.mkdir("keep", 0755));
    ASSERT_TRUE(root_.write_file("keep/x", "x"));
    ASSERT_TRUE(root_.symlink("../keep", "t/link"));
    ASSERT_TRUE(root_.write_file("t/s/y", "y"));
    ASSERT_TRUE(root_.remove_tree("t"));
    EXPECT_FALSE(*root_.exists("t"));
    EXPECT_TRUE(*root_.exists("keep/x"));
    ASSERT_TRUE(root_.remove_tree("nothing"));
}

TEST_P(RootTest, names_that_name_nothing_are_refused) {
    EXPECT_FALSE(root_.mkdir("", 0755));
    EXPECT_FALSE(root_.mkdir("/", 0755));
    EXPECT_FALSE(root_.unlink("a/.."));
    EXPECT_FALSE(*root_.unlink("nothing/at/all"));
}

INSTANTIATE_TEST_SUITE_P(Both, RootTest, testing::Values(true, false),
                         [](const auto& i) { return i.param ? "openat2" : "fallback"; });

}  // namespace
}  // namespace tenon::pkg
