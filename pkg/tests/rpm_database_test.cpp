// rpm's own database, beside Debian's rpm.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/lib/rpm/install/capabilities.h"
#include "pkg/lib/rpm/install/database.h"
#include "pkg/lib/text.h"
#include "pkg/tests/rpm_roots.h"

namespace tenon::pkg::test {
namespace {

class RpmDatabase : public RpmRoots {
  protected:
    void SetUp() override {
        RpmRoots::SetUp();
        if (!can_build_ && !IsSkipped()) GTEST_SKIP() << "needs rpmbuild";
    }
};

// One of each relation, in every shape that the indexes treat in a way of its own.
constexpr const char* kEverything = R"(Epoch: 2
Group: My/Group
Provides: thing = 1:2-3 thing = 4
Requires: (a and (b >= 1 or c)) /bin/sh (x with x < 3) (q if (r and s))
Requires: (h1 if i1 else j1)
Requires: ((k1 if k2 else k4) if (k3 or (z1 and z2)) else ((y1 if y2 else y3) and y4))
Requires: ((l1 if l2) if l3) (m1 and m1 and m2)
Requires(post): d < 4
Requires(pre): onlypre
Requires(preun): onlypreun
Requires(pretrans): onlypretrans
Requires(post,preun): both
Requires: plain plain2
Requires(post): plain2
Requires(meta): metareq
Conflicts: e (ca unless cb) (u1 unless u2 else u3) (u1 or (x2 unless u3) or v3)
Obsoletes: f <= 2
Recommends: g (rec1 or rec2)
Suggests: (h if i else j) (s1 without s2)
Supplements: (k and l) ll
Enhances: m (n and o)
Prefix: /usr
%description
-
%install
mkdir -p %{buildroot}/usr/share/o %{buildroot}/etc %{buildroot}/var/log
echo one > %{buildroot}/usr/share/o/one
echo c > %{buildroot}/etc/o.conf
touch %{buildroot}/var/log/o %{buildroot}/etc/one
%files
%dir %attr(2755, root, nosuchgroup) /usr/share/o
%attr(4755, nosuchuser, root) /usr/share/o/one
/etc/one
%config /etc/o.conf
%ghost /var/log/o
%triggerin -- n > 1, p
echo in
%triggerun -p /bin/false -- q, p
exit 1
%triggerin -- r
exit 0
%filetriggerin -P 100 -- /usr/lib /usr/share
cat
%filetriggerun -- /usr/share
cat
%transfiletriggerpostun -- /etc
cat
%transfiletriggerin -- /etc
cat
%changelog
* Mon Jan 01 2024 Tester <t@example.org> - 2:1.0-1
- first
)";
constexpr rpm::InstallOptions kPlainly = {.ignore_depends = true, .run_scripts = false};
constexpr const char* kNoFiles = "%description\n-\n%files\n";

TEST_F(RpmDatabase, every_table_has_the_rows_that_rpm_writes) {
    install_both({build("everything", "1.0", kEverything)}, kPlainly);
    install_both({build("b", "1", kNoFiles), build("c", "1", kNoFiles)}, kPlainly);
    expect_equal();
    erase_both({"b"}, kPlainly);
    expect_equal();
    // A number is never used again.
    install_both({build("d", "1", kNoFiles)}, kPlainly);
    expect_equal();
    erase_both({"everything", "c", "d"}, kPlainly);
    expect_equal();
}

TEST_F(RpmDatabase, what_rpm_installed_is_seen) {
    rpm("-i --nodeps --noscripts --notriggers " + build("everything", "1.0", kEverything) + " " +
        build("b", "1", kNoFiles));
    auto root = Root::open(theirs());
    auto all = rpm::installed(*root);
    ASSERT_TRUE(all) << all.error().text;
    std::string names, files;
    for (const auto& p : *all) {
        names += p.package.name + " " + p.package.evr.str() + " " + p.package.arch + "\n";
        for (const auto& f : p.package.files) files += f.path + "\n";
    }
    EXPECT_EQ(names, "b 1-1 noarch\neverything 2:1.0-1 noarch\n");
    EXPECT_EQ(files, rpm("-ql everything"));
    auto db = rpm::RpmDatabase::open(*root, rpm::RpmDatabase::Access::read);
    ASSERT_TRUE(db) << db.error().text;
    using Numbers = std::vector<uint64_t>;
    auto everything = (*db)->by_name("everything");
    ASSERT_TRUE(everything && everything->size() == 1);
    EXPECT_EQ(*(*db)->by_provide("thing"), *everything);
    EXPECT_EQ(*(*db)->by_provide("nothing"), Numbers());
    EXPECT_EQ(*(*db)->by_file("/etc/one"), *everything);
    // The same last component elsewhere is another file.
    EXPECT_EQ(*(*db)->by_file("/usr/one"), Numbers());
    auto p = (*db)->get(everything->front());
    ASSERT_TRUE(p) << p.error().text;
    EXPECT_EQ(p->package.triggers.size(), 7u);
    EXPECT_EQ(p->prefixes, std::vector<std::string>{"/usr"});
    EXPECT_GT(p->install_time, 0u);
    // And we can take it out again.
    auto report = rpm::erase(*root, {"everything", "b"}, kPlainly);
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_EQ(rpm("-qa"), "");
    EXPECT_EQ(rpm("-Va"), "");
}

TEST_F(RpmDatabase, rpm_goes_on_with_what_we_installed) {
    auto done =
        install({build("everything", "1.0", kEverything), build("b", "1", kNoFiles)}, kPlainly);
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(rpm("-e --nodeps --noscripts --notriggers everything", nullptr, ours()), "");
    EXPECT_EQ(rpm("-qa", nullptr, ours()), "b-1-1.noarch\n");
    EXPECT_NE(access((ours() + "/usr/share/o").c_str(), F_OK), 0);
}

TEST_F(RpmDatabase, keys_in_it_are_no_packages_to_stumble_over) {
    if (access("/usr/bin/gpg", X_OK) != 0) GTEST_SKIP() << "needs gpg";
    const std::string dir = scratch_.dir(), gpg = "gpg --homedir " + dir + "/gpg --batch -q ";
    ASSERT_EQ(shell("cd " + dir + " && mkdir -m 700 gpg && " + gpg +
                    "--passphrase '' --quick-gen-key t@example.org rsa2048 sign && " + gpg +
                    "--armor --export > key.asc; gpgconf --homedir " + dir + "/gpg --kill all"),
              0);
    rpm("--import " + dir + "/key.asc");
    rpm("--import " + dir + "/key.asc", nullptr, ours());
    ASSERT_NE(rpm("-qa").find("gpg-pubkey"), std::string::npos);
    auto root = Root::open(ours());
    auto all = rpm::installed(*root);
    ASSERT_TRUE(all) << all.error().text;
    ASSERT_EQ(all->size(), 1u);
    EXPECT_EQ((*all)[0].package.name, "gpg-pubkey");
    install_both({build("b", "1", kNoFiles)}, kPlainly);
    EXPECT_EQ(rpm("-qa", nullptr, ours()), rpm("-qa"));
}

TEST_F(RpmDatabase, a_database_of_another_kind_is_refused) {
    in_both("mkdir -p var/lib/rpm; echo bdb > var/lib/rpm/Packages");
    auto done = install({build("b", "1", kNoFiles)}, kPlainly);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text.find("rebuilddb"), std::string::npos) << done.error().text;
    EXPECT_NE(access((ours() + "/var/lib/pkg").c_str(), F_OK), 0);
}

