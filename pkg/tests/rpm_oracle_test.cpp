// Against Debian's rpm: what it says of a package, and its verdict, must be what we say.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "pkg/lib/rpm/rpm_file.h"
#include "pkg/lib/text.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {
namespace {

using rpm::Relation;
using rpm::RpmFile;

// One line a value, each with a letter before it that says what it is.
constexpr const char* kQuery =
    "N %{NAME}|%{EPOCHNUM}|%{VERSION}|%{RELEASE}|%{ARCH}|%{SUMMARY}|%{LICENSE}\\n"
    "[F %{FILENAMES}|%{FILEMODES:octal}|%{FILEUSERNAME}|%{FILEGROUPNAME}|%{LONGFILESIZES}|"
    "%{FILEMTIMES}|%{FILEDIGESTS}|%{FILELINKTOS}|%{FILEFLAGS}|%{FILEVERIFYFLAGS}\\n]"
    "%|FILECAPS?{[K %{FILECAPS}\\n]}|"
    "[P %{PROVIDENEVRS} %{PROVIDEFLAGS}\\n][R %{REQUIRENEVRS} %{REQUIREFLAGS}\\n]"
    "[C %{CONFLICTNEVRS}\\n][O %{OBSOLETENEVRS}\\n][r %{RECOMMENDNEVRS}\\n][s %{SUGGESTNEVRS}\\n]"
    "[u %{SUPPLEMENTNEVRS}\\n][e %{ENHANCENEVRS}\\n]"
    "%|PRETRANS?{S pretrans %{PRETRANSPROG}|%{PRETRANS}\\n}|%|PREIN?{S pre "
    "%{PREINPROG}|%{PREIN}\\n}|"
    "%|POSTIN?{S post %{POSTINPROG}|%{POSTIN}\\n}|%|PREUN?{S preun %{PREUNPROG}|%{PREUN}\\n}|"
    "%|POSTUN?{S postun %{POSTUNPROG}|%{POSTUN}\\n}|"
    "%|POSTTRANS?{S posttrans %{POSTTRANSPROG}|%{POSTTRANS}\\n}|"
    "%|VERIFYSCRIPT?{S verifyscript %{VERIFYSCRIPTPROG}|%{VERIFYSCRIPT}\\n}|"
    "[T %{TRIGGERSCRIPTS}|%{TRIGGERSCRIPTPROG}\\n]"
    "[t %{TRIGGERINDEX} %{TRIGGERNAME} %{TRIGGERFLAGS} %{TRIGGERVERSION}\\n]"
    "[T %{FILETRIGGERSCRIPTS}|%{FILETRIGGERSCRIPTPROG}\\n]"
    "[t %{FILETRIGGERINDEX} %{FILETRIGGERNAME} %{FILETRIGGERFLAGS} %{FILETRIGGERVERSION}\\n]"
    "[T %{TRANSFILETRIGGERSCRIPTS}|%{TRANSFILETRIGGERSCRIPTPROG}\\n]"
    "[t %{TRANSFILETRIGGERINDEX} %{TRANSFILETRIGGERNAME} %{TRANSFILETRIGGERFLAGS} "
    "%{TRANSFILETRIGGERVERSION}\\n]"
    "[L %{CHANGELOGTIME}|%{CHANGELOGNAME}|%{CHANGELOGTEXT}\\n]";

void relations(std::string& out, const char* letter, const std::vector<Relation>& all, bool flags) {
    for (const auto& r : all)
        out += std::string(letter) + " " + r.str() +
               (flags ? " " + std::to_string(r.flags) : std::string()) + "\n";
}

std::string described(const rpm::Package& p) {
    std::string epoch = p.evr.epoch.empty() ? "0" : p.evr.epoch;
    std::string out =
        format("N %s|%s|%s|%s|%s|%s|%s\n", p.name.c_str(), epoch.c_str(), p.evr.version.c_str(),
               p.evr.release.c_str(), p.arch.c_str(), p.summary.c_str(), p.license.c_str());
    bool caps = false;
    for (const auto& f : p.files) {
        std::string path = f.path == "/." ? "/" : p.is_source ? f.path.substr(1) : f.path;
        out += format("F %s|%o|%s|%s|%llu|%u|%s|%s|%u|%u\n", path.c_str(), f.mode, f.user.c_str(),
                      f.group.c_str(), static_cast<unsigned long long>(f.size_bytes), f.mtime,
                      f.digest.c_str(), f.link.c_str(), f.flags, f.verify_flags);
        caps |= !f.capabilities.empty();
    }
    if (caps)
        for (const auto& f : p.files) out += "K " + f.capabilities + "\n";
    relations(out, "P", p.provides, true);
    relations(out, "R", p.requirements, true);
    relations(out, "C", p.conflicts, false);
    relations(out, "O", p.obsoletes, false);
    relations(out, "r", p.recommends, false);
    relations(out, "s", p.suggests, false);
    relations(out, "u", p.supplements, false);
    relations(out, "e", p.enhances, false);
    for (const auto& s : p.scriptlets)
        if (!s.script.body.empty())
            out += std::string("S ") + rpm::to_string(s.kind) + " " + s.script.interpreter[0] +
                   "|" + s.script.body + "\n";
    for (auto scope : {rpm::TriggerScope::package, rpm::TriggerScope::file,
                       rpm::TriggerScope::transaction_file}) {
        std::string conditions;
        int index = 0;
        for (const auto& t : p.triggers) {
            if (t.scope != scope) continue;
            std::string program;
            for (const auto& w : t.script.interpreter) program += (program.empty() ? "" : " ") + w;
            out += "T " + t.script.body + "|" + program + "\n";
            for (const auto& c : t.conditions)
                conditions += format("t %d %s %u %s\n", index, c.on.name.c_str(), c.on.flags,
                                     c.on.evr.c_str());
            index++;
        }
        out += conditions;
    }
    for (const auto& c : p.changelog)
        out += format("L %u|%s|%s\n", c.time, c.author.c_str(), c.text.c_str());
    return out;
}

class RpmOracle : public testing::Test {
  protected:
    void SetUp() override {
        if (access("/usr/bin/rpm", X_OK) != 0) GTEST_SKIP() << "needs Debian's rpm";
        database_ = "--dbpath " + scratch_.dir() + "/rpmdb";
    }

