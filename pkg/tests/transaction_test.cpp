// Transactions as their user meets them: history, undo, repair, and what an interrupted run leaves
// to the next one. That any crash is survived is the campaign's to show (tests/crash).
#include <signal.h>
#include <sys/wait.h>

#include "pkg/lib/history.h"
#include "pkg/lib/text.h"
#include "pkg/tests/apt_root.h"

namespace tenon::pkg::test {
namespace {

class TransactionTest : public AptRoot {
  protected:
    void SetUp() override {
        AptRoot::SetUp();
        if (!IsSkipped() && !scratch_.add_shell()) GTEST_SKIP() << "needs busybox-static";
    }
    void ready() {
        repository_.publish({.more = format("Version: %d\n", ++published_)});
        ASSERT_EQ(run("update"), "") << printed_;
    }
    // With what main() would put there.
    std::string run_as_typed(const std::string& verb, const Words& words = {}) {
        options_.engine.command = words.empty() ? verb : verb + " " + join(words, " ");
        return run(verb, words);
    }
    DebSpec with_conffile(const std::string& name, const std::string& version) {
        DebSpec s{.control = control_text(name, version)};
        add_file(s, "/usr/share/" + name + "/data", name + " " + version);
        add_file(s, "/etc/" + name + ".conf", "conf " + version);
        s.control_files["conffiles"] = "/etc/" + name + ".conf\n";
        return s;
    }
    // A package whose postinst kills pkg as long as interrupt() waits for that.
    DebSpec that_kills(const std::string& name) {
        DebSpec s{.control = control_text(name, "1")};
        add_file(s, "/usr/share/" + name + "/data", name);
        s.scripts["postinst"] = "#!/bin/sh\ntest ! -e /stop || kill -9 $PPID\n";
        return s;
    }
    // Installs `package` until it is killed.
    void interrupt(const std::string& package) {
        write_temp(scratch_.root_dir(), "stop", "");
        pid_t child = fork();
        if (child == 0) {
            (void)run_as_typed("install", {package});
            _exit(7);
        }
        int how = 0;
        waitpid(child, &how, 0);
        ASSERT_TRUE(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL) << how;
        ASSERT_TRUE(transaction_waits());
        unlink(in_root("/stop").c_str());
    }
    std::string in_root(const std::string& path) const { return scratch_.root_dir() + path; }
    // All but what says what was done and what is kept: path -> type, mode, owner, contents.
    std::map<std::string, std::string> tree() const {
        auto all = snapshot(scratch_.root_dir());
        std::erase_if(all, [](const auto& e) {
            for (const char* left_out :
                 {"/var/lib/pkg", "/var/cache", "/var/lib/dpkg/status-old", "/var/lib/dpkg/lock"})
                if (e.first.starts_with(left_out)) return true;
            return false;
        });
        return all;
    }
    std::string status() const { return slurp(in_root("/var/lib/dpkg/status")); }
    std::string marks() const { return slurp(in_root("/var/lib/apt/extended_states")); }
    bool transaction_waits() const {
        return access(in_root(std::string(kTransaction) + "/current").c_str(), F_OK) == 0;
    }

