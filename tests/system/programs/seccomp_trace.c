// seccomp and a tracer: SECCOMP_RET_TRACE, what the tracer may change, the order of stops, reading filters.
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "check.h"

#define PT(request, pid, addr, data) syscall(SYS_ptrace, (long)(request), (long)(pid), (long)(addr), (long)(data))
#define seccomp(op, flags, args) syscall(SYS_seccomp, op, flags, args)
#define ORIG offsetof(struct user, regs.orig_rax)
#define RAX offsetof(struct user, regs.rax)

static pid_t pid;

// getuid: 7, getgid: 8 traced; geteuid: EXDEV; getegid: kill; getpgrp: trap.
static struct sock_filter program[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 7),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getgid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 0xffff),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_geteuid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getegid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgrp, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP | 3),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
static struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};
static struct sock_filter allow_all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
static struct sock_fprog allow = {1, allow_all};

static void call(const char* name, long nr) {
    errno = 0;
    long r = syscall(nr);
    printf("  %s: %s %ld\n", name, r == -1 ? strerrorname_np(errno) : "ok", r == getpid() ? -99 : r);
}
static void calls(void) {
    call("getuid", SYS_getuid);
    call("getgid", SYS_getgid);
    call("geteuid", SYS_geteuid);
}
static void start(long options, void (*body)(void)) {
    int st;
    pid = fork();
    if (pid == 0) {
        PT(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        seccomp(SECCOMP_SET_MODE_FILTER, 0, &filter);
        body();
        _exit(7);
    }
    waitpid(pid, &st, 0);
    long r = PT(PTRACE_SETOPTIONS, pid, 0, options);
    if (r) printf("options: %s\n", strerrorname_np(errno));
}
// Goes on with `request` until something other than an uninteresting call happens; -1: it is over.
static int next(int request, int signal) {
    int st;
    unsigned long message = 0;
    struct ptrace_syscall_info info;
    siginfo_t si;
    if (request >= 0 && PT(request, pid, 0, signal)) printf("resume: %s\n", strerrorname_np(errno));
    waitpid(pid, &st, __WALL);
    if (WIFEXITED(st)) return printf("exited %d\n", WEXITSTATUS(st)), -1;
    if (WIFSIGNALED(st)) return printf("killed %s\n", sigabbrev_np(WTERMSIG(st))), -1;
    memset(&info, 0xee, sizeof(info));
    long size = PT(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
    PT(PTRACE_GETEVENTMSG, pid, 0, &message);
    PT(PTRACE_GETSIGINFO, pid, 0, &si);
    printf("stop %s%s event %d message %lu code %x info %d size %ld", sigabbrev_np(WSTOPSIG(st) & 0x7f), (st >> 15) & 1 ? "+" : "", st >> 16, (st >> 16) == PTRACE_EVENT_SECCOMP ? message : 0,
           si.si_code, info.op, size);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) printf(" nr %lld", info.entry.nr);
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) printf(" error %d %lld", info.exit.is_error, info.exit.is_error ? info.exit.rval : 0);
    if (info.op == PTRACE_SYSCALL_INFO_SECCOMP) printf(" nr %lld data %d", info.seccomp.nr, info.seccomp.ret_data);
    if (WSTOPSIG(st) == SIGSYS) printf(" call %d errno %d", si.si_syscall, si.si_errno);
    printf("\n");
    return st >> 16;
}
static void finish(void) {
    while (next(PTRACE_CONT, 0) >= 0) { }
}

