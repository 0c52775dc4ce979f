// .rpm files by the verbs: into a root of their own family, and into a prefix in one of another,
// with programs that use the glibc of the root around.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkg/cmd/verbs.h"
#include "pkg/lib/elf.h"
#include "pkg/lib/family.h"
#include "pkg/lib/text.h"
#include "pkg/tests/rpm_roots.h"

namespace tenon::pkg::test {
namespace {

class RpmPrefix : public testing::Test {
  protected:
    void SetUp() override {
        if (access("/usr/bin/rpmbuild", X_OK) != 0) GTEST_SKIP() << "needs rpmbuild";
        if (access("/usr/bin/gcc", X_OK) != 0) GTEST_SKIP() << "needs gcc";
        if (geteuid() != 0) GTEST_SKIP() << "needs root's rights";
        options_.root = scratch_.root_dir();
    }
    std::string in_root(const std::string& path) const { return scratch_.root_dir() + path; }
    std::string inside(const std::string& path) const { return in_root(kRpmPrefix + path); }
    std::string read(const std::string& path) const { return slurp(in_root(path)); }
    std::map<std::string, std::string> tree() const { return snapshot(scratch_.root_dir()); }

    // A root of dpkg's with this machine's glibc and a shell.
    void make_debian() {
        shell("cd " + scratch_.root_dir() +
              " && mkdir -p var/lib/dpkg bin usr/bin lib64 lib/x86_64-linux-gnu dev && "
              "cp /lib64/ld-linux-x86-64.so.2 lib64/ && "
              "cp /lib/x86_64-linux-gnu/libc.so.6 lib/x86_64-linux-gnu/ && "
              "cp /bin/true bin/sh && mkdir -p usr/lib/x86_64-linux-gnu && "
              "ln -s ../../../lib/x86_64-linux-gnu/libc.so.6 usr/lib/x86_64-linux-gnu/libc.so.6");
        write_temp(in_root("/var/lib/dpkg"), "status",
                   "Package: x\nStatus: deinstall ok config-files\n"
                   "Version: 1\nArchitecture: amd64\n\n");
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
    // Refused, for this reason, and nothing is written.
    void expect_refused(const std::string& file, const std::string& why) {
        auto before = tree();
        std::string error = run("install", {file});
        EXPECT_TRUE(error.contains(why)) << "'" << error << "' instead of '" << why << "'";
        EXPECT_EQ(before, tree()) << why;
    }
    // Sources in a directory, a spec around them, rpmbuild.
    std::string build(const std::string& name, const std::string& version,
                      const std::string& install, const std::string& rest) {
        const std::string dir = scratch_.dir(), spec = name + "-" + version + ".spec";
        write_temp(dir, spec,
                   "%global debug_package %{nil}\n%global _build_id_links none\nName: " + name +
                       "\nVersion: " + version + "\nRelease: 1\nSummary: s\nLicense: MIT\n" +
                       (rest.contains("Requires:") ? rest.substr(0, rest.find("%files")) : "") +
                       "%description\n-\n%install\ncd " + dir + "\n" + install +
                       (rest.contains("Requires:") ? rest.substr(rest.find("%files")) : rest));
        std::string log;
        EXPECT_EQ(shell("cd " + dir + " && rpmbuild -bb --define '_topdir " + dir + "/top' " +
                            spec + " 2>&1",
                        &log),
                  0)
            << log;
        return dir + "/top/RPMS/x86_64/" + name + "-" + version + "-1.x86_64.rpm";
    }
    // A dynamically linked program, a library of its own, and a script.
    std::string app(const std::string& version, const std::string& more = "") {
        write_temp(scratch_.dir(), "lib.c", "int twice(int n) { return 2 * n; }\n");
        write_temp(scratch_.dir(), "app.c",
                   "#include <stdio.h>\n#include <stdlib.h>\nint twice(int);\n"
                   "int main(int c, char **v) { printf(\"%s " +
                       version +
                       " %d\\n\", v[0], twice(c > 1 ? atoi(v[1]) : 0)); return c > 2; }\n");
        return build("app", version,
                     "d=%{buildroot}; mkdir -p $d/usr/bin $d/usr/lib64 $d/etc\n"
                     "gcc -shared -fPIC -Wl,-soname,libapp.so.1 -o $d/usr/lib64/libapp.so.1 lib.c\n"
                     "gcc -o $d/usr/bin/app app.c $d/usr/lib64/libapp.so.1\n"
                     "printf '#!/bin/sh\\necho script $1\\n' > $d/usr/bin/app-script\n"
                     "chmod 755 $d/usr/bin/app-script\necho conf > $d/etc/app.conf\n",
                     "%files\n/usr/bin/app\n/usr/bin/app-script\n/usr/lib64/libapp.so.1\n"
                     "%config(noreplace) /etc/app.conf\n" +
                         more);
    }
    std::string empty(const std::string& name, const std::string& preamble,
                      const std::string& more = "") {
        return build(name, "1", "mkdir -p %{buildroot}/opt/" + name + "\n",
                     preamble + "%files\n/opt/" + name + "\n" + more);
    }
    std::string in_chroot(const std::string& command) {
        std::string out;
        int status =
            shell("chroot " + scratch_.root_dir() + " /bin/sh -c '" + command + "' 2>&1", &out);
        return out + format("status %d", status);
    }

    Scratch scratch_;
    Options options_;
    std::string printed_;
};

TEST_F(RpmPrefix, a_program_runs_with_the_glibc_of_the_root_around) {
    make_debian();
    if (access("/bin/busybox", X_OK) != 0) GTEST_SKIP() << "needs busybox-static";
    shell("cp /bin/busybox " + in_root("/bin/sh"));
    auto before = tree();
    const std::string one = app("1"), two = app("2");
    options_.dry_run = true;
    ASSERT_EQ(run("install", {one}), "");
    EXPECT_EQ(printed_, "To install: app-1-1.x86_64\n");
    EXPECT_EQ(tree(), before);
    options_.dry_run = false;
    ASSERT_EQ(run("install", {one}), "");
    EXPECT_TRUE(printed_.contains("On the PATH: /usr/local/bin/app")) << printed_;
    EXPECT_EQ(read("/usr/local/bin/app"),
              "#!/bin/sh\n# pkg: of rpm, package app, program /usr/bin/app\n"
              "exec /lib64/ld-linux-x86-64.so.2 --library-path "
              "/usr/lib/pkg/rpm/lib64:/usr/lib/pkg/rpm/usr/lib64:/usr/lib/pkg/rpm/lib:"
              "/usr/lib/pkg/rpm/usr/lib --argv0 app /usr/lib/pkg/rpm/usr/bin/app \"$@\"\n");
    EXPECT_EQ(in_chroot("/usr/local/bin/app 21"), "app 1 42\nstatus 0");
    EXPECT_EQ(in_chroot("/usr/local/bin/app 1 2"), "app 1 2\nstatus 1");
    EXPECT_EQ(in_chroot("/usr/local/bin/app-script x"), "script x\nstatus 0");
    EXPECT_EQ(run("list"), "");
    EXPECT_TRUE(printed_.contains("rpm:app 1-1\n")) << printed_;
    EXPECT_EQ(run("files", {"app"}), "");
    EXPECT_TRUE(printed_.contains("/usr/lib/pkg/rpm/usr/lib64/libapp.so.1\n")) << printed_;
    EXPECT_EQ(run("info", {"rpm:app"}), "");
    EXPECT_TRUE(printed_.contains("Name: app\nVersion: 1-1\n")) << printed_;
    EXPECT_EQ(run("verify", {"app"}), "");
    EXPECT_TRUE(run("verify", {"rpm:other"}).contains("is not installed"));

    shell("echo mine > " + inside("/etc/app.conf"));
    ASSERT_EQ(run("install", {two}), "");
    EXPECT_EQ(in_chroot("/usr/local/bin/app 4"), "app 2 8\nstatus 0");
    EXPECT_EQ(slurp(inside("/etc/app.conf")), "mine\n");
    auto now = tree();
    EXPECT_TRUE(run("install", {one}).contains("which is newer"));
    EXPECT_EQ(tree(), now);
    EXPECT_TRUE(run("verify").contains("1 files are not"));

    options_.purge = Purge::yes;
    ASSERT_EQ(run("remove", {"app"}), "");
    auto after = tree();
    for (auto* t : {&before, &after})
        std::erase_if(*t, [](const auto& e) {
            return e.first.starts_with("/usr/local") || e.first.starts_with("/var/lib/dpkg");
        });
    EXPECT_EQ(after, before);
    EXPECT_EQ(read("/usr/local/bin/app"), "");
}

TEST_F(RpmPrefix, what_the_root_around_cannot_give_is_refused) {
    make_debian();
    expect_refused(empty("a", "Requires: libnothing.so.1()(64bit)\n"),
                   "there is no libnothing.so.1 in /usr/lib/x86_64-linux-gnu");
    expect_refused(empty("b", "Requires: libc.so.6(GLIBC_9.9)(64bit)\n"),
                   "libc.so.6 of the root around does not offer GLIBC_9.9");
    expect_refused(empty("c", "Requires: x\n"), "of another family, and do not count");
    expect_refused(empty("d", "Requires: libc.so.6\n"), "of another family, and do not count");
    expect_refused(empty("e", "Requires: /usr/bin/nothing\n"), "there is no such program");
    expect_refused(empty("f", "Requires: /etc/passwd\n"), "only programs are taken");
    expect_refused(empty("g", "", "%post\necho\n"), "its scripts run in the prefix");
    // A file of that name that is no library, or another one.
    const std::string libs = in_root("/lib/x86_64-linux-gnu/");
    const std::string wants = empty("h", "Requires: libodd.so.1()(64bit)\n");
    shell("cp " + libs + "libc.so.6 " + libs + "libodd.so.1");
    expect_refused(wants, "calls itself 'libc.so.6'");
    shell("echo text > " + libs + "libodd.so.1");
    expect_refused(wants, "is no ELF file");
    shell("head -c 3000 " + libs + "libc.so.6 > " + libs + "libodd.so.1");
    expect_refused(wants, "is a damaged ELF file");
    // What can be given is enough.
    EXPECT_EQ(run("install", {empty("i",
                                    "Requires: libc.so.6(GLIBC_2.2.5)(64bit) /bin/sh "
                                    "rtld(GNU_HASH)\n")}),
              "");
    // Without glibc around there is nothing to borrow.
    ASSERT_EQ(run("remove", {"i"}), "");
    shell("rm " + libs + "libc.so.6");
    expect_refused(app("1"), "the root around has no glibc");
}

TEST_F(RpmPrefix, a_prefix_with_a_glibc_of_its_own_borrows_none) {
    make_debian();
    ASSERT_EQ(run("install", {app("1")}), "");
    // The program would meet two of them.
    auto before = tree();
    std::string error =
        run("install", {empty("glibc", "Provides: libc.so.6()(64bit)\nRequires: /bin/sh\n")});
    EXPECT_TRUE(error.contains("app-1-1.x86_64, which stays, needs libc.so.6(GLIBC_")) << error;
    error = run("install", {empty("glibc2",
                                  "Requires: libm.so.6()(64bit)\nProvides: "
                                  "libc.so.6()(64bit)\n")});
    EXPECT_TRUE(error.contains("has a glibc of its own")) << error;
    EXPECT_TRUE(error.contains("app-1-1.x86_64, which stays, needs libc.so.6")) << error;
    EXPECT_EQ(tree(), before);
}

TEST_F(RpmPrefix, a_root_of_its_own_family_gets_it_itself) {
    shell("mkdir -p " + in_root("/etc"));
    write_temp(in_root("/etc"), "os-release", "NAME=X\nID=mine\nID_LIKE=\"rhel centos fedora\"\n");
    const std::string file = app("1");
    expect_refused(file, "app-1-1.x86_64 needs libc.so.6");
    options_.engine.ignore_depends = true;
    ASSERT_EQ(run("install", {file}), "");
    EXPECT_EQ(access(in_root("/usr/bin/app").c_str(), X_OK), 0);
    EXPECT_NE(access(in_root("/usr/local").c_str(), F_OK), 0);
    EXPECT_EQ(run("verify"), "");
    const std::string ask = "rpm --root " + scratch_.root_dir() + " --dbpath " + kRpmDatabase +
                            " -V --nodeps app 2>/dev/null";
    auto both = [&] {
        std::string theirs;
        shell(ask, &theirs);
        (void)run("verify", {"app"});
        EXPECT_EQ(printed_, theirs);
        return theirs;
    };
    EXPECT_EQ(both(), "");
    // In rpm's own words.
    shell("cd " + scratch_.root_dir() +
          " && echo x >> usr/bin/app && touch -d @5 usr/bin/app && chmod 700 usr/bin/app-script && "
          "rm usr/lib64/libapp.so.1 && "
          "touch -d @1000 etc/app.conf && chown 7:8 etc/app.conf");
    std::string said = both();
    EXPECT_TRUE(said.contains("S.5....T.    /usr/bin/app\n")) << said;
    EXPECT_TRUE(said.contains(".....UGT.  c /etc/app.conf\n")) << said;
    EXPECT_TRUE(said.contains("missing     /usr/lib64/libapp.so.1\n")) << said;
    shell("cd " + scratch_.root_dir() + " && rm usr/bin/app && ln -s x usr/bin/app");
    both();
    EXPECT_TRUE(run("install", {"other"}).contains("of rpm's family"));
    EXPECT_EQ(run("remove", {"app"}), "");
    EXPECT_EQ(run("list"), "");
    EXPECT_EQ(printed_, "");
}

// A script kills pkg; the next verb that changes something finishes it, wrappers and all.
TEST_F(RpmPrefix, an_interrupted_run_is_finished_by_the_next_one) {
    make_debian();
    const std::string dies =
        "%post -p <lua>\nif posix.access('/kill', 'f') then posix.unlink('/kill') "
        "posix.kill(posix.getprocessid('ppid'), 9) end\n";
    const std::string one = app("1"), two = app("2", dies);
    ASSERT_EQ(run("install", {one}), "");
    shell("rm " + in_root("/usr/local/bin/app-script") + "; touch " + inside("/kill"));
    pid_t child = fork();
    if (child == 0) {
        (void)find_verb("install")->run(options_, {two});
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFSIGNALED(status)) GTEST_SKIP() << "needs liblua";
    ASSERT_EQ(WTERMSIG(status), SIGKILL);
    ASSERT_EQ(access(inside("/var/lib/pkg/rpm/current").c_str(), F_OK), 0);
    // The script outlives the one that started it, and has its lock.
    const int fd = open(inside("").c_str(), O_RDONLY | O_DIRECTORY);
    ASSERT_EQ(flock(fd, LOCK_EX), 0);
    close(fd);
    EXPECT_EQ(run("repair"), "");
    EXPECT_TRUE(printed_.contains("going on with what was interrupted: app-2-1.x86_64"))
        << printed_;
    EXPECT_NE(access(inside("/var/lib/pkg").c_str(), F_OK), 0);
    EXPECT_NE(read("/usr/local/bin/app-script"), "");
    EXPECT_EQ(run("verify"), "");
    EXPECT_EQ(run("list"), "");
    EXPECT_TRUE(printed_.contains("rpm:app 2-1\n")) << printed_;
}

TEST_F(RpmPrefix, a_prefix_that_was_only_begun_goes) {
    make_debian();
    auto before = tree();
    shell("mkdir -p " + inside("/var/lib/pkg/rpm/p0") + " && echo x > " +
          inside("/var/lib/pkg/rpm/p0/header"));
    EXPECT_EQ(run("repair"), "");
    auto after = tree();
    for (auto* t : {&before, &after})
        std::erase_if(*t, [](const auto& e) { return e.first.starts_with("/var/lib"); });
    EXPECT_EQ(after, before);
    // While somebody else is at work in it, nobody touches it.
    const std::string file = app("1");
    ASSERT_EQ(run("install", {file}), "");
    const int fd = open(inside("").c_str(), O_RDONLY | O_DIRECTORY);
    ASSERT_EQ(flock(fd, LOCK_EX), 0);
    auto now = tree();
    EXPECT_TRUE(run("install", {app("2")}).contains("another program is working"));
    EXPECT_TRUE(run("remove", {"app"}).contains("another program is working"));
    EXPECT_EQ(tree(), now);
    close(fd);
    EXPECT_EQ(run("remove", {"app"}), "");
}

TEST_F(RpmPrefix, families_do_not_mix_in_one_run) {
    make_debian();
    const std::string file = app("1");
    auto before = tree();
    EXPECT_TRUE(run("install", {file, "name"}).contains("each in a run of its own"));
    EXPECT_TRUE(run("install", {"./nothing.rpm"}).contains("No such file"));
    shell("head -c 2000 " + file + " > " + scratch_.dir() + "/cut.rpm");
    EXPECT_NE(run("install", {scratch_.dir() + "/cut.rpm"}), "");
    EXPECT_TRUE(run("remove", {"rpm:app"}).contains("no package of rpm's family"));
    EXPECT_EQ(tree(), before);
}

TEST(Elf, what_a_library_says_is_what_readelf_says) {
    auto root = Root::open("/");
    ASSERT_TRUE(root);
    auto libc = read_elf_library(*root, "/lib/x86_64-linux-gnu/libc.so.6");
    if (!libc) GTEST_SKIP() << libc.error().text;
    EXPECT_EQ(libc->soname, "libc.so.6");
    std::string theirs;
    if (shell("readelf -V /lib/x86_64-linux-gnu/libc.so.6 | sed -n '/version_d/,/version_r/p' | "
              "grep -v BASE | sed -n 's/.*Cnt: [0-9]* *Name: //p' | sort",
              &theirs) != 0)
        GTEST_SKIP() << "needs readelf";
    std::string ours;
    for (const auto& v : libc->versions) ours += v + "\n";
    EXPECT_EQ(ours, theirs);
    EXPECT_TRUE(libc->needs["ld-linux-x86-64.so.2"].contains("GLIBC_PRIVATE"));
}

}  // namespace
}  // namespace tenon::pkg::test