  private:
    int published_ = 0;
};

TEST_F(TransactionTest, history_lists_what_was_done) {
    repository_.add("a", "1", "Depends: b\n");
    repository_.add("b", "1:1");
    ready();
    const int64_t began = time(nullptr);
    EXPECT_EQ(run_as_typed("install", {"a"}), "") << printed_;
    repository_.add("b", "1:2");
    ready();
    EXPECT_EQ(run_as_typed("upgrade"), "") << printed_;
    EXPECT_EQ(run_as_typed("remove", {"a"}), "") << printed_;
    // Nothing is changed by these, so nothing is listed.
    EXPECT_EQ(run_as_typed("install", {"b"}), "") << printed_;
    EXPECT_EQ(run_as_typed("configure"), "") << printed_;

    auto root = Root::open(scratch_.root_dir());
    auto entries = history::read(*root);
    ASSERT_TRUE(entries.has_value()) << entries.error().text;
    ASSERT_EQ(entries->size(), 3u);
    const auto& first = (*entries)[0];
    EXPECT_EQ(first.number, 1);
    EXPECT_EQ(first.command, "install a");
    EXPECT_GE(first.time_s, began);
    EXPECT_LE(first.time_s, time(nullptr));
    EXPECT_EQ(first.changes, (std::vector<HistoryChange>{{"a", "all", "", "1", false},
                                                         {"b", "all", "", "1:1", false}}));
    EXPECT_EQ((*entries)[1].changes,
              (std::vector<HistoryChange>{{"b", "all", "1:1", "1:2", true}}));
    EXPECT_EQ((*entries)[2].changes, (std::vector<HistoryChange>{{"a", "all", "1", "", false}}));

    EXPECT_EQ(run("history"), "");
    EXPECT_TRUE(has("install a (2 installed)") && has("(1 with another version)") &&
                has("remove a (1 removed)"))
        << printed_;
    time_t t = static_cast<time_t>(first.time_s);
    struct tm tm;
    char day[16];
    strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&t, &tm));
    EXPECT_TRUE(has(std::string("   1  ") + day)) << printed_;
    EXPECT_EQ(run("history", {"2"}), "");
    EXPECT_IN("b 1:1 -> 1:2", printed_);
    EXPECT_IN("there is no transaction 4", run("history", {"4"}));
    EXPECT_IN("is no number", run("history", {"x"}));
}

TEST_F(TransactionTest, an_installation_is_undone) {
    repository_.add("a", "1", "Depends: b\n");
    repository_.add("b", "1");
    repository_.add("kept", "1");
    ready();
    EXPECT_EQ(run_as_typed("install", {"kept"}), "") << printed_;
    const auto before = tree();
    const std::string status_before = status();
    EXPECT_EQ(run_as_typed("install", {"a"}), "") << printed_;
    const auto installed_tree = tree();
    EXPECT_NE(tree(), before);
    // A removal is asked about, as anywhere.
    EXPECT_IN("say --yes", run_as_typed("undo", {"2"}));
    EXPECT_EQ(tree(), installed_tree);
    EXPECT_IN("To remove: a, b", dry_run("undo", {"2"}));
    EXPECT_EQ(tree(), installed_tree);
    options_.yes = true;
    EXPECT_EQ(run_as_typed("undo", {"2"}), "") << printed_;
    EXPECT_EQ(status(), status_before);
    auto after = tree();
    // An empty list of marks may be left.
    std::erase_if(after, [&](const auto& e) {
        return e.first.starts_with("/var/lib/apt") && !before.contains(e.first);
    });
    EXPECT_EQ(after, before);
    EXPECT_EQ(marks(), "");
    EXPECT_EQ(run_as_typed("undo", {"2"}), "");
    EXPECT_TRUE(has("a is not as transaction 2 left it and stays") && has("Nothing to undo"))
        << printed_;
}

TEST_F(TransactionTest, an_undone_installation_leaves_configuration_unless_it_is_purged) {
    repository_.add("kept", "1");
    repository_.add("c", "1", with_conffile("c", "1"));
    ready();
    EXPECT_EQ(run_as_typed("install", {"kept"}), "") << printed_;
    const auto before = tree();
    const std::string status_before = status();
    EXPECT_EQ(run_as_typed("install", {"c"}), "") << printed_;
    options_.yes = true;
    EXPECT_EQ(run_as_typed("undo", {"2"}), "") << printed_;
    EXPECT_EQ(installed("c"), "config-files");
    EXPECT_EQ(slurp(in_root("/etc/c.conf")), "conf 1");
    EXPECT_EQ(run_as_typed("install", {"c"}), "") << printed_;
    options_.purge = Purge::yes;
    EXPECT_EQ(run_as_typed("undo", {"4"}), "") << printed_;
    EXPECT_EQ(status(), status_before);
    EXPECT_EQ(tree(), before);
}

TEST_F(TransactionTest, an_undone_installation_does_not_break_what_came_later) {
    repository_.add("lib", "1");
    repository_.add("user", "1", "Depends: lib\n");
    ready();
    EXPECT_EQ(run_as_typed("install", {"lib"}), "") << printed_;
    EXPECT_EQ(run_as_typed("install", {"user"}), "") << printed_;
    options_.yes = true;
    const auto before = tree();
    EXPECT_IN("user 1, which is installed, needs lib", run_as_typed("undo", {"1"}));
    EXPECT_EQ(tree(), before);
}

