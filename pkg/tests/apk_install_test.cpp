// .apk files into a root and out of it: packages that the test makes, and the real ones of the
// corpora, beside a native apk.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/cmd/verbs.h"
#include "pkg/lib/apk/database.h"
#include "pkg/lib/apk/file.h"
#include "pkg/lib/apk/installer.h"
#include "pkg/lib/apk/placement.h"
#include "pkg/lib/text.h"
#include "pkg/lib/wrappers.h"
#include "pkg/tests/apk_builder.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {
namespace {

using apk::ApkFile;

struct Made {
    std::string name, version = "1.0-r0", more;
    std::vector<ApkItem> items;
    std::vector<std::pair<std::string, std::string>> scripts;
};

std::vector<std::string> apks_in(const std::string& dir) {
    std::vector<std::string> out;
    if (DIR* d = opendir(dir.c_str())) {
        while (struct dirent* e = readdir(d))
            if (std::string_view(e->d_name).ends_with(".apk")) out.push_back(dir + "/" + e->d_name);
        closedir(d);
    }
    std::sort(out.begin(), out.end());
    return out;
}

class ApkInstall : public testing::Test {
  protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root's rights";
        options_.root = scratch_.root_dir();
        options_.initdb = true;
        trust_test_keys();
    }
    std::string in_root(const std::string& path) const { return scratch_.root_dir() + path; }
    void trust_test_keys() {
        shell("mkdir -p " + in_root("/etc/apk/keys"));
        write_temp(in_root("/etc/apk/keys"), "test.rsa.pub", rsa_pem());
        write_temp(in_root("/etc/apk/keys"), "test.ec.pem", ecdsa_pem());
    }
    std::string file(const Made& m) {
        V2Spec s;
        s.pkginfo =
            "pkgname = " + m.name + "\npkgver = " + m.version + "\narch = x86_64\n" + m.more;
        s.items = m.items;
        s.control = m.scripts;
        return write_temp(scratch_.dir(), m.name + "-" + m.version + ".apk", v2_parts(s).all());
    }
    // The error's text; empty when all went well. What was printed is in `printed_`.
    std::string run(const std::string& verb, const Words& words = {}) {
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        Status s = find_verb(verb)->run(options_, words);
        printed_ = testing::internal::GetCapturedStdout();
        printed_ += testing::internal::GetCapturedStderr();
        return s ? "" : s.error().text;
    }
    std::map<std::string, std::string> tree() const { return snapshot(scratch_.root_dir()); }
    // Refused, for this reason, and nothing is written.
    void expect_refused(const Words& files, const std::string& why) {
        auto before = tree();
        std::string error = run("install", files);
        EXPECT_TRUE(error.contains(why)) << "'" << error << "' instead of '" << why << "'";
        EXPECT_EQ(before, tree()) << why;
    }
    std::string read(const std::string& path) const { return slurp(in_root(path)); }

    Scratch scratch_;
    Options options_;
    std::string printed_;
};

Made program(const std::string& name, const std::string& version = "1.0-r0") {
    return {.name = name,
            .version = version,
            .more = {},
            .items = {{.path = "usr/", .type = '5', .mode = 0755},
                      {.path = "usr/bin/", .type = '5', .mode = 0755},
                      {.path = "usr/bin/" + name, .data = "#!/bin/sh\n", .mode = 0755},
                      {.path = "usr/bin/" + name + "-" + version, .data = version},
                      {.path = "usr/share/", .type = '5', .mode = 0755},
                      {.path = "usr/share/" + name + "/", .type = '5', .mode = 0750},
                      {.path = "usr/share/" + name + "/data", .data = "data", .mode = 04755},
                      {.path = "usr/share/" + name + "/hard",
                       .type = '1',
                       .data = "usr/share/" + name + "/data"},
                      {.path = "usr/share/" + name + "/soft", .type = '2', .data = "data"}},
            .scripts = {}};
}

