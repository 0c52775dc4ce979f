// Real Debian packages through dpkg and through us, into two scratch roots: files, modes, owners,
// link targets, digests and the database must be equal. The packages come by name from the
// machine's own apt sources and are kept in build/cache/deb.
#include <glob.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "pkg/lib/text.h"
#include "pkg/lib/unpack_only.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {
namespace {

constexpr const char* kPackages[] = {
    "gcc-12-base", "libc6",    "libgcc-s1", "libcrypt1", "hello",       "zlib1g",
    "libbz2-1.0",  "liblzma5", "libacl1",   "libattr1",  "libselinux1", "libpcre2-8-0",
    "sed",         "grep",     "gzip",      "hostname",
};

// Paths of the packages, in the order of kPackages; empty when one cannot be had.
std::vector<std::string> fetch() {
    std::vector<std::string> out;
    shell("mkdir -p " PKG_CACHE);
    auto find = [](const std::string& name) {
        glob_t found;
        std::string path;
        if (glob((PKG_CACHE "/" + name + "_*.deb").c_str(), 0, nullptr, &found) == 0)
            path = found.gl_pathv[found.gl_pathc - 1];
        globfree(&found);
        return path;
    };
    for (const char* name : kPackages) {
        std::string path = find(name);
        if (path.empty()) {
            shell(std::string("cd " PKG_CACHE " && apt-get download -q ") + name);
            path = find(name);
        }
        if (path.empty()) return {};
        out.push_back(path);
    }
    return out;
}

std::map<std::string, std::string> files_of(const Scratch& s) {
    auto all = snapshot(s.root_dir());
    std::erase_if(all, [](const auto& e) {
        for (const char* own :
             {"/dev", "/var/log", "/var/cache/ldconfig", "/etc/ld.so.cache", "/var/lib/dpkg/status",
              "/var/lib/dpkg/available", "/var/lib/pkg", "/var/lib/dpkg/lock",
              "/var/lib/dpkg/triggers/Lock", "/var/lib/dpkg/triggers/Unincorp",
              "/var/lib/dpkg/alternatives", "/var/lib/dpkg/parts", "/var/lib/dpkg/updates",
              "/var/lib/dpkg/tmp.ci"})
            if (e.first.starts_with(own)) return true;
        return false;
    });
    return all;
}

void expect_equal(const Scratch& ours, const Scratch& dpkg, const char* when) {
    auto a = files_of(ours), b = files_of(dpkg);
    EXPECT_GT(a.size(), 10u) << when;
    for (const auto& [path, text] : a)
        EXPECT_EQ(text, b.contains(path) ? b[path] : "(nothing)") << when << ": " << path;
    for (const auto& [path, text] : b)
        EXPECT_TRUE(a.contains(path)) << when << ": only dpkg has " << path;
    EXPECT_EQ(slurp(ours.root_dir() + "/var/lib/dpkg/status"),
              slurp(dpkg.root_dir() + "/var/lib/dpkg/status"))
        << when;
}

void prepare(Scratch& s) {
    shell("cd " + s.root_dir() +
          " && mkdir -p dev var/lib/dpkg/info var/lib/dpkg/updates "
          "var/lib/dpkg/triggers && mknod -m 666 dev/null c 1 3 && touch var/lib/dpkg/status "
          "var/lib/dpkg/available && echo 1 > var/lib/dpkg/info/format && for a in sed grep cut tr "
          "readlink uname mv cp ln sleep true; do test -e bin/$a || ln -s busybox bin/$a; done");
}

TEST(Differential, unpacked_packages_are_equal_to_dpkgs) {
    if (geteuid() != 0 || access("/usr/bin/dpkg", X_OK)) GTEST_SKIP() << "needs root and dpkg";
    auto debs = fetch();
    if (debs.empty()) GTEST_SKIP() << "apt-get download gave no packages";
    Scratch ours, dpkg;
    for (Scratch* s : {&ours, &dpkg}) {
        if (!s->add_shell()) GTEST_SKIP() << "needs busybox-static";
        prepare(*s);
    }
    auto root = Root::open(ours.root_dir());
    ASSERT_TRUE(root);
    root->set_sync(false);
    auto db = Database::open(*root, Access::write);
    ASSERT_TRUE(db);
    for (const auto& path : debs) {
        auto deb = DebFile::open(path);
        ASSERT_TRUE(deb);
        Status s = unpack_only(*root, **db, *deb, true, nullptr);
        ASSERT_TRUE(s) << s.error().text;
    }
    ASSERT_TRUE((*db)->checkpoint());
    std::string output;
    ASSERT_EQ(
        shell("dpkg --root=" + dpkg.root_dir() + " --force-depends --unpack " + join(debs, " "),
              &output),
        0)
        << output;
    expect_equal(ours, dpkg, "unpacked");
}

TEST(Differential, installed_reinstalled_and_removed_packages_are_equal_to_dpkgs) {
    if (geteuid() != 0 || access("/usr/bin/dpkg", X_OK)) GTEST_SKIP() << "needs root and dpkg";
    auto debs = fetch();
    if (debs.empty()) GTEST_SKIP() << "apt-get download gave no packages";
    Scratch ours, dpkg;
    for (Scratch* s : {&ours, &dpkg}) {
        if (!s->add_shell()) GTEST_SKIP() << "needs busybox-static";
        prepare(*s);
    }
    std::string tool = "dpkg --root=" + dpkg.root_dir() + " ", output;
    for (const char* when : {"installed", "installed again"}) {
        // grep and gzip ask for dpkg or install-info, which would bring half of Debian along.
        Status s = ours.install(debs, {.ignore_depends = true});
        ASSERT_TRUE(s) << s.error().text;
        ASSERT_EQ(shell(tool + "--force-depends -i " + join(debs, " "), &output), 0) << output;
        expect_equal(ours, dpkg, when);
    }
    EXPECT_EQ(shell(tool + "--audit", &output), 0);
    EXPECT_EQ(output, "");
    // dpkg's tools on the root that is ours.
    EXPECT_EQ(shell("dpkg --root=" + ours.root_dir() + " --audit", &output), 0);
    EXPECT_EQ(output, "");
    EXPECT_EQ(shell("dpkg --root=" + ours.root_dir() + " -V", &output), 0);
    EXPECT_EQ(output, "");
    ASSERT_TRUE(ours.remove({"hello", "zlib1g", "libbz2-1.0"}, Purge::no));
    ASSERT_EQ(shell(tool + "-r hello zlib1g libbz2-1.0", &output), 0) << output;
    expect_equal(ours, dpkg, "removed");
}

}  // namespace
}  // namespace tenon::pkg::test
