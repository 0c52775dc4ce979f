// Alpine packages and indexes, both formats: sound ones, damaged ones, and the real ones of the
// corpora where they are there.
#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "pkg/lib/apk/file.h"
#include "pkg/lib/text.h"
#include "pkg/tests/apk_builder.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::apk {
namespace {

using test::test_keys;
using test::V2Spec;
using test::V3Spec;

// Everything a package says, in one text: two packages that say the same are the same.
std::string told(const ApkFile& file, const std::vector<TarEntry>& entries) {
    std::string out = index_stanza(file.package()) + to_text(file.package().replaces) + "\n";
    for (const auto& [name, text] : file.scripts()) out += name + "=" + text + "\n";
    for (const auto& t : file.package().triggers) out += t + "\n";
    for (const auto& e : entries) {
        out += format("%d %o %u:%u %llu %s %s %s %s\n", static_cast<int>(e.type), e.mode, e.uid,
                      e.gid, static_cast<unsigned long long>(e.size_bytes), e.user.c_str(),
                      e.group.c_str(), e.path.c_str(), e.link.c_str());
        for (const auto& x : e.xattrs) out += x.name + "=" + x.value + "\n";
        if (e.digest) out += to_hex(e.digest->bytes) + "\n";
    }
    return out;
}

// Opened, signed by a known key, and all of it checked.
Result<std::string> judge(std::string_view bytes) {
    TRY_SET(ApkFile file, ApkFile::open_memory(bytes, test_keys()));
    TRY(file.require_good());
    TRY_SET(auto entries, file.check());
    return told(file, entries);
}

void expect_refused(std::string_view bytes, const std::string& why) {
    auto r = judge(bytes);
    ASSERT_FALSE(r) << "accepted, though: " << why;
    EXPECT_TRUE(r.error().text.contains(why)) << r.error().text << "\n  instead of: " << why;
}

V2Spec sound_v2() {
    V2Spec s;
    s.pkginfo =
        "# a comment\npkgname = made\npkgver = 1.2.3_p4-r5\npkgdesc = for tests\n"
        "url = https://example.org\nbuilddate = 1700000000\npackager = P\nsize = 12\n"
        "arch = x86_64\norigin = source\ncommit = 00ff\nmaintainer = M\nlicense = MIT\n"
        "provider_priority = 7\nreplaces_priority = 3\ndepend = so:libc.musl-x86_64.so.1\n"
        "depend = !other\nprovides = cmd:made=1.2.3_p4-r5 virtual\nreplaces = old<2\n"
        "install_if = a=1-r0 b\ntriggers = /usr/lib/* +/etc\nunknown_key = x\n";
    s.control = {{".post-install", "#!/bin/sh\necho hi\n"}, {".trigger", "#!/bin/sh\n"}};
    s.items = {{.path = "usr/", .type = '5', .mode = 0755},
               {.path = "usr/bin/", .type = '5', .mode = 0755},
               {.path = "usr/bin/made",
                .data = std::string(5000, 'x'),
                .mode = 04755,
                .pax = {{"SCHILY.xattr.user.a", "b"}}},
               {.path = "usr/bin/empty"},
               {.path = "usr/bin/alias", .type = '1', .data = "usr/bin/made"},
               {.path = "usr/bin/link", .type = '2', .data = "/usr/bin/made", .mode = 0777},
               {.path = ".hidden", .data = "apk's own"},
               {.path = "long", .data = "y", .pax = {{"path", std::string(200, 'n')}}}};
    return s;
}

V3Spec sound_v3() {
    V3Spec s;
    s.dirs = {{"", {{.name = "top", .data = "t"}}},
              {"usr/bin",
               {{.name = "made",
                 .data = std::string(5000, 'x'),
                 .mode = 04755,
                 .xattrs = {std::string("user.a\0b", 8)}},
                {.name = "empty"},
                {.name = "alias", .target = std::string("\x00\x80", 2) + "usr/bin/made"},
                {.name = "link", .target = std::string("\x00\xa0", 2) + "made"},
                {.name = "null", .target = std::string("\x00\x20\x03\x01\0\0\0\0\0\0", 10)},
                {.name = "pipe", .target = std::string("\x00\x10\0\0\0\0\0\0\0\0", 10)}}}};
    s.script = "#!/bin/sh\n";
    s.triggers = {"/usr/share/*"};
    return s;
}

TEST(ApkV2, a_sound_package_says_all_it_holds) {
    auto bytes = test::v2_parts(sound_v2());
    std::string all = bytes.all();
    auto file = ApkFile::open_memory(all, test_keys());
    ASSERT_TRUE(file) << file.error().text;
    EXPECT_EQ(file->format(), 2);
    EXPECT_TRUE(file->require_good());
    const Package& p = file->package();
    EXPECT_EQ(p.display_name(), "made-1.2.3_p4-r5");
    EXPECT_EQ(to_text(p.depends), "so:libc.musl-x86_64.so.1 !other");
    EXPECT_EQ(to_text(p.provides), "cmd:made=1.2.3_p4-r5 virtual");
    EXPECT_EQ(to_text(p.replaces), "old<2");
    EXPECT_EQ(to_text(p.install_if), "a=1-r0 b");
    EXPECT_EQ(p.triggers, (std::vector<std::string>{"/usr/lib/*", "+/etc"}));
    EXPECT_EQ(p.provider_priority, 7u);
    EXPECT_EQ(p.replaces_priority, 3u);
    EXPECT_EQ(p.installed_size_bytes, 12u);
    EXPECT_EQ(p.packager, "P");
    EXPECT_EQ(p.checksum.bytes, hash_of(HashAlgorithm::sha1, bytes.control));
    EXPECT_EQ(file->scripts().at("post-install"), "#!/bin/sh\necho hi\n");
    EXPECT_EQ(file->scripts().count("trigger"), 1u);
    for (int round = 0; round < 2; round++) {
        auto entries = file->check();
        ASSERT_TRUE(entries) << entries.error().text;
        ASSERT_EQ(entries->size(), 7u);
        const TarEntry& made = (*entries)[2];
        EXPECT_EQ(made.path, "/usr/bin/made");
        EXPECT_EQ(made.mode, 04755u);
        EXPECT_EQ(made.size_bytes, 5000u);
        ASSERT_EQ(made.xattrs.size(), 1u);
        EXPECT_EQ(made.xattrs[0].name + made.xattrs[0].value, "user.ab");
        EXPECT_EQ((*entries)[4].link, "/usr/bin/made");
        EXPECT_EQ((*entries)[5].link, "/usr/bin/made");
        EXPECT_EQ((*entries)[6].path, "/" + std::string(200, 'n'));
    }
}

TEST(ApkV2, signatures) {
    for (const char* kind : {"RSA", "RSA256", "RSA512"}) {
        V2Spec s = sound_v2();
        s.signature = kind;
        auto r = judge(test::v2_parts(s).all());
        EXPECT_TRUE(r) << kind << ": " << r.error().text;
    }
    V2Spec s = sound_v2();
    auto parts = test::v2_parts(s);
    expect_refused(parts.control + parts.data, "is not signed");
    std::string bare = parts.control + parts.data;
    EXPECT_TRUE(ApkFile::open_memory(bare, test_keys())) << "may be read";

    std::string all = parts.all();
    auto unknown = ApkFile::open_memory(all, KeyRing());
    ASSERT_TRUE(unknown);
    EXPECT_FALSE(unknown->require_good());
    EXPECT_EQ(unknown->signatures()[0].state, Signature::State::unknown_key);

    // Of another package, and one that names the digest of another kind.
    expect_refused(test::v2_signature("RSA", "other") + parts.control + parts.data,
                   "the signature of 'test.rsa.pub' is wrong");
    std::string mixed = test::gzip(
        test::tar_item({.path = ".SIGN.RSA256.test.rsa.pub",
                        .data = test::rsa_signature(HashAlgorithm::sha1,
                                                    hash_of(HashAlgorithm::sha1, parts.control)),
                        .checksum = false}));
    expect_refused(mixed + parts.control + parts.data, "is wrong");
    std::string dsa = test::gzip(
        test::tar_item({.path = ".SIGN.DSA.test.rsa.pub", .data = "x", .checksum = false}));
    expect_refused(dsa + parts.control + parts.data, "not supported");
}

TEST(ApkV2, damaged_packages_are_refused) {
    V2Spec s = sound_v2();
    auto p = test::v2_parts(s);
    expect_refused("", "too short");
    expect_refused("hello, world", "no gzip member");
    expect_refused(p.signatures, "only signatures");
    expect_refused(p.signatures + p.control, "data member is missing");
    expect_refused(p.all() + "x", "no gzip member");
    expect_refused(p.all() + p.data, "after its data");
    auto other = sound_v2();
    other.items[2].data = "changed";
    expect_refused(p.signatures + p.control + test::v2_parts(other).data, "digest that .PKGINFO");

    s.data_hash = false;
    expect_refused(test::v2_parts(s).all(), "no datahash");
    s = sound_v2();
    s.items[2].checksum = false;
    s.items[2].pax = {{"APK-TOOLS.checksum.SHA1", std::string(40, '0')}};
    expect_refused(test::v2_parts(s).all(), "checksum that its header names");
    s.items[2].data.clear();
    expect_refused(test::v2_parts(s).all(), "checksum that its header names");
    s = sound_v2();
    s.items[5].checksum = false;
    s.items[5].pax = {{"APK-TOOLS.checksum.SHA1", std::string(40, '0')}};
    expect_refused(test::v2_parts(s).all(), "checksum that its header names");
    s = sound_v2();
    s.control.push_back({"usr/x", "x"});
    expect_refused(test::v2_parts(s).all(), "does not belong there");
    s = sound_v2();
    s.control.push_back({".PKGINFO", s.pkginfo});
    expect_refused(test::v2_parts(s).all(), "two .PKGINFO");
    for (const char* info :
         {"pkgver = 1\n", "pkgname = a/b\npkgver = 1\n", "pkgname = a\npkgver = x\n",
          "pkgname = a\npkgver = 1\nsize = x\n", "pkgname = a\npkgver = 1\ndepend = =\n"}) {
        s = sound_v2();
        s.pkginfo = info;
        expect_refused(test::v2_parts(s).all(), ".PKGINFO");
    }
}

TEST(ApkV2, hostile_names_and_types_are_refused) {
    const struct {
        test::ApkItem item;
        const char* why;
    } kCases[] = {
        {{.path = "../x"}, "leads out"},
        {{.path = ".."}, "leads out"},
        {{.path = "usr/../../x"}, "leads out"},
        {{.path = "/etc/passwd"}, "absolute"},
        {{.path = "a\nb"}, "newline"},
        {{.path = "x", .pax = {{"path", "../../y"}}}, "leads out"},
        {{.path = std::string(99, 'a') + "/x", .pax = {{"path", std::string(300, 'a')}}}, "255"},
        {{.path = "usr/bin/link/x"}, "which is not a directory"},
        {{.path = "usr/bin/made"}, "appears twice"},
        {{.path = "usr/bin", .type = '2', .data = "/tmp"}, "appears twice"},
        {{.path = "new", .type = '1', .data = "../../etc/shadow"}, "leads out"},
        {{.path = "new", .type = '1', .data = "usr/bin/nothing"}, "no file that came before"},
        {{.path = "new", .type = '1', .data = "usr/bin"}, "no file that came before"},
        {{.path = "new", .type = '2', .data = ""}, "points nowhere"},
        {{.path = ".", .type = '2', .data = "/tmp", .checksum = false}, "root directory"},
        {{.path = "new", .type = 'Z'}, "unknown tar type"},
        {{.path = "x", .pax = {{"size", "99999999999999999"}}}, "impossible size"},
        {{.path = "x", .pax = {{"size", "1000000"}}}, "truncated"},
        {{.path = "x", .pax = {{"uid", "99999999999"}}}, "pax record"},
        {{.path = "x", .pax = {{"APK-TOOLS.checksum.SHA1", "zz"}}}, "pax record"},
        {{.path = "x", .pax = {{"comment", std::string(2 << 20, 'c')}}}, "too long"},
    };
    for (const auto& c : kCases) {
        V2Spec s = sound_v2();
        s.items.push_back(c.item);
        expect_refused(test::v2_parts(s).all(), c.why);
    }
    // A link put where the parent of an earlier file is, never named itself.
    V2Spec s = sound_v2();
    s.items = {{.path = "a/b"}, {.path = "a", .type = '2', .data = "/tmp"}};
    expect_refused(test::v2_parts(s).all(), "a directory and something else");
}

// Cut anywhere: refused. One bit changed anywhere: refused, or it says what it said before (the
// time in a gzip header is of no consequence).
void mutilate(const std::string& good) {
    auto before = judge(good);
    ASSERT_TRUE(before) << before.error().text;
    for (size_t n = 0; n < good.size(); n++)
        ASSERT_FALSE(judge(std::string_view(good).substr(0, n))) << "cut at " << n;
    for (size_t i = 0; i < good.size(); i++) {
        std::string flipped = good;
        flipped[i] = static_cast<char>(flipped[i] ^ (1 << i % 8));
        auto after = judge(flipped);
        ASSERT_TRUE(!after || *after == *before) << "byte " << i << ": " << *after;
    }
}

TEST(ApkV2, cut_or_changed_anywhere) {
    mutilate(test::v2_parts(sound_v2()).all());
}

TEST(ApkV3, cut_or_changed_anywhere) {
    V3Spec s = sound_v3();
    s.dirs[1].files[0].data.resize(300);
    std::string plain = test::v3_plain(s);
    mutilate(plain);
    mutilate(test::deflated(plain));
    mutilate(test::zstd(plain));
}

TEST(ApkV3, a_sound_package_says_all_it_holds) {
    std::string plain = test::v3_plain(sound_v3());
    for (const std::string& bytes : {plain, test::deflated(plain), test::zstd(plain)}) {
        auto file = ApkFile::open_memory(bytes, test_keys());
        ASSERT_TRUE(file) << file.error().text;
        EXPECT_EQ(file->format(), 3);
        EXPECT_TRUE(file->require_good());
        EXPECT_EQ(file->package().display_name(), "made-1.0-r0");
        EXPECT_EQ(file->package().installed_size_bytes, 4096u);
        EXPECT_EQ(to_text(file->package().depends), "so:libc.musl-x86_64.so.1");
        EXPECT_EQ(file->package().triggers, (std::vector<std::string>{"/usr/share/*"}));
        EXPECT_EQ(file->scripts().at("post-install"), "#!/bin/sh\n");
        auto entries = file->check();
        ASSERT_TRUE(entries) << entries.error().text;
        ASSERT_EQ(entries->size(), 8u);
        EXPECT_EQ((*entries)[0].path, "/top");
        EXPECT_EQ((*entries)[1].type, FileType::directory);
        EXPECT_EQ((*entries)[2].mode, 04755u);
        EXPECT_EQ((*entries)[2].xattrs.at(0).value, "b");
        EXPECT_EQ((*entries)[4].type, FileType::hard_link);
        EXPECT_EQ((*entries)[4].link, "/usr/bin/made");
        EXPECT_EQ((*entries)[5].link, "made");
        EXPECT_EQ((*entries)[6].type, FileType::char_device);
        EXPECT_EQ((*entries)[6].device_major, 1u);
        EXPECT_EQ((*entries)[6].device_minor, 3u);
        EXPECT_EQ((*entries)[7].type, FileType::fifo);
    }
}

TEST(ApkV3, signatures) {
    V3Spec s = sound_v3();
    s.sign = false;
    expect_refused(test::v3_plain(s), "is not signed");
    std::string adb = test::v3_adb(s);
    std::string head = std::string("ADB.pckg") + test::adb_block(0, adb);
    expect_refused(head + test::adb_block(1, test::v3_signature(test::kSchemaIndex, adb)),
                   "is wrong");
    expect_refused(head + test::adb_block(1, test::v3_signature(test::kSchemaPackage, adb + "x")),
                   "is wrong");
    expect_refused(head + test::adb_block(1, std::string(2, '\0') + std::string(40, 'k')),
                   "not supported");
    std::string unknown = test::v3_signature(test::kSchemaPackage, adb);
    unknown[5] = static_cast<char>(unknown[5] ^ 1);
    expect_refused(head + test::adb_block(1, unknown), "not among the trusted keys");
}

TEST(ApkV3, damaged_and_hostile_packages_are_refused) {
    V3Spec s = sound_v3();
    std::string plain = test::v3_plain(s), adb = test::v3_adb(s);
    std::string front = "ADB.pckg" + test::adb_block(0, adb) +
                        test::adb_block(1, test::v3_signature(test::kSchemaPackage, adb));
    expect_refused("ADBx", "not an ADB file");
    expect_refused("ADBc\x07\x01", "unknown compression");
    expect_refused("ADBd", "truncated");
    expect_refused("ADB.abcd", "not a package");
    expect_refused("ADB.pckg", "does not begin with an ADB block");
    expect_refused(front, "are missing");
    expect_refused(plain + test::adb_data(3, 1, "x"), "after the contents of its last file");
    expect_refused(plain + test::adb_block(0, adb), "after the contents of its last file");
    expect_refused(front + test::adb_data(2, 1, std::string(5000, 'x')) + test::adb_data(1, 1, "t"),
                   "wrong block");
    expect_refused(front + test::adb_data(1, 1, "u") + test::adb_data(2, 1, std::string(5000, 'x')),
                   "does not have the digest");
    expect_refused(front + test::adb_data(1, 1, "tt"), "wrong block");
    expect_refused(test::deflated(plain) + "x", "after its end");
    std::string huge = "ADB.pckg" + std::string("\xff\xff\xff\x3f", 4) + "short";
    expect_refused(huge, "too large");
    std::string extended =
        "ADB.pckg" + std::string("\0\0\0\xc0", 4) + std::string(4, '\0') + std::string(8, '\xff');
    expect_refused(extended, "impossible size");

    for (const char* dir : {"..", "../x", "/etc", "a/../../b"}) {
        s = sound_v3();
        s.dirs.push_back({dir, {}});
        auto r = judge(test::v3_plain(s));
        EXPECT_FALSE(r) << dir;
    }
    for (const char* name : {"..", ".", "a/b", "/x", "../x"}) {
        s = sound_v3();
        s.dirs[1].files.push_back({.name = name, .data = "x"});
        EXPECT_FALSE(judge(test::v3_plain(s))) << name;
    }
    s = sound_v3();
    s.dirs.push_back({"usr/bin/link", {{.name = "x", .data = "x"}}});
    expect_refused(test::v3_plain(s), "appears twice");
    s = sound_v3();
    s.dirs[1].files[1].hash = "short";
    expect_refused(test::v3_plain(s), "no SHA256");
    s = sound_v3();
    s.dirs[1].files[1].hash = std::string(32, 'h');
    expect_refused(test::v3_plain(s), "does not have the digest");
    for (std::string target : {"", "x", "abc"}) {
        s = sound_v3();
        s.dirs[1].files[3].target = "\x01" + target;
        expect_refused(test::v3_plain(s), "malformed target");
    }
    s = sound_v3();
    s.dirs[1].files[2].target = std::string("\x00\x80", 2) + "../../etc/shadow";
    expect_refused(test::v3_plain(s), "leads out");
    s = sound_v3();
    s.dirs[1].files[0].xattrs = {"no value"};
    expect_refused(test::v3_plain(s), "extended attribute");
    s = sound_v3();
    s.depends = {"bad name"};
    expect_refused(test::v3_plain(s), "bad dependency");
}

std::string signed_adb(const std::string& adb) {
    return "ADB.pckg" + test::adb_block(0, adb) +
           test::adb_block(1, test::v3_signature(test::kSchemaPackage, adb));
}

TEST(ApkV3, trees_that_lie_are_refused) {
    test::AdbWriter w;
    uint32_t info = w.object({w.blob("made"), w.blob("1")});
    // 1,000 directories, all the same one with 1,000 files, all the same one.
    uint32_t file = w.object({w.blob("f"), 0, 0, 0, w.blob(hash_of(HashAlgorithm::sha256, ""))});
    uint32_t dir = w.object({w.blob("d"), 0, w.array(std::vector<uint32_t>(1000, file))});
    uint32_t paths = w.array(std::vector<uint32_t>(1000, dir));
    expect_refused(signed_adb(w.finish(w.object({info, paths}))), "appears twice");
    auto lies = [&](uint32_t root_value) {
        test::AdbWriter v;
        v.object({v.blob("made"), v.blob("1")});
        return signed_adb(v.finish(root_value));
    };
    expect_refused(lies(0xe0000000 | 0x0fffffff), "outside of itself");
    expect_refused(lies(0xd0000000 | 4), "outside of itself");  // a count out of the header
    expect_refused(lies(0x80000008), "wrong type");
    expect_refused(lies(0x00000001), "wrong type");
    expect_refused(lies(0), "no name");
    std::string later = w.finish(0);
    later[0] = 1;
    expect_refused(signed_adb(later), "later version");

    // Dependencies are not compared with each other, so only the budget stops these.
    test::AdbWriter deps;
    uint32_t name = deps.blob(std::string(1000, 'n'));
    uint32_t list = deps.array(std::vector<uint32_t>(50000, deps.object({name})));
    std::vector<uint32_t> slots(19, 0);
    slots[0] = deps.blob("made");
    slots[1] = deps.blob("1");
    for (size_t i = 14; i < 19; i++) slots[i] = list;
    uint32_t fat = deps.object(slots);
    expect_refused(signed_adb(deps.finish(deps.object({fat}))), "far more than it holds");
}

TEST(ApkIndex, both_formats) {
    const char* text = "C:Q1WSZm6vVnuSFZGYSmMTBVt3iXDpI=\nP:made\nV:1-r0\n\nP:b\nV:2\n\n";
    for (const char* kind : {"RSA", "RSA256", "RSA512"}) {
        std::string bytes = test::v2_index(text, kind);
        auto index = open_index_memory(bytes, test_keys());
        ASSERT_TRUE(index) << index.error().text;
        EXPECT_TRUE(require_good(index->signatures)) << kind;
        EXPECT_EQ(index->packages.size(), 2u);
        EXPECT_EQ(index->description, "made");
        for (size_t n = 0; n < bytes.size(); n++)
            ASSERT_FALSE(open_index_memory(bytes.substr(0, n), test_keys())) << "cut at " << n;
    }
    auto unsigned_index = open_index_memory(test::v2_index(text, ""), test_keys());
    ASSERT_TRUE(unsigned_index);
    EXPECT_FALSE(require_good(unsigned_index->signatures));
    EXPECT_FALSE(open_index_memory(test::v2_parts(sound_v2()).all(), test_keys()));

    test::AdbWriter w;
    uint32_t p = w.object({w.blob("made"), w.blob("1-r0"), w.blob(std::string(32, 'h'))});
    std::string adb = w.finish(w.object({w.blob("d"), w.array({p})}));
    std::string bytes = "ADB.indx" + test::adb_block(0, adb) +
                        test::adb_block(1, test::v3_signature(test::kSchemaIndex, adb));
    auto index = open_index_memory(test::deflated(bytes), test_keys());
    ASSERT_TRUE(index) << index.error().text;
    EXPECT_TRUE(require_good(index->signatures));
    ASSERT_EQ(index->packages.size(), 1u);
    EXPECT_EQ(index->packages[0].checksum.kind, Checksum::Kind::sha256);
    EXPECT_FALSE(ApkFile::open_memory(bytes, test_keys()));
}

std::vector<std::string> files_in(const std::string& dir, std::string_view suffix) {
    std::vector<std::string> out;
    if (DIR* d = opendir(dir.c_str())) {
        while (struct dirent* e = readdir(d))
            if (std::string_view(e->d_name).ends_with(suffix)) out.push_back(dir + "/" + e->d_name);
        closedir(d);
    }
    std::sort(out.begin(), out.end());
    return out;
}

const Package* find(const std::vector<Package>& list, const std::string& name) {
    for (const auto& p : list)
        if (p.name == name) return &p;
    return nullptr;
}

TEST(ApkCorpus, v2_packages_are_what_their_index_and_tar_say) {
    std::string dir = std::string(PKG_CORPORA) + "/apk-v2";
    auto files = files_in(dir + "/x86_64", ".apk");
    if (files.empty()) GTEST_SKIP() << "no corpus at " << dir;
    auto keys = KeyRing::load_host(dir + "/keys");
    ASSERT_TRUE(keys) << keys.error().text;
    auto index = open_index(dir + "/x86_64/APKINDEX.tar.gz", *keys);
    ASSERT_TRUE(index) << index.error().text;
    EXPECT_TRUE(require_good(index->signatures));
    EXPECT_EQ(index->packages.size(), files.size());
    for (const auto& path : files) {
        auto file = ApkFile::open(path, *keys);
        ASSERT_TRUE(file) << file.error().text;
        EXPECT_TRUE(file->require_good());
        auto entries = file->check();
        ASSERT_TRUE(entries) << entries.error().text;
        const Package* listed = find(index->packages, file->package().name);
        ASSERT_TRUE(listed) << path;
        EXPECT_EQ(listed->not_installable, "");
        Package says = file->package();
        if (says.arch == "noarch") says.arch = listed->arch;  // apk index --rewrite-arch
        EXPECT_EQ(index_stanza(*listed), index_stanza(says)) << path;
        std::string names, ours;
        ASSERT_EQ(test::shell("tar --warning=none -tzf " + path + " | grep -v '^\\.'", &names) & ~1,
                  0);
        for (const auto& e : *entries)
            ours += e.path.substr(1) + (e.type == FileType::directory ? "/\n" : "\n");
        EXPECT_EQ(ours, names) << path;
    }
}

TEST(ApkCorpus, v3_packages_are_what_their_index_says) {
    std::string dir = std::string(PKG_CORPORA) + "/apk-v3";
    auto files = files_in(dir, ".apk");
    if (files.empty()) GTEST_SKIP() << "no corpus at " << dir;
    auto keys = KeyRing::load_host(dir);
    ASSERT_TRUE(keys) << keys.error().text;
    auto index = open_index(dir + "/packages.adb", *keys);
    ASSERT_TRUE(index) << index.error().text;
    EXPECT_TRUE(require_good(index->signatures));
    for (const auto& path : files) {
        auto file = ApkFile::open(path, *keys);
        ASSERT_TRUE(file) << file.error().text;
        EXPECT_TRUE(file->require_good());
        auto entries = file->check();
        ASSERT_TRUE(entries) << entries.error().text;
        const Package* listed = find(index->packages, file->package().name);
        ASSERT_TRUE(listed) << path;
        EXPECT_EQ(index_stanza(*listed), index_stanza(file->package())) << path;
    }
}

TEST(ApkCorpus, cut_and_changed_real_packages) {
    std::string root = PKG_CORPORA;
    std::string paths[] = {root + "/apk-v2/x86_64/busybox-mdev-openrc-1.36.1-r15.apk",
                           root + "/apk-v3/wireless-regdb-2025.10.07-r2.apk"};
    auto v2_keys = KeyRing::load_host(root + "/apk-v2/keys");
    auto v3_keys = KeyRing::load_host(root + "/apk-v3");
    if (!v2_keys || !v3_keys) GTEST_SKIP() << "no corpus at " << root;
    for (const auto& path : paths) {
        const KeyRing& keys = path.contains("v3") ? *v3_keys : *v2_keys;
        std::string good = test::slurp(path);
        ASSERT_FALSE(good.empty());
        auto all = [&](std::string_view bytes) -> Result<std::string> {
            TRY_SET(ApkFile f, ApkFile::open_memory(bytes, keys));
            TRY(f.require_good());
            TRY_SET(auto entries, f.check());
            return told(f, entries);
        };
        auto before = all(good);
        ASSERT_TRUE(before) << before.error().text;
        for (size_t n = 0; n < good.size(); n += 7)
            ASSERT_FALSE(all(std::string_view(good).substr(0, n))) << path << " cut at " << n;
        for (size_t i = 0; i < good.size(); i += 3) {
            std::string flipped = good;
            flipped[i] = static_cast<char>(flipped[i] ^ (1 << i % 8));
            auto after = all(flipped);
            ASSERT_TRUE(!after || *after == *before) << path << " byte " << i << ": " << *after;
        }
    }
}

TEST(ApkCorpus, hostile) {
    std::string path = std::string(PKG_CORPORA) + "/hostile/evdotdot.apk";
    if (test::slurp(path).empty()) GTEST_SKIP() << "no corpus at " << path;
    auto file = ApkFile::open(path, KeyRing());
    ASSERT_TRUE(file) << file.error().text;
    EXPECT_FALSE(file->require_good());
    auto entries = file->check();
    ASSERT_FALSE(entries);
    EXPECT_TRUE(entries.error().text.contains("leads out")) << entries.error().text;
}

}  // namespace
}  // namespace tenon::pkg::apk
