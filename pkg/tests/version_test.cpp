#include "pkg/lib/version.h"

#include <gtest/gtest.h>

#include "pkg/lib/text.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg {
namespace {

int sign(int x) {
    return (x > 0) - (x < 0);
}

struct Row {
    const char *a, *b;
    int order;
};

constexpr Row kTable[] = {
    {"1.0-1", "1.0-2", -1},
    {"1.0", "1.0-0", 0},
    {"0:1.0", "1.0", 0},
    {"1:0.1", "9.9", 1},
    {"1.0~rc1", "1.0", -1},
    {"1.0~", "1.0~~", 1},
    {"1.0~~a", "1.0~", -1},
    {"1.0a", "1.0", 1},
    {"1.0+b", "1.0", 1},
    {"1.0.1", "1.0a", 1},
    {"1.10", "1.9", 1},
    {"1.010", "1.10", 0},
    {"a1", "1a", 1},
    {"1.0-1", "1.0-1~deb1", 1},
    {"2-1-1", "2-1-2", -1},
    {"12~bpo1", "12", -1},
    {"0", "0.0", -1},
    {"1z", "1.", -1},
    {"1.0-1+deb12u1", "1.0-1+deb12u10", -1},
    {"99999999999999999999", "9", 1},
};

TEST(Version, orders_as_the_table_says) {
    for (const Row& r : kTable) {
        auto a = Version::parse(r.a), b = Version::parse(r.b);
        ASSERT_TRUE(a && b) << r.a << " " << r.b;
        EXPECT_EQ(sign(compare(*a, *b)), r.order) << r.a << " " << r.b;
        EXPECT_EQ(sign(compare(*b, *a)), -r.order) << r.b << " " << r.a;
    }
}

TEST(Version, orders_as_the_shared_corpus_says) {
    std::string text = test::slurp(std::string(PKG_CORPORA) + "/versions/dpkg.txt");
    if (text.empty()) GTEST_SKIP() << "no corpus at " << PKG_CORPORA;
    size_t lines = 0;
    for (auto line : split_lines(text)) {
        auto w = split_words(line);
        if (w.size() != 3 || w[0].starts_with('#')) continue;
        auto a = Version::parse(w[0]), b = Version::parse(w[1]);
        ASSERT_TRUE(a && b) << line;
        EXPECT_EQ(sign(compare(*a, *b)), atoi(std::string(w[2]).c_str())) << line;
        lines++;
    }
    EXPECT_GT(lines, 20u);
}

TEST(Version, refuses_what_is_no_version) {
    for (const char* bad : {"", " ", "a:1", ":1", "1:", "1-", "-1", "1 2", "1/2", "1_2", "1-2_3",
                            "99999999999:1", "1\xff"})
        EXPECT_FALSE(Version::parse(bad)) << bad;
}

TEST(Version, writes_what_it_read) {
    for (const char* text : {"1.0", "1:2.3-4", "2.0-1~exp1", "1-2-3", "3:4"})
        EXPECT_EQ(Version::parse(text)->str(), text);
    EXPECT_EQ(Version::parse("0:1.0")->str(), "1.0");
}

TEST(Version, a_relation_holds_when_it_should) {
    auto v = [](const char* s) { return *Version::parse(s); };
    EXPECT_TRUE(satisfies(v("1.0"), Relation::lt, v("1.1")));
    EXPECT_FALSE(satisfies(v("1.1"), Relation::lt, v("1.1")));
    EXPECT_TRUE(satisfies(v("1.1"), Relation::le, v("1.1")));
    EXPECT_TRUE(satisfies(v("1.1"), Relation::ge, v("1.1")));
    EXPECT_FALSE(satisfies(v("1.1"), Relation::gt, v("1.1")));
    EXPECT_TRUE(satisfies(v("1.1"), Relation::eq, v("0:1.1")));
    EXPECT_TRUE(satisfies(v("1.1"), Relation::none, v("9")));
}

}  // namespace
}  // namespace tenon::pkg
