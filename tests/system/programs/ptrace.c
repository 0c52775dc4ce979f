// ptrace(2): requests, stops, events and their errnos; every line must agree on both kernels.
#include <elf.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "check.h"

#define PT(request, pid, addr, data) syscall(SYS_ptrace, (long)(request), (long)(pid), (long)(addr), (long)(data))

static volatile long word = 0x1122334455667788;
static volatile int hits;
static void count(int s) { hits++; (void)s; }

static void show(const char* what, pid_t got, pid_t want, int st) {
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
static int wait_show(const char* what, pid_t pid) {
    int st = 0;
    errno = 0;
    pid_t got = waitpid(pid, &st, __WALL);
    show(what, got, pid, st);
    return st;
}
static void wait_how(const char* what, pid_t pid, int options) {
    int st = 0;
    errno = 0;
    pid_t got = waitpid(pid, &st, options);
    show(what, got, pid, st);
}
static void poll_show(const char* what, pid_t pid) {
    int st = 0;
    errno = 0;
    pid_t got = waitpid(pid, &st, __WALL | WNOHANG);
    show(what, got, pid, st);
}
static char field(pid_t pid, const char* name, long* number) {
    char path[64], line[256], letter = '?';
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE* f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, name, strlen(name))) sscanf(line + strlen(name), "%ld", number), sscanf(line + strlen(name), " %c", &letter);
    if (f) fclose(f);
    return letter;
}

static pid_t traced(void (*body)(void)) {
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

static void errors(void) {
    int dummy;
    printf("-- errors\n");
    SAY(PT(PTRACE_CONT, 0x7ffffff0, 0, 0));
    SAY(PT(PTRACE_ATTACH, getpid(), 0, 0));
    SAY(PT(PTRACE_SEIZE, getpid(), 0, 0));
    SAY(PT(PTRACE_SEIZE, getpid(), 1, 0));
    SAY(PT(PTRACE_CONT, getpid(), 0, 0));
    SAY(PT(PTRACE_PEEKDATA, 1, 0, &dummy));
    SAY(PT(PTRACE_KILL, getppid(), 0, 0));
    SAY(PT(0x7777, getpid(), 0, 0));
    pid_t pid = fork();
    if (pid == 0) for (;;) pause();
    SAY(PT(PTRACE_SEIZE, pid, 0, 0x40000000));
    SAY(PT(PTRACE_SEIZE, pid, 8, 0));
    SAY(PT(PTRACE_INTERRUPT, pid, 0, 0));
    SAY(PT(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD));
    SAY(PT(PTRACE_SEIZE, pid, 0, 0));
    SAY(PT(PTRACE_ATTACH, pid, 0, 0));
    SAY(PT(PTRACE_PEEKDATA, pid, &word, &dummy));
    poll_show("seized runs", pid);
    SAY(PT(PTRACE_INTERRUPT, pid, 0, 0));
    wait_show("interrupted", pid);
    SAY(PT(0x7777, pid, 0, 0));
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, 0x40000000));
    SAY(PT(PTRACE_CONT, pid, 0, 65));
    SAY(PT(PTRACE_CONT, pid, 0, -1));
    SAY(PT(PTRACE_DETACH, pid, 0, 65));
    SAY(PT(PTRACE_SYSCALL, pid, 0, 1000));
    SAY(PT(PTRACE_KILL, pid, 0, 0));
    wait_show("killed", pid);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    poll_show("nobody", pid);
}

static void nothing(void) {}
static void touch(void) { if (word == 42) hits = 5; _exit((int)word); }

