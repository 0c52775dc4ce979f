/* A tracer and its tracee: waiting for stops and saying what they are. */
#pragma once

#include <linux/ptrace.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

#define PT(request, pid, addr, data) syscall(SYS_ptrace, (long)(request), (long)(pid), (long)(addr), (long)(data))

static inline void show(const char* what, pid_t got, pid_t want, int st) {
    printf("%s: %s ", what, got == want ? "it" : got < 0 ? strerrorname_np(errno) : got == 0 ? "none" : "other");
    if (got > 0 && WIFSTOPPED(st))
        printf("stopped %s event %d mark %d\n", sigabbrev_np(WSTOPSIG(st) & 0x7f), st >> 16, (st >> 15) & 1);
    else if (got > 0 && WIFEXITED(st))
        printf("exited %d\n", WEXITSTATUS(st));
    else if (got > 0 && WIFSIGNALED(st))
        printf("killed %s\n", sigabbrev_np(WTERMSIG(st)));
    else
        printf("\n");
    fflush(stdout);
}
static inline int wait_show(const char* what, pid_t pid) {
    int st = 0;
    errno = 0;
    pid_t got = waitpid(pid, &st, __WALL);
    show(what, got, pid, st);
    return st;
}
static inline void wait_how(const char* what, pid_t pid, int options) {
    int st = 0;
    errno = 0;
    pid_t got = waitpid(pid, &st, options);
    show(what, got, pid, st);
}
static inline void poll_show(const char* what, pid_t pid) {
    int st = 0;
    errno = 0;
    pid_t got = waitpid(pid, &st, __WALL | WNOHANG);
    show(what, got, pid, st);
}
static inline char field(pid_t pid, const char* name, long* number) {
    char path[64], line[256], letter = '?';
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE* f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, name, strlen(name))) sscanf(line + strlen(name), "%ld", number), sscanf(line + strlen(name), " %c", &letter);
    if (f) fclose(f);
    return letter;
}

static inline pid_t traced(void (*body)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        if (PT(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(99);
        raise(SIGSTOP);
        body();
        _exit(7);
    }
    wait_show("first stop", pid);
    return pid;
}
static inline void pause_body(void) { for (;;) pause(); }
