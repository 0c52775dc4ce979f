// Process 1 of a Tenon image, under either kernel: prepares the system, then serves the host's
// agent line, or runs the image's own command, or gives a shell on the console.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "init/boot_time.h"
#include "init/config.h"
#include "init/prepare.h"

namespace {

using tenon::agent::After;

[[noreturn]] void stop(After after) {
    ::kill(-1, SIGTERM);
    // A short grace, cut shorter when nobody is left.
    for (int i = 0; i < 10; ++i) {
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        if (::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) break;
        ::usleep(20000);
    }
    ::kill(-1, SIGKILL);
    ::sync();
    ::reboot(after == After::restart ? RB_AUTOBOOT : RB_POWER_OFF);
    for (;;) ::pause();
}

// Runs a program on the console and waits for it, reaping whatever else ends meanwhile.
int run_on_console(char* const* argv, bool own_terminal) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::setsid();
        if (own_terminal) ::ioctl(0, TIOCSCTTY, 1);
        ::execvp(argv[0], argv);
        fprintf(stderr, "init: %s: %s\n", argv[0], strerror(errno));
        ::_exit(errno == ENOENT ? 127 : 126);
    }
    int wait_status = 0;
    for (;;) {
        const pid_t ended = ::waitpid(-1, &wait_status, 0);
        if (ended == pid) break;
        if (ended < 0 && errno != EINTR) return 125;
    }
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

void shell_on_console() {
    char bash[] = "/bin/bash", sh[] = "/bin/sh", login[] = "-l";
    char* const bash_argv[] = {bash, login, nullptr};
    char* const sh_argv[] = {sh, login, nullptr};
    run_on_console(::access(bash, X_OK) == 0 ? bash_argv : sh_argv, true);
}

void write_boot_time(std::uint64_t first_instruction) {
    const int fd = ::open("/run/tenon.boot-time", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return;
    dprintf(fd, "%llu\n", static_cast<unsigned long long>(first_instruction));
    ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t first_instruction = tenon::init::since_boot_ns();
    if (argc == 2 && strcmp(argv[1], "--since-boot") == 0) {
        printf("%llu\n", static_cast<unsigned long long>(first_instruction));
        return 0;
    }
    if (::getpid() != 1) {
        fprintf(stderr, "This is init; it runs as process 1 only.\n");
        return 1;
    }
    ::chdir("/");
    ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    ::setenv("HOME", "/root", 1);
    ::setenv("TERM", "linux", 0);
    tenon::init::mount_file_systems();
    write_boot_time(first_instruction);
    tenon::init::set_up_console();
    tenon::init::set_up_names();
    tenon::init::Config& config = tenon::init::load_config("/etc/tenon/init.conf");
    const char* problems = tenon::init::load_modules(config);

    if (config.agent != nullptr) stop(tenon::agent::serve(config.agent, problems));

    fputs(problems, stderr);
    if (config.argc > 0) {
        const int status = run_on_console(config.argv, true);
        fprintf(stderr, "init: %s ended with status %d\n", config.argv[0], status);
        if (!config.then_shell) stop(After::power_off);
    }
    shell_on_console();
    stop(After::power_off);
}