static void memory(void) {
    long value = 0;
    printf("-- memory\n");
    pid_t pid = traced(touch);
    SAY(PT(PTRACE_PEEKDATA, pid, &word, &value));
    printf("%lx\n", value);
    SAY(PT(PTRACE_PEEKTEXT, pid, (char*)&word + 1, &value));
    SAY(PT(PTRACE_PEEKDATA, pid, 8, &value));
    SAY(PT(PTRACE_PEEKDATA, pid, &word, 8));
    SAY(PT(PTRACE_PEEKDATA, pid, -8, &value));
    SAY(PT(PTRACE_POKEDATA, pid, 8, 1));
    SAY(PT(PTRACE_POKEDATA, pid, &word, 42));
    printf("ours %lx\n", word);
    // Text, through a private mapping that may not be written.
    SAY(PT(PTRACE_PEEKTEXT, pid, (void*)nothing, &value));
    SAY(PT(PTRACE_POKETEXT, pid, (void*)nothing, 0x90909090c3));
    long again = 0;
    SAY(PT(PTRACE_PEEKTEXT, pid, (void*)nothing, &again));
    printf("text %lx ours kept %d\n", again, *(long*)(void*)nothing == value);
    // The same through /proc.
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int fd = OK(open(path, O_RDWR));
    SAY(pread(fd, &again, 8, (off_t)(intptr_t)&word));
    printf("%ld\n", again);
    again = 43;
    SAY(pwrite(fd, &again, 8, (off_t)(intptr_t)&word));
    SAY(pwrite(fd, &value, 8, (off_t)(intptr_t)nothing));
    SAY(pread(fd, &again, 8, 8));
    close(fd);
    SAY(PT(PTRACE_PEEKUSR, pid, 3, &value));
    SAY(PT(PTRACE_PEEKUSR, pid, 928, &value));
    SAY(PT(PTRACE_PEEKUSR, pid, 920, &value));
    SAY(PT(PTRACE_PEEKUSR, pid, -8, &value));
    SAY(PT(PTRACE_POKEUSR, pid, 928, 0));
    SAY(PT(PTRACE_POKEUSR, pid, 300, 0));
    SAY(PT(PTRACE_POKEUSR, pid, offsetof(struct user, regs.cs), 0));
    SAY(PT(PTRACE_POKEUSR, pid, offsetof(struct user, regs.fs_base), -1));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exits with what was written", pid);
}

static long call_sum;
static void calls(void) {
    syscall(SYS_getpid);
    call_sum = syscall(SYS_getppid);
    long r = syscall(SYS_close, 12345);
    _exit(r == -1 && errno == EBADF ? 3 : 4);
}

static void registers(void) {
    struct user_regs_struct regs, back;
    struct user_fpregs_struct fp;
    struct iovec io = {&regs, sizeof regs};
    printf("-- registers\n");
    pid_t pid = traced(calls);
    SAY(PT(PTRACE_GETREGS, pid, 0, &regs));
    printf("orig_rax %lld rax %lld cs %llx ss %llx ds %llx es %llx fs %llx gs %llx\n", regs.orig_rax, regs.rax, regs.cs,
           regs.ss, regs.ds, regs.es, regs.fs, regs.gs);
    SAY(PT(PTRACE_GETREGS, pid, 0, 8));
    io.iov_len = sizeof regs + 64;
    SAY(PT(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io));
    printf("%zu\n", io.iov_len);
    io.iov_len = 24;
    SAY(PT(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io));
    io.iov_len = 25;
    SAY(PT(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io));
    io.iov_len = 8;
    SAY(PT(PTRACE_GETREGSET, pid, 0x1234, &io));
    SAY(PT(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8));
    io.iov_base = (void*)8;
    SAY(PT(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io));
    SAY(PT(PTRACE_GETFPREGS, pid, 0, &fp));
    printf("cwd %x mxcsr %x\n", fp.cwd, fp.mxcsr);
    fp.mxcsr = 0xffffffff;
    SAY(PT(PTRACE_SETFPREGS, pid, 0, &fp));
    fp.mxcsr = 0x1f80;
    fp.xmm_space[0] = 0x12345678;
    SAY(PT(PTRACE_SETFPREGS, pid, 0, &fp));
    memset(&fp, 0, sizeof fp);
    io.iov_base = &fp, io.iov_len = sizeof fp + 8;
    SAY(PT(PTRACE_GETREGSET, pid, NT_PRFPREG, &io));
    printf("%zu %x %x\n", io.iov_len, fp.mxcsr, fp.xmm_space[0]);
    io.iov_len = 64;
    SAY(PT(PTRACE_SETREGSET, pid, NT_PRFPREG, &io));
    static unsigned char big[16384];
    io.iov_base = big, io.iov_len = sizeof big;
    SAY(PT(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &io) == 0 && io.iov_len >= 576);
    printf("xcr0 %d\n", (int)(*(uint64_t*)(big + 464) & 3));
    SAY(PT(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &io));
    big[512 + 8] = 1;
    SAY(PT(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &io));
    io.iov_len = 64;
    SAY(PT(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &io));

    // A call is changed on its way in and out.
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
    struct ptrace_syscall_info info;
    memset(&info, 0, sizeof info);
    SAY(PT(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info));
    printf("op %d arch %x\n", info.op, info.arch);
    long message = 77;
    for (int i = 0; i < 7; i++) {
        SAY(PT(PTRACE_SYSCALL, pid, 0, 0));
        int st = wait_show("syscall", pid);
        if (!WIFSTOPPED(st)) break;
        siginfo_t si;
        SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
        printf("signo %d code %x pid %d\n", si.si_signo, si.si_code, si.si_pid == pid);
        PT(PTRACE_GETEVENTMSG, pid, 0, &message);
        long size = SAY(PT(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info));
        PT(PTRACE_GETREGS, pid, 0, &regs);
        printf("message %ld op %d nr %lld orig_rax %lld rax %s\n", message, info.op,
               info.op == PTRACE_SYSCALL_INFO_ENTRY ? (long long)info.entry.nr : -9, regs.orig_rax,
               info.op == PTRACE_SYSCALL_INFO_ENTRY && regs.rax == -38ull ? "ENOSYS" : info.op == PTRACE_SYSCALL_INFO_EXIT && info.exit.is_error ? "error" : "value");
        (void)size;
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_getpid)
            SAY(PT(PTRACE_POKEUSR, pid, offsetof(struct user, regs.orig_rax), SYS_getppid));
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_close && info.entry.args[0] == 12345)
            SAY(PT(PTRACE_POKEUSR, pid, offsetof(struct user, regs.orig_rax), -1));
        if (info.op == PTRACE_SYSCALL_INFO_EXIT && i == 1) printf("getpid gave our pid %d\n", info.exit.rval == getpid());
    }
    SAY(PT(PTRACE_GETREGS, pid, 0, &back));
    SAY(PT(PTRACE_POKEUSR, pid, offsetof(struct user, regs.rdi), 55));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit", pid);
}

