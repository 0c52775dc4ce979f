// Policy chapter 6, with dpkg as the judge: packages whose scripts write down how they are called,
// and fail when told to, go through the same steps under dpkg and under us. The calls, the database
// and the files must be equal afterwards.
#include <gtest/gtest.h>
#include <unistd.h>

#include "pkg/lib/text.h"
#include "pkg/tests/scratch.h"

namespace tenon::pkg::test {
namespace {

DebSpec scripted(const std::string& name, const std::string& version, const std::string& more = "",
                 const std::string& triggers = "") {
    DebSpec s{.control = control_text(name, version, more)};
    add_file(s, "/usr/share/" + name + "/common", "common " + version);
    add_file(s, "/usr/share/" + name + "/only-" + version, version);
    add_file(s, "/etc/" + name + ".conf", "conf " + version);
    s.control_files["conffiles"] = "/etc/" + name + ".conf\n";
    if (!triggers.empty()) s.control_files["triggers"] = triggers;
    for (const char* script : {"preinst", "postinst", "prerm", "postrm"})
        s.scripts[script] =
            "#!/bin/sh\n"
            "echo \"" +
            name + "-" + version +
            " $DPKG_MAINTSCRIPT_NAME $* [$DPKG_MAINTSCRIPT_PACKAGE "
            "$DPKG_MAINTSCRIPT_ARCH $DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT] $(ls /usr/share/" +
            name +
            " 2>/dev/null | tr '\\n' ' ')\" >> /log\n"
            "test ! -e \"/fail/" +
            name + "-" + version + "-$DPKG_MAINTSCRIPT_NAME-$1\"\n";
    return s;
}

// A step: "install a1 b1", "remove a", "purge a", "fail a-1-prerm-upgrade", "mend", "edit
// /etc/a.conf".
using Steps = std::vector<std::string>;

class Side {
  public:
    explicit Side(bool ours) : ours_(ours) {}
    bool prepare() {
        if (!s_.add_shell()) return false;
        shell("cd " + s_.root_dir() +
              " && ln -s busybox bin/tr && mkdir -p dev && mknod -m 666 dev/null c 1 3 && mkdir -p "
              "fail var/lib/dpkg/info "
              "var/lib/dpkg/updates var/lib/dpkg/triggers && touch var/lib/dpkg/status "
              "var/lib/dpkg/available && echo 1 > var/lib/dpkg/info/format");
        return true;
    }
    void run(const std::string& step, const std::map<std::string, DebSpec>& specs) {
        auto words = split_words(step);
        std::vector<std::string> names;
        for (size_t i = 1; i < words.size(); i++) names.emplace_back(words[i]);
        std::string verb(words[0]), output, root = s_.root_dir();
        if (verb == "fail") {
            for (const auto& n : names) write_temp(root + "/fail", n, "");
        } else if (verb == "mend") {
            shell("rm -f " + root + "/fail/*");
        } else if (verb == "edit") {
            for (const auto& n : names) write_temp(root, n, "edited");
        } else if (verb == "install") {
            std::vector<std::string> paths;
            for (const auto& n : names) paths.push_back(s_.deb(n, specs.at(n)));
            if (ours_)
                (void)s_.install(paths, {.conffiles = ConffilePolicy::keep_old});
            else
                shell("dpkg --root=" + root + " --force-confold,confdef -B -i " + join(paths, " ") +
                          " </dev/null",
                      &output);
        } else {
            Purge purge = verb == "purge" ? Purge::yes : Purge::no;
            if (ours_)
                (void)s_.remove(names, purge);
            else
                shell("dpkg --root=" + root + " --" + verb + " " + join(names, " "), &output);
        }
        output_ += output;
    }
    std::string log() const { return slurp(s_.root_dir() + "/log"); }
    std::string status() const { return slurp(s_.root_dir() + "/var/lib/dpkg/status"); }
    const std::string& output() const { return output_; }
    std::map<std::string, std::string> files() const {
        auto all = snapshot(s_.root_dir());
        std::erase_if(all, [](const auto& e) {
            for (const char* mine :
                 {"/bin", "/dev", "/log", "/fail", "/var/log", "/var/lib/dpkg/status",
                  "/var/lib/dpkg/available", "/var/lib/dpkg/lock", "/var/lib/dpkg/triggers/Lock",
                  "/var/lib/dpkg/triggers/Unincorp", "/var/lib/dpkg/alternatives",
                  "/var/lib/dpkg/parts", "/var/lib/dpkg/updates", "/var/lib/dpkg/tmp.ci",
                  "/var/lib/dpkg/diversions", "/var/lib/dpkg/statoverride", "/var/lib/pkg"})
                if (e.first.starts_with(mine)) return true;
            return false;
        });
        return all;
    }

