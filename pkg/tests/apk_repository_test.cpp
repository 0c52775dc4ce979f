// Alpine's repositories: those that a test makes, on disk and from a web server on the loopback
// interface, and that of the corpora, beside the native apk in it.
#include <gtest/gtest.h>
#include <unistd.h>

#include "pkg/cmd/verbs.h"
#include "pkg/lib/apk/file.h"
#include "pkg/lib/apk/repositories.h"
#include "pkg/lib/text.h"
#include "pkg/tests/apk_builder.h"
#include "pkg/tests/http_server.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {
namespace {

#define EXPECT_IN(part, whole) EXPECT_NE((whole).find(part), std::string::npos) << (whole)

// A directory with packages and an index of them.
class ApkTree {
  public:
    explicit ApkTree(std::string dir) : dir_(std::move(dir)) {
        shell("mkdir -p " + dir_ + "/x86_64");
    }
    const std::string& dir() const { return dir_; }
    std::string path(const std::string& file) const { return dir_ + "/x86_64/" + file; }

    // `more`: lines of .PKGINFO. `signature` is the package's own.
    void add(const std::string& name, const std::string& version, const std::string& more = "",
             const std::string& signature = "RSA") {
        V2Spec s;
        s.pkginfo = "pkgname = " + name + "\npkgver = " + version + "\narch = x86_64\n" + more;
        s.items = {{.path = "usr/", .type = '5', .mode = 0755},
                   {.path = "usr/share/", .type = '5', .mode = 0755},
                   {.path = "usr/share/" + name, .data = version}};
        s.signature = signature;
        add_bytes(v2_parts(s).all());
    }
    void add_bytes(const std::string& bytes) {
        auto file = apk::ApkFile::open_memory(bytes, test_keys());
        ASSERT_TRUE(file) << file.error().text;
        apk::Package p = file->package();
        p.file_size_bytes = bytes.size();
        write_temp(dir_ + "/x86_64", p.display_name() + ".apk", bytes);
        packages_.push_back(p);
    }
    std::vector<apk::Package>& packages() { return packages_; }
    void publish(const std::string& signature = "RSA256") const {
        std::string text;
        for (const auto& p : packages_) text += apk::index_stanza(p) + "\n";
        write_temp(dir_ + "/x86_64", "APKINDEX.tar.gz", v2_index(text, signature));
    }

  private:
    std::string dir_;
    std::vector<apk::Package> packages_;
};

class ApkRepository : public testing::Test {
  protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root's rights";
        options_.root = scratch_.root_dir();
        options_.initdb = true;
        trust(home());
        write_repositories(tree_.dir());
    }
    virtual std::string home() const { return scratch_.root_dir(); }
    void trust(const std::string& root) const {
        shell("mkdir -p " + root + "/etc/apk/keys");
        write_temp(root + "/etc/apk/keys", "test.rsa.pub", rsa_pem());
        write_temp(root + "/etc/apk/keys", "test.ec.pem", ecdsa_pem());
    }
    void write_repositories(const std::string& text) const {
        shell("mkdir -p " + home() + "/etc/apk");
        write_temp(home() + "/etc/apk", "repositories", text + "\n");
    }
    std::string run(const std::string& verb, const Words& words = {}) {
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        Report report;
        options_.report = &report;
        Status s = run_verb(*find_verb(verb), options_, words);
        printed_ = testing::internal::GetCapturedStdout();
        printed_ += testing::internal::GetCapturedStderr();
        json_ = report.take(verb, s);
        options_.report = nullptr;
        return s ? "" : s.error().text;
    }
    std::string dry_run(const std::string& verb, const Words& words = {}) {
        options_.dry_run = true;
        std::string error = run(verb, words);
        options_.dry_run = false;
        return error.empty() ? printed_ : error;
    }
    std::string world() const { return slurp(home() + "/etc/apk/world"); }
    std::string version_of(const std::string& name) const {
        return slurp(home() + "/usr/share/" + name);
    }
    // Publishes, updates, and says what went wrong.
    std::string refresh() {
        tree_.publish();
        return run("update");
    }

