#include "pkg/lib/rpm/install/scriptlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pkg/lib/text.h"

namespace tenon::pkg::rpm {

namespace {

// rpm's %_install_script_path.
constexpr const char* kPath = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/X11R6/bin";
constexpr const char* kLua = "<lua>";
constexpr size_t kKeptBytes = 64 * 1024;
constexpr int kPollMs = 50;

int64_t now_ms() {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

struct Child {
    const std::string& root;
    const ScriptCall& call;
    std::string script_path;  // in the root; empty when only the program runs
    int input, output, report;

    // Never returns.
    [[noreturn]] void run() const {
        setpgid(0, 0);
        if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
            dup2(output, STDERR_FILENO) < 0)
            give_up(0);
        umask(022);
        setenv("PATH", kPath, 1);
        for (size_t i = 0; i < call.prefixes.size(); i++) {
            if (i == 0) setenv("RPM_INSTALL_PREFIX", call.prefixes[0].c_str(), 1);
            setenv(format("RPM_INSTALL_PREFIX%zu", i).c_str(), call.prefixes[i].c_str(), 1);
        }
        for (int s : {SIGINT, SIGQUIT, SIGPIPE}) signal(s, SIG_DFL);
        if (root != "/" && chroot(root.c_str()) != 0) give_up(1);
        if (chdir("/") != 0) give_up(2);
        const auto& interpreter = call.script->interpreter;
        std::vector<std::string> words = interpreter;
        if (words[0] == kLua) {
            for (long n : call.counts) words.push_back(std::to_string(n));
            close(report);
            _exit(lua::run(call.what, call.script->body, words, call.prefixes));
        }
        // The counts are the script's, not the program's: without a script it gets none.
        if (!script_path.empty()) {
            words.push_back(script_path);
            for (long n : call.counts) words.push_back(std::to_string(n));
        }
        std::vector<char*> argv;
        for (auto& w : words) argv.push_back(w.data());
        argv.push_back(nullptr);
        execv(argv[0], argv.data());
        give_up(3);
    }

    [[noreturn]] void give_up(int step) const {
        int message[2] = {step, errno};
        ssize_t ignored = write(report, message, sizeof(message));
        (void)ignored;
        _exit(127);
    }
};

Result<Fd> input_of(const std::string& text) {
    Fd fd(text.empty() ? open("/dev/null", O_RDONLY | O_CLOEXEC)
                       : memfd_create("pkg-input", MFD_CLOEXEC));
    if (!fd.valid()) return fail_errno("cannot make the input of a script");
    if (text.empty()) return fd;
    TRY(write_all(fd.get(), text, "the input of a script"));
    if (lseek(fd.get(), 0, SEEK_SET) != 0) return fail_errno("cannot make the input of a script");
    return fd;
}

}  // namespace

std::string ScriptHost::unsupported(const Script& script) {
    if (script.flags & (kScriptExpandMacros | kScriptQueryFormat))
        return "it asks for macros of rpm's to be expanded at installation, which pkg cannot";
    if (script.interpreter.empty() || script.interpreter[0].empty()) return "it names no program";
    return "";
}

Status ScriptHost::run(const ScriptCall& call) {
    if (std::string why = unsupported(*call.script); !why.empty())
        return fail("cannot run the %s: %s", call.what.c_str(), why.c_str());
    const bool is_lua = call.script->interpreter[0] == kLua;
    if (is_lua) {
        if (Status s = lua::load(); !s)
            return fail("cannot run the %s: %s", call.what.c_str(), s.error().text.c_str());
    }
    TRY_SET(Fd input, input_of(call.input));
    std::string path;
    if (!is_lua && !call.script->body.empty()) {
        path = directory_ + "/script";
        TRY(root_.unlink(path));
        TRY_SET(Fd file, root_.create_exclusive(path, 0600));
        TRY(write_all(file.get(), call.script->body, path.c_str()));
    }
    int report[2], output[2];
    if (pipe2(report, O_CLOEXEC) != 0) return fail_errno("%s", call.what.c_str());
    Fd report_read(report[0]), report_write(report[1]);
    if (pipe2(output, O_CLOEXEC) != 0) return fail_errno("%s", call.what.c_str());
    Fd output_read(output[0]), output_write(output[1]);
    fflush(nullptr);
    pid_t child = fork();
    if (child < 0) return fail_errno("cannot start the %s", call.what.c_str());
    if (child == 0)
        Child{root_.dir(), call, path, input.get(), output_write.get(), report_write.get()}.run();
    setpgid(child, child);
    report_write.reset();
    output_write.reset();
    Status done = wait(call.what, child, output_read.get(), report_read.get());
    if (!path.empty()) TRY(root_.unlink(path));
    return done;
}

Status ScriptHost::wait(const std::string& what, int child, int output_fd, int report_fd) {
    // An interrupt from the terminal is not the script's end.
    struct sigaction ignore = {}, old_int, old_quit;
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGINT, &ignore, &old_int);
    sigaction(SIGQUIT, &ignore, &old_quit);
    fcntl(output_fd, F_SETFL, O_NONBLOCK);
    const int64_t end = limit_s_ ? now_ms() + int64_t{limit_s_} * 1000 : INT64_MAX;
    std::string text;
    int status = 0;
    bool ended = false, open = true, too_long = false;
    char block[4096];
    // What the script left running in the background may keep its output open: the script's own end
    // counts.
    auto drain = [&] {
        for (;;) {
            ssize_t n = read(output_fd, block, sizeof(block));
            if (n < 0 && errno == EINTR) continue;
            if (n == 0) open = false;
            if (n <= 0) return;
            fwrite(block, 1, static_cast<size_t>(n), stdout);
            text.append(block, static_cast<size_t>(n));
            if (text.size() > 2 * kKeptBytes) text.erase(0, text.size() - kKeptBytes);
        }
    };
    while (!ended) {
        if (open) {
            struct pollfd p = {.fd = output_fd, .events = POLLIN, .revents = 0};
            poll(&p, 1, kPollMs);
        } else {
            usleep(1000);
        }
        drain();
        pid_t got = waitpid(child, &status, WNOHANG);
        ended = got == child || (got < 0 && errno != EINTR);
        if (!ended && now_ms() > end && !too_long) {
            too_long = true;
            kill(-child, SIGKILL);
        }
    }
    drain();
    fflush(stdout);
    sigaction(SIGINT, &old_int, nullptr);
    sigaction(SIGQUIT, &old_quit, nullptr);
    if (text.size() > kKeptBytes) text.erase(0, text.size() - kKeptBytes);
    if (!text.empty()) outputs_.push_back({what, text});

    int failure[2] = {0, 0};
    if (read(report_fd, failure, sizeof(failure)) == static_cast<ssize_t>(sizeof(failure))) {
        errno = failure[1];
        if (failure[0] == 1) return fail_errno("cannot change root to %s", root_.dir().c_str());
        if (failure[0] == 3) return fail_errno("cannot run the program of the %s", what.c_str());
        return fail_errno("cannot run the %s", what.c_str());
    }
    if (too_long)
        return fail("the %s ran for over %u seconds and was killed", what.c_str(), limit_s_);
    if (WIFSIGNALED(status))
        return fail("the %s was killed by signal %d (%s)", what.c_str(), WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) != 0)
        return fail("the %s failed with exit status %d", what.c_str(), WEXITSTATUS(status));
    return {};
}

}  // namespace tenon::pkg::rpm
