// Hardware breakpoints through the debug registers of struct user; every line must agree on both kernels.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "check.h"

#define PT(request, pid, addr, data) syscall(SYS_ptrace, (long)(request), (long)(pid), (long)(addr), (long)(data))
#define DR(n) offsetof(struct user, u_debugreg[n])
enum { EXEC = 0, WRITE = 1, IO = 2, ACCESS = 3 };

static volatile long words[8] __attribute__((aligned(64)));
static int pipes[2];
static pid_t pid;

// Enabled, of a kind, of a length (1, 2, 4, 8), in slot n.
static long control(int n, long kind, int length) {
    long size = length == 8 ? 2 : length - 1;
    return 1l << (n * 2) | (kind | size << 2) << (16 + n * 4);
}
static long peek(int n) {
    long v = 0;
    return PT(PTRACE_PEEKUSER, pid, DR(n), &v) ? -errno : v;
}
static void show(const char* what) {
    int st = 0;
    siginfo_t si;
    struct user_regs_struct regs;
    pid_t got = waitpid(pid, &st, __WALL);
    printf("%s: ", what);
    if (got != pid || !WIFSTOPPED(st)) {
        printf("%s %d\n", WIFEXITED(st) ? "exited" : WIFSIGNALED(st) ? "killed" : "?", WIFEXITED(st) ? WEXITSTATUS(st) : WTERMSIG(st));
        return;
    }
    memset(&si, 0, sizeof(si));
    PT(PTRACE_GETSIGINFO, pid, 0, &si);
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("stopped %s event %d code %d at its pc %d dr6 %lx dr7 %lx\n", sigabbrev_np(WSTOPSIG(st)), st >> 16, si.si_code,
           si.si_addr == (void*)regs.rip, peek(6), peek(7));
}
static void go(const char* what) {
    PT(PTRACE_CONT, pid, 0, 0);
    show(what);
}

__attribute__((noinline)) static void marked(int x) {
    asm volatile("" ::"r"(x) : "memory");
}
static void* other(void* p) {
    words[3] = 5;
    return p;
}
static void body(void) {
    long sum = 0;
    words[0] = 1;                                   // a write
    sum += words[0];                                // a read
    ((volatile char*)words)[3] = 1;                 // a byte inside
    words[1] = 2;
    marked(1);
    marked(2);
    if (read(pipes[0], (void*)&words[2], 8) != 8) _exit(1);  // the kernel writes
    raise(SIGUSR1);
    pid_t child = fork();
    if (child == 0) { words[0] = 9; marked(3); _exit(4); }
    int st;
    waitpid(child, &st, 0);
    raise(SIGUSR2);
    pthread_t t;
    pthread_create(&t, 0, other, 0);
    pthread_join(t, 0);
    raise(SIGUSR1);
    words[4] = sum;
    raise(SIGUSR2);
    execl("/bin/true", "true", (char*)0);
    _exit(WEXITSTATUS(st));
}