    std::string rpm(const std::string& arguments, int* status = nullptr) {
        std::string out;
        int s = shell("LC_ALL=C.UTF-8 rpm " + database_ + " " + arguments + " 2>/dev/null", &out);
        if (status) *status = s;
        return out;
    }

    // Metadata, and every file in the payload once; `keys` are those that rpm has imported.
    void compare(const std::string& path, const openpgp::Keyring& keys) {
        SCOPED_TRACE(path);
        auto file = RpmFile::open(path);
        ASSERT_TRUE(file) << file.error().text;
        std::string theirs =
            rpm("-qp --nosignature --nodigest --qf '" + std::string(kQuery) + "' " + path);
        EXPECT_EQ(described(file->package()), theirs);
        int status = 0;
        rpm("-K " + path, &status);
        auto verdict = file->verify(keys);
        ASSERT_TRUE(verdict) << verdict.error().text;
        EXPECT_EQ(verdict->good(), status == 0) << verdict->damage << verdict->distrust;
        if (!verdict->damage.empty()) return;
        struct Names final : EntrySink {
            Status entry(const TarEntry& e, EntryData&) override {
                paths.push_back(e.path);
                return {};
            }
            std::vector<std::string> paths;
        } got;
        Status walked = file->walk(got);
        ASSERT_TRUE(walked) << walked.error().text;
        std::vector<std::string> listed;
        for (const auto& f : file->package().files)
            if (!(f.flags & rpm::kFileGhost)) listed.push_back(f.path);
        std::sort(got.paths.begin(), got.paths.end());
        std::sort(listed.begin(), listed.end());
        EXPECT_EQ(got.paths, listed);
    }