static void signals_body(void) {
    signal(SIGUSR1, count);
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR1);
    raise(SIGUSR2);
    raise(SIGTERM);
    _exit(hits);
}
static void signals(void) {
    siginfo_t si;
    printf("-- signals\n");
    pid_t pid = traced(signals_body);
    long tracer = 0;
    char state = field(pid, "State:", &tracer);
    field(pid, "TracerPid:", &tracer);
    printf("state %c tracer %d\n", state, tracer == getpid());
    SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
    printf("signo %d code %d\n", si.si_signo, si.si_code);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("usr1", pid);
    SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
    printf("signo %d code %d pid %d\n", si.si_signo, si.si_code, si.si_pid == pid);
    SAY(PT(PTRACE_CONT, pid, 0, SIGUSR1));
    wait_show("ignored usr2", pid);
    SAY(PT(PTRACE_CONT, pid, 0, SIGUSR1));  // instead of it
    wait_show("term", pid);
    uint64_t mask = 0;
    SAY(PT(PTRACE_GETSIGMASK, pid, 8, &mask));
    printf("mask %llx\n", (long long)mask);
    SAY(PT(PTRACE_GETSIGMASK, pid, 16, &mask));
    SAY(PT(PTRACE_SETSIGMASK, pid, 4, &mask));
    SAY(PT(PTRACE_SETSIGMASK, pid, 8, 8));
    mask = 1ull << (SIGUSR2 - 1) | 1ull << (SIGKILL - 1);
    SAY(PT(PTRACE_SETSIGMASK, pid, 8, &mask));
    SAY(PT(PTRACE_GETSIGMASK, pid, 8, &mask));
    printf("mask %llx\n", (long long)mask);
    kill(pid, SIGUSR2);
    sigqueue(pid, SIGUSR2, (union sigval){.sival_int = 5});
    struct ptrace_peeksiginfo_args args = {0, PTRACE_PEEKSIGINFO_SHARED, 4};
    siginfo_t list[4];
    SAY(PT(PTRACE_PEEKSIGINFO, pid, &args, list));
    printf("queued %d code %d\n", list[0].si_signo, list[0].si_code);
    args.flags = 0;
    SAY(PT(PTRACE_PEEKSIGINFO, pid, &args, list));
    args.nr = -1;
    SAY(PT(PTRACE_PEEKSIGINFO, pid, &args, list));
    args.nr = 1, args.flags = 2;
    SAY(PT(PTRACE_PEEKSIGINFO, pid, &args, list));
    SAY(PT(PTRACE_PEEKSIGINFO, pid, 8, list));
    si.si_value.sival_int = 9;
    SAY(PT(PTRACE_SETSIGINFO, pid, 0, &si));
    SAY(PT(PTRACE_LISTEN, pid, 0, 0));
    SAY(PT(PTRACE_INTERRUPT, pid, 0, 0));
    SAY(PT(PTRACE_CONT, pid, 0, 0));  // SIGTERM is dropped
    wait_show("exit with two", pid);
}

