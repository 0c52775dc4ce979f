#include "pkg/lib/scripts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

// The child's side: everything up to exec. Only async-signal-safe calls would matter with threads;
// there are none.
[[noreturn]] void exec_script(const std::string& root, const std::string& path,
                              const std::vector<std::string>& args, int report_fd) {
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (const auto& a : args) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    int step = 0;
    if (root != "/" && chroot(root.c_str()) != 0)
        step = 1;
    else if (chdir("/") != 0)
        step = 2;
    else
        execv(path.c_str(), argv.data());
    int report[2] = {step, errno};
    ssize_t ignored = write(report_fd, report, sizeof(report));
    (void)ignored;
    _exit(127);
}

std::string interpreter_of(Root& root, const std::string& path) {
    auto text = root.read_if_there(path);
    if (!text || !*text || !(*text)->starts_with("#!")) return {};
    std::string_view line = std::string_view(**text).substr(2);
    line = trim(line.substr(0, line.find('\n')));
    auto words = split_words(line);
    return words.empty() ? std::string() : std::string(words[0]);
}

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
    fflush(stdout);
    fflush(stderr);
    int report[2];
    if (pipe2(report, 02000000 /* O_CLOEXEC */) != 0) return fail_errno("%s", what.c_str());
    Fd report_read(report[0]), report_write(report[1]);

    unsigned refcount = 0;
    for (const Package* i : db_.instances(p.name)) refcount += i->state != State::not_installed;
    pid_t child = fork();
    if (child < 0) return fail_errno("cannot start the %s", what.c_str());
    if (child == 0) {
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
        exec_script(root_.dir(), path, args, report_write.get());
    }
    report_write.reset();
    // An interrupt from the terminal is the script's to handle; we unwind if it fails by it.
    struct sigaction ignore = {}, old_int, old_quit;
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGINT, &ignore, &old_int);
    sigaction(SIGQUIT, &ignore, &old_quit);
    int failure[2] = {0, 0};
    ssize_t got;
    do got = read(report_read.get(), failure, sizeof(failure));
    while (got < 0 && errno == EINTR);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    sigaction(SIGINT, &old_int, nullptr);
    sigaction(SIGQUIT, &old_quit, nullptr);

    if (got == static_cast<ssize_t>(sizeof(failure))) {
        errno = failure[1];
        if (failure[0] == 1) return fail_errno("cannot change root to %s", root_.dir().c_str());
        std::string interpreter = interpreter_of(root_, path);
        if (failure[1] == ENOENT && !interpreter.empty())
            return fail("cannot run the %s: its interpreter %s is not there", what.c_str(),
                        interpreter.c_str());
        return fail_errno("cannot run the %s", what.c_str());
    }
    if (WIFSIGNALED(status))
        return fail("the %s was killed by signal %d (%s)", what.c_str(), WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        return fail("the %s failed with exit status %d", what.c_str(), WEXITSTATUS(status));
    return ScriptResult::ran;
}

}  // namespace tenon::pkg
