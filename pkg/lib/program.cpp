#include "pkg/lib/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pkg/lib/text.h"

namespace tenon::pkg {

namespace {

// The child's side: everything up to exec. Only async-signal-safe calls would matter with threads;
// there are none.
[[noreturn]] void exec_in(const Root& root, const Program& p, int report_fd) {
    std::vector<char*> argv{const_cast<char*>(p.path.c_str())};
    for (const auto& a : p.args) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    if (p.limit_s) {
        setpgid(0, 0);
        int null = open("/dev/null", O_RDONLY);
        if (null >= 0) dup2(null, STDIN_FILENO);
        if (null > STDIN_FILENO) close(null);
    }
    int step = 0;
    if (!root.is_system() && (fchdir(root.fd()) != 0 || chroot(".") != 0))
        step = 1;
    else if (chdir("/") != 0)
        step = 2;
    else
        execv(p.path.c_str(), argv.data());
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

int64_t now_ms() {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// False when the time was over first; the program and what it started are dead then.
bool wait_for(pid_t child, unsigned limit_s, int& status) {
    if (!limit_s) {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        return true;
    }
    const int64_t end = now_ms() + int64_t{1000} * limit_s;
    for (int64_t pause_ms = 1;; pause_ms = std::min<int64_t>(pause_ms * 2, 50)) {
        pid_t got = waitpid(child, &status, WNOHANG);
        if (got == child || (got < 0 && errno != EINTR)) return true;
        if (now_ms() >= end) break;
        struct timespec pause = {.tv_sec = 0, .tv_nsec = pause_ms * 1000000};
        nanosleep(&pause, nullptr);
    }
    kill(-child, SIGKILL);
    kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return false;
}

}  // namespace

Status run_in_root(Root& root, const Program& p) {
    const char* what = p.what.c_str();
    fflush(stdout);
    fflush(stderr);
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return fail_errno("%s", what);
    Fd report_read(report[0]), report_write(report[1]);
    pid_t child = fork();
    if (child < 0) return fail_errno("cannot start the %s", what);
    if (child == 0) {
        if (p.prepare) p.prepare();
        exec_in(root, p, report_write.get());
    }
    report_write.reset();
    // An interrupt from the terminal is the program's to handle; we unwind if it fails by it.
    struct sigaction ignore = {}, old_int, old_quit;
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGINT, &ignore, &old_int);
    sigaction(SIGQUIT, &ignore, &old_quit);
    int failure[2] = {0, 0};
    ssize_t got;
    do got = read(report_read.get(), failure, sizeof(failure));
    while (got < 0 && errno == EINTR);
    int status = 0;
    bool in_time = wait_for(child, p.limit_s, status);
    sigaction(SIGINT, &old_int, nullptr);
    sigaction(SIGQUIT, &old_quit, nullptr);

    if (got == static_cast<ssize_t>(sizeof(failure))) {
        errno = failure[1];
        if (failure[0] == 1) return fail_errno("cannot change root to %s", root.dir().c_str());
        std::string interpreter = interpreter_of(root, p.path);
        if (failure[1] == ENOENT && !interpreter.empty())
            return fail("cannot run the %s: its interpreter %s is not there", what,
                        interpreter.c_str());
        return fail_errno("cannot run the %s", what);
    }
    if (!in_time) return fail("the %s was killed after %u seconds", what, p.limit_s);
    if (WIFSIGNALED(status))
        return fail("the %s was killed by signal %d (%s)", what, WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        return fail("the %s failed with exit status %d", what, WEXITSTATUS(status));
    return {};
}

}  // namespace tenon::pkg