static void step_body(void) {
    asm volatile("nop; nop; nop; mov $39, %%eax; syscall; nop" ::: "rax", "rcx", "r11", "memory");
    asm volatile("int3; nop");
}
static void steps(void) {
    struct user_regs_struct regs;
    siginfo_t si;
    printf("-- steps\n");
    pid_t pid = traced(step_body);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("int3", pid);
    PT(PTRACE_GETSIGINFO, pid, 0, &si);
    printf("code %d\n", si.si_code);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    long long at = regs.rip;
    SAY(PT(PTRACE_SINGLESTEP, pid, 0, 0));
    wait_show("step", pid);
    PT(PTRACE_GETSIGINFO, pid, 0, &si);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("code %d moved %lld addr %d tf %d\n", si.si_code, regs.rip - at, (long long)si.si_addr == regs.rip, (regs.eflags >> 8) & 1);
    kill(pid, SIGKILL);
    wait_show("killed", pid);

    pid = traced(step_body);
    int n = 0, at_call = 0;
    for (; n < 4000; n++) {
        int st;
        PT(PTRACE_SINGLESTEP, pid, 0, 0);
        waitpid(pid, &st, __WALL);
        PT(PTRACE_GETREGS, pid, 0, &regs);
        if (regs.orig_rax == 39) {
            PT(PTRACE_GETSIGINFO, pid, 0, &si);
            at_call = si.si_code;
            long text = 0;
            PT(PTRACE_PEEKTEXT, pid, regs.rip, &text);
            printf("after the call: code %d next %lx result %d\n", at_call, text & 0xff, regs.rax == pid);
            break;
        }
    }
    printf("found %d\n", n < 4000);
    // Into a handler.
    SAY(PT(PTRACE_KILL, pid, 0, 0));
    wait_show("killed", pid);
}

static void emulate_body(void) {
    long r = syscall(SYS_getppid);
    _exit(r == 1234 ? 6 : 5);
}
static void emulate(void) {
    printf("-- emulation\n");
    pid_t pid = traced(emulate_body);
    SAY(PT(PTRACE_SYSEMU, pid, 0, 0));
    wait_show("emulated", pid);
    struct user_regs_struct regs;
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("orig_rax %lld\n", regs.orig_rax);
    SAY(PT(PTRACE_POKEUSR, pid, offsetof(struct user, regs.rax), 1234));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit", pid);
}