    Scratch scratch_;
    std::string database_;
};

TEST_F(RpmOracle, every_file_of_the_corpus) {
    std::string names;
    shell("ls " PKG_CORPORA "/rpm/*.rpm", &names);
    auto paths = split_lines(names);
    if (access(PKG_CORPORA "/rpm", R_OK) != 0) GTEST_SKIP() << "no corpora at " << PKG_CORPORA;
    for (auto path : paths) compare(std::string(path), {});
}

constexpr const char* kSpec = R"(Name: oracle
Epoch: 2
Version: 1.0~rc1
Release: 3
Summary: Everything at once
License: MIT
BuildArch: noarch
Provides: thing = 1:2-3
Requires: (a and (b >= 1 or c)) /bin/sh
Requires(post): d < 4
Conflicts: e
Obsoletes: f <= 2
Recommends: g
Suggests: (h if i else j)
Supplements: (k and l)
Enhances: m
%description
A package with one of each.
%install
mkdir -p %{buildroot}/usr/share/o %{buildroot}/etc %{buildroot}/var/log
echo one > %{buildroot}/usr/share/o/one
ln %{buildroot}/usr/share/o/one %{buildroot}/usr/share/o/two
ln -s one %{buildroot}/usr/share/o/link
: > %{buildroot}/usr/share/o/empty
echo c > %{buildroot}/etc/o.conf
echo n > %{buildroot}/etc/o.keep
touch %{buildroot}/var/log/o
%files
%dir %attr(2755, root, games) /usr/share/o
/usr/share/o/one
/usr/share/o/two
/usr/share/o/link
%attr(4711, daemon, daemon) %caps(cap_net_raw=ep) /usr/share/o/empty
%config /etc/o.conf
%config(noreplace) /etc/o.keep
%ghost /var/log/o
%pre
echo pre $1
%post -p /sbin/ldconfig
%preun -p <lua>
print("bye")
%postun
exit 0
%pretrans -p <lua>
print("first")
%posttrans
exit 0
%triggerin -- n > 1, p
echo in
%triggerun -p /bin/false -- q
exit 1
%filetriggerin -P 100 -- /usr/lib /usr/share
cat
%transfiletriggerpostun -- /etc
cat
%verifyscript
exit 0
%changelog
* Mon Jan 01 2024 Tester <t@example.org> - 2:1.0-1
- first
)";

TEST_F(RpmOracle, packages_that_rpmbuild_made) {
    if (access("/usr/bin/rpmbuild", X_OK) != 0) GTEST_SKIP() << "needs rpmbuild";
    write_temp(scratch_.dir(), "o.spec", kSpec);
    for (const char* payload : {"w3.zstdio", "w6.xzdio"}) {
        std::string log;
        ASSERT_EQ(
            shell("cd " + scratch_.dir() + " && rpmbuild -bb --define '_topdir " + scratch_.dir() +
                      "/top' --define '_binary_payload " + payload + "' o.spec 2>&1",
                  &log),
            0)
            << log;
        compare(scratch_.dir() + "/top/RPMS/noarch/oracle-1.0~rc1-3.noarch.rpm", {});
    }
}

TEST_F(RpmOracle, packages_that_gpg_signed) {
    if (access("/usr/bin/rpmsign", X_OK) != 0 || access("/usr/bin/gpg", X_OK) != 0)
        GTEST_SKIP() << "needs rpmsign and gpg";
    std::string dir = scratch_.dir(), gpg = "gpg --homedir " + dir + "/gpg --batch -q ";
    write_temp(dir, "s.spec",
               "Name: s\nVersion: 1\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n"
               "%description\ns\n%files\n");
    std::string log;
    ASSERT_EQ(shell("cd " + dir + " && mkdir -m 700 gpg && rpmbuild -bb --define '_topdir " + dir +
                        "/top' s.spec 2>&1",
                    &log),
              0)
        << log;
    for (const char* algorithm : {"rsa2048", "dsa2048", "ed25519"}) {
        std::string user = std::string(algorithm) + "@example.org", file = dir + "/" + algorithm;
        ASSERT_EQ(
            shell(
                gpg + "--passphrase '' --quick-gen-key " + user + " " + algorithm + " sign && " +
                    gpg + "--armor --export " + user + " > " + file + ".asc && cp " + dir +
                    "/top/RPMS/noarch/s-1-1.noarch.rpm " + file +
                    ".rpm && rpmsign --addsign --define '__gpg /usr/bin/gpg' --define '_gpg_name " +
                    user + "' --define '_gpg_path " + dir + "/gpg' " + file + ".rpm 2>&1",
                &log),
            0)
            << log;
        compare(file + ".rpm", {});
        int status = 1;
        rpm("--import " + file + ".asc", &status);
        EXPECT_EQ(status, 0);
        openpgp::Keyring keys;
        Status added = keys.add(slurp(file + ".asc"));
        ASSERT_TRUE(added) << added.error().text;
        compare(file + ".rpm", keys);
        auto signed_file = RpmFile::open(file + ".rpm");
        EXPECT_TRUE(signed_file->verify(keys)->is_signed);
        EXPECT_TRUE(signed_file->verify(keys)->good());
    }
    shell("gpgconf --homedir " + dir + "/gpg --kill all");
}

}  // namespace
}  // namespace tenon::pkg::test