TEST_F(TransactionTest, an_upgrade_is_undone) {
    for (const char* version : {"1", "2"}) {
        repository_.add("a", version, with_conffile("a", version));
        repository_.add("b", version, version[0] == '2' ? "Depends: extra\n" : "");
    }
    repository_.add("extra", "1");
    ready();
    EXPECT_EQ(run_as_typed("install", {"a=1", "b=1"}), "") << printed_;
    // What only the new version asked its user.
    write_temp(in_root("/etc"), "a.conf", "mine");
    options_.engine.conffiles = ConffilePolicy::keep_old;
    const auto before = tree();
    const std::string status_before = status();
    EXPECT_EQ(run_as_typed("upgrade"), "") << printed_;
    EXPECT_EQ(installed("a"), "2");
    EXPECT_EQ(slurp(in_root("/etc/a.conf")), "mine");
    EXPECT_IN("To downgrade: a 2 -> 1, b 2 -> 1\nTo remove: extra", dry_run("undo", {"2"}));
    options_.yes = true;
    EXPECT_EQ(run_as_typed("undo", {"2"}), "") << printed_;
    EXPECT_EQ(status(), status_before);
    auto after = tree();
    // The version that the user did not take lies beside, as dpkg leaves it.
    after.erase("/etc/a.conf.dpkg-dist");
    std::erase_if(after, [&](const auto& e) {
        return e.first.starts_with("/var/lib/apt") && !before.contains(e.first);
    });
    EXPECT_EQ(after, before);
    // Undoing the undo is the upgrade.
    EXPECT_EQ(run_as_typed("undo", {"3"}), "") << printed_;
    EXPECT_EQ(installed("a"), "2");
    EXPECT_EQ(installed("extra"), "1");
    EXPECT_IN("Package: extra\n", marks());
}

TEST_F(TransactionTest, a_removal_is_undone_with_its_marks) {
    repository_.add("app", "1", "Depends: lib\n");
    repository_.add("lib", "1");
    repository_.add("c", "1", with_conffile("c", "1"));
    ready();
    EXPECT_EQ(run_as_typed("install", {"app", "c"}), "") << printed_;
    write_temp(in_root("/etc"), "c.conf", "mine");
    const auto before = tree();
    const std::string status_before = status(), marks_before = marks();
    EXPECT_IN("Package: lib\n", marks_before);
    EXPECT_EQ(run_as_typed("remove", {"app", "lib", "c"}), "") << printed_;
    EXPECT_NE(tree(), before);
    // Nothing is removed by it, so nothing is asked.
    EXPECT_EQ(run_as_typed("undo", {"2"}), "") << printed_;
    EXPECT_EQ(status(), status_before);
    EXPECT_EQ(marks(), marks_before);
    EXPECT_EQ(tree(), before);
}

TEST_F(TransactionTest, an_old_version_comes_from_the_cache_when_no_repository_has_it) {
    repository_.add("a", "1:1");
    ready();
    sources("deb copy:" + repository_.dir() + " test main\n");
    ASSERT_EQ(run("update"), "") << printed_;
    EXPECT_EQ(run_as_typed("install", {"a"}), "") << printed_;
    EXPECT_EQ(run_as_typed("remove", {"a"}), "") << printed_;
    shell("rm -rf " + repository_.dir() + "/* " + lists());
    EXPECT_EQ(run_as_typed("undo", {"2"}), "") << printed_;
    EXPECT_EQ(installed("a"), "1:1");
    shell("rm -rf " + in_root("/var/cache/pkg"));
    options_.yes = true;
    EXPECT_EQ(run_as_typed("undo", {"3"}), "") << printed_;
    EXPECT_IN("there is no version 1:1 of a", run_as_typed("undo", {"4"}));
}