static void fork_body(void) {
    pid_t p = fork();
    if (p == 0) _exit(1);
    waitpid(p, 0, 0);
    p = vfork();
    if (p == 0) _exit(2);
    waitpid(p, 0, 0);
    _exit(3);
}
static void events(int seize) {
    int flags = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORKDONE |
                PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
    printf("-- events %d\n", seize);
    pid_t pid, child = 0, got;
    long message;
    if (seize) {
        int gate[2];
        pipe(gate);
        pid = fork();
        if (pid == 0) { char c; close(gate[1]); read(gate[0], &c, 1); fork_body(); }
        OK(PT(PTRACE_SEIZE, pid, 0, flags));
        close(gate[0]);
        close(gate[1]);
    } else {
        pid = traced(fork_body);
        SAY(PT(PTRACE_SETOPTIONS, pid, 0, flags));
        SAY(PT(PTRACE_CONT, pid, 0, 0));
    }
    for (int i = 0; i < 2; i++) {
        wait_show("fork event", pid);
        SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
        child = message;
        siginfo_t si;
        SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
        printf("code %x child's parent %d\n", si.si_code, child > pid);
        wait_show("child's first", child);
        errno = 0;
        long r = PT(PTRACE_GETSIGINFO, child, 0, &si);
        printf("info %ld signo %d code %x\n", r, si.si_signo, si.si_code);
        SAY(PT(PTRACE_CONT, child, 0, 0));
        if (i == 1) {
            SAY(PT(PTRACE_CONT, pid, 0, 0));
        }
        wait_show("child exits", child);
        SAY(PT(PTRACE_GETEVENTMSG, child, 0, &message));
        printf("message %lx\n", message);
        SAY(PT(PTRACE_CONT, child, 0, 0));
        wait_show("child gone", child);
        if (i == 1) {
            wait_show("vfork done", pid);
            SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
            printf("same child %d\n", message == child);
        }
        SAY(PT(PTRACE_CONT, pid, 0, 0));
        int st = wait_show("SIGCHLD", pid);
        if (WIFSTOPPED(st) && WSTOPSIG(st) == SIGCHLD) SAY(PT(PTRACE_CONT, pid, 0, SIGCHLD));
    }
    wait_show("exit event", pid);
    SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
    printf("message %lx\n", message);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("gone", pid);
    (void)got;
}

static void exec_body(void) {
    execl("/proc/self/exe", "ptrace", "child", (char*)0);
    _exit(50);
}
static void* exec_thread(void* p) { (void)p; exec_body(); return 0; }
static void exec_thread_body(void) {
    pthread_t t;
    pthread_create(&t, 0, exec_thread, 0);
    for (;;) pause();
}
static void execs(void) {
    long message;
    struct user_regs_struct regs;
    printf("-- exec\n");
    pid_t pid = traced(exec_body);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("plain exec", pid);
    siginfo_t si;
    SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
    printf("code %d\n", si.si_code);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit", pid);

    pid = traced(exec_body);
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exec event", pid);
    SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
    printf("message %d\n", message == pid);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("orig_rax %lld rax %lld rdi %lld\n", regs.orig_rax, regs.rax, regs.rdi);
    SAY(PT(PTRACE_SYSCALL, pid, 0, 0));
    wait_show("its end", pid);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("orig_rax %lld rax %lld\n", regs.orig_rax, regs.rax);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit", pid);

    // A thread that is not the leader.
    pid = traced(exec_thread_body);
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("clone", pid);
    PT(PTRACE_GETEVENTMSG, pid, 0, &message);
    pid_t thread = message;
    wait_show("thread", thread);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    SAY(PT(PTRACE_CONT, thread, 0, 0));
    wait_show("exec event", pid);
    SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
    printf("message is the thread %d\n", message == thread);
    SAY(PT(PTRACE_CONT, thread, 0, 0));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit", pid);
    poll_show("thread is gone", thread);
}

static void pause_body(void) { for (;;) pause(); }
static void group_stops(void) {
    siginfo_t si;
    printf("-- group stops\n");
    // ATTACH'ed: a stop like any other, without siginfo.
    pid_t pid = fork();
    if (pid == 0) pause_body();
    SAY(PT(PTRACE_ATTACH, pid, 0, 0));
    wait_show("attached", pid);
    SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
    printf("signo %d code %d\n", si.si_signo, si.si_code);
    SAY(PT(PTRACE_CONT, pid, 0, SIGSTOP));
    wait_show("group stop", pid);
    SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    poll_show("runs in it", pid);
    kill(pid, SIGCONT);
    wait_show("cont", pid);
    SAY(PT(PTRACE_DETACH, pid, 0, SIGCONT));
    poll_show("detached", pid);
    kill(pid, SIGSTOP);
    int st = 0;
    wait_how("stop without a tracer", pid, WUNTRACED);
    // Attached while it is stopped.
    SAY(PT(PTRACE_ATTACH, pid, 0, 0));
    wait_show("attached to a stopped one", pid);
    kill(pid, SIGCONT);
    SAY(PT(PTRACE_DETACH, pid, 0, 0));
    kill(pid, SIGKILL);
    wait_how("killed", pid, 0);

    // SEIZE'd: told apart, and may listen.
    pid = fork();
    if (pid == 0) pause_body();
    SAY(PT(PTRACE_SEIZE, pid, 0, 0));
    kill(pid, SIGSTOP);
    wait_show("signal", pid);
    SAY(PT(PTRACE_LISTEN, pid, 0, 0));
    SAY(PT(PTRACE_CONT, pid, 0, SIGSTOP));
    wait_show("group stop", pid);
    SAY(PT(PTRACE_GETSIGINFO, pid, 0, &si));
    printf("signo %d code %x\n", si.si_signo, si.si_code);
    SAY(PT(PTRACE_LISTEN, pid, 0, 0));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    poll_show("listening", pid);
    kill(pid, SIGCONT);
    wait_show("trap", pid);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("cont", pid);
    SAY(PT(PTRACE_CONT, pid, 0, SIGCONT));
    SAY(PT(PTRACE_INTERRUPT, pid, 0, 0));
    wait_show("interrupted", pid);
    SAY(PT(PTRACE_INTERRUPT, pid, 0, 0));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("once more", pid);
    SAY(PT(PTRACE_DETACH, pid, 0, SIGTERM));  // no signal stop: it is lost
    usleep(10000);
    wait_how("runs on", pid, WNOHANG);
    kill(pid, SIGKILL);
    wait_how("ended", pid, 0);
}

