// Installing, upgrading and erasing RPM packages, beside Debian's rpm.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "pkg/lib/rpm/rpm_file.h"
#include "pkg/lib/text.h"
#include "pkg/tests/rpm_roots.h"

namespace tenon::pkg::test {
namespace {

constexpr rpm::InstallOptions kNoDeps = {.ignore_depends = true};

class RpmInstall : public RpmRoots {
  protected:
    // Everything in our root, the database's directory included.
    std::map<std::string, std::string> all_of_ours() { return snapshot(ours()); }

    void refuse(const std::vector<std::string>& files, rpm::InstallOptions options,
                const std::string& why) {
        SCOPED_TRACE(files[0]);
        auto before = all_of_ours();
        auto report = install(files, options);
        ASSERT_FALSE(report);
        EXPECT_NE(report.error().text.find(why), std::string::npos) << report.error().text;
        EXPECT_EQ(all_of_ours(), before);
    }
};

TEST_F(RpmInstall, every_file_of_the_corpus) {
    if (access(PKG_CORPORA "/rpm", R_OK) != 0) GTEST_SKIP() << "no corpora at " << PKG_CORPORA;
    int compared = 0, refused = 0;
    for (const auto& entry : std::filesystem::directory_iterator(PKG_CORPORA "/rpm")) {
        const std::string path = entry.path();
        if (!path.ends_with(".rpm")) continue;
        SCOPED_TRACE(path);
        for (bool with_shell : {false, true}) {
            clear();
            if (with_shell && !add_shell()) continue;
            int status = 0;
            std::string said = rpm("-i --nodeps --ignorearch --ignoreos " + path, &status);
            const bool was_empty = all_of_ours().empty();
            auto report = install({path}, {.ignore_arch = true,
                                           .ignore_os = true,
                                           .ignore_depends = true,
                                           .replace_older = false});
            EXPECT_EQ(report.has_value(), status == 0)
                << said << (report ? std::string() : report.error().text);
            if (!report && report.error().text.contains("damaged")) {
                refused++;
                EXPECT_EQ(all_of_ours().empty(), was_empty);
                continue;
            }
            compared++;
            expect_equal();
        }
    }
    EXPECT_GT(compared, 50);
    EXPECT_GT(refused, 0);
}

// Every kind of file before, every kind after, contents changed or not by the package, and by the
// administrator.
TEST_F(RpmInstall, configuration_files_fare_as_under_rpm) {
    if (!can_build_) GTEST_SKIP() << "needs rpmbuild";
    struct Kind {
        char letter;
        const char* directive;
    };
    constexpr Kind kKinds[] = {
        {'p', ""},
        {'c', "%config "},
        {'n', "%config(noreplace) "},
        {'m', "%config(missingok) "},
        {'g', "%ghost "},
        {'G', "%config %ghost "},
        {'-', nullptr},
        {'l', ""},
        {'L', "%config "},
    };
    std::string modify = "mkdir -p etc/t\n", inst[2], files[2];
    for (const Kind& a : kKinds)
        for (const Kind& b : kKinds)
            for (bool same : {false, true})
                for (std::string disk : {"kept", "modified", "missing", "anew"}) {
                    const std::string name =
                        format("/etc/t/%d_%d_%d_%s", a.letter, b.letter, same, disk.c_str());
                    const std::string to = "%{buildroot}" + name;
                    const std::string second = same ? "one" : "two";
                    for (int v : {0, 1}) {
                        const Kind& kind = v ? b : a;
                        if (!kind.directive) continue;
                        const std::string text = v ? second : "one";
                        bool is_link = kind.letter == 'l' || kind.letter == 'L';
                        inst[v] +=
                            (is_link ? "ln -s " + text + " " : "echo " + text + " > ") + to + "\n";
                        files[v] += kind.directive + name + "\n";
                    }
                    const std::string at = name.substr(1);
                    if (disk != "kept") modify += "rm -f " + at + "\n";
                    if (disk == "modified") modify += "echo modified > " + at + "\n";
                    bool is_link = b.letter == 'l' || b.letter == 'L';
                    if (disk == "anew")
                        modify += (is_link ? "ln -s " + second + " " : "echo " + second + " > ") +
                                  at + "\n";
                }
    std::string packages[2];
    for (int v : {0, 1})
        packages[v] = build("cfg", v ? "2" : "1",
                            "%description\n-\n%install\nmkdir -p %{buildroot}/etc/t\n" + inst[v] +
                                "%files\n%dir /etc/t\n" + files[v]);
    install_both({packages[0]});
    in_both(modify);
    install_both({packages[1]});
    expect_equal();
    in_both(modify);
    erase_both({"cfg"});
    expect_equal();
    clear();
    // What is there is nobody's.
    in_both(modify);
    install_both({packages[1]});
    expect_equal();
    in_both(modify);
    install_both({packages[1]}, {.reinstall = true});
    expect_equal();
    in_both(modify);
    install_both({packages[0]}, {.allow_downgrade = true});
    expect_equal();
    erase_both({"cfg"});
    expect_equal();
}

TEST_F(RpmInstall, files_of_two_packages) {
    if (!can_build_) GTEST_SKIP() << "needs rpmbuild";
    const std::string x = "%{buildroot}/opt/x";
    struct Variant {
        const char *name, *make, *file;
    };
    const Variant kVariants[] = {
        {"va", "echo A > ", "/opt/x"},         {"vb", "echo B > ", "/opt/x"},
        {"vc", "echo A > ", "/opt/x"},         {"vd", "echo A > ", "%attr(600,root,root) /opt/x"},
        {"vf", "mkdir ", "%dir /opt/x"},       {"vg", "mkdir ", "%dir %attr(700,root,root) /opt/x"},
        {"vi", "ln -s A ", "/opt/x"},          {"vk", "echo B > ", "%ghost /opt/x"},
        {"vm", "echo A > ", "%config /opt/x"},
    };
    std::vector<std::string> files;
    for (const auto& v : kVariants)
        files.push_back(build(v.name, "1",
                              "%description\n-\n%install\nmkdir -p %{buildroot}/opt\n" +
                                  (v.make + x) + "\n%files\n" + v.file + "\n"));
    int good = 0, bad = 0;
    for (const auto& a : files)
        for (const auto& b : files) {
            if (a == b) continue;
            SCOPED_TRACE(a + " " + b);
            for (bool together : {true, false}) {
                clear();
                std::vector<std::string> last = {b};
                if (together)
                    last = {a, b};
                else
                    install_both({a}, kNoDeps);
                int status = 0;
                rpm("-U --nodeps " + join(last, " "), &status);
                auto report = install(last, kNoDeps);
                EXPECT_EQ(report.has_value(), status == 0)
                    << (report ? "" : report.error().text.c_str());
                (report ? good : bad)++;
                if (report) EXPECT_EQ(tree_of(ours()), tree_of(theirs()));
            }
        }
    EXPECT_GT(good, 30);
    EXPECT_GT(bad, 30);
}

TEST_F(RpmInstall, dependencies_hold_or_nothing_happens) {
    if (!can_build_) GTEST_SKIP() << "needs rpmbuild";
    auto with = [&](const std::string& name, const std::string& version, const std::string& tags) {
        return build(name, version,
                     tags +
                         "%description\n-\n%install\nmkdir -p "
                         "%{buildroot}/opt/bin\necho %{name} > "
                         "%{buildroot}/opt/bin/%{name}\n%files\n/opt/bin/%{name}\n");
    };
    const std::string lib1 = with("lib", "1", "Provides: feature = 5\n"),
                      lib2 = with("lib", "2", ""),
                      app = with("app", "1", "Requires: lib >= 1 feature\n"),
                      rich = with("rich", "1", "Requires: (lib >= 2 or (app and missing))\n"),
                      file = with("file", "1", "Requires: /opt/bin/lib\n"),
                      none = with("none", "1", "Requires: /opt/bin/none2 nothing > 3\n"),
                      foe = with("foe", "1", "Conflicts: lib < 2\n"),
                      heir = with("heir", "1", "Obsoletes: lib < 2\nProvides: lib = 3 feature\n");
    // A refusing rpm leaves an empty database.
    auto report_of = [&](const std::string& root) { return slurp(root + "/opt/bin/lib"); };
    auto both = [&](const std::vector<std::string>& files, const std::string& why) {
        SCOPED_TRACE(join(files, " "));
        int status = 0;
        std::string said = rpm("-U " + join(files, " "), &status);
        auto report = install(files);
        EXPECT_EQ(report.has_value(), status == 0) << said;
        EXPECT_EQ(report.has_value(), why.empty());
        if (report) return;
        EXPECT_NE(report.error().text.find(why), std::string::npos) << report.error().text;
        EXPECT_EQ(report_of(ours()), report_of(theirs()));
    };
    both({app}, "app-1-1.noarch needs lib >= 1");
    both({none}, "none-1-1.noarch needs nothing > 3");
    both({rich}, "(lib >= 2 or (app and missing))");
    both({app, file, lib1}, "");
    both({foe}, "foe-1-1.noarch conflicts with lib-1-1.noarch (lib < 2)");
    both({lib2}, "app-1-1.noarch, which stays, needs feature");
    int status = 0;
    rpm("-e lib", &status);
    auto report = erase({"lib"});
    EXPECT_NE(status, 0);
    ASSERT_FALSE(report);
    EXPECT_NE(report.error().text.find("/opt/bin/lib"), std::string::npos) << report.error().text;
    both({lib1}, "installed already");
    rpm("-e file");
    ASSERT_TRUE(erase({"file"}));
    both({heir}, "");
    both({lib1}, "lib-1-1.noarch is obsoleted by heir-1-1.noarch");
    both({lib1, lib1}, "given both");
    // The order among those that do not need each other is not rpm's.
    EXPECT_EQ(tree_of(ours()), tree_of(theirs()));
    EXPECT_FALSE(erase({"nobody"}));
}

TEST_F(RpmInstall, what_cannot_be_trusted_leaves_no_trace) {
    if (!can_build_) GTEST_SKIP() << "needs rpmbuild";
    const std::string dir = scratch_.dir();
    const std::string file =
        build("s", "1",
              "%description\n-\n%install\nmkdir -p %{buildroot}/opt\nseq 20000 > "
              "%{buildroot}/opt/s\n%files\n/opt/s\n");
    const std::string good = slurp(file);
    auto spoiled = [&](size_t at) {
        std::string data = good;
        data[at] = static_cast<char>(data[at] ^ 1);
        return write_temp(dir, "spoiled.rpm", data);
    };
    refuse({spoiled(good.size() - 100)}, {}, "damaged");
    refuse({spoiled(good.size() / 2)}, {}, "");
    refuse({write_temp(dir, "cut.rpm", good.substr(0, good.size() - 7))}, {}, "");
    refuse({file}, {.require_signature = true}, "is not signed");
    refuse({file, spoiled(good.size() - 100)}, {}, "damaged");
    if (access("/usr/bin/rpmsign", X_OK) != 0 || access("/usr/bin/gpg", X_OK) != 0)
        GTEST_SKIP() << "needs rpmsign and gpg";
    std::string log;
    const std::string gpg = "gpg --homedir " + dir + "/gpg --batch -q ";
    ASSERT_EQ(
        shell("cd " + dir + " && mkdir -m 700 gpg && " + gpg +
                  "--passphrase '' --quick-gen-key t@example.org rsa2048 sign && " + gpg +
                  "--armor --export > key.asc && cp " + file +
                  " signed.rpm && rpmsign "
                  "--addsign --define '__gpg /usr/bin/gpg' --define '_gpg_name t@example.org' "
                  "--define '_gpg_path " +
                  dir + "/gpg' signed.rpm 2>&1; gpgconf --homedir " + dir + "/gpg --kill all",
              &log),
        0)
        << log;
    openpgp::Keyring keys;
    ASSERT_TRUE(keys.add(slurp(dir + "/key.asc")));
    const std::string is_signed = slurp(dir + "/signed.rpm");
    refuse({dir + "/signed.rpm"}, {.require_signature = true}, "is not trusted");
    // The signature's own bytes: nothing else covers them.
    auto opened = rpm::RpmFile::open_memory(is_signed);
    ASSERT_TRUE(opened);
    std::string signature(opened->signature_header().bytes(rpm::sigtag::kRsaHeader));
    ASSERT_FALSE(signature.empty());
    std::string wrong = is_signed;
    size_t at = wrong.find(signature) + signature.size() - 5;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    refuse({write_temp(dir, "wrong.rpm", wrong)}, {.keys = &keys}, "is not good");
    auto report = install({dir + "/signed.rpm"}, {.require_signature = true, .keys = &keys});
    EXPECT_TRUE(report) << report.error().text;
}

TEST_F(RpmInstall, what_would_fail_half_way_is_refused_before) {
    if (!can_build_) GTEST_SKIP() << "needs rpmbuild";
    const std::string file =
        build("x", "1",
              "%description\n-\n%install\nmkdir -p %{buildroot}/opt/d\necho x > "
              "%{buildroot}/opt/x\necho y > %{buildroot}/opt/d/y\n%files\n/opt/x\n/opt/d/y\n");
    in_both("mkdir -p opt/x");
    refuse({file}, kNoDeps, "/opt/x is a directory");
    in_both("rmdir opt/x; echo f > opt/d");
    refuse({file}, kNoDeps, "/opt/d is no directory");
    in_both("rm opt/d; ln -s /nowhere opt/d");
    refuse({file}, kNoDeps, "/opt/d is no directory");
    // A link is followed inside the root only.
    in_both("rm opt/d; ln -s ../../../../../../tmp/outside opt/d; mkdir -p tmp/outside");
    auto report = install({file}, kNoDeps);
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_EQ(slurp(ours() + "/tmp/outside/y"), "y\n");
    EXPECT_NE(access("/tmp/outside", F_OK), 0);
    if (access(PKG_CORPORA "/rpm", R_OK) != 0) return;
    refuse({PKG_CORPORA "/rpm/hello-1.0-1.ppc64.rpm"}, kNoDeps, "another architecture");
}

// A script kills pkg; the next one finishes what it began.
TEST_F(RpmInstall, an_interrupted_run_is_finished) {
    if (!can_build_ || !add_shell()) GTEST_SKIP() << "needs rpmbuild and busybox-static";
    auto with = [&](const std::string& name, const std::string& version,
                    const std::string& scripts) {
        return build(name, version,
                     "%description\n-\n%install\nmkdir -p %{buildroot}/opt/%{name}\necho " +
                         version + " > %{buildroot}/opt/%{name}/f\necho " + version +
                         " > %{buildroot}/opt/%{name}/c\necho x > %{buildroot}/opt/%{name}/v" +
                         version +
                         "\nln %{buildroot}/opt/%{name}/f %{buildroot}/opt/%{name}/g\n"
                         "%files\n/opt/%{name}/f\n/opt/%{name}/g\n/opt/%{name}/v" +
                         version + "\n%config /opt/%{name}/c\n" + scripts);
    };
    // Only the first time, and only under pkg: it asks for that with a file.
    const std::string dies = "if rm /kill 2>/dev/null; then kill -9 $PPID; sleep 9; fi\n";
    const std::string a1 = with("a", "1", "%preun\necho preun >> /log\n"), b1 = with("b", "1", "");
    const std::string b2 = with("b", "2", "");
    int runs = 0;
    for (const char* where :
         {"%pretrans", "%pre", "%post", "%preun", "%postun", "%posttrans", "%triggerin -- b"}) {
        SCOPED_TRACE(where);
        const bool of_old = std::string(where).ends_with("un");
        const std::string old = of_old ? with("k", "1", where + ("\n" + dies)) : with("k", "1", "");
        const std::string now = of_old ? with("k", "2", "") : with("k", "2", where + ("\n" + dies));
        clear();
        ASSERT_TRUE(add_shell());
        install_both({a1, b1, old}, kNoDeps);
        in_both("echo changed > opt/b/c; echo changed > opt/k/c");
        shell("touch " + ours() + "/kill");
        rpm("-U --nodeps " + b2 + " " + now);
        pid_t child = fork();
        if (child == 0) {
            (void)install({b2, now}, kNoDeps);
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        ASSERT_EQ(access((ours() + "/var/lib/pkg/rpm/current").c_str(), F_OK), 0);
        auto root = Root::open(ours());
        auto report = rpm::resume(*root, {});
        ASSERT_TRUE(report) << report.error().text;
        EXPECT_NE(access((ours() + "/var/lib/pkg").c_str(), F_OK), 0);
        EXPECT_EQ(tree_of(ours()), tree_of(theirs()));
        for (const char* question : {"-qa --qf '%{NEVRA}\\n'", "-qal", "-Va --nodeps"}) {
            std::string mine = rpm(question, nullptr, ours()), its = rpm(question);
            EXPECT_EQ(mine, its) << question;
        }
        runs++;
    }
    EXPECT_EQ(runs, 7);
}

TEST_F(RpmInstall, what_another_tool_did_since_counts) {
    if (!can_build_ || !add_shell()) GTEST_SKIP() << "needs rpmbuild and busybox-static";
    const std::string plain = "%description\n-\n%files\n";
    const std::string dies =
        build("k", "1", plain + "%post\nif rm /kill; then kill -9 $PPID; sleep 9; fi\n");
    const std::string other = build("o", "1", plain), third = build("t", "1", plain);
    in_both("touch kill");
    pid_t child = fork();
    if (child == 0) {
        (void)install({dies}, kNoDeps);
        _exit(0);
    }
    waitpid(child, nullptr, 0);
    rpm("-i --nodeps " + other, nullptr, ours());
    auto report = install({third}, kNoDeps);
    ASSERT_TRUE(report) << report.error().text;
    std::string names = rpm("-qa --qf '%{NAME} '", nullptr, ours());
    EXPECT_NE(names.find("o "), std::string::npos) << names;
    EXPECT_NE(names.find("t "), std::string::npos) << names;
    // What that %post had begun is the database's word now.
    EXPECT_NE(names.find("k "), std::string::npos) << names;
}

}  // namespace
}  // namespace tenon::pkg::test
