// Scriptlets and triggers of RPM packages, beside Debian's rpm: which run, in which order, with
// which arguments, input and environment.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pkg/lib/rpm/install/scriptlet.h"
#include "pkg/lib/text.h"
#include "pkg/tests/rpm_roots.h"

namespace tenon::pkg::test {
namespace {

class RpmScript : public RpmRoots {
  protected:
    void SetUp() override {
        RpmRoots::SetUp();
        if (IsSkipped()) return;
        if (!can_build_) GTEST_SKIP() << "needs rpmbuild";
        if (!add_shell()) GTEST_SKIP() << "needs busybox-static";
    }

    void expect_equal_logs() { EXPECT_EQ(slurp(ours() + "/log"), slurp(theirs() + "/log")); }
    static constexpr rpm::InstallOptions kNoDeps = {.ignore_depends = true};
    static constexpr rpm::InstallOptions kBeside = {.ignore_depends = true, .replace_older = false};
};

std::string triggers(const std::string& self, const std::string& other) {
    std::string out;
    for (std::string when : {"prein", "in", "un", "postun"})
        out += "%trigger" + when + " -- " + other + "\necho \"" + self + " trigger" + when + "[" +
               other + "] $@\" >> /log\n";
    return out;
}

std::string file_triggers(const std::string& self) {
    std::string out;
    for (std::string priority : {"20000", "5000"})
        for (std::string when : {"in", "un", "postun"})
            for (std::string scope : {"file", "transfile"})
                out += "%" + scope + "trigger" + when + " -P " + priority + " -- /opt\necho \"" +
                       self + " " + scope + "trigger" + when + "-" + priority +
                       " $@ : $(cat | tr '\\n' ,)\" >> /log\n";
    return out;
}

// Every script writes down that it ran.
std::string talkative(const std::string& name, const std::string& version) {
    const std::string self = name + "-" + version;
    std::string out = "%description\n-\n%install\nmkdir -p %{buildroot}/opt/" + name +
                      "\necho x"
                      " | tee %{buildroot}/opt/" +
                      name + "/f > %{buildroot}/opt/" + name + "/f-" + version + "\n%files\n/opt/" +
                      name + "\n";
    for (std::string kind : {"pretrans", "pre", "post", "preun", "postun", "posttrans"})
        out += "%" + kind + "\necho \"" + self + " " + kind + " $@\" >> /log\n";
    return out;
}

TEST_F(RpmScript, scripts_and_triggers_run_in_rpms_order_with_rpms_counts) {
    std::map<std::string, std::string> files;
    for (std::string v : {"1", "2"}) {
        files["w" + v] = build("w", v,
                               talkative("w", v) + triggers("w-" + v, "a") +
                                   triggers("w-" + v, "w > 0") + file_triggers("w-" + v));
        files["a" + v] =
            build("a", v, talkative("a", v) + triggers("a-" + v, "w") + file_triggers("a-" + v));
    }
    for (std::string n : {"d", "e"}) files[n] = build(n, "1", talkative(n, "1"));
    using Files = std::vector<std::string>;
    // One after the other, upgrades, erasures.
    install_both({files["w1"]}, kBeside);
    install_both({files["a1"]}, kBeside);
    install_both({files["a2"]}, kNoDeps);
    install_both({files["w2"]}, kNoDeps);
    erase_both({"a"});
    erase_both({"w"});
    // Both in one transaction.
    install_both(Files{files["w1"], files["a1"]}, kBeside);
    install_both(Files{files["w2"], files["a2"]}, kNoDeps);
    erase_both({"a", "w"});
    // Two versions side by side; the same again; some of several.
    install_both({files["w1"]}, kBeside);
    install_both({files["w2"]}, kBeside);
    install_both(Files{files["d"], files["e"]}, kNoDeps);
    install_both({files["d"]}, {.ignore_depends = true, .reinstall = true});
    erase_both({"w-1", "e"});
    erase_both({"w", "d"});
    expect_equal_logs();
    expect_equal();
}

TEST_F(RpmScript, programs_get_what_rpm_gives_them) {
    in_both(
        "printf '#!/bin/sh\\necho \"show [$@] stdin:$(cat)\" | sed -e s:/var/tmp/rpm-tmp[^]\\ "
        "]*:SCRIPT: "
        "-e s:/var/lib/pkg/rpm/script:SCRIPT: >> /log\\n' > bin/show; chmod 755 bin/show; "
        "ln -s busybox bin/sed; ln -s busybox bin/grep");
    std::string file = build("p", "1", R"(Prefix: /opt
Prefix: /usr
%description
-
%install
mkdir -p %{buildroot}/opt/p %{buildroot}/usr/p
%files
/opt/p
/usr/p
%pre
env | sort | grep -v -e ^_= -e ^SHLVL= -e ^PWD= -e ^OLDPWD= >> /log; pwd >> /log; umask >> /log
ls -l $0 | sed 's, .*,,' >> /log
%post -p /bin/show
%preun -p "/bin/show a b"
%postun -p /bin/show
with a body
)");
    install_both({file}, kNoDeps);
    erase_both({"p"});
    expect_equal_logs();
    expect_equal();
}

TEST_F(RpmScript, lua_answers_as_rpms_does) {
    std::string file = build("l", "1", R"(%description
-
%files
%pre -p <lua>
f = io.open("/log", "a")
local function say(...)
    local words = {...}
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    f:write(table.concat(words, " "), "\n")
end
say("arguments", #arg, arg[1], arg[2], math.type(arg[2]))
for _, name in ipairs({"/bin/sh", "/bin/busybox", "/nothing", "/bin"}) do
    say(name, posix.stat(name, "type"), posix.stat(name, "mode"), posix.stat(name, "size"))
    say(name, posix.access(name), posix.access(name, "x"), posix.readlink(name))
end
say("mkdir", posix.mkdir("/d"), posix.mkdir("/d"))
say("symlink", posix.symlink("a", "/d/l"), posix.symlink("a", "/d/l"), posix.link("/bin/sh", "/d/s"))
say("fifo", posix.mkfifo("/d/f"), posix.stat("/d/f", "type"))
say("chmod", posix.chmod("/d", "rwxr-x--x"), posix.stat("/d", "mode"))
say("chmod", posix.chmod("/d", "700"), posix.stat("/d", "mode"), posix.chmod("/nothing", "700"))
say("chown", posix.chown("/d", 3, 4), posix.stat("/d", "uid"), posix.stat("/d", "gid"))
say("utime", posix.utime("/d/l", 5, 6), posix.utime("/d", 1000, 2000), posix.stat("/d", "mtime"))
local names = posix.dir("/d")
table.sort(names)
say("dir", table.concat(names, ","), posix.dir("/nothing"))
local count = 0
for name in posix.files("/d") do count = count + #name end
say("files", count)
say("unlink", posix.unlink("/d/l"), posix.unlink("/d/l"), posix.rmdir("/d"))
say("cwd", posix.chdir("/bin"), posix.getcwd(), posix.chdir("/"), posix.chdir("/nothing"))
say("env", posix.setenv("A", "b"), posix.getenv("A"), posix.unsetenv("A"), posix.getenv("A"))
say("env", posix.putenv("C=d"), posix.getenv("C"))
say("mask", posix.umask(), posix.umask("rwxrwx---"), posix.umask())
say("kill", posix.kill(posix.getprocessid("pid"), 0), posix.getprocessid("uid"))
say("uname", posix.uname("%s"), posix.errno())
local child = posix.fork()
if child == 0 then posix.exec("/bin/sh", "-c", "echo forked >> /forked") end
say("wait", posix.wait(child) == child, posix.wait(child))
say("execute", rpm.execute("/bin/sh", "-c", "exit 0"), (rpm.execute("/bin/sh", "-c", "exit 3")))
say("vercmp", rpm.vercmp("1.0", "1.1"), rpm.vercmp("1:1", "2"), rpm.vercmp("1~a", "1~a"))
say("expand", rpm.expand("%%a %{_sysconfdir} %{?nothing}"), rpm.expand("%{_bindir}"))
say("error", pcall(posix.stat))
local file, path = posix.mkstemp("/tmp/x.XXXXXX")
say("mkstemp", #path, io.type(file), posix.unlink(path))
f:close()
%post -p <lua>
error("on purpose")
%preun -p <lua>
error("this, too")
)");
    install_both({file}, kNoDeps);
    expect_equal_logs();
    EXPECT_EQ(slurp(ours() + "/forked"), "forked\n");
    in_both("rm -f forked");
    // Its %preun fails: it stays.
    rpm("-e l");
    auto report = erase({"l"});
    ASSERT_FALSE(report);
    EXPECT_NE(report.error().text.find("%preun of l-1-1.noarch failed"), std::string::npos)
        << report.error().text;
    expect_equal();
}

TEST_F(RpmScript, what_fails_is_left_out_as_with_rpm) {
    auto with = [](const std::string& script) {
        return "%description\n-\n%install\nmkdir -p %{buildroot}/opt\necho x > "
               "%{buildroot}/opt/%{name}-%{version}\n%files\n/opt/%{name}-%{version}\n" +
               script;
    };
    std::string good = build("good", "1", with(""));
    std::string pre = build("pre", "1", with("%pre\nexit 7\n"));
    std::string trans = build("trans", "1", with("%pretrans\nexit 8\n"));
    std::string post = build("post", "1", with("%post\nexit 9\n"));
    std::string missing = build("missing", "1", with("%pre -p /no/program\n"));
    rpm("-U --nodeps " + good + " " + pre + " " + trans + " " + post + " " + missing);
    auto report = install({good, pre, trans, post, missing}, kNoDeps);
    ASSERT_FALSE(report);
    const std::string& text = report.error().text;
    for (const char* part : {"%pre of pre-1-1.noarch failed with exit status 7",
                             "%pretrans of trans-1-1.noarch failed with exit status 8",
                             "cannot run the program of the %pre of missing-1-1.noarch"})
        EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_EQ(text.find("post-1"), std::string::npos) << text;
    expect_equal();
    // The old version stays when the new one cannot come.
    std::string two = build("good", "2", with("%pre\nexit 1\n"));
    rpm("-U --nodeps " + two);
    EXPECT_FALSE(install({two}, kNoDeps));
    expect_equal();
    // What will not go stays, too.
    std::string stays = build("stays", "1", with("%preun\nexit 1\n"));
    install_both({stays}, kNoDeps);
    rpm("-e stays good");
    EXPECT_FALSE(erase({"stays", "good"}));
    expect_equal();
}

TEST_F(RpmScript, output_is_kept_and_time_is_limited) {
    auto root = Root::open(ours());
    rpm::ScriptHost host(*root, "/tmp", 1);
    // Its child would hold the output open for long; the limit is for the whole group.
    rpm::Script slow = {"echo begun; sleep 600 & sleep 600\n", {"/bin/sh"}, 0};
    Status done = host.run({.what = "%post of slow", .script = &slow, .counts = {1}});
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text.find("was killed"), std::string::npos) << done.error().text;
    ASSERT_EQ(host.outputs().size(), 1u);
    EXPECT_EQ(host.outputs()[0].text, "begun\n");
    // One that leaves something running is not waited for.
    rpm::ScriptHost patient(*root, "/tmp", 500);
    rpm::Script daemon = {"sleep 5 & echo $1 $2; cat\n", {"/bin/sh"}, 0};
    done = patient.run({.what = "%post", .script = &daemon, .counts = {2, 3}, .input = "a\nb\n"});
    EXPECT_TRUE(done) << done.error().text;
    EXPECT_EQ(patient.outputs()[0].text, "2 3\na\nb\n");
    rpm::Script macros = {"%{name}", {"/bin/sh"}, rpm::kScriptExpandMacros};
    EXPECT_FALSE(patient.run({.what = "%post", .script = &macros}));
}

}  // namespace
}  // namespace tenon::pkg::test
