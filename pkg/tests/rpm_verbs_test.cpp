// Repositories of rpm's family by the verbs: packages and signatures that the tests make, metadata
// by createrepo_c, on disk and from a web server on the loopback interface.
#include <gtest/gtest.h>
#include <unistd.h>

#include "pkg/cmd/verbs.h"
#include "pkg/lib/family.h"
#include "pkg/lib/rpm/repositories.h"
#include "pkg/lib/rpm/tags.h"
#include "pkg/lib/text.h"
#include "pkg/tests/apt_repository.h"
#include "pkg/tests/http_server.h"
#include "pkg/tests/rpm_builder.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {
namespace {

namespace tag = rpm::tag;

#define EXPECT_IN(part, whole) EXPECT_NE((whole).find(part), std::string::npos) << (whole)

// "Requires: lib >= 1, (a or b)\nObsoletes: old" as a spec file has it.
void relate(RpmHeaderBuilder& header, std::string_view text) {
    struct {
        const char* word;
        uint32_t name, flags, version;
    } const kinds[] = {
        {"Provides:", tag::kProvideName, tag::kProvideFlags, tag::kProvideVersion},
        {"Requires:", tag::kRequireName, tag::kRequireFlags, tag::kRequireVersion},
        {"Conflicts:", tag::kConflictName, tag::kConflictFlags, tag::kConflictVersion},
        {"Obsoletes:", tag::kObsoleteName, tag::kObsoleteFlags, tag::kObsoleteVersion},
        {"Recommends:", tag::kRecommendName, tag::kRecommendFlags, tag::kRecommendVersion},
    };
    for (std::string_view line : split_lines(text))
        for (const auto& kind : kinds) {
            if (!line.starts_with(kind.word)) continue;
            line.remove_prefix(std::string_view(kind.word).size());
            std::vector<std::string> names, versions;
            std::vector<uint64_t> flags;
            while (!line.empty()) {
                const size_t comma = line.find(',');
                const std::string_view one = trim(line.substr(0, comma));
                line = comma == std::string_view::npos ? "" : line.substr(comma + 1);
                const size_t space = one.starts_with('(') ? std::string_view::npos : one.find(' ');
                names.emplace_back(one.substr(0, space));
                uint64_t sense = 0;
                std::string version;
                if (space != std::string_view::npos) {
                    const auto words = split_words(one.substr(space));
                    for (char c : words[0])
                        sense |= c == '<' ? rpm::kLess : c == '>' ? rpm::kGreater : rpm::kEqual;
                    version = words[1];
                }
                flags.push_back(sense);
                versions.push_back(version);
            }
            header.texts(kind.name, names);
            header.number(kind.flags, flags);
            header.texts(kind.version, versions);
        }
}

// A directory with packages, and metadata of them.
class RpmTree {
  public:
    explicit RpmTree(std::string dir) : dir_(std::move(dir)) { shell("mkdir -p " + dir_); }
    const std::string& dir() const { return dir_; }
    std::string path(const std::string& name, const std::string& version) const {
        return dir_ + "/" + name + "-" + version + "-1.noarch.rpm";
    }
    void add(const std::string& name, const std::string& version, const std::string& relations = "",
             const std::string& file = "") const {
        RpmSpec s;
        s.name = name;
        s.version = version;
        s.items = {{.path = file.empty() ? "/usr/share/" + name : file, .data = version}};
        const std::string own = "Provides: " + name + " = " + version + "-1\n";
        relate(s.header, own + relations);
        s.header.text(tag::kSummary, "the " + name);
        write_temp(dir_, name + "-" + version + "-1.noarch.rpm", rpm_of(s));
    }
    void publish() const {
        std::string log;
        EXPECT_EQ(shell("createrepo_c -q " + dir_ + " 2>&1", &log), 0) << log;
    }
    std::string repomd() const { return slurp(dir_ + "/repodata/repomd.xml"); }
    void sign(const std::string& user) const {
        write_temp(dir_ + "/repodata", "repomd.xml.asc",
                   SigningKeys::get()->sign(user, "--detach-sign", repomd(), "--armor"));
    }