static void trapped(void) { call("getpgrp", SYS_getpgrp); }
static void killed(void) { call("getegid", SYS_getegid); }
static void executes(void) {
    syscall(SYS_getuid);
    execl("/bin/busybox", "true", (char*)0);
}
static void one(void) { call("getuid", SYS_getuid); }
static void many(void) {
    for (int i = 0; i < 3; i++) syscall(SYS_getuid);
    signal(SIGUSR1, SIG_IGN);
    one();
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    alarm(60);
    printf("-- an event for each\n");
    start(PTRACE_O_TRACESECCOMP, calls);
    finish();
    printf("-- a tracer that does not ask\n");
    start(0, calls);
    finish();
    printf("-- another call\n");
    start(PTRACE_O_TRACESECCOMP, one);
    next(PTRACE_CONT, 0);
    PT(PTRACE_POKEUSR, pid, ORIG, SYS_getpid);
    finish();
    printf("-- one that the filter refuses\n");
    start(PTRACE_O_TRACESECCOMP, one);
    next(PTRACE_CONT, 0);
    PT(PTRACE_POKEUSR, pid, ORIG, SYS_geteuid);
    finish();
    printf("-- one that it traces, too\n");
    start(PTRACE_O_TRACESECCOMP, one);
    next(PTRACE_CONT, 0);
    PT(PTRACE_POKEUSR, pid, ORIG, SYS_getgid);
    finish();
    printf("-- one that it kills\n");
    start(PTRACE_O_TRACESECCOMP, one);
    next(PTRACE_CONT, 0);
    PT(PTRACE_POKEUSR, pid, ORIG, SYS_getegid);
    finish();
    printf("-- one that is not there\n");
    start(PTRACE_O_TRACESECCOMP, one);
    next(PTRACE_CONT, 0);
    PT(PTRACE_POKEUSR, pid, ORIG, 9999);
    finish();
    printf("-- left out\n");
    start(PTRACE_O_TRACESECCOMP, one);
    next(PTRACE_CONT, 0);
    PT(PTRACE_POKEUSR, pid, ORIG, -1);
    finish();
    printf("-- left out with a result\n");
    start(PTRACE_O_TRACESECCOMP, one);
    next(PTRACE_CONT, 0);
    PT(PTRACE_POKEUSR, pid, ORIG, -1);
    PT(PTRACE_POKEUSR, pid, RAX, 4711);
    finish();
    printf("-- beside stops of calls\n");
    start(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD, many);
    next(PTRACE_CONT, 0);
    for (int i = 0; i < 5; i++) next(PTRACE_SYSCALL, 0);
    PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
    for (int i = 0; i < 3; i++) next(PTRACE_SYSCALL, 0);
    PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP);
    finish();
    printf("-- changed at its entry\n");
    start(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD, many);
    next(PTRACE_CONT, 0);
    next(PTRACE_SYSCALL, 0);  // the end of the first
    next(PTRACE_SYSCALL, 0);  // the second begins
    PT(PTRACE_POKEUSR, pid, ORIG, SYS_getppid);
    next(PTRACE_SYSCALL, 0);
    next(PTRACE_SYSCALL, 0);
    PT(PTRACE_POKEUSR, pid, ORIG, -1);
    next(PTRACE_SYSCALL, 0);
    finish();
    printf("-- emulated\n");
    start(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD, one);
    next(PTRACE_CONT, 0);
    next(PTRACE_SYSEMU, 0);
    next(PTRACE_SYSEMU, 0);
    kill(pid, SIGKILL);
    next(-1, 0);
    printf("-- stepped\n");
    start(PTRACE_O_TRACESECCOMP, many);
    next(PTRACE_CONT, 0);
    next(PTRACE_SINGLESTEP, 0);
    kill(pid, SIGKILL);
    next(-1, 0);
    printf("-- a signal at the stop\n");
    start(PTRACE_O_TRACESECCOMP, many);
    next(PTRACE_CONT, 0);
    next(PTRACE_CONT, SIGUSR1);
    finish();
    printf("-- trap\n");
    start(PTRACE_O_TRACESECCOMP, trapped);
    next(PTRACE_CONT, 0);
    next(PTRACE_CONT, SIGSYS);
    printf("-- kill\n");
    start(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXIT, killed);
    finish();
    printf("-- exec\n");
    start(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC, executes);
    finish();
    printf("-- killed at the stop\n");
    start(PTRACE_O_TRACESECCOMP, one);
    next(PTRACE_CONT, 0);
    kill(pid, SIGKILL);
    next(-1, 0);
    printf("-- let go at the stop\n");
    start(PTRACE_O_TRACESECCOMP, calls);
    next(PTRACE_CONT, 0);
    long detached = PT(PTRACE_DETACH, pid, 0, 0);
    next(-1, 0);
    printf("detached %ld\n", detached); /* not before: it prints, too */
    printf("-- suspended\n");
    start(PTRACE_O_TRACESECCOMP | PTRACE_O_SUSPEND_SECCOMP, calls);
    finish();
    start(PTRACE_O_SUSPEND_SECCOMP, killed);
    PT(PTRACE_CONT, pid, 0, 0);
    next(-1, 0);

    printf("-- filters\n");
    struct sock_filter got[64];
    struct seccomp_metadata meta = {0, 0x77};
    start(PTRACE_O_TRACESECCOMP, one);
    SAY(PT(PTRACE_SECCOMP_GET_FILTER, pid, 0, got));
    SAY(PT(PTRACE_SECCOMP_GET_METADATA, pid, sizeof(meta), &meta));
    next(PTRACE_CONT, 0);
    SAY(PT(PTRACE_SECCOMP_GET_FILTER, pid, 0, 0));
    SAY(PT(PTRACE_SECCOMP_GET_FILTER, pid, 0, 8));
    SAY(PT(PTRACE_SECCOMP_GET_FILTER, pid, 0, got));
    printf("same %d\n", !memcmp(got, program, sizeof(program)));
    SAY(PT(PTRACE_SECCOMP_GET_FILTER, pid, 1, got));
    for (int size = 0; size <= 24; size += 4) {
        meta.filter_off = 0, meta.flags = 0x77;
        long r = PT(PTRACE_SECCOMP_GET_METADATA, pid, size, &meta);
        printf("%d: %s %ld %llx\n", size, r < 0 ? strerrorname_np(errno) : "ok", r, meta.flags);
    }
    meta.filter_off = 1;
    SAY(PT(PTRACE_SECCOMP_GET_METADATA, pid, 16, &meta));
    SAY(PT(PTRACE_SECCOMP_GET_METADATA, pid, 16, 8));
    finish();
    // Two, of which one logs.
    pid = fork();
    if (pid == 0) {
        PT(PTRACE_TRACEME, 0, 0, 0);
        seccomp(SECCOMP_SET_MODE_FILTER, 0, &filter);
        seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &allow);
        raise(SIGSTOP);
        _exit(0);
    }
    next(-1, 0);
    for (int i = 0; i < 3; i++) {
        meta.filter_off = i, meta.flags = 0;
        SAY(PT(PTRACE_SECCOMP_GET_FILTER, pid, i, got));
        SAY(PT(PTRACE_SECCOMP_GET_METADATA, pid, 16, &meta));
        printf("%llx\n", meta.flags);
    }
    if (fork() == 0) {
        setuid(99);
        SAY(PT(PTRACE_SECCOMP_GET_FILTER, pid, 0, got));
        _exit(0);
    }
    wait(0);
    seccomp(SECCOMP_SET_MODE_FILTER, 0, &allow);
    SAY(PT(PTRACE_SECCOMP_GET_FILTER, pid, 0, got));
    SAY(PT(PTRACE_SECCOMP_GET_METADATA, pid, 16, &meta));
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP));
    finish();
    return 0;
}