  private:
    bool ours_;
    Scratch s_;
    std::string output_;
};

std::map<std::string, DebSpec> specs() {
    std::map<std::string, DebSpec> out;
    out["a1"] = scripted("a", "1");
    out["a2"] = scripted("a", "2");
    out["b1"] = scripted("b", "1", "Conflicts: a\nReplaces: a\n");
    out["c1"] = scripted("c", "1", "Breaks: a (<< 2)\n");
    out["d1"] = scripted("d", "1", "Depends: a\n");
    out["e1"] = scripted("e", "1", "Depends: d\nPre-Depends: a\n");
    out["t1"] = scripted("t", "1", "", "interest tick\ninterest-noawait /usr/share/a\n");
    out["u1"] = scripted("u", "1", "", "activate tick\n");
    out["w1"] = scripted("w", "1", "", "activate-noawait tick\n");
    DebSpec r = scripted("r", "1", "Replaces: a\nProvides: a\n");
    add_file(r, "/usr/share/a/common", "taken");
    out["r1"] = r;
    DebSpec s = scripted("s", "1", "Replaces: q\n"), q{.control = control_text("q", "1")};
    add_file(q, "/usr/share/q/x", "1");
    q.scripts["postrm"] = "#!/bin/sh\necho \"q $*\" >> /log\n";
    add_file(s, "/usr/share/q/x", "2");
    out["q1"] = q;
    out["s1"] = s;
    return out;
}

bool compare_sides(const Steps& steps) {
    Side dpkg(false), ours(true);
    if (!dpkg.prepare() || !ours.prepare()) return false;
    auto all = specs();
    std::string what;
    for (const auto& step : steps) {
        what += (what.empty() ? "" : "; ") + step;
        dpkg.run(step, all);
        ours.run(step, all);
        EXPECT_EQ(ours.log(), dpkg.log()) << what << "\n" << dpkg.output();
        EXPECT_EQ(ours.status(), dpkg.status()) << what;
        auto a = ours.files(), b = dpkg.files();
        for (const auto& [path, text] : a) EXPECT_EQ(text, b[path]) << what << ": " << path;
        for (const auto& [path, text] : b) EXPECT_TRUE(a.contains(path)) << what << ": " << path;
        if (testing::Test::HasFailure()) break;
    }
    return !testing::Test::HasFailure();
}

#define NEEDS_DPKG()                                                                     \
    if (geteuid() != 0 || access("/bin/busybox", X_OK) || access("/usr/bin/dpkg", X_OK)) \
    GTEST_SKIP() << "needs root, busybox-static and dpkg"

TEST(Policy, plain_sequences) {
    NEEDS_DPKG();
    for (const Steps& s : std::initializer_list<Steps>{
             {"install a1"},
             {"install a1", "install a2"},
             {"install a2", "install a1"},
             {"install a1", "install a1"},
             {"install a1", "remove a"},
             {"install a1", "remove a", "install a2"},
             {"install a1", "remove a", "purge a"},
             {"install a1", "purge a"},
             {"install a1", "edit /etc/a.conf", "install a2", "purge a"},
             {"install a1", "install b1"},
             {"install a1 d1", "remove a d"},
             {"install a1", "install a2 c1"},
             {"install a1", "install r1", "remove a"},
             {"install q1", "install s1"},
         })
        if (!compare_sides(s)) break;
}

TEST(Policy, triggers) {
    NEEDS_DPKG();
    for (const Steps& s : std::initializer_list<Steps>{
             {"install t1", "install u1"},
             {"install t1", "install w1"},
             {"install t1", "install a1", "remove a"},
             {"install t1", "fail t-1-postinst-triggered", "install u1"},
             {"install t1", "fail t-1-postinst-triggered", "install w1", "mend", "install a1"},
             {"install t1 u1 w1", "remove u", "purge t"},
         })
        if (!compare_sides(s)) break;
}

TEST(Policy, every_script_fails_once) {
    NEEDS_DPKG();
    const std::vector<std::pair<Steps, std::vector<std::string>>> matrix = {
        {{"install a1"},
         {"a-1-preinst-install", "a-1-postrm-abort-install", "a-1-postinst-configure"}},
        {{"install a1", "!", "install a2"},
         {"a-1-prerm-upgrade", "a-2-prerm-failed-upgrade", "a-1-postinst-abort-upgrade",
          "a-2-preinst-upgrade", "a-2-postrm-abort-upgrade", "a-1-postrm-upgrade",
          "a-2-postrm-failed-upgrade", "a-1-preinst-abort-upgrade", "a-2-postinst-configure"}},
        {{"install a1", "!", "remove a"},
         {"a-1-prerm-remove", "a-1-postinst-abort-remove", "a-1-postrm-remove"}},
        {{"install a1", "remove a", "!", "purge a"}, {"a-1-postrm-purge"}},
        {{"install a1", "remove a", "!", "install a2"},
         {"a-2-preinst-install", "a-2-postrm-abort-install", "a-2-postinst-configure"}},
        {{"install a1", "!", "install b1"},
         {"a-1-prerm-remove", "a-1-postinst-abort-remove", "b-1-preinst-install",
          "b-1-postrm-abort-install", "a-1-postrm-remove"}},
        {{"install a1", "!", "install a2 c1"}, {"a-2-postinst-configure", "c-1-preinst-install"}},
    };
    for (const auto& [shape, failures] : matrix)
        for (size_t i = 0; i < failures.size(); i++)
            // Each alone, and with each of the later ones.
            for (size_t k = i; k < failures.size(); k++) {
                Steps steps;
                std::string fail = "fail " + failures[i] + (k == i ? "" : " " + failures[k]);
                for (const auto& step : shape) steps.push_back(step == "!" ? fail : step);
                if (shape[0] != "!" && std::find(shape.begin(), shape.end(), "!") == shape.end())
                    steps.insert(steps.begin(), fail);
                // And what the next attempt makes of it.
                steps.push_back("mend");
                steps.push_back(shape.back());
                if (!compare_sides(steps)) return;
            }
}

// What is broken already breaks once more: an earlier postinst failed, or everything that could take
// a step back fails, too.
TEST(Policy, broken_packages) {
    NEEDS_DPKG();
    const std::string half = "fail a-1-postinst-configure",
                      prerms = "fail a-1-prerm-upgrade a-2-prerm-failed-upgrade";
    for (const Steps& s : std::initializer_list<Steps>{
             {half, "install a1", "mend", "install a2"},
             {half, "install a1", "mend", "remove a", "purge a"},
             {half, "install a1", "mend", prerms, "install a2", "mend", "install a2"},
             {half, "install a1", "mend", prerms + " a-1-postinst-abort-upgrade", "install a2",
              "mend", "install a2"},
             {"install a1", prerms + " a-1-postinst-abort-upgrade", "install a2", "mend",
              "install a2"},
             {half, "install a1", "mend", "fail a-1-prerm-remove", "remove a", "mend", "remove a"},
             {half, "install a1", "mend", "fail a-1-prerm-remove a-1-postinst-abort-remove",
              "remove a", "mend", "remove a"},
             {half, "install a1", "mend", "fail a-1-prerm-remove", "install b1", "mend",
              "install b1"},
             {half, "install a1", "mend", "fail a-1-prerm-remove a-1-postinst-abort-remove",
              "install b1", "mend", "install b1"},
             {half, "install a1", "mend", "fail a-2-preinst-upgrade", "install a2", "mend",
              "install a2"},
             {half, "install a1", "mend", "fail a-2-preinst-upgrade a-1-postinst-abort-upgrade",
              "install a2", "mend", "install a2"},
             {half, "install a1", "mend", "fail a-1-postrm-upgrade a-2-postrm-failed-upgrade",
              "install a2", "mend", "install a2"},
         })
        if (!compare_sides(s)) break;
}

}  // namespace
}  // namespace tenon::pkg::test