static void sleep_body(void) {
    struct timespec t = {1, 0};
    signal(SIGUSR1, count);
    int r = nanosleep(&t, 0);
    _exit(r == 0 ? 0 : 20 + hits);
}
static void restarts(void) {
    struct user_regs_struct regs;
    printf("-- restarts\n");
    pid_t pid = traced(sleep_body);
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
    for (;;) {
        int st;
        PT(PTRACE_SYSCALL, pid, 0, 0);
        waitpid(pid, &st, 0);
        PT(PTRACE_GETREGS, pid, 0, &regs);
        if (regs.orig_rax == SYS_clock_nanosleep || regs.orig_rax == SYS_nanosleep) break;
    }
    SAY(PT(PTRACE_SYSCALL, pid, 0, 0));
    long number;
    while (field(pid, "State:", &number) != 'S') usleep(1000);
    kill(pid, SIGWINCH);
    wait_show("interrupted", pid);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("rax %lld\n", regs.rax);
    SAY(PT(PTRACE_SYSCALL, pid, 0, 0));
    wait_show("signal", pid);
    SAY(PT(PTRACE_SYSCALL, pid, 0, 0));
    wait_show("goes on", pid);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("orig_rax is restart_syscall %d\n", regs.orig_rax == SYS_restart_syscall);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit", pid);
}

static void* thread_body(void* p) { (void)p; usleep(1000); return 0; }
static void threads_body(void) {
    pthread_t t;
    pthread_create(&t, 0, thread_body, 0);
    pthread_join(t, 0);
    raise(SIGSTOP);  // a thread's status is its process's once that exits
    _exit(4);
}
static void threads(void) {
    long message;
    printf("-- threads\n");
    pid_t pid = traced(threads_body);
    SAY(PT(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT));
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("clone", pid);
    SAY(PT(PTRACE_GETEVENTMSG, pid, 0, &message));
    pid_t thread = message;
    wait_show("thread", thread);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    SAY(PT(PTRACE_CONT, thread, 0, 0));
    wait_show("thread's exit", thread);
    siginfo_t si;
    memset(&si, 0, sizeof si);
    SAY(PT(PTRACE_CONT, thread, 0, 0));
    SAY(waitid(P_PID, thread, &si, WEXITED | WNOWAIT | __WALL));
    printf("code %d status %d it %d\n", si.si_code, si.si_status, si.si_pid == thread);
    SAY(PT(PTRACE_CONT, thread, 0, 0));
    wait_show("thread's end", thread);
    poll_show("no thread", thread);
    wait_show("joined", pid);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("exit event", pid);
    memset(&si, 0, sizeof si);
    SAY(PT(PTRACE_CONT, pid, 0, 0));
    wait_show("end", pid);
}