    Scratch scratch_;
    ApkTree tree_{scratch_.dir() + "/repository"};
    Options options_;
    std::string printed_, json_;
};

TEST_F(ApkRepository, lines_of_the_file) {
    auto list = apk::parse_repositories(
        "# all\n\nhttp://x.org/main/\n  @edge https://x.org/edge # no comment\n", "f");
    ASSERT_FALSE(list);
    EXPECT_IN("f:4: '#' is too much", list.error().text);
    list = apk::parse_repositories("#c\n\nhttp://x.org/main//\n@edge\t/srv/my repo\n", "f");
    EXPECT_FALSE(list);
    list = apk::parse_repositories(
        "http://x.org/main//\n@edge\t/srv/a%b\nhttp://x.org/main\nv3 https://x.org one two\n"
        "ndx file:/x/y.adb\n/z/packages.adb\nv2 /w\n",
        "f");
    ASSERT_TRUE(list) << list.error().text;
    std::string got;
    for (const auto& r : *list)
        got += r.str() + " [" + r.where + "] " + join(r.index_uris("arm"), " ") + "\n";
    EXPECT_EQ(got,
              "http://x.org/main [f:1] http://x.org/main/arm/APKINDEX.tar.gz "
              "http://x.org/main/arm/Packages.adb\n"
              "@edge file:/srv/a%25b [f:2] file:/srv/a%25b/arm/APKINDEX.tar.gz "
              "file:/srv/a%25b/arm/Packages.adb\n"
              "https://x.org/one [f:4] https://x.org/one/arm/Packages.adb\n"
              "https://x.org/two [f:4] https://x.org/two/arm/Packages.adb\n"
              "file:/x/y.adb [f:5] file:/x/y.adb\n"
              "file:/z/packages.adb [f:6] file:/z/packages.adb\n"
              "file:/w [f:7] file:/w/arm/APKINDEX.tar.gz\n");
    for (const char* bad : {"ftp://x.org/a", "relative/path", "@", "@edge", "@e/d /x", "v3",
                            "file:x", "ndx /a/b.adb main"})
        EXPECT_FALSE(apk::parse_repositories(bad, "f")) << bad;
}

TEST_F(ApkRepository, installs_what_is_needed_upgrades_it_and_takes_it_away_again) {
    tree_.add("lib", "1-r0");
    tree_.add("app", "1-r0", "depend = lib\n");
    tree_.add("other", "1-r0", "depend = lib\n");
    ASSERT_EQ(refresh(), "") << printed_;
    EXPECT_IN("3 packages, signed by test.rsa.pub", printed_);
    auto before = snapshot(scratch_.root_dir());
    EXPECT_IN(R"("packages":3,"signed_by":"test.rsa.pub")", json_);
    EXPECT_EQ(run("search", {"app"}), "");
    EXPECT_IN(
        R"({"family":"apk","package":"app","tag":null,"architecture":"x86_64","version":"1-r0","installed":null)",
        json_);
    EXPECT_EQ(dry_run("install", {"app"}), "To install: lib-1-r0, app-1-r0\n");
    EXPECT_IN(
        R"("plan":[{"action":"install","package":"lib","architecture":"x86_64","before":null,"after":"1-r0"},)",
        json_);
    EXPECT_NE(dry_run("update").find("there is no --dry-run"), std::string::npos) << printed_;
    EXPECT_EQ(before, snapshot(scratch_.root_dir()));
    options_.download_only = true;
    EXPECT_EQ(run("install", {"app"}), "");
    EXPECT_EQ(version_of("app"), "");
    EXPECT_EQ(world(), "");
    options_.download_only = false;
    ASSERT_EQ(run("install", {"app"}), "") << printed_;
    EXPECT_EQ(version_of("lib"), "1-r0");
    EXPECT_EQ(world(), "app\n");
    ASSERT_EQ(run("install", {"other"}), "");
    EXPECT_EQ(run("install", {"other"}), "");
    EXPECT_EQ(printed_, "Nothing to do\n");
    EXPECT_EQ(run("why", {"lib"}), "");
    EXPECT_EQ(printed_, "app was asked for\napp-1-r0 needs lib\n");
    EXPECT_IN(R"({"package":null,"relation":"was asked for","on":"app","fulfilled_by":"app"})",
              json_);

    tree_.add("lib", "2-r0");
    ASSERT_EQ(refresh(), "");
    EXPECT_EQ(dry_run("upgrade"), "To upgrade: lib 1-r0 -> 2-r0\n");
    EXPECT_IN(
        R"("plan":[{"action":"upgrade","package":"lib","architecture":"x86_64","before":"1-r0","after":"2-r0"}])",
        json_);
    ASSERT_EQ(run("upgrade"), "");
    EXPECT_EQ(version_of("lib"), "2-r0");
    EXPECT_EQ(run("verify"), "");

    // lib stays for other; the constraint of the world is what a request says.
    EXPECT_EQ(dry_run("remove", {"app"}), "To remove: app-1-r0\n");
    ASSERT_EQ(run("remove", {"app"}), "");
    EXPECT_EQ(version_of("lib"), "2-r0");
    ASSERT_EQ(run("install", {"lib=1-r0"}), "");
    EXPECT_EQ(version_of("lib"), "1-r0");
    EXPECT_EQ(world(), "lib=1-r0\nother\n");
    ASSERT_EQ(run("remove", {"lib"}), "");
    EXPECT_IN("lib stays: other needs lib", printed_);
    EXPECT_EQ(world(), "other\n");
    ASSERT_EQ(run("remove", {"other"}), "");
    EXPECT_EQ(world(), "\n");
    EXPECT_EQ(slurp(home() + "/lib/apk/db/installed"), "");
}