TEST_F(TransactionTest, repair_installs_damaged_packages_again) {
    repository_.add("a", "1", with_conffile("a", "1"));
    repository_.add("app", "1", "Depends: lib\n");
    repository_.add("lib", "1", with_conffile("lib", "1"));
    ready();
    EXPECT_EQ(run_as_typed("install", {"a", "app"}), "") << printed_;
    write_temp(in_root("/etc"), "a.conf", "mine");
    const auto before = tree();
    const std::string status_before = status(), marks_before = marks();
    EXPECT_EQ(run_as_typed("repair"), "") << printed_;
    EXPECT_EQ(tree(), before);

    // One file changed, one gone.
    write_temp(in_root("/usr/share/a"), "data", "damaged");
    unlink(in_root("/usr/share/lib/data").c_str());
    EXPECT_IN("To install again: a 1, lib 1", dry_run("repair"));
    EXPECT_EQ(slurp(in_root("/usr/share/a/data")), "damaged");
    EXPECT_EQ(run_as_typed("repair", {"a"}), "") << printed_;
    EXPECT_EQ(slurp(in_root("/usr/share/a/data")), "a 1");
    EXPECT_NE(access(in_root("/usr/share/lib/data").c_str(), F_OK), 0);
    EXPECT_EQ(run_as_typed("repair"), "") << printed_;
    EXPECT_EQ(tree(), before);
    EXPECT_EQ(status(), status_before);
    EXPECT_EQ(marks(), marks_before);

    // The list of its files is gone, too.
    unlink(in_root("/var/lib/dpkg/info/a.list").c_str());
    EXPECT_EQ(run_as_typed("repair"), "") << printed_;
    EXPECT_EQ(tree(), before);

    write_temp(in_root("/usr/share/a"), "data", "damaged");
    shell("rm -rf " + repository_.dir() + "/* " + lists());
    EXPECT_IN("nothing could be repaired", run_as_typed("repair"));
    EXPECT_IN("a 1 is damaged and cannot be had", printed_);
}

// Stopped in the middle of a postinst, and finished by the next verb, whatever it is.
TEST_F(TransactionTest, an_interrupted_run_is_finished_with_its_marks) {
    repository_.add("app", "1", "Depends: lib\n");
    repository_.add("lib", "1", that_kills("lib"));
    repository_.add("other", "1");
    ready();
    ASSERT_NO_FATAL_FAILURE(interrupt("app"));
    EXPECT_NE(installed("lib"), "1");

    EXPECT_EQ(run_as_typed("install", {"other"}), "") << printed_;
    EXPECT_IN("going on with what was interrupted: lib, app", printed_);
    EXPECT_FALSE(transaction_waits());
    for (const char* name : {"app", "lib", "other"}) EXPECT_EQ(installed(name), "1") << name;
    EXPECT_IN("Package: lib\nArchitecture: amd64\nAuto-Installed: 1\n", marks());
    EXPECT_EQ(marks().find("Package: app\n"), std::string::npos);
    EXPECT_EQ(run("history"), "");
    EXPECT_TRUE(has("   1  ") && has("install app (2 installed)") && has("install other"))
        << printed_;
}

// A pre-dependency is configured while others are not yet unpacked: that is no end of unpacking.
TEST_F(TransactionTest, a_run_interrupted_at_a_pre_dependency_goes_on_unpacking) {
    repository_.add("app", "1", "Pre-Depends: base\n");
    repository_.add("base", "1", that_kills("base"));
    ready();
    ASSERT_NO_FATAL_FAILURE(interrupt("app"));
    EXPECT_EQ(run_as_typed("configure"), "") << printed_;
    EXPECT_EQ(installed("base"), "1");
    EXPECT_EQ(installed("app"), "1");
}

// What another tool did in between counts.
TEST_F(TransactionTest, a_database_changed_by_another_tool_is_kept) {
    repository_.add("lib", "1", that_kills("lib"));
    repository_.add("other", "1");
    ready();
    EXPECT_EQ(run_as_typed("install", {"other"}), "") << printed_;
    ASSERT_NO_FATAL_FAILURE(interrupt("lib"));
    if (access("/usr/bin/dpkg", X_OK) != 0) GTEST_SKIP() << "needs dpkg";
    std::string output;
    EXPECT_EQ(shell("dpkg --root=" + scratch_.root_dir() + " --purge other", &output), 0) << output;
    EXPECT_EQ(run_as_typed("configure"), "") << printed_;
    EXPECT_IN("another tool has changed the database", printed_);
    EXPECT_EQ(installed("other"), "not-installed");
    EXPECT_FALSE(transaction_waits());
}

}  // namespace
}  // namespace tenon::pkg::test