static void start(void) {
    pid = fork();
    if (pid == 0) {
        signal(SIGUSR1, SIG_IGN);
        signal(SIGUSR2, SIG_IGN);
        PT(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        body();
        _exit(7);
    }
    show("start");
}
static void end(void) {
    kill(pid, SIGKILL);
    show("end");
}

static void checks(void) {
    start();
    for (int i = 0; i < 8; i++) printf("dr%d %lx\n", i, peek(i));
    SAY(PT(PTRACE_PEEKUSER, pid, DR(0) + 4, &words));
    SAY(PT(PTRACE_POKEUSER, pid, DR(4), 0));
    SAY(PT(PTRACE_POKEUSER, pid, DR(5), 1));
    SAY(PT(PTRACE_POKEUSER, pid, DR(6), 0));
    printf("%lx\n", peek(6));
    SAY(PT(PTRACE_POKEUSER, pid, DR(6), 0x4003));
    printf("%lx\n", peek(6));
    SAY(PT(PTRACE_POKEUSER, pid, DR(7), 0x400));
    printf("%lx\n", peek(7));
    SAY(PT(PTRACE_POKEUSER, pid, DR(7), -1));
    printf("%lx\n", peek(7));
    SAY(PT(PTRACE_POKEUSER, pid, DR(7), 0));
    for (int n = 0; n < 4; n += 3) {
        SAY(PT(PTRACE_POKEUSER, pid, DR(n), words));
        printf("%d\n", peek(n) == (long)words);
        for (int kind = 0; kind < 4; kind++)
            for (int length = 1; length <= 8; length *= 2) {
                long r = PT(PTRACE_POKEUSER, pid, DR(7), control(n, kind, length));
                printf("slot %d kind %d length %d: %s, dr7 %lx\n", n, kind, length, r ? strerrorname_np(errno) : "ok", peek(7));
                r = PT(PTRACE_POKEUSER, pid, DR(7), 0);
                if (r) printf("off: %s\n", strerrorname_np(errno));
            }
    }
    for (int off = 0; off < 8; off++)
        for (int length = 1; length <= 8; length *= 2) {
            PT(PTRACE_POKEUSER, pid, DR(7), 0);
            PT(PTRACE_POKEUSER, pid, DR(1), (long)words + off);
            long r = PT(PTRACE_POKEUSER, pid, DR(7), control(1, WRITE, length));
            printf("offset %d length %d: %s\n", off, length, r ? strerrorname_np(errno) : "ok");
        }
    // Moving one that is on.
    PT(PTRACE_POKEUSER, pid, DR(7), 0);
    PT(PTRACE_POKEUSER, pid, DR(1), words);
    SAY(PT(PTRACE_POKEUSER, pid, DR(7), control(1, WRITE, 8)));
    SAY(PT(PTRACE_POKEUSER, pid, DR(1), words + 1));
    printf("%d\n", peek(1) == (long)(words + 1));
    SAY(PT(PTRACE_POKEUSER, pid, DR(1), (long)words + 1));
    printf("%ld %lx\n", peek(1) - (long)words, peek(7));
    SAY(PT(PTRACE_POKEUSER, pid, DR(7), 0));
    // Out of user space.
    SAY(PT(PTRACE_POKEUSER, pid, DR(0), 0xffffffff81000000));
    SAY(PT(PTRACE_POKEUSER, pid, DR(0), 0x7ffffffff000));
    SAY(PT(PTRACE_POKEUSER, pid, DR(0), 0x800000000000));
    SAY(PT(PTRACE_POKEUSER, pid, DR(0), -1));
    // Never set.
    SAY(PT(PTRACE_POKEUSER, pid, DR(7), control(2, WRITE, 4)));
    printf("%lx %lx\n", peek(2), peek(7));
    SAY(PT(PTRACE_POKEUSER, pid, DR(7), 0xaa));
    printf("%lx\n", peek(7));
    end();
}

static void data(void) {
    start();
    PT(PTRACE_POKEUSER, pid, DR(0), words);
    PT(PTRACE_POKEUSER, pid, DR(7), control(0, WRITE, 8));
    go("write");
    go("a byte inside");
    PT(PTRACE_POKEUSER, pid, DR(6), 0);
    PT(PTRACE_POKEUSER, pid, DR(7), 0);
    PT(PTRACE_POKEUSER, pid, DR(1), words + 1);
    PT(PTRACE_POKEUSER, pid, DR(2), words + 1);
    PT(PTRACE_POKEUSER, pid, DR(7), control(1, ACCESS, 8) | control(2, WRITE, 1));
    go("two at once");
    PT(PTRACE_POKEUSER, pid, DR(7), 0);
    PT(PTRACE_POKEUSER, pid, DR(6), 0);
    PT(PTRACE_POKEUSER, pid, DR(3), words + 2);
    PT(PTRACE_POKEUSER, pid, DR(7), control(3, WRITE, 8));
    if (write(pipes[1], "12345678", 8) != 8) abort();
    go("the kernel writes");
    PT(PTRACE_POKEUSER, pid, DR(7), 0);
    PT(PTRACE_POKEUSER, pid, DR(0), words);
    PT(PTRACE_POKEUSER, pid, DR(7), control(0, WRITE, 8));
    go("a child's are its own");
    PT(PTRACE_POKEUSER, pid, DR(1), words + 3);
    PT(PTRACE_POKEUSER, pid, DR(7), control(1, WRITE, 8));
    go("a thread's are its own");
    PT(PTRACE_POKEUSER, pid, DR(6), 0);
    PT(PTRACE_POKEUSER, pid, DR(1), words + 4);
    PT(PTRACE_POKEUSER, pid, DR(7), control(1, WRITE, 8));
    go("another word");
    go("signal");
    go("exec");
    for (int i = 0; i < 8; i++) printf("dr%d %lx\n", i, peek(i));
    go("over");
}

static void code(void) {
    start();
    PT(PTRACE_POKEUSER, pid, DR(0), marked);
    PT(PTRACE_POKEUSER, pid, DR(7), control(0, EXEC, 1));
    struct user_regs_struct regs;
    for (int i = 0; i < 2; i++) {
        go("breakpoint");
        PT(PTRACE_GETREGS, pid, 0, &regs);
        printf("there %d argument %d\n", regs.rip == (long)marked, (int)regs.rdi);
    }
    PT(PTRACE_POKEUSER, pid, DR(6), 0);
    PT(PTRACE_SINGLESTEP, pid, 0, 0);
    show("step");
    PT(PTRACE_GETREGS, pid, 0, &regs);
    printf("moved %d\n", regs.rip != (long)marked);
    PT(PTRACE_POKEUSER, pid, DR(0), words);
    PT(PTRACE_POKEUSER, pid, DR(7), control(0, WRITE, 8));
    if (write(pipes[1], "12345678", 8) != 8) abort();
    SAY(PT(PTRACE_DETACH, pid, 0, 0));
    int st;
    waitpid(pid, &st, 0);
    printf("let go: exited %d status %d\n", WIFEXITED(st), WEXITSTATUS(st));
}

static void again(void) {
    // What a tracer leaves when it lets go.
    start();
    PT(PTRACE_POKEUSER, pid, DR(0), words + 7);
    PT(PTRACE_POKEUSER, pid, DR(7), control(0, WRITE, 8));
    SAY(PT(PTRACE_DETACH, pid, 0, SIGSTOP));
    SAY(PT(PTRACE_SEIZE, pid, 0, 0));
    SAY(PT(PTRACE_INTERRUPT, pid, 0, 0));
    show("seized");
    printf("%lx %lx\n", peek(0) != 0, peek(7));
    end();
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    alarm(60);
    pipe(pipes);
    printf("-- checks\n");
    checks();
    printf("-- data\n");
    data();
    printf("-- code\n");
    code();
    printf("-- again\n");
    again();
    return 0;
}