TEST_F(ApkRepository, problems_are_told_as_a_chain) {
    tree_.add("lib", "1-r0");
    tree_.add("mid", "1-r0", "depend = lib>2\n");
    tree_.add("app", "1-r0", "depend = mid\n");
    ASSERT_EQ(refresh(), "");
    auto before = snapshot(scratch_.root_dir());
    std::string error = run("install", {"app"});
    for (const char* part :
         {"nothing is changed", "needs app", "app 1-r0 needs mid", "mid 1-r0 needs lib>2"})
        EXPECT_IN(part, error);
    EXPECT_IN("no such package", run("install", {"nothing"}));
    EXPECT_IN("no repository has that tag", run("install", {"lib@edge"}));
    EXPECT_EQ(before, snapshot(scratch_.root_dir()));
}

TEST_F(ApkRepository, install_if_and_provider_priority) {
    tree_.add("app", "1-r0", "depend = cmd:thing\n");
    tree_.add("low", "9-r0", "provides = cmd:thing\nprovider_priority = 5\n");
    tree_.add("high", "1-r0", "provides = cmd:thing\nprovider_priority = 10\n");
    tree_.add("doc", "1-r0");
    tree_.add("app-doc", "1-r0", "install_if = app=1-r0 doc\n");
    ASSERT_EQ(refresh(), "");
    ASSERT_EQ(run("install", {"app"}), "") << printed_;
    EXPECT_EQ(version_of("high"), "1-r0");
    EXPECT_EQ(version_of("low"), "");
    EXPECT_EQ(version_of("app-doc"), "");
    ASSERT_EQ(run("install", {"doc"}), "");
    EXPECT_EQ(version_of("app-doc"), "1-r0");
    EXPECT_EQ(run("why", {"app-doc"}), "");
    EXPECT_IN("brings in app-doc (app=1-r0 doc)\n", printed_);
    ASSERT_EQ(run("remove", {"doc"}), "");
    EXPECT_EQ(version_of("app-doc"), "");
    EXPECT_EQ(world(), "app\n");
}

