// Packages without scripts: files, conffiles, relations, triggers' bookkeeping.
#include <gtest/gtest.h>

#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {
namespace {

DebSpec package(const std::string& name, const std::string& version, const std::string& more = "") {
    DebSpec s{.control = control_text(name, version, more)};
    add_file(s, "/usr/share/" + name + "/" + name + "-" + version, name + version);
    return s;
}

std::string read(const Scratch& s, const std::string& path) {
    return slurp(s.root_dir() + path);
}

TEST(Engine, an_upgrade_removes_what_only_the_old_version_had) {
    Scratch s;
    ASSERT_TRUE(s.install({s.deb("a1", package("a", "1"))}));
    ASSERT_TRUE(s.install({s.deb("a2", package("a", "2"))}));
    EXPECT_EQ(read(s, "/usr/share/a/a-1"), "");
    EXPECT_EQ(read(s, "/usr/share/a/a-2"), "a2");
    EXPECT_EQ(read(s, "/var/lib/dpkg/info/a.list"),
              "/.\n/usr\n/usr/share\n/usr/share/a\n/usr/share/a/a-2\n");
    ASSERT_TRUE(s.remove({"a"}, Purge::no));
    EXPECT_EQ(s.state("a"), "not-installed");
    EXPECT_TRUE(snapshot(s.root_dir() + "/usr").empty());
}

TEST(Engine, an_unmet_dependency_stops_everything_before_the_first_write) {
    Scratch s;
    Status r = s.install(
        {s.deb("a", package("a", "1", "Depends: b (>= 2) | c\n")), s.deb("d", package("d", "1"))});
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().text.find("a 1 needs b (>= 2) | c"), std::string::npos) << r.error().text;
    EXPECT_EQ(s.state("d"), "not-installed");
}

TEST(Engine, what_is_needed_comes_from_the_archive_directory) {
    Scratch s;
    std::string shelf = s.root_dir() + "/var/cache/pkg/archives";
    shell("mkdir -p " + shelf);
    write_temp(shelf, "b1.deb", deb_of(package("b", "1")));
    write_temp(shelf, "b2.deb", deb_of(package("b", "2", "Depends: c\n")));
    write_temp(shelf, "c.deb", deb_of(package("c", "1")));
    write_temp(shelf, "junk.deb", "junk");
    Status r = s.install({s.deb("a", package("a", "1", "Depends: b\n"))});
    ASSERT_TRUE(r) << r.error().text;
    EXPECT_EQ(read(s, "/usr/share/b/b-2"), "b2");
    EXPECT_EQ(s.state("c"), "installed");
}

TEST(Engine, removal_is_refused_while_something_needs_the_package) {
    Scratch s;
    ASSERT_TRUE(
        s.install({s.deb("a", package("a", "1", "Depends: b\n")), s.deb("b", package("b", "1"))}));
    Status r = s.remove({"b"}, Purge::no);
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().text.find("a needs b"), std::string::npos);
    EXPECT_TRUE(s.remove({"b", "a"}, Purge::no));
}

TEST(Engine, an_essential_package_stays) {
    Scratch s;
    ASSERT_TRUE(s.install({s.deb("a", package("a", "1", "Essential: yes\n"))}));
    EXPECT_FALSE(s.remove({"a"}, Purge::yes));
    EXPECT_EQ(s.state("a"), "installed");
}

TEST(Engine, a_file_of_another_package_is_not_overwritten) {
    Scratch s;
    DebSpec a = package("a", "1"), b = package("b", "1");
    add_file(a, "/usr/share/common", "from a");
    add_file(b, "/usr/share/common", "from b");
    ASSERT_TRUE(s.install({s.deb("a", a)}));
    Status r = s.install({s.deb("b", b)});
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().text.find("also in package a"), std::string::npos) << r.error().text;
    EXPECT_EQ(read(s, "/usr/share/common"), "from a");
    EXPECT_EQ(s.state("b"), "not-installed");
    b.control = control_text("b", "1", "Replaces: a\n");
    ASSERT_TRUE(s.install({s.deb("b", b)}));
    EXPECT_EQ(read(s, "/usr/share/common"), "from b");
    EXPECT_EQ(read(s, "/var/lib/dpkg/info/a.list").find("common"), std::string::npos);
    ASSERT_TRUE(s.remove({"a"}, Purge::no));
    EXPECT_EQ(read(s, "/usr/share/common"), "from b");
}

