#include "pkg/lib/scripts.h"

#include <stdlib.h>
#include <unistd.h>

#include "pkg/lib/program.h"
#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// dpkg's version whose behaviour the database and the environment follow.
constexpr const char* kDpkgVersion = "1.21.22";
constexpr const char* kToolsDir = "/usr/lib/pkg/dpkg-tools";
constexpr const char* kTools[] = {
    "dpkg",        "dpkg-query",        "dpkg-trigger",
    "dpkg-divert", "dpkg-statoverride", "dpkg-maintscript-helper",
};

}  // namespace

// A root without dpkg (the minimal image) has none of the small tools that scripts call, or only
// busybox's applet of that name, which knows little of them. pkg is all of them, by the name it is
// called by; links to it stand in a directory of their own. It leads the scripts' PATH as long as
// Debian's dpkg package is not unpacked.
Status ScriptRunner::prepare_tools() {
    extra_path_.clear();
    const Package* dpkg = db_.find("dpkg");
    if (dpkg && dpkg->is_unpacked()) return {};
    std::string self;
    for (const char* candidate : {"/usr/bin/pkg", "/bin/pkg", "/usr/sbin/pkg", "/sbin/pkg"}) {
        TRY_SET(auto st, root_.stat_follow(candidate));
        if (st && self.empty()) self = candidate;
    }
    if (self.empty()) return {};
    TRY(root_.mkdir_all(kToolsDir, 0755));
    for (const char* tool : kTools) {
        std::string link = std::string(kToolsDir) + "/" + tool;
        TRY_SET(bool there, root_.exists(link));
        if (!there) TRY(root_.symlink(self, link));
    }
    extra_path_ = std::string(kToolsDir) + ":";
    return {};
}

Result<ScriptResult> ScriptRunner::run(const Package& p, const std::string& path,
                                       const std::string& kind,
                                       const std::vector<std::string>& args) {
    TRY_SET(auto st, root_.stat_follow(path));
    if (!st) return ScriptResult::absent;
    if ((st->st_mode & 0555) != 0555) TRY(root_.chmod(path, 0755));
    TRY(prepare_tools());
    std::string what =
        format("%s of %s %s", kind.c_str(), p.display_name().c_str(), join(args, " ").c_str());
    unsigned refcount = 0;
    for (const Package* i : db_.instances(p.name)) refcount += i->state != State::not_installed;
    Program program{.path = path, .args = args, .what = what, .prepare = {}};
    program.prepare = [&] {
        setenv("DPKG_MAINTSCRIPT_PACKAGE", p.name.c_str(), 1);
        setenv("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", format("%u", refcount).c_str(), 1);
        setenv("DPKG_MAINTSCRIPT_ARCH", p.arch == "all" ? "all" : p.arch.c_str(), 1);
        setenv("DPKG_MAINTSCRIPT_NAME", kind.c_str(), 1);
        setenv("DPKG_MAINTSCRIPT_DEBUG", "0", 1);
        setenv("DPKG_RUNNING_VERSION", kDpkgVersion, 1);
        setenv("DPKG_ADMINDIR", kAdminDir, 1);
        setenv("DPKG_ROOT", "", 1);
        setenv("DPKG_FORCE", "security-mac,downgrade", 1);
        setenv("DPKG_COLORS", "never", 0);
        // debconf and others take it for granted.
        setenv("HOME", "/root", 0);
        const char* old_path = root_.is_system() ? getenv("PATH") : nullptr;
        setenv("PATH", (extra_path_ + (old_path ? old_path : kPath)).c_str(), 1);
        // Nobody can answer a question that is not asked on a terminal.
        if (!isatty(STDIN_FILENO)) setenv("DEBIAN_FRONTEND", "noninteractive", 0);
    };
    TRY(run_in_root(root_, program));
    return ScriptResult::ran;
}

}  // namespace tenon::pkg
