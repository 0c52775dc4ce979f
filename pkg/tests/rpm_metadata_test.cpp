// The rules of RPM's metadata: versions, relations, rich dependencies.
#include <gtest/gtest.h>

#include <fstream>

#include "pkg/lib/rpm/relation.h"
#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {
namespace {

struct VersionCase {
    const char *a, *b;
    int order;
};

// Every rule of rpm-version(7), and what follows from two of them meeting.
constexpr VersionCase kVersions[] = {
    {"1", "1", 0},
    {"1", "2", -1},
    {"10", "9", 1},
    {"1.2", "1.2.0", -1},
    {"007", "7", 0},
    {"1.0", "1..0", 0},
    {"1-0", "1.0", 0},
    {"1a", "1b", -1},
    {"1a", "1.a", 0},
    {"1.a", "1.1", -1},
    {"a", "1", -1},
    {"2a", "2", 1},
    {"", "", 0},
    {"", "a", -1},
    {"", "~", 1},
    {"1", "1~", 1},
    {"1~~", "1~", -1},
    {"1~a", "1~b", -1},
    {"1^", "1", 1},
    {"1^", "1~", 1},
    {"1^a", "1.1", -1},
    {"1^a", "1a", -1},
    {"1^a", "1^b", -1},
    {"1^~", "1^", -1},
    {"1~^", "1~", 1},
    {"1~^", "1", -1},
    {"~", "^", -1},
    {"1.0_", "1.0", 0},
    {"1.0.", "1.0a", -1},
    {"A", "a", -1},
    {"99999999999999999999999999", "100000000000000000000000000", -1},
};

TEST(RpmVersion, table_of_rules) {
    for (const auto& c : kVersions) {
        EXPECT_EQ(compare_segments(c.a, c.b), c.order) << c.a << " " << c.b;
        EXPECT_EQ(compare_segments(c.b, c.a), -c.order) << c.b << " " << c.a;
    }
}

TEST(RpmVersion, every_line_of_the_corpus) {
    std::ifstream in(std::string(PKG_CORPORA) + "/versions/rpm.txt");
    if (!in) GTEST_SKIP() << "no corpora at " << PKG_CORPORA;
    size_t lines = 0;
    for (std::string line; std::getline(in, line);) {
        auto words = split_words(line);
        if (words.size() != 3) continue;
        lines++;
        EXPECT_EQ(compare_segments(words[0], words[1]), atoi(std::string(words[2]).c_str()))
            << line;
    }
    EXPECT_GT(lines, 90u);
}

TEST(RpmVersion, epoch_version_release_are_told_apart) {
    Evr e = Evr::parse("3:1.2-4.fc40");
    EXPECT_EQ(e.epoch, "3");
    EXPECT_EQ(e.version, "1.2");
    EXPECT_EQ(e.release, "4.fc40");
    EXPECT_EQ(e.str(), "3:1.2-4.fc40");
    EXPECT_EQ(Evr::parse("1-2-3").version, "1-2");
    EXPECT_EQ(Evr::parse(":1").epoch, "0");
    EXPECT_EQ(Evr::parse("a:1").version, "a:1");
    auto order = [](const char* a, const char* b) { return compare(Evr::parse(a), Evr::parse(b)); };
    EXPECT_EQ(order("0:1-1", "1-1"), 0);
    EXPECT_GT(order("1:1-1", "2-1"), 0);
    EXPECT_LT(order("1-1", "1-2"), 0);
    EXPECT_LT(order("1", "1-1"), 0);
    EXPECT_EQ(order("1", "1"), 0);
}

Relation relation(const std::string& text) {
    auto words = split_words(text);
    Relation r{std::string(words[0]), 0, ""};
    if (words.size() < 3) return r;
    for (char c : words[1]) r.flags |= c == '<' ? kLess : c == '>' ? kGreater : kEqual;
    r.evr = words[2];
    return r;
}

TEST(RpmRelation, ranges_overlap_as_in_rpm) {
    struct {
        const char *wanted, *provided;
        bool expected;
    } const kCases[] = {
        {"a", "a", true},
        {"a", "b", false},
        {"a", "a = 1-1", true},
        {"a = 1", "a", true},
        {"a = 1", "a = 1-1", true},
        {"a = 1-1", "a = 1", true},
        {"a = 1-2", "a = 1-1", false},
        {"a > 1", "a = 1-1", false},
        {"a >= 1", "a = 1-1", true},
        {"a < 1", "a = 1-1", false},
        {"a <= 1", "a = 1-1", true},
        {"a < 1-2", "a = 1", true},
        {"a <= 1-2", "a = 1", true},
        {"a < 1", "a < 1", true},
        {"a < 1", "a > 1", false},
        {"a <= 1", "a >= 1", true},
        {"a < 2", "a > 1", true},
        {"a > 2", "a < 1", false},
        {"a >= 2", "a = 1:1", true},
        {"a = 0:1", "a = 1", true},
        {"a = 1:1", "a = 1", false},
        {"a < 1:1", "a = 2", true},
        {"a > 1~rc1", "a = 1", true},
        {"a < 1^git", "a = 1", true},
    };
    for (const auto& c : kCases)
        EXPECT_EQ(matches(relation(c.wanted), relation(c.provided)), c.expected)
            << c.wanted << " / " << c.provided;
}

// Packages by number, each with what it provides.
class Shelf final : public Providers {
  public:
    explicit Shelf(std::vector<std::vector<std::string>> packages) : packages_(packages) {}
    std::vector<int> of(const Relation& wanted) const override {
        std::vector<int> out;
        for (size_t i = 0; i < packages_.size(); i++)
            for (const auto& p : packages_[i])
                if (matches(wanted, relation(p))) {
                    out.push_back(static_cast<int>(i));
                    break;
                }
        return out;
    }