TEST(Engine, a_directory_and_a_link_to_one_never_replace_each_other) {
    Scratch s;
    shell("mkdir -p " + s.root_dir() + "/real " + s.root_dir() + "/usr/dir && ln -s /real " +
          s.root_dir() + "/usr/link");
    DebSpec a = package("a", "1");
    add_file(a, "/usr/link/x", "1");
    a.items.push_back({.path = "./usr/dir", .type = 'l', .data = "/real"});
    ASSERT_TRUE(s.install({s.deb("a", a)}));
    EXPECT_EQ(read(s, "/real/x"), "1");
    EXPECT_EQ(shell("test -L " + s.root_dir() + "/usr/link"), 0);
    EXPECT_EQ(shell("test -d " + s.root_dir() + "/usr/dir -a ! -L " + s.root_dir() + "/usr/dir"),
              0);
}

struct ConffileCase {
    const char *name, *user, *shipped2;  // user: "" keeps, "-" removes, else writes
    ConffilePolicy policy;
    const char *after, *dist, *old;
};

TEST(Engine, conffiles_follow_the_table) {
    const ConffileCase cases[] = {
        {"untouched, same", "", "v1", ConffilePolicy::keep_old, "v1", "", ""},
        {"untouched, new", "", "v2", ConffilePolicy::keep_old, "v2", "", ""},
        {"changed, same", "mine", "v1", ConffilePolicy::keep_old, "mine", "", ""},
        {"changed, new, keep", "mine", "v2", ConffilePolicy::keep_old, "mine", "v2", ""},
        {"changed, new, take", "mine", "v2", ConffilePolicy::take_new, "v2", "", "mine"},
        {"changed to the new", "v2", "v2", ConffilePolicy::keep_old, "v2", "", ""},
        {"removed, same", "-", "v1", ConffilePolicy::keep_old, "", "", ""},
        {"removed, new, take", "-", "v2", ConffilePolicy::take_new, "v2", "", ""},
    };
    for (const auto& c : cases) {
        Scratch s;
        auto version = [&](const std::string& v, const std::string& text) {
            DebSpec d = package("a", v);
            add_file(d, "/etc/a.conf", text);
            d.control_files["conffiles"] = "/etc/a.conf\n";
            return s.deb("a" + v, d);
        };
        ASSERT_TRUE(s.install({version("1", "v1")})) << c.name;
        std::string file = s.root_dir() + "/etc/a.conf";
        if (std::string(c.user) == "-")
            unlink(file.c_str());
        else if (*c.user)
            write_temp(s.root_dir() + "/etc", "a.conf", c.user);
        ASSERT_TRUE(s.install({version("2", c.shipped2)}, {.conffiles = c.policy})) << c.name;
        EXPECT_EQ(read(s, "/etc/a.conf"), c.after) << c.name;
        EXPECT_EQ(read(s, "/etc/a.conf.dpkg-dist"), c.dist) << c.name;
        EXPECT_EQ(read(s, "/etc/a.conf.dpkg-old"), c.old) << c.name;
        EXPECT_EQ(read(s, "/etc/a.conf.dpkg-new"), "") << c.name;
        ASSERT_TRUE(s.remove({"a"}, Purge::no)) << c.name;
        EXPECT_EQ(s.state("a"), "config-files") << c.name;
        EXPECT_EQ(read(s, "/etc/a.conf"), c.after) << c.name;
        ASSERT_TRUE(s.remove({"a"}, Purge::yes)) << c.name;
        EXPECT_EQ(s.state("a"), "not-installed") << c.name;
        EXPECT_TRUE(snapshot(s.root_dir() + "/etc").empty()) << c.name;
    }
}