  private:
    std::string dir_;
};

class RpmVerbs : public testing::Test {
  protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root's rights";
        if (access("/usr/bin/createrepo_c", X_OK) != 0) GTEST_SKIP() << "needs createrepo-c";
        options_.root = scratch_.root_dir();
        make_root();
        configure("");
    }
    virtual void make_root() {
        shell("mkdir -p " + scratch_.root_dir() + "/etc");
        write_temp(scratch_.root_dir() + "/etc", "os-release", "ID=fedora\nVERSION_ID=\"40\"\n");
    }
    virtual std::string home() const { return scratch_.root_dir(); }
    // `more`: lines of the repository's section.
    void configure(const std::string& more, const std::string& uri = "") const {
        shell("mkdir -p " + home() + "/etc/yum.repos.d");
        write_temp(home() + "/etc/yum.repos.d", "main.repo",
                   "[main]\ncachedir=/x\n[test]\nname=Test $releasever\nbaseurl=" +
                       (uri.empty() ? "file://" + tree_.dir() : uri) + "\n" +
                       (more.contains("gpgcheck") ? "" : "gpgcheck=0\n") + more);
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
    std::string refresh() {
        tree_.publish();
        return run("update");
    }
    std::string version_of(const std::string& name) const {
        return slurp(home() + "/usr/share/" + name);
    }

    Scratch scratch_;
    RpmTree tree_{scratch_.dir() + "/repository"};
    Options options_;
    std::string printed_, json_;
};

TEST(RpmRepositories, lines_of_the_files) {
    const std::map<std::string, std::string> variables{{"releasever", "40"},
                                                       {"basearch", "x86_64"}};
    auto list = rpm::parse_repositories(
        "# all\n[main]\nkeepcache=1\n[a]\nname = A $releasever\n"
        "baseurl=http://x.org/${releasever}/$basearch/ https://y.org/\n  file:///z\n"
        "gpgkey=file:///etc/k1\n\tfile:///etc/k2\nrepo_gpgcheck=True\npriority=5\n"
        "[off]\nenabled=0\n; last\n",
        "f", variables);
    ASSERT_TRUE(list) << list.error().text;
    ASSERT_EQ(list->size(), 1u);
    const auto& a = (*list)[0];
    EXPECT_EQ(a.name, "A 40");
    EXPECT_EQ(a.base_uris, (Words{"http://x.org/40/x86_64", "https://y.org", "file:///z"}));
    EXPECT_EQ(a.key_files, (Words{"/etc/k1", "/etc/k2"}));
    EXPECT_TRUE(a.check_packages);
    EXPECT_TRUE(a.check_metadata);
    EXPECT_EQ(a.priority, 5);
    EXPECT_EQ(a.where, "f:4");
    struct {
        const char *text, *why;
    } const bad[] = {
        {"baseurl=x\n", "line 1 is neither"},
        {"[a/../b]\nbaseurl=http://x\n", "no name for a repository"},
        {"[..]\nbaseurl=http://x\n", "no name for a repository"},
        {"[a]\n", "no baseurl"},
        {"[a]\nmirrorlist=http://x\n", "lists of mirrors"},
        {"[a]\nbaseurl=ftp://x\n", "neither an http"},
        {"[a]\nbaseurl=http://x/$nobody\n", "stands for the variable"},
        {"[a]\nbaseurl=http://x\ngpgcheck=maybe\n", "neither yes nor no"},
        {"[a]\nbaseurl=http://x\npriority=-1\n", "no number"},
    };
    for (const auto& b : bad) {
        auto r = rpm::parse_repositories(b.text, "f", variables);
        ASSERT_FALSE(r) << b.text;
        EXPECT_IN(b.why, r.error().text);
    }
}

TEST_F(RpmVerbs, installs_what_is_needed_and_upgrades_it) {
    tree_.add("lib", "1");
    tree_.add("app", "1", "Requires: lib >= 1");
    ASSERT_EQ(refresh(), "") << printed_;
    EXPECT_IN("test: 2 packages, trusted unsigned", printed_);
    EXPECT_IN(R"({"source":"test","ok":true,"error":null,"changed":true,"packages":2)", json_);
    ASSERT_EQ(run("update"), "");
    EXPECT_IN("test: no change", printed_);
    EXPECT_EQ(run("search", {"APP"}), "");
    EXPECT_IN("rpm:app 1-1 - the app", printed_);
    EXPECT_EQ(run("info", {"app"}), "") << printed_;
    EXPECT_IN("not installed; in test", printed_);
    auto before = snapshot(scratch_.root_dir());
    EXPECT_IN("To install: ", dry_run("install", {"app"}));
    EXPECT_IN(
        R"({"action":"install","package":"lib","architecture":"noarch","before":null,"after":"1-1"})",
        json_);
    EXPECT_EQ(before, snapshot(scratch_.root_dir()));
    options_.download_only = true;
    EXPECT_EQ(run("install", {"app"}), "");
    options_.download_only = false;
    EXPECT_EQ(version_of("app"), "");
    ASSERT_EQ(run("install", {"app"}), "") << printed_;
    EXPECT_EQ(version_of("lib"), "1");
    EXPECT_EQ(version_of("app"), "1");
    ASSERT_EQ(run("install", {"app"}), "");
    EXPECT_IN("Nothing to do", printed_);

    tree_.add("lib", "2");
    tree_.add("app", "2", "Requires: lib >= 2");
    ASSERT_EQ(refresh(), "");
    EXPECT_IN("To upgrade: ", dry_run("upgrade"));
    ASSERT_EQ(run("upgrade"), "") << printed_;
    EXPECT_EQ(version_of("lib"), "2");
    EXPECT_EQ(version_of("app"), "2");
    EXPECT_EQ(run("verify"), "");
    // An older one only for those who name it.
    ASSERT_EQ(run("install", {"app-1"}), "") << printed_;
    EXPECT_EQ(version_of("app"), "1");
    ASSERT_EQ(run("install", {"app"}), "");
    EXPECT_EQ(version_of("app"), "2");
    ASSERT_EQ(run("install", {"app=1-1"}), "") << printed_;
    EXPECT_EQ(version_of("app"), "1");
    EXPECT_EQ(run("remove", {"app", "lib"}), "");
}

TEST_F(RpmVerbs, problems_are_told_as_a_chain) {
    tree_.add("app", "1", "Requires: lib >= 2");
    tree_.add("lib", "1");
    tree_.add("left", "1", "Conflicts: right");
    tree_.add("right", "1");
    ASSERT_EQ(refresh(), "");
    auto before = snapshot(scratch_.root_dir());
    std::string error = run("install", {"app"});
    EXPECT_IN("app-1-1.noarch needs lib >= 2, and there is only lib-1-1.noarch", error);
    EXPECT_IN("left-1-1.noarch does not go together with right-1-1.noarch",
              run("install", {"left", "right"}));
    EXPECT_IN("there is no package nothing", run("install", {"nothing"}));
    EXPECT_EQ(before, snapshot(scratch_.root_dir()));
}

TEST_F(RpmVerbs, rich_weak_and_obsoleting_relations) {
    tree_.add("old", "1");
    tree_.add("a", "1");
    tree_.add("b", "1");
    tree_.add("nice", "1");
    tree_.add("app", "1", "Requires: (a or b), (b if a)\nRecommends: nice");
    tree_.add("plain", "1", "Recommends: nice");
    ASSERT_EQ(refresh(), "");
    ASSERT_EQ(run("install", {"old"}), "");
    options_.recommends = false;
    ASSERT_EQ(run("install", {"plain"}), "");
    EXPECT_EQ(version_of("nice"), "");
    options_.recommends = true;
    ASSERT_EQ(run("install", {"app"}), "") << printed_;
    EXPECT_EQ(version_of("nice"), "1");
    EXPECT_EQ(version_of("b"), "1");
    tree_.add("fresh", "2", "Obsoletes: old < 2");
    ASSERT_EQ(refresh(), "");
    EXPECT_IN("To remove: old-1-1.noarch", dry_run("upgrade"));
    ASSERT_EQ(run("upgrade"), "") << printed_;
    EXPECT_EQ(version_of("old"), "");
    EXPECT_EQ(version_of("fresh"), "2");
}

TEST_F(RpmVerbs, files_are_provided_too) {
    tree_.add("tool", "1", "", "/usr/bin/tool");
    tree_.add("deep", "1", "", "/usr/share/deep/file");
    tree_.add("app", "1", "Requires: /usr/bin/tool");
    tree_.add("odd", "1", "Requires: /usr/share/deep/file");
    ASSERT_EQ(refresh(), "");
    ASSERT_EQ(run("install", {"app"}), "") << printed_;
    EXPECT_EQ(slurp(home() + "/usr/bin/tool"), "1");
    // Only the list of all files has this one.
    ASSERT_EQ(run("install", {"odd"}), "") << printed_;
    EXPECT_EQ(slurp(home() + "/usr/share/deep/file"), "1");
    EXPECT_IN("needs /nowhere",
              (tree_.add("bad", "1", "Requires: /nowhere"), refresh(), run("install", {"bad"})));
}

TEST_F(RpmVerbs, priorities_and_exclusions) {
    RpmTree second(scratch_.dir() + "/second");
    tree_.add("app", "1");
    tree_.add("kernel-x", "1");
    second.add("app", "2");
    second.publish();
    configure("gpgcheck=0\npriority=10\nexcludepkgs=kernel*\n[second]\nbaseurl=file://" +
              second.dir() + "\ngpgcheck=0\n");
    ASSERT_EQ(refresh(), "");
    ASSERT_EQ(run("install", {"app"}), "");
    EXPECT_EQ(version_of("app"), "1");
    EXPECT_IN("there is no package", run("install", {"kernel-x"}));
}

TEST_F(RpmVerbs, metadata_that_is_not_good_leaves_the_old) {
    if (!SigningKeys::get()) GTEST_SKIP() << "needs gpg";
    write_temp(home() + "/etc", "key", SigningKeys::get()->public_key("good"));
    configure("repo_gpgcheck=1\ngpgcheck=0\ngpgkey=file:///etc/key\n");
    tree_.add("app", "1");
    tree_.publish();
    EXPECT_NE(run("update"), "");  // without a signature
    EXPECT_IN("is not signed", printed_);
    tree_.sign("other");
    EXPECT_NE(run("update"), "");
    tree_.sign("good");
    ASSERT_EQ(run("update"), "") << printed_;
    EXPECT_IN("signed by good", printed_);
    const std::string first = tree_.repomd(),
                      signature = slurp(tree_.dir() + "/repodata/repomd.xml.asc");

    // What is signed is not what is there.
    tree_.add("app", "2");
    shell("sleep 1.1");
    tree_.publish();
    write_temp(tree_.dir() + "/repodata", "repomd.xml.asc", signature);
    EXPECT_NE(run("update"), "");
    tree_.sign("good");
    ASSERT_EQ(run("update"), "") << printed_;
    EXPECT_IN("app 2-1", (run("search", {"app"}), printed_));
    // Yesterday's, with its good signature.
    write_temp(tree_.dir() + "/repodata", "repomd.xml", first);
    write_temp(tree_.dir() + "/repodata", "repomd.xml.asc", signature);
    EXPECT_NE(run("update"), "");
    EXPECT_IN("older than what came before", printed_);
    EXPECT_IN("app 2-1", (run("search", {"app"}), printed_));
    // The key goes, and its repository with it.
    shell("rm " + home() + "/etc/key");
    EXPECT_NE(run("upgrade"), "");
    EXPECT_NE(run("install", {"app"}), "");
    options_.allow_untrusted = true;
    EXPECT_EQ(run("install", {"app"}), "") << printed_;
}

TEST_F(RpmVerbs, a_damaged_list_of_packages_leaves_the_old) {
    tree_.add("app", "1");
    ASSERT_EQ(refresh(), "");
    tree_.add("app", "2");
    tree_.publish();
    shell("for f in " + tree_.dir() + "/repodata/*primary.xml.gz; do echo x >> $f; done");
    EXPECT_NE(run("update"), "");
    EXPECT_IN("primary", printed_);
    ASSERT_EQ(run("install", {"app"}), "") << printed_;
    EXPECT_EQ(version_of("app"), "1");
    // What is kept is judged whenever it is read.
    shell("for f in " + home() + "/var/cache/pkg/rpm-md/test/*-primary; do echo x >> $f; done");
    EXPECT_IN("nothing is upgraded", run("upgrade"));
    shell("rm -r " + home() + "/var/cache/pkg/rpm-md");
    EXPECT_IN("not here yet: pkg update", run("upgrade"));
}

TEST_F(RpmVerbs, packages_are_what_the_metadata_promises_or_nothing_happens) {
    tree_.add("app", "1");
    tree_.add("more", "1");
    ASSERT_EQ(refresh(), "");
    auto before = snapshot(scratch_.root_dir());
    shell("cp " + tree_.path("more", "1") + " " + tree_.path("app", "1"));
    EXPECT_NE(run("install", {"app", "more"}), "");
    shell("printf x >> " + tree_.path("app", "1"));
    EXPECT_IN("bytes and should have", run("install", {"app"}));
    shell("rm " + tree_.path("app", "1"));
    EXPECT_NE(run("install", {"app"}), "");
    EXPECT_EQ(version_of("more"), "");
    // Nobody signed them, and gpgcheck is the default.
    tree_.add("app", "1");
    ASSERT_EQ(refresh(), "");
    configure("gpgcheck=1\n");
    EXPECT_IN("is not signed", run("install", {"app"}));
    EXPECT_EQ(version_of("app"), "");
}

TEST_F(RpmVerbs, files_join_the_repositories) {
    RpmTree mine(scratch_.dir() + "/mine");
    tree_.add("lib", "1");
    mine.add("tool", "1", "Requires: lib");
    ASSERT_EQ(refresh(), "");
    ASSERT_EQ(run("install", {mine.path("tool", "1")}), "") << printed_;
    EXPECT_EQ(version_of("lib"), "1");
    EXPECT_EQ(version_of("tool"), "1");
}

TEST_F(RpmVerbs, from_a_web_server) {
    HttpServer server;
    const std::string uri = server.start(scratch_.dir(), scratch_.dir() + "/log");
    if (uri.empty()) GTEST_SKIP() << "no web server starts here";
    tree_.add("lib", "1");
    tree_.add("app", "1", "Requires: lib");
    tree_.publish();
    configure("", uri + "gone " + uri + "repository");
    ASSERT_EQ(run("update"), "") << printed_;
    ASSERT_EQ(run("install", {"app"}), "") << printed_;
    EXPECT_EQ(version_of("lib"), "1");
    server.stop();
    EXPECT_IN("no metadata", (run("update"), printed_));
    EXPECT_EQ(run("remove", {"app"}), "");
    // From the cache.
    EXPECT_EQ(run("install", {"app"}), "") << printed_;
}

// A root of dpkg's, with a prefix for packages of rpm's family.
class RpmVerbsPrefix : public RpmVerbs {
  protected:
    void make_root() override {
        shell("cd " + scratch_.root_dir() +
              " && mkdir -p var/lib/dpkg bin lib64 lib/x86_64-linux-gnu dev usr/lib/pkg/rpm && "
              "cp /lib64/ld-linux-x86-64.so.2 lib64/ && "
              "cp /lib/x86_64-linux-gnu/libc.so.6 lib/x86_64-linux-gnu/ && cp /bin/true bin/sh && "
              "mkdir -p usr/lib/x86_64-linux-gnu && "
              "ln -s ../../../lib/x86_64-linux-gnu/libc.so.6 usr/lib/x86_64-linux-gnu/libc.so.6");
        write_temp(scratch_.root_dir() + "/var/lib/dpkg", "status",
                   "Package: x\nStatus: deinstall ok config-files\n"
                   "Version: 1\nArchitecture: amd64\n\n");
    }
    std::string home() const override { return scratch_.root_dir() + kRpmPrefix; }
};

TEST_F(RpmVerbsPrefix, the_root_around_provides_its_c_library) {
    tree_.add("glibc", "2.99", "Provides: libc.so.6()(64bit), libc.so.6(GLIBC_2.34)(64bit)");
    tree_.add("app", "1", "Requires: libc.so.6(GLIBC_2.34)(64bit), libc.so.6()(64bit)");
    ASSERT_EQ(refresh(), "") << printed_;
    EXPECT_NE(run("install", {"app"}), "");  // a .deb's name
    auto before = snapshot(scratch_.root_dir());
    EXPECT_EQ(dry_run("install", {"rpm:app"}), "To install: app-1-1.noarch\n");
    EXPECT_EQ(before, snapshot(scratch_.root_dir()));
    ASSERT_EQ(run("install", {"rpm:app"}), "") << printed_;
    EXPECT_EQ(version_of("app"), "1");
    tree_.add("app", "2");
    ASSERT_EQ(refresh(), "") << printed_;
    ASSERT_EQ(run("upgrade"), "") << printed_;
    EXPECT_EQ(version_of("app"), "2");
    ASSERT_EQ(run("remove", {"rpm:app"}), "") << printed_;
    // The list of repositories stays, and waits.
    EXPECT_NE(slurp(home() + "/etc/yum.repos.d/main.repo"), "");
    EXPECT_EQ(run("install", {"rpm:app"}), "") << printed_;
}

}  // namespace
}  // namespace tenon::pkg::test