TEST_F(ApkRepository, a_tag_is_for_those_who_ask) {
    ApkTree edge(scratch_.dir() + "/edge");
    tree_.add("app", "1-r0");
    edge.add("app", "2-r0");
    edge.add("new", "1-r0");
    edge.publish();
    write_repositories("# mine\n" + tree_.dir() + "\n@edge " + edge.dir());
    ASSERT_EQ(refresh(), "") << printed_;
    ASSERT_EQ(run("install", {"app"}), "");
    EXPECT_EQ(version_of("app"), "1-r0");
    EXPECT_NE(run("install", {"new"}), "");
    ASSERT_EQ(run("install", {"app@edge"}), "") << printed_;
    EXPECT_EQ(world(), "app@edge\n");
    EXPECT_EQ(version_of("app"), "2-r0");
    EXPECT_IN("s:edge\n", slurp(home() + "/lib/apk/db/installed"));
    EXPECT_EQ(run("search", {"APP"}), "");
    EXPECT_EQ(printed_, "apk:app 1-r0 [installed: 2-r0] - \napk:app@edge 2-r0 [installed] - \n");
    EXPECT_EQ(run("info", {"new"}), "");
    EXPECT_IN("not installed; in @edge file:" + edge.dir(), printed_);
}

TEST_F(ApkRepository, an_index_that_is_not_good_leaves_the_old_one) {
    tree_.add("app", "1-r0");
    ASSERT_EQ(refresh(), "");
    const std::string kept = home() + apk::kIndexes;
    const auto before = snapshot(kept);
    EXPECT_EQ(before.size(), 1u);
    const std::string good = slurp(tree_.path("APKINDEX.tar.gz"));
    std::string changed = good;
    changed[good.size() - 20] = static_cast<char>(changed[good.size() - 20] ^ 4);
    for (const std::string& bytes :
         {changed, good.substr(0, good.size() / 2), std::string(), std::string("text")}) {
        write_temp(tree_.dir() + "/x86_64", "APKINDEX.tar.gz", bytes);
        EXPECT_IN("1 of 1 repositories were not updated", run("update"));
        EXPECT_EQ(before, snapshot(kept));
    }
    tree_.publish("");
    EXPECT_NE(run("update"), "");
    EXPECT_IN("is not signed", printed_);
    EXPECT_EQ(before, snapshot(kept));
    unlink(tree_.path("APKINDEX.tar.gz").c_str());
    EXPECT_NE(run("update"), "");
    EXPECT_IN("it has no index for x86_64", printed_);
    EXPECT_EQ(run("install", {"app"}), "") << printed_;

    // A key that is trusted no more makes it useless; then nothing is upgraded by half a view.
    unlink((home() + "/etc/apk/keys/test.rsa.pub").c_str());
    EXPECT_IN("cannot be used", run("upgrade"));
    trust(home());
    write_repositories("/nowhere");
    EXPECT_IN("not here yet: pkg update", run("upgrade"));
    tree_.publish("");
    write_repositories(tree_.dir());
    options_.allow_untrusted = true;
    ASSERT_EQ(run("update"), "");
    EXPECT_IN("trusted unsigned", printed_);
}

TEST_F(ApkRepository, packages_are_what_the_index_promises_or_nothing_happens) {
    tree_.add("lib", "1-r0");
    // The index vouches for it.
    tree_.add("app", "1-r0", "depend = lib\n", "");
    ASSERT_EQ(refresh(), "");
    const std::string good = slurp(tree_.path("app-1-r0.apk"));
    std::string changed = good, same_size = slurp(tree_.path("lib-1-r0.apk"));
    changed[good.size() - 9] = static_cast<char>(changed[good.size() - 9] ^ 1);
    same_size.resize(good.size());
    const auto before = snapshot(home() + "/usr");
    for (const std::string& bytes : {changed, good + "x", good.substr(1), same_size}) {
        write_temp(tree_.dir() + "/x86_64", "app-1-r0.apk", bytes);
        EXPECT_IN("not fetched:\n  app-1-r0 (file:" + tree_.path("app-1-r0.apk") + "): ",
                  run("install", {"app"}));
        EXPECT_EQ(before, snapshot(home() + "/usr"));
        EXPECT_EQ(world(), "");
    }
    write_temp(tree_.dir() + "/x86_64", "app-1-r0.apk", good);
    EXPECT_EQ(run("install", {"app"}), "") << printed_;
    // A sound package of the same name and version that is another build.
    tree_.add("more", "1-r0");
    tree_.publish();
    tree_.add("more", "1-r0", "depend = lib\n");
    tree_.packages()[2].file_size_bytes = tree_.packages()[3].file_size_bytes;
    tree_.packages().pop_back();
    ASSERT_EQ(refresh(), "");
    EXPECT_IN("its checksum is Q1", run("install", {"more"}));
    tree_.packages()[2].checksum = {};
    ASSERT_EQ(refresh(), "");
    EXPECT_IN("does not say what more-1-r0 must be", run("install", {"more"}));
}

