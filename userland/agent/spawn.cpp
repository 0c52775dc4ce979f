#include "agent/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <initializer_list>

namespace tenon::agent {

namespace {

struct Fd {
    int value = -1;
    ~Fd() { reset(); }
    void reset() {
        if (value >= 0) ::close(value);
        value = -1;
    }
    int release() {
        const int fd = value;
        value = -1;
        return fd;
    }
};

bool make_pipe(Fd& read_end, Fd& write_end) {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) return false;
    read_end.value = fds[0];
    write_end.value = fds[1];
    return true;
}

// A program without a #! line is a shell script, as every shell has it.
void exec_or_script(const char* path, char** argv, char** envp) {
    ::execve(path, argv, envp);
    if (errno != ENOEXEC) return;
    std::size_t argc = 0;
    while (argv[argc] != nullptr) ++argc;
    auto** script = static_cast<char**>(calloc(argc + 3, sizeof(char*)));
    if (script == nullptr) return;
    script[0] = const_cast<char*>("/bin/sh");
    script[1] = const_cast<char*>(path);
    for (std::size_t i = 1; i < argc; ++i) script[i + 1] = argv[i];
    ::execve(script[0], script, envp);
    errno = ENOEXEC;
}

const char* find_env(char** envp, const char* name) {
    const std::size_t len = strlen(name);
    for (; *envp != nullptr; ++envp)
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=') return *envp + len + 1;
    return nullptr;
}

// Looks along PATH as a shell does: EACCES is remembered while the search goes on.
int exec_program(char** argv, char** envp) {
    const char* name = argv[0];
    if (*name == '\0') return ENOENT;
    if (strchr(name, '/') != nullptr) {
        exec_or_script(name, argv, envp);
        return errno;
    }
    const char* path = find_env(envp, "PATH");
    if (path == nullptr) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    int remembered = ENOENT;
    static char candidate[4352];
    while (true) {
        const char* colon = strchrnul(path, ':');
        const int dir_len = static_cast<int>(colon - path);
        const int n = snprintf(candidate, sizeof(candidate), "%.*s%s%s", dir_len, path,
                               dir_len > 0 ? "/" : "./", name);
        if (n > 0 && static_cast<std::size_t>(n) < sizeof(candidate)) {
            exec_or_script(candidate, argv, envp);
            if (errno != ENOENT && errno != ENOTDIR) {
                if (errno != EACCES) return errno;
                struct stat info;
                if (::stat(candidate, &info) == 0 && !S_ISDIR(info.st_mode)) remembered = EACCES;
            }
        }
        if (*colon == '\0') return remembered;
        path = colon + 1;
    }
}

[[noreturn]] void child(const SpawnRequest& request, int in, int out, int err, int report) {
    sigset_t none;
    sigemptyset(&none);
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    for (int sig = 1; sig < 65; ++sig) ::sigaction(sig, &standard, nullptr);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // A session of its own: the command's process group can be signalled, and a terminal taken.
    ::setsid();
    if (request.tty) ::ioctl(in, TIOCSCTTY, 0);
    // Descriptors of ours below 3 would be overwritten by the first dup2, so move them up first.
    int fds[3] = {in, out, err};
    for (int& fd : fds) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    for (int target = 0; target < 3; ++target) ::dup2(fds[target], target);
    int error = 0;
    if (request.cwd[0] != '\0' && ::chdir(request.cwd) != 0)
        error = errno;
    else
        error = exec_program(request.argv, request.envp);
    if (::write(report, &error, sizeof(error)) < 0) ::_exit(126);
    ::_exit(127);
}

int open_terminal(const SpawnRequest& request, Fd& master, Fd& slave) {
    master.value = ::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master.value < 0) return errno;
    int unlock = 0;
    unsigned number = 0;
    if (::ioctl(master.value, TIOCSPTLCK, &unlock) != 0) return errno;
    if (::ioctl(master.value, TIOCGPTN, &number) != 0) return errno;
    char name[32];
    snprintf(name, sizeof(name), "/dev/pts/%u", number);
    slave.value = ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave.value < 0) return errno;
    const winsize size{request.rows, request.columns, 0, 0};
    ::ioctl(slave.value, TIOCSWINSZ, &size);
    return 0;
}

}  // namespace

int spawn(const SpawnRequest& request, Spawned& spawned) {
    Fd in_read, in_write, out_read, out_write, err_read, err_write, report_read, report_write;
    if (!make_pipe(report_read, report_write)) return errno;
    if (request.tty) {
        if (const int error = open_terminal(request, out_read, in_read); error != 0) return error;
    } else if (!make_pipe(in_read, in_write) || !make_pipe(out_read, out_write) ||
               !make_pipe(err_read, err_write)) {
        return errno;
    }

    const pid_t pid = ::fork();
    if (pid < 0) return errno;
    if (pid == 0) {
        if (request.tty)
            child(request, in_read.value, in_read.value, in_read.value, report_write.value);
        child(request, in_read.value, out_write.value, err_write.value, report_write.value);
    }

    report_write.reset();
    int error = 0;
    ssize_t n;
    do {
        n = ::read(report_read.value, &error, sizeof(error));
    } while (n < 0 && errno == EINTR);
    // End of file means that exec closed it: the program runs. A failed child is reaped by the loop.
    if (n == sizeof(error)) return error;

    spawned.pid = pid;
    if (request.tty) {
        spawned.stdin_fd = ::fcntl(out_read.value, F_DUPFD_CLOEXEC, 3);
        spawned.stdout_fd = out_read.release();
        spawned.stderr_fd = -1;
    } else {
        spawned.stdin_fd = in_write.release();
        spawned.stdout_fd = out_read.release();
        spawned.stderr_fd = err_read.release();
    }
    for (const int fd : {spawned.stdin_fd, spawned.stdout_fd, spawned.stderr_fd})
        if (fd >= 0) ::fcntl(fd, F_SETFL, O_NONBLOCK | (::fcntl(fd, F_GETFL) & ~O_ACCMODE));
    return 0;
}

}  // namespace tenon::agent