TEST(Engine, a_diversion_and_a_statoverride_are_honoured) {
    Scratch s;
    shell("mkdir -p " + s.root_dir() + "/var/lib/dpkg");
    write_temp(s.root_dir() + "/var/lib/dpkg", "diversions",
               "/usr/share/a/a-1\n/usr/share/a/moved\nother\n");
    write_temp(s.root_dir() + "/var/lib/dpkg", "statoverride", "#0 #0 2640 /usr/share/a/mode\n");
    DebSpec a = package("a", "1");
    add_file(a, "/usr/share/a/mode", "m");
    ASSERT_TRUE(s.install({s.deb("a", a)}));
    EXPECT_EQ(read(s, "/usr/share/a/moved"), "a1");
    EXPECT_EQ(read(s, "/usr/share/a/a-1"), "");
    EXPECT_TRUE(snapshot(s.root_dir())["/usr/share/a/mode"].starts_with("102640"));
    ASSERT_TRUE(s.remove({"a"}, Purge::no));
    EXPECT_EQ(read(s, "/usr/share/a/moved"), "");
}

TEST(Engine, conflicts_and_replaces_take_the_other_package_away) {
    Scratch s;
    ASSERT_TRUE(s.install({s.deb("a", package("a", "1"))}));
    EXPECT_FALSE(s.install({s.deb("b", package("b", "1", "Conflicts: a\n"))}));
    EXPECT_EQ(s.state("a"), "installed");
    ASSERT_TRUE(s.install({s.deb("b", package("b", "1", "Conflicts: a\nReplaces: a\n"))}));
    EXPECT_EQ(s.state("a"), "not-installed");
    EXPECT_EQ(s.state("b"), "installed");
}

TEST(Engine, an_installed_package_is_not_broken) {
    // Deviates: dpkg with --auto-deconfigure leaves the broken one half-configured.
    Scratch s;
    ASSERT_TRUE(s.install({s.deb("a", package("a", "1"))}));
    std::string c = s.deb("c", package("c", "1", "Breaks: a (<< 2)\n"));
    EXPECT_FALSE(s.install({c}));
    EXPECT_EQ(s.state("a"), "installed");
    EXPECT_EQ(s.state("c"), "not-installed");
    EXPECT_TRUE(s.install({c, s.deb("a2", package("a", "2"))}));
}

TEST(Engine, a_circle_of_dependencies_is_configured) {
    Scratch s;
    ASSERT_TRUE(s.install({s.deb("a", package("a", "1", "Depends: b\n")),
                           s.deb("b", package("b", "1", "Depends: c\n")),
                           s.deb("c", package("c", "1", "Depends: a\n"))}));
    for (const char* p : {"a", "b", "c"}) EXPECT_EQ(s.state(p), "installed");
}

TEST(Engine, a_run_that_was_cut_short_is_finished_by_the_next) {
    Scratch s;
    ASSERT_TRUE(s.install({s.deb("a", package("a", "1"))}));
    // What note() leaves when nobody comes back to fold the journal in.
    std::string status = read(s, "/var/lib/dpkg/status");
    size_t at = status.find("installed\n");
    std::string half = status.substr(0, at) + "unpacked\n" + status.substr(at + 10);
    write_temp(s.root_dir() + "/var/lib/dpkg/updates", "0000", half);
    EXPECT_EQ(s.state("a"), "unpacked");
    ASSERT_TRUE(s.with_engine([](Engine& e, Database&) { return e.configure({}); }));
    EXPECT_EQ(s.state("a"), "installed");
    EXPECT_EQ(read(s, "/var/lib/dpkg/updates/0000"), "");
}

TEST(Engine, the_database_is_locked_against_a_second_writer) {
    Scratch s;
    ASSERT_TRUE(s.install({s.deb("a", package("a", "1"))}));
    std::string output;
    ASSERT_TRUE(s.with_engine([&](Engine&, Database&) -> Status {
        shell("dpkg --root=" + s.root_dir() + " --configure -a", &output);
        return {};
    }));
    if (output.find("not found") != std::string::npos) GTEST_SKIP() << "no dpkg here";
    EXPECT_NE(output.find("lock"), std::string::npos) << output;
}

}  // namespace
}  // namespace tenon::pkg::test