  private:
    std::vector<std::vector<std::string>> packages_;
};

TEST(RpmRelation, rich_dependencies_hold_or_do_not) {
    Shelf shelf({{"a = 1", "x"}, {"b = 2", "x"}, {"c(x86-64) = 3"}});
    struct {
        const char* text;
        bool expected;
    } const kCases[] = {
        {"(a)", true},
        {"(z)", false},
        {"(a and b)", true},
        {"(a and z)", false},
        {"(a and b and c(x86-64) >= 2)", true},
        {"(z or a)", true},
        {"(z or y)", false},
        {"(a < 1 or b > 2)", false},
        {"(a if b)", true},
        {"(z if b)", false},
        {"(z if y)", true},
        {"(z if y else a)", true},
        {"(z if y else w)", false},
        {"(a unless z)", true},
        {"(a unless b)", false},
        {"(z unless b else a)", true},
        {"(x with a)", true},
        {"(a with b)", false},
        {"(x without a)", true},
        {"(a without x)", false},
        {"(x with (z or b))", true},
        {"((a and z) or b)", true},
        {"(a and (z or b))", true},
        {"((x with a) and (x with b))", true},
        {"(z if (a and b))", false},
    };
    for (const auto& c : kCases) {
        // "unless" may stand alone only where the expression must not hold.
        RichContext context = std::string_view(c.text).contains(" unless ")
                                  ? RichContext::must_not_hold
                                  : RichContext::must_hold;
        auto d = parse_rich(c.text, context);
        ASSERT_TRUE(d) << c.text << ": " << d.error().text;
        EXPECT_EQ(evaluate(*d, shelf), c.expected) << c.text;
        auto again = parse_rich(d->op == RichOp::none ? "(" + d->str() + ")" : d->str(), context);
        ASSERT_TRUE(again) << d->str();
        EXPECT_EQ(again->str(), d->str());
    }
}

TEST(RpmRelation, malformed_rich_dependencies_are_refused) {
    for (const char* text : {"",
                             "a",
                             " (a)",
                             "(",
                             "()",
                             "(a",
                             "(a and)",
                             "(a and b or c)",
                             "(a foo b)",
                             "(a b)",
                             "(a) b",
                             "(a >)",
                             "(a <> 1)",
                             "(a else b)",
                             "(a if b else c else d)",
                             "(a if b if c)",
                             "(a without b without c)",
                             "(a and b) and c",
                             "(a with (b and c))",
                             "((a if b) or c)",
                             "((a unless b) and c)"})
        EXPECT_FALSE(parse_rich(text)) << text;
    std::string deep = std::string(1000, '(') + "a" + std::string(1000, ')');
    EXPECT_FALSE(parse_rich(deep));
    // Where the expression must not hold, "if" is the ambiguous one.
    EXPECT_FALSE(parse_rich("(a if b)", RichContext::must_not_hold));
    EXPECT_TRUE(parse_rich("(a unless b)", RichContext::must_not_hold));
    EXPECT_FALSE(parse_rich("(a unless b)"));
}

}  // namespace
}  // namespace tenon::pkg::rpm