TEST_F(RpmDatabase, is_where_the_roots_own_rpm_has_it) {
    in_both("mkdir -p usr/lib/rpm; echo '%_dbpath\t\t%{_var}/lib/rpm' > usr/lib/rpm/macros");
    auto done = install({build("b", "1", kNoFiles)}, kPlainly);
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(access((ours() + "/var/lib/rpm/rpmdb.sqlite").c_str(), F_OK), 0);
}

TEST_F(RpmDatabase, waits_for_nobody_who_has_it_locked) {
    std::string file = build("b", "1", kNoFiles), other = build("c", "1", kNoFiles);
    ASSERT_TRUE(install({file}, kPlainly));
    int ready[2], end[2];
    ASSERT_EQ(pipe(ready) | pipe(end), 0);
    pid_t holder = fork();
    if (holder == 0) {
        int fd = open((ours() + kRpmDatabase + "/.rpm.lock").c_str(), O_RDWR);
        struct flock whole = {};
        whole.l_type = F_WRLCK;
        char c = fcntl(fd, F_SETLK, &whole) == 0 ? 'y' : 'n';
        (void)!write(ready[1], &c, 1);
        close(end[1]);
        (void)!read(end[0], &c, 1);
        _exit(0);
    }
    char c = 0;
    ASSERT_EQ(read(ready[0], &c, 1), 1);
    ASSERT_EQ(c, 'y');
    auto done = install({other}, kPlainly);
    for (int fd : {ready[0], ready[1], end[0], end[1]}) close(fd);
    waitpid(holder, nullptr, 0);
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text.find("another program"), std::string::npos) << done.error().text;
    EXPECT_TRUE(install({other}, kPlainly));
}

TEST(RpmCapabilities, are_what_cap_from_text_makes_of_them) {
    auto hex = [](const char* text) {
        auto x = rpm::capability_xattr(text);
        return x ? to_hex(*x) : "error";
    };
    EXPECT_EQ(hex("="), "0000000200000000000000000000000000000000");
    EXPECT_EQ(hex("cap_net_raw=ep"), "0100000200200000000000000000000000000000");
    EXPECT_EQ(hex("cap_net_raw,cap_net_admin+ip"), "0000000200300000003000000000000000000000");
    EXPECT_EQ(hex("CAP_CHOWN=p cap_bpf+i"), "0000000201000000000000000000000080000000");
    EXPECT_EQ(hex("cap_chown,cap_kill=ep cap_kill-p"), "0100000201000000000000000000000000000000");
    for (const char* wrong : {"cap_nothing=ep", "cap_chown", "cap_chown=z", "cap_chown+"})
        EXPECT_EQ(hex(wrong), "error") << wrong;
}

}  // namespace
}  // namespace tenon::pkg::test
