// Packages that are damaged, or made to do harm: each is refused with a sentence, and the root
// stays as it was.
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <gtest/gtest.h>
#include <string.h>
#include <unistd.h>

#include <random>

#include "pkg/lib/digest.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {
namespace {

DebSpec simple(const std::string& name = "a") {
    DebSpec s{.control = control_text(name, "1")};
    add_file(s, "/usr/share/" + name + "/file", std::string(3000, 'x') + name);
    add_file(s, "/usr/bin/" + name, "program", 0755);
    return s;
}

// The root without the database's own files, which opening it makes.
std::map<std::string, std::string> payload(const Scratch& s) {
    auto all = snapshot(s.root_dir());
    std::erase_if(all, [](const auto& e) { return e.first.starts_with("/var"); });
    return all;
}

void expect_refused(Scratch& s, const std::string& bytes, const char* what,
                    const char* words = "") {
    std::string path = write_temp(s.dir(), "bad.deb", bytes);
    Status r = s.install({path});
    ASSERT_FALSE(r) << what;
    EXPECT_NE(r.error().text.find("bad.deb"), std::string::npos) << what << ": " << r.error().text;
    EXPECT_NE(r.error().text.find(words), std::string::npos) << what << ": " << r.error().text;
    EXPECT_TRUE(payload(s).empty()) << what;
    EXPECT_EQ(slurp(s.root_dir() + "/var/lib/dpkg/status"), "") << what;
}

void expect_refused(const std::string& bytes, const char* what, const char* words = "") {
    Scratch s;
    expect_refused(s, bytes, what, words);
}

TEST(Archive, every_compression_is_read) {
    for (auto c : {Compression::none, Compression::gzip, Compression::xz, Compression::zstd,
                   Compression::bzip2, Compression::lzma}) {
        DebSpec d = simple();
        d.control_compression = d.data_compression = c;
        Scratch s;
        Status r = s.install({s.deb("a", d)});
        ASSERT_TRUE(r) << static_cast<int>(c) << " " << r.error().text;
        EXPECT_EQ(slurp(s.root_dir() + "/usr/bin/a"), "program");
        EXPECT_EQ(s.state("a"), "installed");
    }
}

TEST(Archive, extra_members_and_minor_versions_are_tolerated) {
    DebSpec d = simple();
    d.version_member = "2.7\nmore\n";
    d.members_before_data = {{"_extra", "xyz"}};
    d.members_after_data = {{"zzz", "abc"}, {"_gpg", "sig"}};
    Scratch s;
    EXPECT_TRUE(s.install({s.deb("a", d)}));
}

TEST(Archive, modes_links_and_special_files_come_out_right) {
    DebSpec d = simple();
    add_file(d, "/usr/bin/setuid", "s", 04755);
    d.items.push_back({.path = "./usr/bin/hard", .type = 'h', .data = "./usr/bin/setuid"});
    d.items.push_back({.path = "./usr/bin/soft", .type = 'l', .data = "/usr/bin/a"});
    d.items.push_back({.path = "./usr/share/pipe", .type = 'p', .data = {}, .mode = 0622});
    d.items.push_back({.path = "./usr/share/sticky", .type = 'd', .data = {}, .mode = 01777});
    Scratch s;
    ASSERT_TRUE(s.install({s.deb("a", d)}));
    auto files = payload(s);
    EXPECT_TRUE(files["/usr/bin/setuid"].starts_with("104755 ")) << files["/usr/bin/setuid"];
    EXPECT_EQ(files["/usr/bin/hard"], files["/usr/bin/setuid"]);
    EXPECT_NE(files["/usr/bin/hard"].find("links 2"), std::string::npos);
    EXPECT_NE(files["/usr/bin/soft"].find("-> /usr/bin/a"), std::string::npos);
    EXPECT_TRUE(files["/usr/share/pipe"].starts_with("10622 "));
    EXPECT_TRUE(files["/usr/share/sticky"].starts_with("41777 "));
    for (const auto& [path, text] : files) EXPECT_FALSE(path.contains(".dpkg-")) << path;
}

TEST(Hostile, a_truncated_package_is_refused_wherever_it_ends) {
    DebSpec d = simple();
    std::string whole = deb_of(d);
    Scratch s;
    for (size_t cut = 0; cut + 1 < whole.size(); cut += 23) {
        std::string part = whole.substr(0, cut);
        expect_refused(s, part, ("cut at " + std::to_string(cut)).c_str());
    }
}

TEST(Hostile, a_mutated_package_never_half_installs) {
    DebSpec d = simple();
    d.control_files["md5sums"] = md5_hex(std::string(3000, 'x') + "a") + "  usr/share/a/file\n" +
                                 md5_hex("program") + "  usr/bin/a\n";
    for (auto c : {Compression::none, Compression::gzip, Compression::xz, Compression::zstd}) {
        d.control_compression = d.data_compression = c;
        std::string whole = deb_of(d);
        std::mt19937 random(7);
        auto s = std::make_unique<Scratch>();
        for (int round = 0; round < 120; round++) {
            std::string bad = whole;
            for (int k = 0; k < 1 + round % 3; k++)
                bad[random() % bad.size()] = static_cast<char>(random());
            Status r = s->install({write_temp(s->dir(), "bad.deb", bad)});
            if (r) {
                s = std::make_unique<Scratch>();
                continue;
            }
            for (const auto& [path, text] : payload(*s)) ADD_FAILURE() << round << " left " << path;
            EXPECT_EQ(slurp(s->root_dir() + "/var/lib/dpkg/status"), "") << round;
        }
    }
}

TEST(Hostile, names_that_leave_the_root_are_refused) {
    struct {
        const char* what;
        std::vector<TarItem> items;
        const char* words;
    } cases[] = {
        {"absolute", {{.path = "/tmp/x", .data = "1"}}, "absolute"},
        {"dotdot", {{.path = "./../../x", .data = "1"}}, ".."},
        {"below a link",
         {{.path = "./l", .type = 'l', .data = "/tmp"}, {.path = "./l/x", .data = "1"}},
         "not a directory"},
        {"deep below a link",
         {{.path = "./l", .type = 'l', .data = "/"}, {.path = "./l/a/b/x", .data = "1"}},
         "not a directory"},
        {"hard link out", {{.path = "./h", .type = 'h', .data = "/etc/passwd"}}, "hard link"},
        {"hard link to what is not here",
         {{.path = "./h", .type = 'h', .data = "etc/x"}},
         "does not contain"},
        {"hard link to a link",
         {{.path = "./l", .type = 'l', .data = "/etc/passwd"},
          {.path = "./h", .type = 'h', .data = "./l"}},
         "no plain file"},
        {"newline", {{.path = "./a\nb", .data = "1"}}, "newline"},
        {"twice", {{.path = "./a", .data = "1"}, {.path = "./a", .data = "2"}}, "twice"},
        {"file, then directory",
         {{.path = "./a", .data = "1"}, {.path = "./a/", .type = 'd', .data = {}}},
         "twice"},
        {"root as a file", {{.path = "./", .type = 'l', .data = "/tmp"}}, "root directory"},
        {"too long", {{.path = "./" + std::string(250, 'n'), .data = "1"}}, "too long"},
    };
    for (const auto& c : cases) {
        DebSpec d{.control = control_text("a", "1")};
        d.items = c.items;
        expect_refused(deb_of(d), c.what, c.words);
    }
}

TEST(Hostile, malformed_parts_are_refused) {
    auto with = [](auto change) {
        DebSpec d = simple();
        change(d);
        return deb_of(d);
    };
    expect_refused(with([](DebSpec& d) { d.version_member = "3.0\n"; }), "major", "not supported");
    expect_refused(with([](DebSpec& d) { d.version_member = "2.0"; }), "no newline", "newline");
    expect_refused(with([](DebSpec& d) { d.version_member = "two\n"; }), "no number", "version");
    expect_refused(with([](DebSpec& d) { d.control = ""; }), "empty control", "no fields");
    expect_refused(with([](DebSpec& d) { d.control = "nonsense"; }), "bad control", "colon");
    expect_refused(with([](DebSpec& d) { d.control += "\nPackage: b\n"; }), "two stanzas",
                   "stanza");
    expect_refused(with([](DebSpec& d) { d.control_files["sub/x"] = "1"; }), "folder",
                   "plain file");
    expect_refused(with([](DebSpec& d) { d.control_files["list"] = "/x\n"; }), "list",
                   "bad file name");
    expect_refused(with([](DebSpec& d) { d.control_files["conffiles"] = "etc/x\n"; }), "conffiles",
                   "absolute");
    expect_refused(with([](DebSpec& d) { d.control_files["conffiles"] = "/../x\n"; }), "conffiles",
                   "..");
    expect_refused(with([](DebSpec& d) { d.control_files["triggers"] = "do this\n"; }), "triggers",
                   "triggers");
    expect_refused(with([](DebSpec& d) { d.control_files["md5sums"] = "zz  a\n"; }), "md5sums",
                   "md5sums");
    expect_refused(
        with([](DebSpec& d) { d.control_files["md5sums"] = md5_hex("other") + "  usr/bin/a\n"; }),
        "digest", "digest");
    expect_refused(ar_of({{"debian-binary", "2.0\n"}}), "no control", "control");
    expect_refused(ar_of({{"debian-binary", "2.0\n"}, {"control.tar.foo", ""}}), "compression",
                   "compression");
    expect_refused(ar_of({{"debian-binary", "2.0\n"}, {"data.tar", ""}}), "order", "control.tar");
    expect_refused("", "empty file");
    expect_refused("!<arch>\n", "empty ar");
    expect_refused(std::string(4096, '\0'), "zeros");
    DebSpec wrong = simple();
    wrong.control = "Package: a\nVersion: 1\nArchitecture: sparc\n";
    expect_refused(deb_of(wrong), "architecture", "sparc");
}

TEST(Hostile, an_unknown_tar_type_or_a_pax_header_is_refused) {
    DebSpec d = simple();
    d.data_compression = Compression::none;
    std::string data = tar_of(d.items, Compression::none);
    size_t at = data.find("./usr/bin/a");
    ASSERT_NE(at, std::string::npos);
    for (char type : {'Z', 'S', 'D', 'M', 'V', '9'}) {
        std::string bad = data;
        bad[at + 156] = type;
        // The header's checksum: the sum of its bytes with the field itself as blanks.
        memset(&bad[at + 148], ' ', 8);
        unsigned sum = 0;
        for (size_t i = 0; i < 512; i++) sum += static_cast<unsigned char>(bad[at + i]);
        snprintf(&bad[at + 148], 8, "%06o", sum);
        std::string control = tar_of({{.path = "./control", .data = d.control}}, Compression::none);
        expect_refused(
            ar_of({{"debian-binary", "2.0\n"}, {"control.tar", control}, {"data.tar", bad}}),
            "tar type");
    }
}

TEST(Hostile, the_shared_corpus_is_refused) {
    std::string dir = std::string(PKG_CORPORA) + "/hostile";
    DIR* d = opendir(dir.c_str());
    if (!d) GTEST_SKIP() << "no corpus at " << dir;
    size_t seen = 0;
    while (struct dirent* e = readdir(d)) {
        std::string name = e->d_name;
        if (!name.ends_with(".deb")) continue;
        seen++;
        expect_refused(slurp(dir + "/" + name), name.c_str());
    }
    closedir(d);
    EXPECT_GT(seen, 0u);
    EXPECT_NE(access("/tmp/pwn_abs", F_OK), 0);
    EXPECT_NE(access("/tmp/pwn_dotdot", F_OK), 0);
    EXPECT_NE(access("/tmp/pwn_symdir", F_OK), 0);
}

TEST(Hostile, links_planted_in_the_root_do_not_lead_out) {
    Scratch s;
    std::string outside = s.dir() + "/outside";
    mkdir(outside.c_str(), 0755);
    shell("ln -s " + outside + " " + s.root_dir() + "/usr");
    Status r = s.install({s.deb("a", simple())});
    EXPECT_TRUE(snapshot(outside).empty());
    // A link to a file in the place of a file is replaced, not written through.
    Scratch t;
    write_temp(t.dir(), "victim", "old");
    shell("mkdir -p " + t.root_dir() + "/usr/bin && ln -s " + t.dir() + "/victim " + t.root_dir() +
          "/usr/bin/a && ln -s " + t.dir() + "/victim " + t.root_dir() + "/usr/bin/a.dpkg-new");
    EXPECT_TRUE(t.install({t.deb("a", simple())}));
    EXPECT_EQ(slurp(t.dir() + "/victim"), "old");
    EXPECT_EQ(slurp(t.root_dir() + "/usr/bin/a"), "program");
}

}  // namespace
}  // namespace tenon::pkg::test
