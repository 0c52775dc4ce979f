// Alpine's versions and texts, the decoders, and the folder of keys.
#include <gtest/gtest.h>

#include "pkg/lib/apk/file.h"
#include "pkg/lib/text.h"
#include "pkg/tests/apk_builder.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::apk {
namespace {

TEST(ApkVersion, order) {
    const char* kAscending[] = {"0.1_alpha",
                                "0.1_alpha2",
                                "0.1_beta",
                                "0.1_pre1",
                                "0.1_rc",
                                "0.1",
                                "0.1-r1",
                                "0.1_cvs",
                                "0.1_git1",
                                "0.1_hg",
                                "0.1_p0",
                                "0.1_p1",
                                "0.1_p1-r1",
                                "0.1a",
                                "0.1b",
                                "0.1.0",
                                "0.1.05",
                                "0.1.4",
                                "0.1.5",
                                "0.2~12ab",
                                "0.2~12ab-r1",
                                "0.10",
                                "1",
                                "99999999999999999999",
                                "100000000000000000000"};
    size_t n = std::size(kAscending);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            int order = compare_versions(kAscending[i], kAscending[j]);
            EXPECT_EQ(order < 0 ? -1 : order > 0, i < j ? -1 : i > j)
                << kAscending[i] << " " << kAscending[j];
        }
    for (const char* bad : {"", "a", ".1", "1.", "1_", "1_foo", "1ab", "1-1", "1-r", "1-r1-r2",
                            "1-r1_p1", "1~", "1~zz", "1~ab~cd", "1 ", "1a1", "-r1"})
        EXPECT_FALSE(valid_version(bad)) << bad;
    for (const char* good : {"1", "1.2.3a_p1_git2~0af-r0", "0.1_p1_pre2", "006"})
        EXPECT_TRUE(valid_version(good)) << good;
}

TEST(ApkVersion, what_dependencies_ask) {
    EXPECT_TRUE(version_matches("3.6.1-r2", parse_match("~"), "3.6"));
    EXPECT_FALSE(version_matches("3.61", parse_match("~"), "3.6"));
    EXPECT_TRUE(version_matches("3.5", parse_match("<~"), "3.6"));
    EXPECT_TRUE(version_matches("3.6_rc1", parse_match("<"), "3.6"));
    EXPECT_TRUE(version_matches("3.6", parse_match(">="), "3.6"));
    EXPECT_FALSE(version_matches("3.6", parse_match(">"), "3.6"));
    EXPECT_EQ(parse_match("=?"), kMatchNone + 0u);
    for (const char* op : {"<", "<=", "=", ">=", ">", "~", "<~", ">~", "><"})
        EXPECT_STREQ(match_text(parse_match(op)), op);
}

TEST(ApkVersion, corpus) {
    std::string text = test::slurp(std::string(PKG_CORPORA) + "/versions/apk.txt");
    if (text.empty()) GTEST_SKIP() << "no corpus at " << PKG_CORPORA;
    size_t lines = 0;
    for (std::string_view line : split_lines(text)) {
        line = trim(line.substr(0, line.find('#')));
        if (line.empty()) continue;
        lines++;
        std::string shown(line);
        auto words = split_words(line);
        if (words.size() == 1) {
            bool valid = words[0][0] != '!';
            EXPECT_EQ(valid_version(valid ? words[0] : words[0].substr(1)), valid) << shown;
            continue;
        }
        ASSERT_EQ(words.size(), 3u) << shown;
        bool wanted = words[1][0] != '!';
        unsigned match = parse_match(wanted ? words[1] : words[1].substr(1));
        ASSERT_NE(match, 0u) << shown;
        EXPECT_EQ(version_matches(words[0], match, words[2]), wanted) << shown;
        if (words[1] == "<") {
            EXPECT_GT(compare_versions(words[2], words[0]), 0) << shown;
        }
    }
    EXPECT_GT(lines, 300u);
}

TEST(ApkPackage, dependencies) {
    for (const char* good : {"a", "!a", "a=1", "a>=1.2-r3", "a~3", "so:libz.so.1=1.3", "/bin/sh",
                             "cmd:[=1-r0", "a><Q1WSZm6vVnuSFZGYSmMTBVt3iXDpI="}) {
        auto d = Dependency::parse(good);
        ASSERT_TRUE(d) << d.error().text;
        EXPECT_EQ(d->str(), good);
    }
    EXPECT_EQ(Dependency::parse("py3-x", Dependency::Tags::allowed)->str(), "py3-x");
    auto pinned = Dependency::parse("a@edge>1", Dependency::Tags::allowed);
    ASSERT_TRUE(pinned);
    EXPECT_EQ(pinned->tag, "edge");
    EXPECT_EQ(pinned->str(), "a@edge>1");
    // Two bits of the last digit say nothing.
    EXPECT_EQ(*Checksum::parse("Q1WSZm6vVnuSFZGYSmMTBVt3iXDpJ="),
              *Checksum::parse("Q1WSZm6vVnuSFZGYSmMTBVt3iXDpI="));
    EXPECT_NE(*Checksum::parse("Q1WSZm6vVnuSFZGYSmMTBVt3iXDpM="),
              *Checksum::parse("Q1WSZm6vVnuSFZGYSmMTBVt3iXDpI="));
    for (const char* bad : {"", "!", "=1", "a=", "a=x", "a?1", "a=<>1", "a@edge", "a><Q1", "a b"})
        EXPECT_FALSE(Dependency::parse(bad)) << bad;
}

