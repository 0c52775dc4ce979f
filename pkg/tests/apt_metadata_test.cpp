// Sources, Release files, indexes and pins: text in, model out.
#include <gtest/gtest.h>

#include "pkg/lib/apt/index.h"
#include "pkg/lib/apt/policy.h"
#include "pkg/lib/apt/release.h"
#include "pkg/lib/apt/sources.h"
#include "pkg/lib/openpgp/signed_text.h"
#include "pkg/tests/apt_repository.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {
namespace {

TEST(AptSources, one_line_form) {
    auto s = apt::parse_one_line_sources(
        "# comment\n"
        "deb http://a.example/debian stable main contrib # more\n"
        "deb-src http://a.example/debian stable main\n"
        "\n"
        "deb [arch=amd64,i386 signed-by=/k.gpg trusted=yes by-hash=no] file:/x ./\n"
        "deb [ check-valid-until=no ] copy:/y/ $(ARCH)/sub/\n",
        "list", "amd64");
    ASSERT_TRUE(s) << s.error().text;
    ASSERT_EQ(s->size(), 3u);
    const auto &a = (*s)[0], &b = (*s)[1], &c = (*s)[2];
    EXPECT_EQ(a.release_uri(), "http://a.example/debian/dists/stable/");
    EXPECT_EQ(a.list_name(), "a.example_debian_dists_stable_");
    EXPECT_EQ(a.components, (std::vector<std::string>{"main", "contrib"}));
    EXPECT_EQ(a.where, "list:2");
    EXPECT_FALSE(a.trusted.has_value());
    EXPECT_TRUE(b.is_flat());
    EXPECT_EQ(b.release_uri(), "file:/x/");
    EXPECT_EQ(b.architectures, (std::vector<std::string>{"amd64", "i386"}));
    EXPECT_EQ(b.signed_by, "/k.gpg");
    EXPECT_EQ(b.trusted, true);
    EXPECT_FALSE(b.by_hash);
    EXPECT_EQ(c.release_uri(), "copy:/y/amd64/sub/");
    EXPECT_FALSE(c.check_valid_until);
}

TEST(AptSources, bad_lines_are_named) {
    for (const char* bad :
         {"debian http://a b c", "deb http://a", "deb [x http://a b c", "deb nouri stable main",
          "deb http://a stable", "deb http://a ./ main", "deb [trusted=maybe] http://a b c",
          "deb http://a ../../etc main", "deb http://a stable ../x"}) {
        auto s = apt::parse_one_line_sources(bad, "list", "amd64");
        ASSERT_FALSE(s) << bad;
        EXPECT_TRUE(s.error().text.starts_with("list:1: ")) << s.error().text;
    }
}

TEST(AptSources, deb822_form_is_expanded) {
    auto s = apt::parse_deb822_sources(
        "Types: deb deb-src\nURIs: http://a/ http://b\nSuites: x y\nComponents: main\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
        " -----END PGP PUBLIC KEY BLOCK-----\n\n"
        "Types: deb\nEnabled: no\nURIs: http://c\nSuites: x\nComponents: main\n\n"
        "Types: deb-src\nURIs: http://d\nSuites: x\nComponents: main\n",
        "f.sources", "amd64");
    ASSERT_TRUE(s) << s.error().text;
    ASSERT_EQ(s->size(), 4u);
    EXPECT_EQ((*s)[3].release_uri(), "http://b/dists/y/");
    EXPECT_NE((*s)[0].signed_by.find("BEGIN PGP"), std::string::npos);
    EXPECT_FALSE(apt::parse_deb822_sources("Types: deb\nURIs: x\nSuites: y\n", "f", "amd64"));
}

TEST(AptRelease, is_read_and_bad_ones_are_refused) {
    const std::string digest(64, 'a'), head = "Suite: s\nDate: Sat, 11 Jan 2025 10:04:05 UTC\n";
    auto r = apt::Release::parse(head + "NotAutomatic: yes\nSHA256:\n " + digest + " 12 ./a/b\n");
    ASSERT_TRUE(r) << r.error().text;
    EXPECT_EQ(r->date, 1736589845);
    EXPECT_EQ(r->default_priority(), 1);
    ASSERT_TRUE(r->files.contains("a/b"));
    EXPECT_EQ(r->files.find("a/b")->second.size_bytes, 12u);
    for (const std::string& bad :
         {head + "SHA256:\n " + digest + " 12 ../x\n", head + "SHA256:\n " + digest + " 12 /x\n",
          head + "SHA256:\n abc 12 x\n", head + "SHA256:\n " + digest + " -1 x\n",
          std::string("Date: yesterday\n"), head + "Valid-Until: Sat, 11 Foo 2025 10:04:05 UTC\n",
          head + "\n" + head})
        EXPECT_FALSE(apt::Release::parse(bad)) << bad;
    for (const char* bad : {"", "11 Jan 2025", "Sat, 41 Jan 2025 10:04:05 UTC",
                            "Sat, 11 Jan 2025 10:04 UTC", "Sat, 11 Jan 2025 10:04:05 CET"})
        EXPECT_FALSE(apt::parse_date(bad)) << bad;
}

constexpr const char* kGoodStanza =
    "Package: a\nVersion: 1:2-3\nArchitecture: amd64\nMaintainer: somebody\n"
    "Depends: b (>= 1) | c,\n d\nFilename: pool/a.deb\nSize: 5\nDescription: short\n long\n";

std::string stanza(const std::string& more = "") {
    return kGoodStanza + ("SHA256: " + std::string(64, '0') + "\n") + more;
}

TEST(AptIndex, keeps_what_counts) {
    std::string text = stanza() + "\n\n \n" + stanza("Tag: x\n");
    Source in = Source::memory(text);
    apt::IndexReport report;
    auto index = apt::make_index(in, report);
    ASSERT_TRUE(index) << index.error().text;
    EXPECT_EQ(report.packages, 2u);
    EXPECT_EQ(index->find("Maintainer"), std::string::npos);
    EXPECT_EQ(index->find("long"), std::string::npos);
    apt::Catalog catalog;
    std::string packed = apt::compress_index(*index);
    Source again = Source::memory(packed);
    Status added = catalog.add(again, 7);
    ASSERT_TRUE(added) << added.error().text;
    catalog.finish();
    ASSERT_EQ(catalog.records().size(), 2u);
    const apt::Record& r = catalog.records()[1];
    EXPECT_EQ(r.spec(), "a 1:2-3");
    EXPECT_EQ(r.origin, 7u);
    EXPECT_EQ(r.get("depends"), "b (>= 1) | c,\n d");
    EXPECT_EQ(catalog.range("a"), (std::pair<size_t, size_t>(0, 2)));
    EXPECT_EQ(catalog.range("b").first, catalog.range("b").second);
}

TEST(AptIndex, leaves_out_what_is_malformed) {
    auto without = [](const std::string& line, const std::string& instead) {
        std::string s = stanza();
        size_t at = s.find(line);
        return s.replace(at, s.find('\n', at) + 1 - at, instead);
    };
    std::string all;
    size_t count = 0;
    for (const auto& bad :
         {without("Filename:", "Filename: ../../etc/passwd\n"), without("Filename:", ""),
          without("Size:", "Size: many\n"), without("SHA256:", "SHA256: 00\n"),
          without("Version:", "Version: -\n"), without("Package:", "Package: ../x\n"),
          without("Depends:", "Depends: b (>= 1\n"), without("Architecture:", "")}) {
        all += bad + "\n";
        count++;
    }
    all += stanza();
    Source in = Source::memory(all);
    apt::IndexReport report;
    auto index = apt::make_index(in, report);
    ASSERT_TRUE(index);
    EXPECT_EQ(report.packages, 1u);
    EXPECT_EQ(report.left_out_count, count);
    EXPECT_EQ(report.left_out.size(), 5u);
}

TEST(AptIndex, stanzas_are_found_wherever_blocks_end) {
    // Longer than the reader's block several times over, with stanzas of every length.
    std::string text;
    size_t count = 0;
    for (size_t n = 0; text.size() < 1'200'000; n++, count++)
        text += stanza("Provides: " + std::string(1 + n * 37 % 900, 'p') + "\n") + "\n";
    Source in = Source::memory(text);
    size_t seen = 0;
    Status s = apt::for_each_stanza(in, [&](apt::StanzaView v) -> Status {
        EXPECT_EQ(v.get("Provides").size(), 1 + seen * 37 % 900);
        seen++;
        return {};
    });
    ASSERT_TRUE(s);
    EXPECT_EQ(seen, count);
    std::string nul = stanza() + std::string("\0", 1);
    Source bad = Source::memory(nul);
    EXPECT_FALSE(apt::for_each_stanza(bad, [](apt::StanzaView) { return Status(); }));
    std::string endless = "A: " + std::string(6 * 1024 * 1024, 'x');
    Source long_one = Source::memory(endless);
    EXPECT_FALSE(apt::for_each_stanza(long_one, [](apt::StanzaView) { return Status(); }));
}

TEST(SignedText, what_gpg_signs_is_good_and_any_change_is_not) {
    const SigningKeys* keys = SigningKeys::get();
    if (!keys) GTEST_SKIP() << "needs gpg";
    const std::string text = "one\n- dash\n-two  \n\n\ttab\t\nFrom x\nlast\n";
    int64_t now = time(nullptr);
    ASSERT_TRUE(keys->make("rsa", "rsa2048"));
    for (const char* user : {"good", "rsa"}) {
        openpgp::Keyring ring, wrong;
        ASSERT_TRUE(ring.add(keys->public_key(user)));
        ASSERT_TRUE(wrong.add(keys->public_key("other")));
        std::string file = keys->sign(user, "--clear-sign", text);
        auto parsed = openpgp::parse_clear_signed(file);
        ASSERT_TRUE(parsed) << parsed.error().text;
        EXPECT_EQ(parsed->text, "one\n- dash\n-two\n\n\ttab\nFrom x\nlast\n");
        auto who = openpgp::check_clear_signed(*parsed, ring, now);
        ASSERT_TRUE(who) << who.error().text;
        EXPECT_EQ(*who, user);
        EXPECT_FALSE(openpgp::check_clear_signed(*parsed, wrong, now));
        parsed->text[0] = 'O';
        EXPECT_FALSE(openpgp::check_clear_signed(*parsed, ring, now));
        // Every byte of the file changed, one at a time: either refused or the same text.
        for (size_t i = 0; i < file.size(); i++) {
            std::string changed = file;
            changed[i] = static_cast<char>(changed[i] ^ 4);
            auto p = openpgp::parse_clear_signed(changed);
            if (p && openpgp::check_clear_signed(*p, ring, now))
                EXPECT_EQ(p->text, "one\n- dash\n-two\n\n\ttab\nFrom x\nlast\n") << i;
        }
        for (size_t n = 0; n < file.size() - 1; n++)
            EXPECT_FALSE(openpgp::parse_clear_signed(file.substr(0, n)) && n + 2 < file.size())
                << n;
        EXPECT_FALSE(openpgp::parse_clear_signed("x\n" + file));
        EXPECT_FALSE(openpgp::parse_clear_signed(file + "x\n"));
        std::string detached = keys->sign(user, "--detach-sign", text);
        EXPECT_TRUE(openpgp::check_detached(text, detached, ring, now));
        EXPECT_FALSE(openpgp::check_detached(text + "x", detached, ring, now));
        EXPECT_FALSE(openpgp::check_detached(text, detached, wrong, now));
    }
    openpgp::Keyring ring;
    ASSERT_TRUE(ring.add(keys->public_key("rsa")));
    auto weak = openpgp::parse_clear_signed(
        keys->sign("rsa", "--clear-sign", text, "--digest-algo SHA1 --allow-weak-digest-algos"));
    ASSERT_TRUE(weak);
    auto r = openpgp::check_clear_signed(*weak, ring, now);
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().text.find("SHA1"), std::string::npos) << r.error().text;
}

TEST(AptPolicy, preferences_are_read) {
    auto pins = apt::parse_preferences(
        "Explanation: x\nPackage: a b*\nPin: release o=Debian, a=\"stable\"\nPin-Priority: 900\n\n"
        "Package: *\nPin: origin \"host\"\nPin-Priority: -1\n\n"
        "Package: c\nPin: version 1.*\nPin-Priority: 1001\n");
    ASSERT_TRUE(pins) << pins.error().text;
    ASSERT_EQ(pins->size(), 3u);
    EXPECT_EQ((*pins)[0].conditions[1].second, "stable");
    EXPECT_EQ((*pins)[1].priority, -1);
    EXPECT_EQ((*pins)[2].value, "1.*");
    for (const char* bad :
         {"Package: a\nPin: moon\nPin-Priority: 1\n",
          "Package: a\nPin: version 1\nPin-Priority: x\n",
          "Package: a\nPin: release x\nPin-Priority: 1\n", "Pin: version 1\nPin-Priority: 5\n"})
        EXPECT_FALSE(apt::parse_preferences(bad)) << bad;
}

}  // namespace
}  // namespace tenon::pkg::test