TEST_F(ApkRepository, files_and_directories_join_the_repositories) {
    tree_.add("lib", "1-r0");
    ASSERT_EQ(refresh(), "");
    ApkTree mine(scratch_.dir() + "/mine");
    mine.add("tool", "1-r0", "depend = lib\ndepend = extra\n");
    mine.add("extra", "1-r0");
    EXPECT_IN("extra", run("install", {mine.path("tool-1-r0.apk")}));
    options_.from = {mine.dir() + "/x86_64"};
    ASSERT_EQ(run("install", {mine.path("tool-1-r0.apk")}), "") << printed_;
    EXPECT_TRUE(world().starts_with("tool><Q1")) << world();
    EXPECT_EQ(version_of("extra"), "1-r0");
    EXPECT_EQ(version_of("lib"), "1-r0");
    options_.from.clear();
    EXPECT_EQ(run("upgrade"), "");
    EXPECT_EQ(printed_, "Nothing to do\n");
    // In a directory a package's own signature counts.
    mine.add("odd", "1-r0", "", "");
    options_.from = {mine.dir() + "/x86_64"};
    EXPECT_IN("is not signed", run("install", {"odd"}));
    EXPECT_IN("is not signed", run("install", {mine.path("odd-1-r0.apk")}));
    options_.allow_untrusted = true;
    EXPECT_EQ(run("install", {"odd"}), "");
}

// Index and packages of format v3, one of them of v2.
TEST_F(ApkRepository, format_v3) {
    const std::string package =
        v3_plain({.dirs = {{"usr", {}}, {"usr/share", {{"three", "v3"}}}}, .depends = {"lib"}});
    auto file = apk::ApkFile::open_memory(package, test_keys());
    ASSERT_TRUE(file) << file.error().text;
    tree_.add("lib", "1-r0");
    const apk::Package& p = file->package();
    auto entry = [](AdbWriter& w, const apk::Package& p, size_t size) {
        std::vector<uint32_t> slots(20, 0);
        slots[0] = w.blob(p.name);
        slots[1] = w.blob(p.version);
        slots[2] = w.blob(p.checksum.bytes);
        slots[4] = w.blob(p.arch);
        slots[11] = AdbWriter::integer(static_cast<uint32_t>(p.installed_size_bytes));
        slots[12] = AdbWriter::integer(static_cast<uint32_t>(size));
        if (!p.depends.empty()) slots[14] = w.array({w.object({w.blob(p.depends[0].name)})});
        return w.object(slots);
    };
    AdbWriter w;
    uint32_t list = w.array({entry(w, p, package.size()),
                             entry(w, tree_.packages()[0], tree_.packages()[0].file_size_bytes)});
    std::string adb = w.finish(w.object({w.blob("d"), list}));
    write_temp(
        tree_.dir() + "/x86_64", "Packages.adb",
        deflated("ADB.indx" + adb_block(0, adb) + adb_block(1, v3_signature(kSchemaIndex, adb))));
    write_temp(tree_.dir() + "/x86_64", p.display_name() + ".apk", package);
    ASSERT_EQ(run("update"), "") << printed_;
    EXPECT_IN("2 packages, signed by test.ec.pem", printed_);
    ASSERT_EQ(run("install", {p.name}), "") << printed_;
    EXPECT_EQ(version_of("three"), "v3");
    EXPECT_EQ(version_of("lib"), "1-r0");
    EXPECT_EQ(world(), p.name + "\n");
    EXPECT_EQ(run("verify"), "");
    // What is installed is known again: the database has less of its checksum.
    EXPECT_EQ(run("upgrade"), "");
    EXPECT_EQ(printed_, "Nothing to do\n");
    std::string wrong = package;
    wrong[package.size() - 10] = static_cast<char>(wrong[package.size() - 10] ^ 1);
    write_temp(tree_.dir() + "/x86_64", p.display_name() + ".apk", wrong);
    ASSERT_EQ(run("remove", {p.name}), "");
    EXPECT_IN("not fetched", run("install", {p.name}));
}