// The parent learns of the end after the tracer.
static void reparented(void) {
    printf("-- parent and tracer\n");
    int to[2], from[2], go[2];
    pipe(to), pipe(from), pipe(go);
    pid_t pid = fork();
    if (pid == 0) { char c; close(to[1]); close(from[0]); read(to[0], &c, 1); _exit(9); }
    pid_t tracer = fork();
    if (tracer == 0) {
        char c = 'a';
        int st;
        close(to[0]);
        SAY(PT(PTRACE_SEIZE, pid, 0, 0));
        write(from[1], &c, 1);
        write(to[1], &c, 1);
        read(go[0], &c, 1);
        wait_how("tracer", pid, 0);
        SAY(waitpid(pid, &st, 0));
        _exit(0);
    }
    char c;
    int st = 0;
    read(from[0], &c, 1);
    long number;
    while (field(pid, "State:", &number) != 'Z') usleep(1000);
    wait_how("parent", pid, WNOHANG);
    write(go[1], &c, 1);
    waitpid(tracer, &st, 0);
    wait_how("parent waits", pid, 0);
    close(to[0]), close(to[1]), close(from[0]), close(from[1]), close(go[0]), close(go[1]);
}

// A tracer that is killed leaves its tracee running, or takes it along.
static void tracer_dies(int options, const char* what) {
    int pipes[2];
    printf("-- %s\n", what);
    pipe(pipes);
    pid_t pid = fork();
    if (pid == 0) pause_body();
    pid_t tracer = fork();
    if (tracer == 0) {
        int st;
        PT(PTRACE_SEIZE, pid, 0, options);
        PT(PTRACE_INTERRUPT, pid, 0, 0);
        waitpid(pid, &st, __WALL);
        write(pipes[1], "x", 1);
        pause_body();
    }
    char c;
    int st = 0;
    read(pipes[0], &c, 1);
    long number = 0;
    char state = field(pid, "State:", &number);
    field(pid, "TracerPid:", &number);
    printf("state %c tracer %d\n", state, number == tracer);
    kill(tracer, SIGKILL);
    waitpid(tracer, &st, 0);
    if (options == 0) {
        usleep(20000);
        field(pid, "TracerPid:", &number);
        printf("tracer %ld\n", number);
        wait_how("runs", pid, WNOHANG);
        kill(pid, SIGTERM);
    }
    wait_how("end", pid, 0);
    close(pipes[0]), close(pipes[1]);
}

static void permissions(void) {
    printf("-- permissions\n");
    pid_t other = fork();
    if (other == 0) pause_body();
    pid_t pid = fork();
    if (pid == 0) {
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        SAY(PT(PTRACE_ATTACH, other, 0, 0));
        SAY(PT(PTRACE_SEIZE, other, 0, 0));
        pid_t own = fork();
        if (own == 0) { prctl(PR_SET_DUMPABLE, 0); raise(SIGSTOP); pause_body(); }
        int st;
        waitpid(own, &st, WUNTRACED);
        SAY(PT(PTRACE_SEIZE, own, 0, 0));
        kill(own, SIGKILL);
        waitpid(own, &st, 0);
        own = fork();
        if (own == 0) { prctl(PR_SET_DUMPABLE, 1); raise(SIGSTOP); pause_body(); }
        waitpid(own, &st, WUNTRACED);
        SAY(PT(PTRACE_SEIZE, own, 0, 0));
        kill(own, SIGKILL);
        waitpid(own, &st, 0);
        _exit(0);
    }
    int st;
    waitpid(pid, &st, 0);
    kill(other, SIGKILL);
    waitpid(other, &st, 0);
    SAY(PT(PTRACE_TRACEME, 0, 0, 0));
    SAY(PT(PTRACE_TRACEME, 0, 0, 0));
}

int main(int argc, char** argv) {
    if (argc > 1 && !strcmp(argv[1], "child")) return 33;
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    setvbuf(stdout, 0, _IONBF, 0);
    alarm(60);
    errors();
    memory();
    registers();
    signals();
    steps();
    emulate();
    events(0);
    events(1);
    execs();
    group_stops();
    restarts();
    threads();
    reparented();
    tracer_dies(0, "a tracer dies");
    tracer_dies(PTRACE_O_EXITKILL, "a tracer dies with its tracee");
    pid_t pid = fork();
    if (pid == 0) { permissions(); _exit(0); }
    int st;
    waitpid(pid, &st, 0);
    return 0;
}
