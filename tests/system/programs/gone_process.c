/* Directories and files of a process in /proc that were found while it lived, once it is gone: what opening, reading and asking answers. */
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int main(void) {
    static const char *names[] = {"fd", "status", "stat", "maps", "cmdline", "environ", "comm", "mem", "limits", "io", "oom_score_adj",
                                  "wchan", "exe", "cwd", "root"};
    enum { N = sizeof names / sizeof *names };
    int found[N], opened[N];
    const pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    for (int i = 0; i < N; i++) {
        char path[64];
        sprintf(path, "/proc/%d/%s", child, names[i]);
        found[i] = open(path, O_PATH | O_NOFOLLOW);
        opened[i] = i < 11 ? open(path, O_RDONLY) : -1;
    }
    kill(child, SIGKILL);
    for (int reaped = 0; reaped < 2; reaped++) {
        if (reaped) waitpid(child, 0, 0);
        else waitid(P_PID, child, 0, WEXITED | WNOWAIT);
        for (int i = 0; i < N; i++) {
            char text[4096], path[64];
            struct stat st;
            printf("%s, %s\n", names[i], reaped ? "reaped" : "zombie");
            SAY(fstat(found[i], &st));
            SAY(fstatat(found[i], "", &st, AT_EMPTY_PATH));
            SAY(readlinkat(found[i], "", text, sizeof text) > 0);
            sprintf(path, "/proc/self/fd/%d", found[i]);
            const int again = open(path, O_RDONLY);
            printf("open: %s\n", again < 0 ? strerrorname_np(errno) : "ok");
            OK(syscall(SYS_getdents64, again, text, sizeof text));
            close(again);
            OK(openat(found[i], ".", O_RDONLY | O_DIRECTORY));
            OK(openat(found[i], "status", O_RDONLY));
            OK(openat(found[i], "0", O_RDONLY | O_NOFOLLOW));
            OK(faccessat(found[i], ".", R_OK | X_OK, 0));
            if (opened[i] >= 0) {
                OK(lseek(opened[i], 0, SEEK_SET));
                OK(read(opened[i], text, sizeof text) == 0);
                OK(syscall(SYS_getdents64, opened[i], text, sizeof text));
                OK(openat(opened[i], "..", O_RDONLY | O_DIRECTORY));
            }
        }
    }
    return 0;
}
