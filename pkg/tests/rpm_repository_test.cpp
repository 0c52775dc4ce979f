// rpm-md metadata: what we write here, and what createrepo_c makes of the
// corpus.
#include <gtest/gtest.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/lib/rpm/repository.h"
#include "pkg/lib/rpm/rpm_file.h"
#include "pkg/lib/text.h"
#include "pkg/tests/rpm_builder.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {
namespace {

using rpm::Repomd;
using rpm::RepositoryFile;
using rpm::RepositoryPackage;

constexpr const char* kPrimary = R"xml(<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common"
 xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">
<package type="rpm"><name>a</name><arch>noarch</arch><version epoch="1" ver="2" rel="3"/>
<checksum type="sha256" pkgid="YES">abcd</checksum><summary>A &amp; B</summary>
<size package="100" installed="200" archive="300"/><location href="p/a.rpm"/>
<format><rpm:license>MIT</rpm:license><rpm:provides><rpm:entry name="a" flags="EQ" epoch="1"
 ver="2" rel="3"/></rpm:provides><rpm:requires><rpm:entry name="(b or c)"/><rpm:entry name="d"
 flags="GE" epoch="0" ver="4" pre="1"/></rpm:requires><file>/usr/bin/a</file>
<file type="dir">/etc/a</file></format></package></metadata>)xml";

Result<std::vector<RepositoryPackage>> primary(std::string_view xml) {
    auto stream = Source::memory(xml);
    std::vector<RepositoryPackage> out;
    TRY(rpm::read_primary(stream, [&](RepositoryPackage&& p) -> Status {
        out.push_back(std::move(p));
        return {};
    }));
    return out;
}

TEST(RpmRepository, primary_gives_packages) {
    auto all = primary(kPrimary);
    ASSERT_TRUE(all) << all.error().text;
    ASSERT_EQ(all->size(), 1u);
    const RepositoryPackage& p = (*all)[0];
    EXPECT_EQ(p.package.nevra(), "a-1:2-3.noarch");
    EXPECT_EQ(p.package.summary, "A & B");
    EXPECT_EQ(p.checksum.hex, "abcd");
    EXPECT_EQ(p.href, "p/a.rpm");
    EXPECT_EQ(p.size_bytes, 100u);
    EXPECT_EQ(p.package.provides[0].str(), "a = 1:2-3");
    EXPECT_EQ(p.package.requirements[0].str(), "(b or c)");
    EXPECT_EQ(p.package.requirements[1].str(), "d >= 4");
    EXPECT_TRUE(p.package.requirements[1].flags & rpm::kPreNeed);
    ASSERT_EQ(p.package.files.size(), 2u);
    EXPECT_EQ(p.package.files[0].path, "/usr/bin/a");
}

