// The verbs that install by name, against a repository that the test makes.
#include "pkg/tests/apt_root.h"

namespace tenon::pkg::test {
namespace {

class AptInstall : public AptRoot {
  protected:
    void ready() {
        repository_.publish();
        ASSERT_EQ(run("update"), "") << printed_;
    }
};

TEST_F(AptInstall, brings_what_is_needed_and_marks_it) {
    repository_.add("app", "1", "Depends: lib (>= 2), none | tool\nRecommends: nice, missing\n");
    repository_.add("lib", "1");
    repository_.add("lib", "2.1", "Pre-Depends: base\n");
    repository_.add("base", "1");
    repository_.add("tool", "1");
    repository_.add("nice", "1");
    repository_.add("other", "1");
    ready();
    EXPECT_IN("To install", dry_run("install", {"app"}));
    EXPECT_EQ(installed("app"), "not-installed");
    EXPECT_EQ(run("info", {"app"}), "");
    EXPECT_TRUE(has("Recommends: nice, missing\n") && has("SHA256: ")) << printed_;
    EXPECT_IN("there is no package ghost", run("info", {"ghost"}));
    EXPECT_EQ(run("install", {"app"}), "") << printed_;
    for (const char* name : {"app", "base", "tool", "nice"})
        EXPECT_EQ(installed(name), "1") << name;
    EXPECT_EQ(installed("lib"), "2.1");
    EXPECT_EQ(installed("other"), "not-installed");
    std::string states = slurp(scratch_.root_dir() + "/var/lib/apt/extended_states");
    EXPECT_IN("Package: lib\nArchitecture: amd64\nAuto-Installed: 1\n", states);
    EXPECT_EQ(states.find("Package: app\n"), std::string::npos);

    EXPECT_EQ(run("why", {"base"}), "");
    EXPECT_EQ(printed_, "app needs lib (>= 2)\nlib needs base\n");
    EXPECT_EQ(run("why", {"app"}), "");
    EXPECT_EQ(printed_, "app was installed by hand\n");
    EXPECT_EQ(run("why", {"nice"}), "");
    EXPECT_IN("app recommends nice", printed_);
    EXPECT_NE(run("why", {"other"}), "");

    EXPECT_EQ(run("install", {"tool"}), "");
    EXPECT_TRUE(has("newest version already")) << printed_;
    EXPECT_EQ(run("remove", {"app"}), "") << printed_;
    EXPECT_IN("To remove: base, lib, nice\n", dry_run("autoremove"));
    EXPECT_EQ(run("autoremove"), "") << printed_;
    EXPECT_EQ(installed("lib"), "not-installed");
    EXPECT_EQ(installed("tool"), "1");
    states = slurp(scratch_.root_dir() + "/var/lib/apt/extended_states");
    EXPECT_EQ(states.find("Package: lib\n"), std::string::npos) << states;
}

TEST_F(AptInstall, recommended_packages_can_be_left_out) {
    repository_.add("app", "1", "Recommends: nice\n");
    repository_.add("nice", "1");
    ready();
    options_.recommends = false;
    EXPECT_EQ(run("install", {"app"}), "") << printed_;
    EXPECT_EQ(installed("nice"), "not-installed");
}

TEST_F(AptInstall, problems_are_explained_with_the_chain) {
    repository_.add("app", "1", "Depends: middle\n");
    repository_.add("middle", "2", "Depends: lib (>= 3)\n");
    repository_.add("lib", "2");
    repository_.add("lonely", "1", "Depends: nowhere\n");
    repository_.add("x", "1", "Depends: y\nConflicts: z\n");
    repository_.add("y", "1", "Depends: z\n");
    repository_.add("z", "1");
    ready();
    std::string error = run("install", {"app"});
    EXPECT_IN("app 1 needs middle\n  middle 2 needs lib (>= 3), and there is only lib 2", error);
    EXPECT_IN("lonely 1 needs nowhere, and there is no such package", run("install", {"lonely"}));
    error = run("install", {"x"});
    EXPECT_IN("x 1 needs y", error);
    EXPECT_IN("y 1 needs z", error);
    EXPECT_IN("x 1 does not go together with z 1", error);
    EXPECT_IN("there is no package ghost", run("install", {"ghost"}));
    EXPECT_EQ(run("why-not", {"app"}), "");
    EXPECT_TRUE(has("app 1 cannot be installed:\n  app 1 needs middle")) << printed_;
    EXPECT_EQ(run("why-not", {"z"}), "");
    EXPECT_TRUE(has("z 1 can be installed")) << printed_;
    EXPECT_TRUE(snapshot(scratch_.root_dir() + "/usr").empty());
}

TEST_F(AptInstall, upgrades_and_holds) {
    repository_.add("a", "1", "Depends: b\n");
    repository_.add("b", "1");
    ready();
    EXPECT_EQ(run("install", {"a"}), "") << printed_;
    repository_.add("a", "2", "Depends: b, c\n");
    repository_.add("b", "2");
    repository_.add("c", "1");
    repository_.publish({.more = "Version: 2\n"});
    EXPECT_EQ(run("update"), "") << printed_;
    EXPECT_EQ(run("hold", {"b"}), "");
    std::string plan = dry_run("upgrade");
    EXPECT_IN("To install: c 1\nTo upgrade: a 1 -> 2\n", plan);
    EXPECT_IN("Held: b", plan);
    EXPECT_EQ(run("upgrade"), "") << printed_;
    EXPECT_EQ(installed("a"), "2");
    EXPECT_EQ(installed("b"), "1");
    EXPECT_EQ(installed("c"), "1");
    EXPECT_IN("hold ok installed", slurp(scratch_.root_dir() + "/var/lib/dpkg/status"));
    EXPECT_EQ(run("unhold", {"b"}), "");
    EXPECT_EQ(run("upgrade"), "") << printed_;
    EXPECT_EQ(installed("b"), "2");
    EXPECT_EQ(run("upgrade"), "");
    EXPECT_TRUE(has("Nothing to upgrade")) << printed_;
    // Of the marks, that of what came with the upgrade.
    std::string states = slurp(scratch_.root_dir() + "/var/lib/apt/extended_states");
    EXPECT_IN("Package: c\n", states);
}

TEST_F(AptInstall, versions_and_pins_choose) {
    repository_.add("a", "1");
    repository_.add("a", "2");
    repository_.add("a", "3");
    ready();
    EXPECT_IN("there is no version 9 of a; there is 1, 2, 3", run("install", {"a=9"}));
    EXPECT_EQ(run("install", {"a=1"}), "") << printed_;
    EXPECT_EQ(installed("a"), "1");
    write_temp(scratch_.root_dir() + "/etc/apt", "preferences",
               "Package: a\nPin: version 3\nPin-Priority: -1\n");
    EXPECT_EQ(run("upgrade"), "") << printed_;
    EXPECT_EQ(installed("a"), "2");
    write_temp(scratch_.root_dir() + "/etc/apt", "preferences",
               "Package: *\nPin: version 1\nPin-Priority: 1001\n");
    EXPECT_IN("To downgrade: a 2 -> 1", dry_run("install", {"a"}));
}

TEST_F(AptInstall, a_removal_is_never_a_surprise) {
    repository_.add("old", "1");
    repository_.add("needs-old", "1", "Depends: old\n");
    repository_.add("core", "1", "Essential: yes\n");
    repository_.add("new", "1", "Conflicts: old\nReplaces: old\n");
    repository_.add("against-core", "1", "Conflicts: core\n");
    ready();
    EXPECT_EQ(run("install", {"needs-old", "core"}), "") << printed_;
    EXPECT_IN("To remove: needs-old, old", dry_run("install", {"new"}));
    EXPECT_IN("say --yes", run("install", {"new"}));
    EXPECT_EQ(installed("old"), "1");
    options_.yes = true;
    EXPECT_IN("does not go together with core 1", run("install", {"against-core"}));
    EXPECT_EQ(run("install", {"new"}), "") << printed_;
    EXPECT_EQ(installed("new"), "1");
    EXPECT_EQ(installed("old"), "not-installed");
    EXPECT_EQ(installed("needs-old"), "not-installed");
    EXPECT_EQ(installed("core"), "1");
}

TEST_F(AptInstall, virtual_packages) {
    repository_.add("one", "1", "Provides: mail\n");
    repository_.add("two", "1", "Provides: mail, single (= 5)\n");
    repository_.add("user", "1", "Depends: mail\n");
    repository_.add("versioned", "1", "Depends: single (>= 5)\n");
    repository_.add("too-new", "1", "Depends: single (>= 6)\n");
    repository_.add("unversioned", "1", "Depends: mail (>= 1)\n");
    ready();
    std::string error = run("install", {"mail"});
    EXPECT_IN("several packages", error);
    EXPECT_IN("one 1", error);
    EXPECT_IN("To install: two 1", dry_run("install", {"single"}));
    EXPECT_NE(dry_run("install", {"user"}).find("user 1"), std::string::npos);
    EXPECT_IN("two 1", dry_run("install", {"versioned"}));
    EXPECT_NE(run("install", {"too-new"}), "");
    EXPECT_NE(run("install", {"unversioned"}), "");
}

TEST_F(AptInstall, the_first_alternative_is_preferred) {
    for (const char* n : {"aa", "bb", "cc"}) repository_.add(n, "1");
    repository_.add("x", "1", "Depends: bb | aa | cc\n");
    repository_.add("y", "1", "Depends: cc | aa\n");
    ready();
    EXPECT_EQ(dry_run("install", {"x"}), "To install: bb 1, x 1\n");
    EXPECT_EQ(dry_run("install", {"y"}), "To install: cc 1, y 1\n");
    EXPECT_EQ(run("install", {"aa"}), "") << printed_;
    EXPECT_EQ(dry_run("install", {"x"}), "To install: x 1\n");
}

TEST_F(AptInstall, a_deb_that_is_not_as_promised_is_refused) {
    for (const char* kind : {"file", "copy"}) {
        for (const char* n : {"a", "b"})
            repository_.add(n, kind == std::string("file") ? "1" : "2");
        repository_.publish({.more = std::string("Label: ") + kind + "\n"});
        sources("deb " + std::string(kind) + ":" + repository_.dir() + " test main\n");
        ASSERT_EQ(run("update"), "") << printed_;
        std::string file = kind == std::string("file") ? "b_1.deb" : "b_2.deb";
        std::string good = slurp(repository_.deb_path(file)), changed = good;
        changed[changed.size() - 9] = static_cast<char>(changed[changed.size() - 9] ^ 1);
        auto with = [&](const std::string& data) {
            write_temp(repository_.dir() + "/pool", file, data);
            auto before = snapshot(scratch_.root_dir() + "/var/lib/dpkg");
            std::string error = run("install", {"a", "b"});
            EXPECT_EQ(snapshot(scratch_.root_dir() + "/var/lib/dpkg"), before);
            EXPECT_TRUE(snapshot(scratch_.root_dir() + "/usr").empty());
            EXPECT_TRUE(snapshot(scratch_.root_dir() + "/var/cache/pkg/archives/partial").empty());
            return error;
        };
        EXPECT_IN("its SHA256 is", with(changed));
        EXPECT_IN("it has", with(good.substr(1)));
        EXPECT_IN("it", with(good + "x"));
        unlink(repository_.deb_path(file).c_str());
        EXPECT_IN("b ", run("install", {"a", "b"}));
        write_temp(repository_.dir() + "/pool", file, good);
    }
}

TEST_F(AptInstall, download_only_fills_the_cache_and_the_cache_survives) {
    repository_.add("a", "1:1");
    repository_.publish();
    sources("deb copy:" + repository_.dir() + " test main\n");
    ASSERT_EQ(run("update"), "") << printed_;
    options_.download_only = true;
    EXPECT_EQ(run("install", {"a"}), "") << printed_;
    options_.download_only = false;
    std::string cached = scratch_.root_dir() + "/var/cache/pkg/archives/a_1%3a1_amd64.deb";
    if (access(cached.c_str(), R_OK) != 0)
        cached = scratch_.root_dir() + "/var/cache/pkg/archives/a_1%3a1_all.deb";
    EXPECT_EQ(access(cached.c_str(), R_OK), 0);
    EXPECT_EQ(installed("a"), "not-installed");
    // The repository is gone now.
    shell("rm -rf " + repository_.dir());
    EXPECT_EQ(run("install", {"a"}), "") << printed_;
    EXPECT_EQ(installed("a"), "1:1");
}

TEST_F(AptInstall, files_and_directories_take_part) {
    repository_.add("lib", "1");
    ready();
    std::string app = scratch_.deb("app", {.control = control_text("app", "1", "Depends: lib\n")});
    EXPECT_EQ(run("install", {app}), "") << printed_;
    EXPECT_EQ(installed("lib"), "1");
    std::string shelf = scratch_.dir() + "/shelf dir";
    shell("mkdir '" + shelf + "'");
    write_temp(shelf, "x.deb", deb_of({.control = control_text("x", "1", "Depends: y%\n")}));
    EXPECT_NE(run("install", {"x"}), "");
    options_.from = {shelf};
    EXPECT_NE(run("install", {"x"}), "") << "y% is no package";
    write_temp(shelf, "x.deb", deb_of({.control = control_text("x", "1", "Depends: y\n")}));
    write_temp(shelf, "y.deb", deb_of({.control = control_text("y", "1")}));
    EXPECT_EQ(run("install", {"x"}), "") << printed_;
    EXPECT_EQ(installed("y"), "1");
}

TEST_F(AptInstall, search_looks_at_names_and_descriptions) {
    repository_.add("first", "1");
    repository_.add("second", "2");
    ready();
    EXPECT_EQ(run("search", {"SEC"}), "");
    EXPECT_TRUE(has("second 2") && !has("first")) << printed_;
    EXPECT_NE(run("search", {"nothing-like-this"}), "");
}

TEST_F(AptInstall, multi_arch_foreign_satisfies_across_architectures) {
    shell("mkdir -p " + scratch_.root_dir() + "/var/lib/dpkg");
    write_temp(scratch_.root_dir() + "/var/lib/dpkg", "arch", "amd64\ni386\n");
    auto other = [&](const std::string& name, const std::string& more) {
        std::string text = control_text(name, "1", more);
        size_t at = text.find("Architecture: ");
        text.replace(at, text.find('\n', at) - at, "Architecture: i386");
        repository_.add(name, "1", DebSpec{.control = text});
    };
    other("tool", "Multi-Arch: foreign\n");
    other("lib", "Multi-Arch: same\n");
    repository_.add("user", "1", "Depends: tool\n");
    repository_.add("linked", "1", "Depends: lib\n");
    other("linked-i386", "Depends: lib\n");
    repository_.add("any", "1", "Depends: runtime:any\n");
    repository_.add("runtime", "1", "Multi-Arch: allowed\n");
    ready();
    EXPECT_IN("tool", dry_run("install", {"user"}));
    EXPECT_IN("needs lib", run("install", {"linked"}));
    EXPECT_IN("lib 1", dry_run("install", {"linked-i386:i386"}));
    EXPECT_EQ(dry_run("install", {"any"}), "To install: runtime 1, any 1\n");
}

}  // namespace
}  // namespace tenon::pkg::test
