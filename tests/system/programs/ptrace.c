// ptrace(2): requests, signals, steps and permissions, with their errnos.
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "traced.h"

static volatile long word = 0x1122334455667788;
static volatile int hits;
static void count(int s) { hits++; (void)s; }

/* Who attaches to a stopped process finds it traced at once. */
static void attach_stopped(void) {
    printf("-- attached while stopped\n");
    for (int i = 0; i < 20; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            raise(SIGSTOP);
            _exit(0);
        }
        waitpid(pid, &status, WUNTRACED);
        long attached = PT(i & 1 ? PTRACE_SEIZE : PTRACE_ATTACH, pid, 0, 0), poked = PT(PTRACE_POKEUSR, pid, offsetof(struct user, u_debugreg[0]), 1);
        if (i < 2 || attached || poked) printf("%ld %ld %s\n", attached, poked, attached || poked ? strerrorname_np(errno) : "");
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        if (i < 2) printf("%#x\n", status);
    }
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

int main(void) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    setvbuf(stdout, 0, _IONBF, 0);
    alarm(60);
    errors();
    attach_stopped();
    memory();
    registers();
    signals();
    steps();
    emulate();
    pid_t pid = fork();
    if (pid == 0) { permissions(); _exit(0); }
    int st;
    waitpid(pid, &st, 0);
    return 0;
}