TEST(RpmRepository, hostile_xml_is_refused) {
    for (const char* xml : {"", "<a>", "<!DOCTYPE x [<!ENTITY a 'b'>]><metadata>&a;</metadata>",
                            "<metadata><package><name>a</name></package></metadata>",
                            "<metadata><package><location "
                            "href='../../etc/passwd'/></package></metadata>",
                            "<metadata><package><location "
                            "href='/etc/passwd'/></package></metadata>",
                            "<metadata>&undefined;</metadata>"})
        EXPECT_FALSE(primary(xml)) << xml;
    std::string deep;
    for (int i = 0; i < 100'000; i++) deep += "<a>";
    EXPECT_FALSE(primary(deep));
    EXPECT_FALSE(primary("<a>" + std::string(2'000'000, 'x') + "</a>"));
    std::string good = kPrimary;
    for (size_t n = 0; n < good.size(); n += 5) EXPECT_FALSE(primary(good.substr(0, n))) << n;
}

std::string with(std::string_view old, std::string_view now) {
    std::string xml = kPrimary;
    size_t at = xml.find(old);
    EXPECT_NE(at, xml.npos) << old;
    return xml.replace(at, old.size(), now);
}

TEST(RpmRepository, what_a_package_must_not_say_is_refused) {
    EXPECT_TRUE(primary(with("(b or c)", "(b or (c and d))")));
    const std::pair<const char*, const char*> kCases[] = {
        {"<name>a<", "<name><"},
        {"<name>a<", "<name>a/b<"},
        {"<name>a<", "<name>a&#10;b<"},
        {"<arch>noarch<", "<arch>../x<"},
        {"ver=\"2\" rel=\"3\"/>\n<checksum", "ver=\"2\"/>\n<checksum"},
        {"epoch=\"1\"", "epoch=\"x\""},
        {"epoch=\"1\"", "epoch=\"4294967296\""},
        {"p/a.rpm", "./"},
        {"flags=\"GE\"", "flags=\"XX\""},
        {"(b or c)", "(b or"},
        {"(b or c)", ""},
        {">/usr/bin/a<", ">usr/bin/a<"},
        {">/usr/bin/a<", ">/usr/../bin/a<"},
        {">/usr/bin/a<", ">/usr/&#10;<"},
    };
    for (auto [old, now] : kCases) EXPECT_FALSE(primary(with(old, now))) << now;
}

TEST(RpmRepository, size_is_bounded) {
    std::string megabyte(1'000'000, 'x');
    EXPECT_TRUE(primary(with("A &amp; B", megabyte)));
    EXPECT_FALSE(primary(with("A &amp; B", megabyte + megabyte)));
    EXPECT_FALSE(primary(with("\"100\"", "\"" + megabyte + megabyte + "\"")));
    EXPECT_FALSE(primary(with("<size", "<!--" + megabyte + megabyte + "--><size")));
    EXPECT_FALSE(primary("<!--" + megabyte + megabyte + "-->" + kPrimary));
    std::string much;
    for (int i = 0; i < 70; i++) much += "<url>" + megabyte + "</url>";
    EXPECT_FALSE(primary(with("<size", much + "<size")));
}

TEST(RpmRepository, encodings_are_those_of_xml) {
    std::string latin = with("UTF-8", "ISO-8859-1");
    latin.replace(latin.find("A &amp; B"), 9, "\xe4");
    auto all = primary(latin);
    ASSERT_TRUE(all) << all.error().text;
    EXPECT_EQ((*all)[0].package.summary, "\xc3\xa4");
    EXPECT_FALSE(primary(with("UTF-8", "EBCDIC-X")));
    EXPECT_FALSE(primary(with("A &amp; B", "\xe4 ")));
    EXPECT_FALSE(primary(with("A &amp; B", std::string_view("\0", 1))));
    std::string wide = "\xff\xfe";
    for (char c : with("UTF-8", "UTF-16")) {
        wide += c;
        wide += '\0';
    }
    EXPECT_TRUE(primary(wide));
}

TEST(RpmRepository, file_lists_are_as_clean_as_packages) {
    auto files = [](std::string_view xml) -> Result<size_t> {
        auto stream = Source::memory(xml);
        size_t count = 0;
        TRY(rpm::read_filelists(stream, [&](rpm::FileList&& l) -> Status {
            count += l.files.size() + l.directories.size() + l.ghosts.size();
            return {};
        }));
        return count;
    };
    std::string start = "<filelists><package pkgid='ab' name='a' arch='noarch'><version ver='1'/>";
    std::string end = "</package></filelists>";
    auto good = files(start + "<file>/a</file><file type='dir'>/b</file>" + end);
    ASSERT_TRUE(good) << good.error().text;
    EXPECT_EQ(*good, 2u);
    EXPECT_FALSE(files(start + "<file>a</file>" + end));
    EXPECT_FALSE(files(start + "<file>/../a</file>" + end));
    EXPECT_FALSE(files("<filelists><package/></filelists>"));
}

TEST(RpmRepository, numbers_of_repomd_are_numbers) {
    auto size = [](std::string_view text) -> Result<uint64_t> {
        std::string xml = "<repomd><data type='primary'><timestamp>12.34</timestamp><size>" +
                          std::string(text) + "</size></data></repomd>";
        auto stream = Source::memory(xml);
        TRY_SET(Repomd r, Repomd::parse(stream));
        return r.file("primary")->size_bytes;
    };
    EXPECT_EQ(size("12").value_or(0), 12u);
    for (const char* bad : {"", "-1", "x", "99999999999999999999"}) EXPECT_FALSE(size(bad)) << bad;
}

TEST(RpmRepository, files_must_have_their_checksum) {
    const char* suffixes[] = {"", ".gz", ".xz", ".zst", ".bz2"};
    for (int c = 0; c < 5; c++) {
        std::string bytes = compressed(kPrimary, static_cast<Compression>(c));
        RepositoryFile about{.type = "primary",
                             .href = std::string("repodata/primary.xml") + suffixes[c]};
        about.checksum = {HashAlgorithm::sha256, to_hex(hash_of(HashAlgorithm::sha256, bytes))};
        about.size_bytes = bytes.size();
        about.open_size_bytes = strlen(kPrimary);
        auto read = [&](const std::string& data) {
            auto stream = Source::memory(data);
            size_t count = 0;
            Status s = rpm::read_repository_file(stream, about, [&](ByteStream& xml) {
                return rpm::read_primary(xml, [&](RepositoryPackage&&) -> Status {
                    count++;
                    return {};
                });
            });
            return s && count != 1 ? Status(fail("%zu packages", count)) : s;
        };
        Status s = read(bytes);
        EXPECT_TRUE(s) << s.error().text;
        std::string bad = bytes;
        bad[bad.size() / 2] ^= 1;
        EXPECT_FALSE(read(bad));
        EXPECT_FALSE(read(bytes + "x"));
        EXPECT_FALSE(read(bytes.substr(0, bytes.size() - 1)));
        for (int difference : {-1, 1}) {
            about.open_size_bytes = strlen(kPrimary) + static_cast<size_t>(difference);
            EXPECT_FALSE(read(bytes));
            about.open_size_bytes = 0;
            about.size_bytes = bytes.size() + static_cast<size_t>(difference);
            EXPECT_FALSE(read(bytes));
            about.size_bytes = 0;
            EXPECT_TRUE(read(bytes));
        }
    }
}

// As createrepo_c writes them: sorted, without rpm's own features, without an
// epoch of 0, and with only the highest of libc's versions.
std::vector<std::string> texts(const std::vector<rpm::Relation>& relations) {
    std::vector<std::string> out;
    for (rpm::Relation r : relations) {
        if (r.name.starts_with("rpmlib(") || r.name.starts_with("libc.so.6")) continue;
        rpm::Evr evr = rpm::Evr::parse(r.evr);
        if (evr.epoch == "0") evr.epoch.clear();
        r.evr = evr.str();
        out.push_back(r.str());
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

TEST(RpmRepository, what_createrepo_says_is_what_the_packages_say) {
    if (access("/usr/bin/createrepo_c", X_OK) != 0) GTEST_SKIP() << "needs createrepo-c";
    Scratch s;
    if (shell("mkdir " + s.dir() + "/r && cp " PKG_CORPORA "/rpm/*.rpm " + s.dir() +
              "/r && chmod u+w " + s.dir() + "/r/*") != 0)
        GTEST_SKIP() << "no corpora at " << PKG_CORPORA;
    for (const char* kind : {"gz", "xz", "zstd"}) {
        // createrepo_c of Debian 12 knows no zstd for primary.
        if (shell("createrepo_c -q --general-compress-type=" + std::string(kind) + " " + s.dir() +
                  "/r 2>/dev/null") != 0)
            continue;
        std::string root = s.dir() + "/r/";
        auto xml = Source::open(root + "repodata/repomd.xml");
        ASSERT_TRUE(xml);
        auto repomd = Repomd::parse(*xml);
        ASSERT_TRUE(repomd) << repomd.error().text;
        const RepositoryFile* about = repomd->file("primary");
        ASSERT_TRUE(about && repomd->file("filelists"));
        auto data = Source::open(root + about->href);
        ASSERT_TRUE(data) << about->href;
        size_t packages = 0, files = 0, needs = 0;
        Status done = rpm::read_repository_file(*data, *about, [&](ByteStream& in) {
            return rpm::read_primary(in, [&](RepositoryPackage&& p) -> Status {
                packages++;
                TRY_SET(auto file, rpm::RpmFile::open(root + p.href));
                const rpm::Package& q = file.package();
                EXPECT_EQ(p.package.name, q.name);
                EXPECT_EQ(compare(p.package.evr, q.evr), 0) << p.href;
                EXPECT_EQ(texts(p.package.provides), texts(q.provides)) << p.href;
                // createrepo_c leaves out what a package needs of itself.
                auto all = texts(q.requirements), some = texts(p.package.requirements);
                EXPECT_TRUE(std::includes(all.begin(), all.end(), some.begin(), some.end()))
                    << p.href;
                needs += some.size();
                EXPECT_EQ(texts(p.package.obsoletes), texts(q.obsoletes)) << p.href;
                return {};
            });
        });
        EXPECT_TRUE(done) << done.error().text;
        EXPECT_GT(packages, 25u);
        about = repomd->file("filelists");
        data = Source::open(root + about->href);
        done = rpm::read_repository_file(*data, *about, [&](ByteStream& in) {
            return rpm::read_filelists(in, [&](rpm::FileList&& l) -> Status {
                files += l.files.size() + l.directories.size() + l.ghosts.size();
                return {};
            });
        });
        EXPECT_TRUE(done) << done.error().text;
        EXPECT_GT(files, 30u);
    }
}

}  // namespace
}  // namespace tenon::pkg::test
