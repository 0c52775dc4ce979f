// RPM files made here: every form is read, every kind of damage and deceit is refused.
#include "pkg/lib/rpm/rpm_file.h"

#include <gtest/gtest.h>

#include <random>

#include "pkg/lib/rpm/payload.h"
#include "pkg/tests/rpm_builder.h"

namespace tenon::pkg::test {
namespace {

namespace tag = rpm::tag;
using rpm::RpmFile;

class Collector final : public EntrySink {
  public:
    Status entry(const TarEntry& entry, EntryData& data) override {
        entries.push_back(entry);
        std::string all;
        char block[100];
        for (;;) {
            TRY_SET(size_t n, data.read(block, sizeof(block)));
            if (n == 0) break;
            all.append(block, n);
        }
        contents.push_back(all);
        return {};
    }
    std::vector<TarEntry> entries;
    std::vector<std::string> contents;
};

RpmSpec simple() {
    RpmSpec s;
    s.items = {{.path = "/usr/bin", .mode = S_IFDIR | 0755},
               {.path = "/usr/bin/a", .mode = S_IFREG | 0755, .data = "program"},
               {.path = "/usr/bin/b", .mode = S_IFLNK | 0777, .data = "a"},
               {.path = "/usr/share/a/big", .data = std::string(70'000, 'x')},
               {.path = "/usr/share/a/empty"},
               {.path = "/var/log/a", .data = "none", .flags = rpm::kFileGhost}};
    return s;
}

Status read_all(const std::string& bytes, Collector& out) {
    TRY_SET(RpmFile f, RpmFile::open_memory(bytes));
    return f.walk(out);
}

void expect_refused(const std::string& bytes, const char* what, const char* words) {
    Collector c;
    Status s = read_all(bytes, c);
    ASSERT_FALSE(s) << what;
    EXPECT_NE(s.error().text.find(words), std::string::npos) << what << ": " << s.error().text;
}

TEST(RpmFile, every_compression_and_every_cpio_is_read) {
    for (auto c : {Compression::none, Compression::gzip, Compression::xz, Compression::zstd,
                   Compression::bzip2, Compression::lzma}) {
        for (auto form : {CpioForm::newc, CpioForm::crc, CpioForm::stripped}) {
            RpmSpec spec = simple();
            spec.compression = c;
            spec.form = form;
            Collector got;
            Status s = read_all(rpm_of(spec), got);
            ASSERT_TRUE(s) << static_cast<int>(c) << " " << s.error().text;
            ASSERT_EQ(got.entries.size(), 5u);
            EXPECT_EQ(got.entries[1].path, "/usr/bin/a");
            EXPECT_EQ(got.entries[1].mode, 0755u);
            EXPECT_EQ(got.contents[1], "program");
            EXPECT_EQ(got.entries[2].link, "a");
            EXPECT_EQ(got.contents[3], std::string(70'000, 'x'));
            EXPECT_EQ(got.entries[4].size_bytes, 0u);
        }
    }
}

TEST(RpmFile, hard_links_come_behind_their_contents) {
    for (auto form : {CpioForm::newc, CpioForm::stripped}) {
        RpmSpec spec;
        spec.form = form;
        spec.items = {{.path = "/a", .data = "same", .inode = 7},
                      {.path = "/b", .data = "other"},
                      {.path = "/c", .data = "same", .inode = 7}};
        Collector got;
        Status s = read_all(rpm_of(spec), got);
        ASSERT_TRUE(s) << s.error().text;
        ASSERT_EQ(got.entries.size(), 3u);
        EXPECT_EQ(got.entries[1].path, "/c");
        EXPECT_EQ(got.contents[1], "same");
        EXPECT_EQ(got.entries[2].path, "/a");
        EXPECT_EQ(got.entries[2].type, FileType::hard_link);
        EXPECT_EQ(got.entries[2].link, "/c");
    }
}

TEST(RpmFile, every_digest_of_files_is_checked) {
    for (auto algorithm : {HashAlgorithm::md5, HashAlgorithm::sha1, HashAlgorithm::sha224,
                           HashAlgorithm::sha256, HashAlgorithm::sha384, HashAlgorithm::sha512,
                           HashAlgorithm::sha3_256, HashAlgorithm::sha3_512}) {
        RpmSpec spec = simple();
        spec.file_digest = algorithm;
        Collector got;
        Status s = read_all(rpm_of(spec), got);
        EXPECT_TRUE(s) << s.error().text;
        spec.cpio = cpio_of(spec);
        spec.cpio[spec.cpio.find("program")] = 'P';
        expect_refused(rpm_of(spec), to_string(algorithm), "'/usr/bin/a'");
    }
}

TEST(RpmFile, capabilities_and_flags_arrive) {
    RpmSpec spec;
    spec.items = {{.path = "/etc/c", .data = "x", .flags = rpm::kFileConfig | rpm::kFileNoReplace},
                  {.path = "/usr/bin/ping", .data = "y", .capabilities = "cap_net_raw=ep"}};
    std::string bytes = rpm_of(spec);
    Collector got;
    ASSERT_TRUE(read_all(bytes, got));
    EXPECT_EQ(got.entries[1].capabilities, "cap_net_raw=ep");
    EXPECT_EQ(got.entries[1].file_index, 1u);
    auto f = RpmFile::open_memory(bytes);
    EXPECT_EQ(f->package().files[0].flags, rpm::kFileConfig | rpm::kFileNoReplace);
}

TEST(RpmFile, the_payload_must_agree_with_the_header) {
    auto with_cpio_of = [](RpmSpec other, CpioForm form = CpioForm::newc) {
        RpmSpec spec = simple();
        other.form = spec.form = form;
        spec.cpio = cpio_of(other);
        return rpm_of(spec);
    };
    RpmSpec other = simple();
    other.items.erase(other.items.begin() + 1);
    expect_refused(with_cpio_of(other), "missing", "missing");
    other = simple();
    other.items.push_back({.path = "/etc/passwd", .data = "x"});
    expect_refused(with_cpio_of(other), "unknown", "does not list");
    expect_refused(with_cpio_of(other, CpioForm::stripped), "index", "does not list");
    other = simple();
    other.items.push_back(other.items[1]);
    expect_refused(with_cpio_of(other), "twice", "twice");
    other = simple();
    other.items[1].data += "!";
    expect_refused(with_cpio_of(other), "size", "size");
    other = simple();
    other.items[2].data = "b";
    expect_refused(with_cpio_of(other), "target", "target");
    other.items[2].data = "../../../etc/shadow";
    expect_refused(with_cpio_of(other), "target", "size");
    RpmSpec spec = simple();
    spec.cpio = cpio_of(spec) + "more";
    expect_refused(rpm_of(spec), "behind", "behind its end");
    spec.cpio = cpio_of(spec).substr(0, 300);
    expect_refused(rpm_of(spec), "short", "truncated");
    spec = {};
    spec.form = CpioForm::crc;
    spec.items = {{.path = "/a", .data = "x"}};
    spec.cpio = cpio_of(spec);
    spec.cpio[6 + 12 * 8] = '1';
    expect_refused(rpm_of(spec), "checksum", "cpio checksum");
}

TEST(RpmFile, names_stay_inside) {
    for (const char* path : {"/../etc/passwd", "/usr/../../x", "usr/bin/x", "/a\nb"}) {
        RpmSpec spec;
        spec.items = {{.path = path, .data = "x"}};
        Collector c;
        EXPECT_FALSE(read_all(rpm_of(spec), c)) << path;
        EXPECT_TRUE(c.entries.empty());
    }
    RpmSpec spec;
    spec.items = {{.path = "/x", .data = "x"}, {.path = "//x", .data = "y"}};
    expect_refused(rpm_of(spec), "the same twice", "listed twice");
    for (const char* name : {"", "a/b", "a b", "../x"}) {
        spec = simple();
        spec.name = name;
        EXPECT_FALSE(RpmFile::open_memory(rpm_of(spec))) << name;
    }
}

TEST(RpmFile, what_no_digest_covers_is_refused) {
    RpmSpec spec = simple();
    spec.header_digests = false;
    expect_refused(rpm_of(spec), "header", "no digest covers its header");
    spec = simple();
    spec.payload_digest = false;
    expect_refused(rpm_of(spec), "payload", "no digest covers its payload");
}

TEST(RpmFile, tables_that_do_not_fit_are_refused) {
    auto with = [](auto change) {
        RpmSpec s;
        change(s.header);
        return rpm_of(s);
    };
    expect_refused(with([](auto& h) {
                       h.texts(tag::kBaseNames, {"a", "b"});
                   }),
                   "directories", "differ in length");
    expect_refused(with([](auto& h) {
                       h.texts(tag::kBaseNames, {"a"});
                       h.texts(tag::kDirNames, {"/"});
                       h.number(tag::kDirIndexes, {1});
                   }),
                   "index", "no directory");
    expect_refused(with([](auto& h) {
                       h.texts(tag::kRequireName, {"a", "b"});
                       h.number(tag::kRequireFlags, {0});
                   }),
                   "requires", "differ in length");
    expect_refused(with([](auto& h) { h.texts(tag::kRequireName, {"(a and"}); }), "rich",
                   "rich dependency");
    expect_refused(with([](auto& h) {
                       h.texts(tag::kTriggerScripts, {"true"});
                       h.texts(tag::kTriggerName, {"x"});
                       h.texts(tag::kTriggerVersion, {""});
                       h.number(tag::kTriggerFlags, {1 << 16});
                       h.number(tag::kTriggerIndex, {9});
                   }),
                   "trigger", "no script");
    expect_refused(with([](auto& h) { h.number(tag::kSummary, {1}); }), "type", "wrong type");
    expect_refused(with([](auto& h) { h.text(tag::kEpoch, "1"); }), "type", "wrong type");
}

TEST(RpmFile, hostile_counts_are_refused_before_they_are_believed) {
    RpmHeaderBuilder b;
    b.text(tag::kName, "a");
    b.number(tag::kFileSizes, {1, 2, 3});
    const std::string good = b.build(tag::kImmutableRegion);
    ASSERT_TRUE(rpm::Header::parse(good, rpm::HeaderKind::main));
    // Every field of the intro, the index and the region's trailer, with every extreme.
    for (size_t at = 8; at + 4 <= good.size(); at += 4) {
        for (uint32_t v : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xfffffff0u, 0xffffffffu}) {
            std::string bad = good;
            for (int i = 0; i < 4; i++) bad[at + i] = static_cast<char>(v >> (24 - 8 * i));
            auto stream = Source::memory(bad);
            auto h = rpm::Header::read(stream, rpm::HeaderKind::main);
            if (!h) continue;
            for (uint32_t t = 990; t < 1060; t++) {
                (void)h->strings(t);
                (void)h->numbers(t);
            }
        }
    }
    EXPECT_FALSE(rpm::Header::parse(b.build(0) + "x", rpm::HeaderKind::main));
}

TEST(RpmFile, every_truncation_is_refused) {
    std::string bytes = rpm_of(simple());
    for (size_t n = 0; n < bytes.size(); n += n < 200 ? 1 : 7) {
        Collector c;
        EXPECT_FALSE(read_all(bytes.substr(0, n), c)) << n;
    }
    Collector c;
    EXPECT_FALSE(read_all(bytes + "x", c));
}

TEST(RpmFile, every_changed_byte_behind_the_signature_header_is_seen) {
    std::string bytes = rpm_of(simple());
    size_t start = bytes.find(std::string("\x8e\xad\xe8\x01", 4), 100);
    std::mt19937 random(1);
    for (int i = 0; i < 300; i++) {
        std::string bad = bytes;
        size_t at = start + random() % (bytes.size() - start);
        bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
        Collector c;
        EXPECT_FALSE(read_all(bad, c)) << at;
    }
}

TEST(RpmFile, a_dictionary_of_gigabytes_is_refused) {
    // .lzma: properties, a dictionary of 3 GiB, unknown size.
    std::string lzma("\x5d\0\0\0\xc0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0", 18);
    auto stream = Source::memory(lzma);
    auto plain = decompress(stream, Filter::lzma);
    ASSERT_TRUE(plain);
    char block[16];
    auto n = (*plain)->read(block, sizeof(block));
    ASSERT_FALSE(n);
    EXPECT_NE(n.error().text.find("128 MiB"), std::string::npos) << n.error().text;
}

}  // namespace
}  // namespace tenon::pkg::test