TEST_F(ApkRepository, a_real_repository_of_format_v3) {
    const std::string corpus = std::string(PKG_CORPORA) + "/apk-v3";
    if (access(corpus.c_str(), R_OK) != 0) GTEST_SKIP() << "no corpus at " << corpus;
    if (!scratch_.add_shell()) GTEST_SKIP() << "needs a static busybox for its scripts";
    shell("cp " + corpus + "/*.pem " + home() + "/etc/apk/keys");
    tree_.add("libc", "1-r0");
    write_repositories(corpus + "/packages.adb\n" + tree_.dir());
    ASSERT_EQ(refresh(), "") << printed_;
    ASSERT_EQ(run("install", {"wireless-regdb"}), "") << printed_;
    EXPECT_NE(slurp(home() + "/lib/firmware/regulatory.db"), "");
    EXPECT_EQ(world(), "wireless-regdb\n");
    EXPECT_EQ(run("upgrade"), "");
    EXPECT_EQ(printed_, "Nothing to do\n");
    EXPECT_EQ(run("verify"), "");
    ASSERT_EQ(run("remove", {"wireless-regdb"}), "") << printed_;
    EXPECT_EQ(world(), "\n");
}

TEST_F(ApkRepository, from_a_web_server) {
    if (access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "needs python3";
    tree_.add("lib", "1-r0");
    tree_.add("app", "1-r0", "depend = lib\n");
    tree_.publish();
    HttpServer server;
    const std::string log = scratch_.dir() + "/log",
                      base = server.start(tree_.dir(), log, {"--cut", "300"});
    ASSERT_NE(base, "");
    write_repositories(base);
    EXPECT_IN("not here yet: pkg update", (run("install", {"app"}), printed_));
    ASSERT_EQ(run("update"), "") << printed_;
    options_.download_only = true;
    ASSERT_EQ(run("install", {"app"}), "") << printed_;
    const std::string asked = slurp(log);
    EXPECT_IN("/x86_64/app-1-r0.apk bytes=300-\n", asked);
    // Again what is in the cache is not asked for.
    options_.download_only = false;
    ASSERT_EQ(run("install", {"app"}), "") << printed_;
    EXPECT_EQ(slurp(log), asked);
    EXPECT_EQ(version_of("lib"), "1-r0");
    // One that is broken there is found out and fetched once more.
    ASSERT_EQ(run("remove", {"app"}), "");
    shell("for f in " + home() + "/var/cache/pkg/archives/*.apk; do printf x >> $f; done");
    ASSERT_EQ(run("install", {"app"}), "") << printed_;
    server.stop();
    EXPECT_NE(run("update"), "");
    EXPECT_EQ(run("upgrade"), "") << printed_;
}

// In a root of Debian's family: the prefix has its own list of repositories.
class ApkRepositoryPrefix : public ApkRepository {
  protected:
    std::string home() const override { return scratch_.root_dir() + "/usr/lib/pkg/alpine"; }
    void SetUp() override {
        ApkRepository::SetUp();
        options_.initdb = false;
        shell("mkdir -p " + scratch_.root_dir() + "/var/lib/dpkg");
        write_temp(scratch_.root_dir() + "/var/lib/dpkg", "status",
                   "Package: app\nStatus: install ok installed\nVersion: 7\n"
                   "Architecture: amd64\nMaintainer: m\nDescription: d\n\n");
    }
};

TEST_F(ApkRepositoryPrefix, update_install_upgrade_remove) {
    tree_.add("lib", "1-r0");
    tree_.add("app", "1-r0", "depend = lib\n");
    ASSERT_EQ(refresh(), "") << printed_;
    EXPECT_EQ(run("search", {"app"}), "");
    EXPECT_EQ(printed_, "apk:app 1-r0 - \n");
    // Nothing is refused for good: the prefix stays as its owner made it.
    EXPECT_NE(run("install", {"apk:none"}), "");
    EXPECT_EQ(access((home() + "/lib").c_str(), F_OK), -1);
    ASSERT_EQ(run("install", {"apk:app"}), "") << printed_;
    EXPECT_EQ(version_of("lib"), "1-r0");
    EXPECT_EQ(world(), "app\n");
    tree_.add("app", "2-r0");
    ASSERT_EQ(refresh(), "");
    ASSERT_EQ(run("upgrade"), "") << printed_;
    EXPECT_EQ(version_of("app"), "2-r0");
    EXPECT_EQ(version_of("lib"), "");
    ASSERT_EQ(run("remove", {"apk:app"}), "") << printed_;
    EXPECT_EQ(access((home() + "/lib").c_str(), F_OK), -1);
    EXPECT_EQ(access((home() + "/etc/apk/repositories").c_str(), F_OK), 0);
    EXPECT_EQ(run("install", {"apk:app"}), "");
}

// The native apk of the corpora does the same with the same repository.
TEST_F(ApkRepository, agrees_with_a_native_apk) {
    const std::string corpus = std::string(PKG_CORPORA) + "/apk-v2";
    if (access(corpus.c_str(), R_OK) != 0) GTEST_SKIP() << "no corpus at " << corpus;
    if (access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "needs python3";
    HttpServer server;
    const std::string base = server.start(corpus, scratch_.dir() + "/log");
    ASSERT_NE(base, "");
    const std::string tool = scratch_.dir() + "/tool", theirs = scratch_.dir() + "/theirs";
    shell("mkdir -p " + theirs + "/etc/apk " + tool);
    shell("cp " + corpus + "/keys/* " + home() + "/etc/apk/keys");
    write_repositories(base);
    shell("cp -r " + home() + "/etc " + theirs);
    Options o = options_;
    o.root = tool;
    o.keys = corpus + "/keys";
    o.from = {corpus + "/x86_64"};
    testing::internal::CaptureStdout();
    Status made = find_verb("install")->run(o, {"apk-tools"});
    testing::internal::GetCapturedStdout();
    ASSERT_TRUE(made) << made.error().text;
    const std::string native = tool + "/lib/ld-musl-x86_64.so.1 --library-path " + tool +
                               "/lib:" + tool + "/usr/lib " + tool +
                               "/sbin/apk --no-progress --root " + theirs + " ";
    ASSERT_EQ(run("update"), "") << printed_;
    const struct {
        const char *verb, *theirs;
        Words words;
    } steps[] = {
        {"install", "add --initdb", {"openssh"}},
        {"install", "add --initdb", {"busybox", "doas", "e2fsprogs-extra"}},
        {"install", "add --initdb", {"musl~1.2", "tzdata"}},
        {"install", "add --initdb", {"there-is-none"}},
        {"install", "add --initdb", {"busybox=9"}},
        {"remove", "del", {"openssh"}},
        {"remove", "del", {"musl"}},
        {"install", "add --initdb", {"tiny-cloud-openrc"}},
        {"upgrade", "upgrade", {}},
        {"remove", "del", {"busybox", "e2fsprogs-extra"}},
        {"remove", "del", {"tiny-cloud-openrc", "doas", "tzdata"}},
    };
    for (const auto& s : steps) {
        SCOPED_TRACE(std::string(s.verb) + " " + join(s.words, " "));
        std::string said;
        const bool they =
            shell(native + s.theirs + (s.words.empty() ? "" : " '" + join(s.words, "' '") + "'") +
                      " 2>&1",
                  &said) == 0;
        const bool we = run(s.verb, s.words).empty();
        EXPECT_EQ(we, they) << said << printed_;
        EXPECT_TRUE(slurp(home() + "/lib/apk/db/installed") ==
                    slurp(theirs + "/lib/apk/db/installed"))
            << said << printed_;
        EXPECT_EQ(slurp(home() + "/etc/apk/world"), slurp(theirs + "/etc/apk/world"));
    }
}

}  // namespace
}  // namespace tenon::pkg::test