TEST_F(ApkInstall, files_are_as_the_package_says_and_go_again) {
    auto before = tree();
    ASSERT_EQ(run("install", {file(program("one"))}), "");
    struct stat st, hard;
    ASSERT_EQ(stat(in_root("/usr/share/one/data").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 04755u);
    ASSERT_EQ(stat(in_root("/usr/share/one/hard").c_str(), &hard), 0);
    EXPECT_EQ(st.st_ino, hard.st_ino);
    ASSERT_EQ(stat(in_root("/usr/share/one").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0750u);
    EXPECT_TRUE(read("/lib/apk/db/installed")
                    .contains("F:usr/share/one\nM:0:0:750\nR:data\na:0:0:4755\nZ:Q1"))
        << read("/lib/apk/db/installed");
    EXPECT_TRUE(read("/etc/apk/world").starts_with("one><Q1")) << read("/etc/apk/world");
    EXPECT_EQ(access(in_root("/var/lib/pkg").c_str(), F_OK), -1);
    EXPECT_EQ(run("verify"), "");
    write_temp(in_root("/usr/share/one"), "data", "other");
    EXPECT_NE(run("verify", {"one"}), "");
    ASSERT_EQ(run("remove", {"one"}), "");
    auto after = tree();
    std::erase_if(after, [](const auto& e) {
        return e.first.starts_with("/lib") || e.first == "/etc/apk/world" ||
               e.first == "/etc/apk/arch";
    });
    EXPECT_EQ(before, after);
    EXPECT_EQ(read("/lib/apk/db/installed"), "");
    EXPECT_EQ(read("/etc/apk/world"), "\n");
}

TEST_F(ApkInstall, an_upgrade_removes_what_only_the_old_version_had) {
    ASSERT_EQ(run("install", {file(program("one"))}), "");
    ASSERT_EQ(run("install", {file(program("one", "1.1-r0"))}), "");
    EXPECT_EQ(read("/usr/bin/one-1.1-r0"), "1.1-r0");
    EXPECT_EQ(access(in_root("/usr/bin/one-1.0-r0").c_str(), F_OK), -1);
    EXPECT_TRUE(read("/lib/apk/db/installed").contains("V:1.1-r0\n"));
    EXPECT_FALSE(read("/lib/apk/db/installed").contains("V:1.0-r0\n"));
    // A package may go back, as well.
    ASSERT_EQ(run("install", {file(program("one"))}), "");
    EXPECT_EQ(access(in_root("/usr/bin/one-1.1-r0").c_str(), F_OK), -1);
}

TEST_F(ApkInstall, what_cannot_be_is_refused_with_nothing_written) {
    Made bad = program("bad");
    bad.more = "depend = nothing>2\n";
    expect_refused({file(bad)}, "bad-1.0-r0 needs nothing>2");
    Made arch = program("arch");
    arch.more = "arch = s390x\n";
    expect_refused({file(arch)}, "architecture s390x");
    std::string sound = slurp(file(program("good")));
    expect_refused({write_temp(scratch_.dir(), "cut.apk", sound.substr(0, sound.size() - 40))},
                   "truncated");
    V2Spec unsigned_one;
    unsigned_one.signature = "";
    std::string path = write_temp(scratch_.dir(), "unsigned.apk", v2_parts(unsigned_one).all());
    expect_refused({path}, "is not signed; --allow-untrusted");
    options_.allow_untrusted = true;
    EXPECT_EQ(run("install", {path}), "");
    V2Spec other;
    auto parts = v2_parts(other);
    path = write_temp(scratch_.dir(), "wrong.apk",
                      v2_signature("RSA", "another") + parts.control + parts.data);
    expect_refused({path}, "is wrong");
    options_.allow_untrusted = false;
    // The second of two spoils both.
    expect_refused({file(program("good")), file(bad)}, "needs nothing>2");
    Made same = program("same");
    same.items[2].path = "usr/bin/good";
    expect_refused({file(program("good")), file(same)}, "which is also in package good-1.0-r0");
    Made conflict = program("conflict");
    conflict.more = "depend = !good\n";
    expect_refused({file(program("good")), file(conflict)}, "conflicts with good-1.0-r0");
    shell("mkdir -p " + in_root("/usr/bin/good"));
    expect_refused({file(program("good"))}, "is a directory in the root");
    rmdir(in_root("/usr/bin/good").c_str());
    ASSERT_EQ(run("install", {file(program("good"))}), "");
    ASSERT_NE(run("remove", {"nothing"}), "");
}

TEST_F(ApkInstall, real_packages_that_are_damaged_are_refused_with_nothing_written) {
    const std::string corpora = PKG_CORPORA;
    options_.engine.ignore_depends = true;
    for (const auto& [file, keys] :
         {std::pair(corpora + "/apk-v2/x86_64/alpine-release-3.19.1-r0.apk",
                    corpora + "/apk-v2/keys"),
          std::pair(corpora + "/apk-v3/wireless-regdb-2025.10.07-r2.apk", corpora + "/apk-v3")}) {
        const std::string good = slurp(file);
        if (good.empty()) GTEST_SKIP() << "no corpus at " << corpora;
        options_.keys = keys;
        auto before = tree();
        size_t refused = 0;
        for (size_t i = 0; i < good.size(); i += good.size() / 37) {
            std::string bad = good;
            bad[i] = static_cast<char>(bad[i] ^ 0x10);
            for (const std::string& bytes : {bad, good.substr(0, i)}) {
                // A flipped bit may change nothing that is said: in gzip's header.
                if (run("install", {write_temp(scratch_.dir(), "bad.apk", bytes)}).empty()) {
                    ASSERT_EQ(bytes.size(), good.size()) << file << " cut at " << i;
                    auto package = ApkFile::open(file, apk::KeyRing());
                    run("remove", {package->package().name});
                    shell("rm -rf " + in_root("/lib") + " " + in_root("/etc/apk/world") + " " +
                          in_root("/etc/apk/arch") + " " + in_root("/dev"));
                    continue;
                }
                refused++;
                ASSERT_EQ(before, tree()) << file << " byte " << i;
            }
        }
        EXPECT_GT(refused, 70u);
    }
    const std::string hostile = corpora + "/hostile/evdotdot.apk";
    options_.allow_untrusted = true;
    expect_refused({hostile}, "");
    EXPECT_NE(run("install", {hostile}), "");
}

TEST_F(ApkInstall, names_lead_nowhere_out_of_the_root) {
    shell("mkdir -p " + scratch_.dir() + "/outside && ln -s " + scratch_.dir() + "/outside " +
          in_root("/usr"));
    Made p = program("one");
    EXPECT_NE(run("install", {file(p)}), "");
    EXPECT_TRUE(snapshot(scratch_.dir() + "/outside").empty());
}

TEST_F(ApkInstall, what_is_needed_comes_from_the_directory) {
    std::string shelf = scratch_.dir() + "/shelf";
    shell("mkdir -p " + shelf);
    for (const char* version : {"1.0-r0", "2.0-r0"}) {
        Made lib = program("lib", version);
        lib.more = "provides = so:libx.so.1=1." + std::string(version).substr(0, 1) + "\n";
        shell("mv " + file(lib) + " " + shelf);
    }
    write_temp(shelf, "junk.apk", "junk");
    Made app = program("app");
    app.more = "depend = so:libx.so.1>=1.2\n";
    expect_refused({file(app)}, "needs so:libx.so.1>=1.2");
    options_.from = {shelf};
    ASSERT_EQ(run("install", {file(app)}), "");
    EXPECT_EQ(read("/usr/bin/lib-2.0-r0"), "2.0-r0");
    EXPECT_FALSE(read("/etc/apk/world").contains("lib"));
    EXPECT_TRUE(run("remove", {"lib"}).contains("app-1.0-r0 needs so:libx.so.1>=1.2"));
    ASSERT_EQ(run("remove", {"lib", "app"}), "");
}

TEST_F(ApkInstall, a_protected_file_that_its_user_changed_stays) {
    auto with_conf = [](const std::string& version) {
        Made m = program("one", version);
        m.items.push_back({.path = "etc/", .type = '5', .mode = 0755});
        m.items.push_back({.path = "etc/one.conf", .data = "as shipped " + version});
        m.items.push_back({.path = "etc/two.conf", .data = "as shipped " + version});
        m.items.push_back({.path = "etc/two.hard", .type = '1', .data = "etc/two.conf"});
        return m;
    };
    ASSERT_EQ(run("install", {file(with_conf("1.0-r0"))}), "");
    write_temp(in_root("/etc"), "one.conf", "mine");
    ASSERT_EQ(run("install", {file(with_conf("2.0-r0"))}), "");
    EXPECT_EQ(read("/etc/one.conf"), "mine");
    EXPECT_EQ(read("/etc/one.conf.apk-new"), "as shipped 2.0-r0");
    EXPECT_EQ(read("/etc/two.conf"), "as shipped 2.0-r0");
    EXPECT_EQ(access(in_root("/etc/two.conf.apk-new").c_str(), F_OK), -1);
    EXPECT_EQ(read("/etc/two.hard"), "as shipped 2.0-r0");
    // What the package would bring is there already, though nobody knows of it.
    shell("rm -r " + in_root("/lib/apk"));
    ASSERT_EQ(run("install", {file(with_conf("2.0-r0"))}), "");
    EXPECT_EQ(access(in_root("/etc/two.conf.apk-new").c_str(), F_OK), -1);
    EXPECT_EQ(access(in_root("/etc/two.hard.apk-new").c_str(), F_OK), -1);
    // One that is the new version's already gets no second one beside it.
    write_temp(in_root("/etc"), "one.conf", "as shipped 3.0-r0");
    unlink(in_root("/etc/one.conf.apk-new").c_str());
    ASSERT_EQ(run("install", {file(with_conf("3.0-r0"))}), "");
    EXPECT_EQ(access(in_root("/etc/one.conf.apk-new").c_str(), F_OK), -1);
    write_temp(in_root("/etc"), "one.conf", "mine");
    ASSERT_EQ(run("remove", {"one"}), "");
    EXPECT_EQ(read("/etc/one.conf"), "mine");
    EXPECT_EQ(access(in_root("/etc/two.conf").c_str(), F_OK), -1);
}

TEST_F(ApkInstall, scripts_run_in_order_with_apks_arguments) {
    if (!scratch_.add_shell()) GTEST_SKIP() << "no busybox";
    auto scripted = [](const std::string& version) {
        Made m = program("one", version);
        for (const char* kind : {"pre-install", "post-install", "pre-upgrade", "post-upgrade",
                                 "pre-deinstall", "post-deinstall", "trigger"})
            m.scripts.push_back({"." + std::string(kind),
                                 "#!/bin/sh\necho " + version + " " + kind +
                                     " \"$@\" $(test -e /usr/bin/one && echo there) >> /log\n"});
        m.more = "triggers = /usr/share/*\n";
        return m;
    };
    ASSERT_EQ(run("install", {file(scripted("1.0-r0"))}), "") << printed_;
    ASSERT_EQ(run("install", {file(program("two"))}), "");
    ASSERT_EQ(run("install", {file(scripted("2.0-r0"))}), "");
    ASSERT_EQ(run("remove", {"one"}), "");
    EXPECT_EQ(read("/log"),
              "1.0-r0 pre-install 1.0-r0\n1.0-r0 post-install 1.0-r0 there\n"
              "1.0-r0 trigger /usr/share/one there\n"
              "1.0-r0 trigger /usr/share/two there\n"
              "2.0-r0 pre-upgrade 2.0-r0 1.0-r0 there\n2.0-r0 post-upgrade 2.0-r0 1.0-r0 there\n"
              "2.0-r0 trigger /usr/share/one /usr/share/two there\n"
              "2.0-r0 pre-deinstall 2.0-r0 there\n2.0-r0 post-deinstall 2.0-r0\n");
    // One that fails leaves the package there, and the database says so.
    Made failing = program("three");
    failing.scripts = {{".post-install", "#!/bin/sh\nexit 3\n"}};
    EXPECT_TRUE(run("install", {file(failing)}).contains("three-1.0-r0.post-install"));
    EXPECT_TRUE(printed_.contains("failed with exit status 3"));
    EXPECT_TRUE(read("/lib/apk/db/installed").contains("\nf:s\n"));
    EXPECT_EQ(read("/usr/bin/three-1.0-r0"), "1.0-r0");
}

TEST_F(ApkInstall, a_script_that_does_not_end_is_ended) {
    if (!scratch_.add_shell()) GTEST_SKIP() << "no busybox";
    Made slow = program("slow");
    slow.scripts = {{".post-install", "#!/bin/sh\nwhile :; do :; done\n"}};
    auto root = Root::open(scratch_.root_dir());
    apk::Installer installer(*root, {.script_limit_s = 1}, {});
    ASSERT_TRUE(installer.open());
    auto keys = apk::KeyRing::load(*root);
    Status s = installer.install({file(slow)}, {}, *keys);
    ASSERT_FALSE(s);
    EXPECT_TRUE(s.error().text.contains("slow-1.0-r0.post-install")) << s.error().text;
}

TEST_F(ApkInstall, files_of_another_package_are_taken_only_with_right) {
    Made a = program("a"), b = program("b");
    a.items.push_back({.path = "usr/bin/shared", .data = "a's"});
    b.items.push_back({.path = "usr/bin/shared", .data = "b's"});
    ASSERT_EQ(run("install", {file(a)}), "");
    expect_refused({file(b)}, "trying to overwrite '/usr/bin/shared', which is also in package a");
    b.more = "replaces = a\n";
    ASSERT_EQ(run("install", {file(b)}), "");
    EXPECT_EQ(read("/usr/bin/shared"), "b's");
    ASSERT_EQ(run("remove", {"a"}), "");
    EXPECT_EQ(read("/usr/bin/shared"), "b's");
    ASSERT_EQ(run("remove", {"b"}), "");
    // With the higher priority the first one keeps it.
    a.more = "replaces = b\nreplaces_priority = 9\n";
    ASSERT_EQ(run("install", {file(a)}), "");
    ASSERT_EQ(run("install", {file(b)}), "");
    EXPECT_EQ(read("/usr/bin/shared"), "a's");
    ASSERT_EQ(run("remove", {"b"}), "");
    EXPECT_EQ(read("/usr/bin/shared"), "a's");
}

TEST_F(ApkInstall, in_a_root_of_another_family_it_goes_into_a_prefix) {
    options_.initdb = false;
    shell("mkdir -p " + in_root("/var/lib/dpkg") + " " + in_root("/usr/bin"));
    write_temp(in_root("/var/lib/dpkg"), "status",
               "Package: x\nStatus: deinstall ok config-files\n"
               "Version: 1\nArchitecture: amd64\n\n");
    write_temp(in_root("/usr/bin"), "taken", "the root's own");
    auto before = tree();
    std::erase_if(before, [](const auto& e) { return e.first.starts_with("/usr"); });
    Made p = program("one"), taken = program("taken");
    ASSERT_EQ(run("install", {file(p), file(taken)}), "");
    EXPECT_TRUE(printed_.contains("On the PATH: /usr/local/bin/one")) << printed_;
    EXPECT_EQ(read("/usr/lib/pkg/alpine/usr/bin/one-1.0-r0"), "1.0-r0");
    EXPECT_EQ(read("/usr/bin/taken"), "the root's own");
    EXPECT_EQ(read("/usr/local/bin/one"),
              "#!/bin/sh\n# pkg: of alpine, package one, program /usr/bin/one\n"
              "exec /usr/lib/pkg/alpine/usr/bin/one \"$@\"\n");
    EXPECT_NE(read("/usr/local/bin/taken.alpine"), "");
    EXPECT_EQ(read("/usr/local/bin/taken"), "");
    EXPECT_EQ(run("list"), "");
    EXPECT_TRUE(printed_.contains("apk:one")) << printed_;
    EXPECT_EQ(run("files", {"one"}), "");
    EXPECT_TRUE(printed_.contains("/usr/lib/pkg/alpine/usr/bin/one\n")) << printed_;
    EXPECT_EQ(run("verify"), "");
    // What somebody put in the place of a wrapper is his.
    write_temp(in_root("/usr/local/bin"), "taken.alpine", "mine");
    ASSERT_EQ(run("remove", {"apk:one", "taken"}), "");
    auto after = tree();
    for (const auto& [path, what] : after) EXPECT_FALSE(path.starts_with("/usr/lib")) << path;
    EXPECT_EQ(read("/usr/local/bin/taken.alpine"), "mine");
    EXPECT_EQ(read("/usr/local/bin/one"), "");
    std::erase_if(after, [](const auto& e) { return e.first.starts_with("/usr"); });
    std::erase_if(after, [&](const auto& e) {
        return e.first.starts_with("/var/lib/dpkg/") && !before.contains(e.first);
    });
    EXPECT_EQ(before, after);
    // Refused: no prefix stays.
    Made bad = program("bad");
    bad.more = "depend = nothing\n";
    expect_refused({file(bad)}, "needs nothing");
}

TEST_F(ApkInstall, a_wrapper_finds_loader_and_interpreter_in_the_prefix) {
    shell("mkdir -p " + in_root("/bin") + " " + in_root("/usr/bin") + " " + in_root("/lib64"));
    ASSERT_EQ(shell("cp /bin/ls " + in_root("/usr/bin/real") + " && ln -s /usr/bin/real " +
                    in_root("/bin/sh") + " && : > " + in_root("/lib64/ld-linux-x86-64.so.2")),
              0);
    write_temp(in_root("/usr/bin"), "script", "#!/bin/sh -e x\n");
    write_temp(in_root("/usr/bin"), "foreign", "#!/usr/bin/other\n");
    write_temp(in_root("/usr/bin"), "text", "no program\n");
    shell("chmod 755 " + in_root("/usr/bin") + "/*; ln -s script " + in_root("/usr/bin/link"));
    auto root = Root::open(scratch_.root_dir());
    auto words = [&](const char* path) {
        auto w = command_of(*root, *root, {.prefix = "/P", .family = "alpine"}, path);
        return w ? join(*w, " ") : w.error().text;
    };
    const std::string loader =
        "/P/lib64/ld-linux-x86-64.so.2 --library-path /P/lib:/P/usr/lib:/P/usr/local/lib --argv0 ";
    EXPECT_EQ(words("/usr/bin/real"), loader + "real /P/usr/bin/real");
    EXPECT_EQ(words("/bin/sh"), loader + "sh /P/usr/bin/real");
    EXPECT_EQ(words("/usr/bin/script"), loader + "sh /P/usr/bin/real -e x /P/usr/bin/script");
    EXPECT_EQ(words("/usr/bin/link"), loader + "sh /P/usr/bin/real -e x /P/usr/bin/script");
    EXPECT_EQ(words("/usr/bin/foreign"), "/P/usr/bin/foreign");
    EXPECT_EQ(words("/usr/bin/text"), "");
    EXPECT_EQ(words("/usr/bin/nothing"), "");
}

// What is on disk against what the package says: type, mode, owner, target, digest.
void expect_as_in(const std::string& root, const std::string& path) {
    auto package = ApkFile::open(path, apk::KeyRing());
    ASSERT_TRUE(package) << package.error().text;
    auto entries = package->check();
    ASSERT_TRUE(entries);
    auto inside = Root::open(root);
    for (const auto& e : *entries) {
        if (e.path == "/.") continue;
        struct stat st;
        ASSERT_EQ(lstat((root + e.path).c_str(), &st), 0) << e.path;
        EXPECT_EQ(st.st_uid, e.uid) << e.path;
        EXPECT_EQ(st.st_gid, e.gid) << e.path;
        if (e.type == FileType::symlink) {
            auto target = inside->readlink(e.path);
            ASSERT_TRUE(target) << e.path;
            EXPECT_EQ(*target, e.link) << e.path;
            continue;
        }
        EXPECT_EQ(st.st_mode & 07777, e.mode) << e.path;
        EXPECT_EQ(S_ISDIR(st.st_mode), e.type == FileType::directory) << e.path;
        if (e.type != FileType::regular) continue;
        EXPECT_EQ(st.st_mtime, e.mtime) << e.path;
        EXPECT_EQ(static_cast<uint64_t>(st.st_size), e.size_bytes) << e.path;
        ASSERT_TRUE(e.digest) << e.path;
        EXPECT_EQ(hash_of(e.digest->algorithm, slurp(root + e.path)), e.digest->bytes) << e.path;
    }
}

TEST_F(ApkInstall, every_file_of_the_corpora_alone) {
    auto files = apks_in(std::string(PKG_CORPORA) + "/apk-v2/x86_64");
    for (const auto& f : apks_in(std::string(PKG_CORPORA) + "/apk-v3")) files.push_back(f);
    if (files.empty()) GTEST_SKIP() << "no corpus at " << PKG_CORPORA;
    options_.engine.ignore_depends = true;
    ASSERT_EQ(run("install", {file(program("one"))}), "");
    ASSERT_EQ(run("remove", {"one"}), "");
    // Outside of the root: alpine-keys brings the same files.
    options_.keys = scratch_.dir() + "/keys";
    shell("mkdir " + options_.keys +
          "; cp " PKG_CORPORA "/apk-v2/keys/* " PKG_CORPORA "/apk-v3/*.pem " + options_.keys);
    auto before = tree();
    for (const auto& path : files) {
        // There is no shell for scripts.
        std::string error = run("install", {path});
        ASSERT_TRUE(error.empty() || error.starts_with("all is in its place")) << error;
        expect_as_in(scratch_.root_dir(), path);
        ASSERT_EQ(run("verify"), "") << path << printed_;
        auto package = ApkFile::open(path, apk::KeyRing());
        run("remove", {package->package().name});
        auto after = tree();
        // What scripts are given.
        std::erase_if(after, [](const auto& e) { return e.first.starts_with("/dev"); });
        ASSERT_EQ(before, after) << path;
    }
}

// The same packages into one root by pkg and into another by the corpus's own apk: files and
// databases are equal, and each tool can go on where the other ended.
TEST_F(ApkInstall, agrees_with_a_native_apk) {
    const std::string dir = std::string(PKG_CORPORA) + "/apk-v2/x86_64/";
    if (access(dir.c_str(), R_OK) != 0) GTEST_SKIP() << "no corpus at " << dir;
    const std::string tool = scratch_.dir() + "/tool", theirs = scratch_.dir() + "/theirs",
                      ours = scratch_.root_dir();
    Options o = options_;
    o.root = tool;
    o.keys = PKG_CORPORA "/apk-v2/keys";
    o.from = {dir};
    shell("mkdir -p " + tool + " " + theirs + "/etc/apk " + in_root("/etc/apk/keys"));
    shell("cp " PKG_CORPORA "/apk-v2/keys/* " + in_root("/etc/apk/keys") + "; cp -r " +
          in_root("/etc/apk/keys") + " " + theirs + "/etc/apk");
    testing::internal::CaptureStdout();
    Status made = find_verb("install")->run(o, {"apk-tools"});
    testing::internal::GetCapturedStdout();
    ASSERT_TRUE(made) << made.error().text;
    const std::string native = tool + "/lib/ld-musl-x86_64.so.1 --library-path " + tool +
                               "/lib:" + tool + "/usr/lib " + tool +
                               "/sbin/apk --no-network --no-cache --repositories-file /dev/null ";
    Words files;
    std::string listed;
    for (const auto& path : apks_in(dir)) {
        // Those that conflict, or need what the corpus has not.
        static const char* kLeftOut[] = {
            "openntpd",     "chrony",    "openssh",      "network-extras",
            "tiny-cloud",   "partx",     "sfdisk",       "alpine-base-",
            "ifupdown",     "wpa_",      "yx",           "bonding",
            "bridge",       "vlan",      "ppp",          "usb-modeswitch",
            "p11-kit",      "gnutls",    "wget",         "dhcpcd",
            "iw-",          "libfdisk",  "libsmartcols", "busybox-openrc",
            "busybox-mdev", "mdev-conf", "openrc",       "alpine-conf"};
        std::string name = path.substr(path.rfind('/') + 1);
        bool out = false;
        for (const char* l : kLeftOut) out |= name.starts_with(l);
        if (out) continue;
        files.push_back(path);
        listed += " " + path;
    }
    std::string said;
    ASSERT_EQ(shell(native + "--root " + theirs + " --initdb add" + listed + " 2>&1", &said), 0)
        << said;
    ASSERT_EQ(run("install", files), "") << printed_;
    auto equal = [&] {
        EXPECT_EQ(slurp(ours + "/lib/apk/db/installed"), slurp(theirs + "/lib/apk/db/installed"));
        EXPECT_EQ(slurp(ours + "/lib/apk/db/triggers"), slurp(theirs + "/lib/apk/db/triggers"));
        EXPECT_EQ(slurp(ours + "/etc/apk/world"), slurp(theirs + "/etc/apk/world"));
        auto a = snapshot(ours), b = snapshot(theirs);
        for (auto* t : {&a, &b})
            std::erase_if(*t, [](const auto& e) {
                // A native apk makes /proc itself, a cache, one more device, and keeps a folder.
                return e.first.starts_with("/lib/apk") || e.first == "/proc" ||
                       e.first == "/dev/console" || e.first.starts_with("/var/cache");
            });
        EXPECT_EQ(a, b);
    };
    equal();
    // Each removes what the other installed.
    EXPECT_EQ(shell(native + "--root " + ours + " del tzdata doas 2>&1", &said), 0) << said;
    EXPECT_EQ(run("list"), "");
    EXPECT_FALSE(printed_.contains("tzdata"));
    EXPECT_EQ(run("verify"), "") << printed_;
    options_.root = theirs;
    EXPECT_EQ(run("remove", {"tzdata", "doas"}), "");
    equal();
    EXPECT_EQ(shell(native + "--root " + theirs + " fix 2>&1", &said), 0) << said;
    // A virtual package is one that we would not install, but read.
    EXPECT_EQ(shell(native + "--root " + theirs + " add -t .mine=1 busybox 2>&1", &said), 0)
        << said;
    EXPECT_EQ(run("list"), "");
    EXPECT_TRUE(printed_.contains("apk:.mine")) << printed_;
    EXPECT_EQ(run("remove", {"apk:.mine"}), "");
    EXPECT_EQ(shell(native + "--root " + theirs + " audit --system 2>&1", &said), 0);
    EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace tenon::pkg::test