TEST(ApkPackage, index_text) {
    const char* text =
        "C:Q1WSZm6vVnuSFZGYSmMTBVt3iXDpI=\nP:made\nV:1-r0\nA:x86_64\nS:10\nI:20\nT:d\nU:u\nL:l\n"
        "o:src\nm:me\nt:5\nc:00ff\nk:3\nD:a !b c>1\np:d=1\ni:e f\n";
    auto list = parse_index(std::string(text) + "\n" + text + "z:ignored\n\n\n");
    ASSERT_TRUE(list) << list.error().text;
    ASSERT_EQ(list->size(), 2u);
    EXPECT_EQ(index_stanza((*list)[0]), text);
    EXPECT_EQ((*list)[1].not_installable, "");
    EXPECT_EQ((*list)[0].conflicts().size(), 1u);

    list = parse_index("P:a\nV:1\nD:x=?\n\nP:b\nV:1\nX:new\n");
    ASSERT_TRUE(list) << list.error().text;
    EXPECT_NE((*list)[0].not_installable, "");
    EXPECT_NE((*list)[1].not_installable, "");
    for (const char* bad :
         {"P:a\n", "V:1\n", "P:a\nV:x\n", "P:../a\nV:1\n", "P:a\nV:1\nS:-1\n",
          "P:a\nV:1\nno colon\n", "P:a\nV:1\nC:Q1short\n", "P:a\nV:1\nk:99999999999\n"})
        EXPECT_FALSE(parse_index(bad)) << bad;
}

// The decoders keep output back when the reader's buffer is full, after all input has gone in.
TEST(ApkStream, reads_of_every_length_see_the_whole) {
    for (size_t len = 0; len < 200; len += 3) {
        std::string plain;
        for (size_t i = 0; i < len; i++) plain += static_cast<char>("abcabcabd"[i * i % 9]);
        const std::pair<Filter, std::string> kForms[] = {
            {Filter::deflate, test::deflated(plain).substr(4)},
            {Filter::zstd, test::zstd(plain).substr(6)}};
        for (const auto& [filter, bytes] : kForms)
            for (size_t step = 1; step <= len + 1; step = step * 2 + 1)
                for (size_t cut = 0; cut < 2; cut++) {
                    Source source =
                        Source::memory(std::string_view(bytes).substr(0, bytes.size() - cut));
                    auto stream = decompress(source, filter);
                    ASSERT_TRUE(stream);
                    std::string got, buffer(step, '\0');
                    Result<size_t> n = (*stream)->read(buffer.data(), step);
                    for (; n && *n != 0; n = (*stream)->read(buffer.data(), step))
                        got.append(buffer, 0, *n);
                    EXPECT_EQ(n.has_value(), cut == 0) << len << " " << step;
                    EXPECT_TRUE(cut == 1 || got == plain) << len << " " << step;
                }
    }
}

TEST(ApkKeys, other_files_in_the_folder_are_passed_over) {
    test::Scratch scratch;
    std::string dir = scratch.dir() + "/keys";
    ASSERT_EQ(test::shell("mkdir -p " + dir + "/folder && mkfifo " + dir + "/fifo"), 0);
    test::write_temp(dir, "a.rsa.pub", test::rsa_pem());
    test::write_temp(dir, "README", "not a key");
    test::write_temp(dir, "huge", std::string(100000, 'x'));
    auto ring = KeyRing::load_host(dir);
    ASSERT_TRUE(ring) << ring.error().text;
    EXPECT_EQ(ring->size(), 1u);
    EXPECT_TRUE(ring->by_name("a.rsa.pub"));
    EXPECT_FALSE(ring->by_name("README"));
    EXPECT_FALSE(ApkFile::open(dir + "/fifo", *ring));
    EXPECT_FALSE(ApkFile::open(dir, *ring));
    EXPECT_FALSE(ApkFile::open(dir + "/none", *ring));
}

}  // namespace
}  // namespace tenon::pkg::apk
