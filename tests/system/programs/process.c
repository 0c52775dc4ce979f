// Signals, processes and threads as a program sees them; every line must agree on both kernels.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <setjmp.h>
#include <unistd.h>

static volatile sig_atomic_t hits, last_code, last_status, on_stack;
static char alt[65536];
static sigjmp_buf env;

static void count(int s) { hits++; (void)s; }
static void info(int s, siginfo_t* i, void* c) {
    char here;
    (void)c;
    hits++;
    last_code = i->si_code;
    last_status = s == SIGCHLD ? i->si_status : i->si_value.sival_int;
    on_stack = &here >= alt && &here < alt + sizeof alt;
}
static void fault(int s, siginfo_t* i, void* c) {
    ucontext_t* u = c;
    printf("fault %d code %d trap %lld err %lld addr %lx\n", s, i->si_code,
           (long long)u->uc_mcontext.gregs[REG_TRAPNO], (long long)u->uc_mcontext.gregs[REG_ERR] & ~1ll,
           s == SIGSEGV || s == SIGBUS ? (unsigned long)i->si_addr & 0xfff : 0);
    siglongjmp(env, 1);
}
static void set(int s, void (*h)(int, siginfo_t*, void*), int flags) {
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_sigaction = h;
    a.sa_flags = SA_SIGINFO | flags;
    printf("sigaction %d %d\n", s, sigaction(s, &a, 0));
}
static void* thread(void* p) {
    *(int*)p = gettid() != getpid();
    return (void*)42;
}
static void* spin(void* p) { for (;;) pause(); return p; }

static void status(const char* what, int st) {
    printf("%s: exited %d code %d signalled %d sig %d core %d\n", what, WIFEXITED(st) != 0,
           WIFEXITED(st) ? WEXITSTATUS(st) : 0, WIFSIGNALED(st) != 0, WIFSIGNALED(st) ? WTERMSIG(st) : 0,
           WIFSIGNALED(st) ? WCOREDUMP(st) != 0 : 0);
}
static int wait_for(pid_t p) { int st = -1; while (waitpid(p, &st, 0) < 0 && errno == EINTR) ; return st; }

int main(void) {
    int st;
    pid_t p;
    setvbuf(stdout, 0, _IONBF, 0);
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGUSR1, count);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR1);
    printf("hits %d\n", hits);

    // Masks and pending.
    sigset_t s, o;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    sigaddset(&s, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &s, &o);
    raise(SIGUSR1); raise(SIGUSR1);
    sigpending(&o);
    printf("pending %d %d\n", sigismember(&o, SIGUSR1), sigismember(&o, SIGRTMIN));
    set(SIGRTMIN, info, 0);
    union sigval v = {.sival_int = 7};
    printf("queue %d\n", sigqueue(getpid(), SIGRTMIN, v));
    v.sival_int = 8;
    sigqueue(getpid(), SIGRTMIN, v);
    hits = 0;
    sigprocmask(SIG_UNBLOCK, &s, 0);
    printf("hits %d code %d value %d\n", hits, last_code, last_status);

    // Alternate stack.
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
    printf("sigaltstack %d\n", sigaltstack(&ss, 0));
    set(SIGUSR2, info, SA_ONSTACK | SA_RESETHAND);
    raise(SIGUSR2);
    printf("on stack %d\n", on_stack);
    struct sigaction a;
    sigaction(SIGUSR2, 0, &a);
    printf("reset %d\n", a.sa_handler == SIG_DFL);
    ss.ss_size = 100;
    printf("small %d %d\n", sigaltstack(&ss, 0), errno);

    // Faults.
    set(SIGSEGV, fault, SA_ONSTACK | SA_NODEFER);
    set(SIGFPE, fault, SA_NODEFER);
    set(SIGILL, fault, SA_NODEFER);
    set(SIGTRAP, fault, SA_NODEFER);
    set(SIGBUS, fault, SA_NODEFER);
    if (!sigsetjmp(env, 1)) *(volatile int*)8 = 1;
    char* ro = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!sigsetjmp(env, 1)) ro[16] = 1;
    if (!sigsetjmp(env, 1)) ((void (*)(void))(ro + 32))();
    if (!sigsetjmp(env, 1)) *(volatile char*)0x8000000000000000ul = 1;
    volatile int zero = 0;
    if (!sigsetjmp(env, 1)) zero = 1 / zero;
    if (!sigsetjmp(env, 1)) __builtin_trap();
    if (!sigsetjmp(env, 1)) __asm__ volatile("int3");

    // Floating point survives a handler, and a handler may use it.
    double d = 1.5;
    set(SIGUSR2, info, 0);
    for (int i = 0; i < 10; i++) { d *= 1.25; raise(SIGUSR2); }
    printf("float %.6f\n", d);

    // Exit statuses.
    if (!(p = fork())) _exit(7);
    status("exit", wait_for(p));
    if (!(p = fork())) { signal(SIGTERM, SIG_DFL); raise(SIGTERM); }
    status("term", wait_for(p));
    if (!(p = fork())) { signal(SIGSEGV, SIG_DFL); *(volatile int*)0 = 0; }
    status("segv", wait_for(p));
    if (!(p = fork())) abort();
    status("abort", wait_for(p));
    if (!(p = fork())) { raise(SIGSTOP); for (;;) pause(); }
    printf("stop %d ", waitpid(p, &st, WUNTRACED) == p);
    printf("%d %d\n", WIFSTOPPED(st) != 0, WSTOPSIG(st));
    kill(p, SIGCONT);
    printf("cont %d ", waitpid(p, &st, WCONTINUED) == p);
    printf("%d\n", WIFCONTINUED(st) != 0);
    kill(p, SIGKILL);
    status("after", wait_for(p));
    errno = 0;
    printf("no child %d %d\n", waitpid(-1, &st, 0), errno);

    // SIGCHLD details.
    set(SIGCHLD, info, SA_RESTART);
    hits = 0;
    if (!(p = fork())) _exit(9);
    siginfo_t si;
    memset(&si, 0, sizeof si);
    printf("waitid %d", waitid(P_PID, p, &si, WEXITED | WNOWAIT));
    printf(" signo %d code %d status %d pid %d\n", si.si_signo, si.si_code, si.si_status, si.si_pid == p);
    wait_for(p);
    printf("chld %d code %d status %d\n", hits, last_code, last_status);
    signal(SIGCHLD, SIG_IGN);
    if (!(p = fork())) _exit(0);
    printf("ignored %d", waitpid(p, &st, 0));
    printf(" %d\n", errno);
    signal(SIGCHLD, SIG_DFL);

    // vfork, threads.
    volatile int shared = 0;
    if (!(p = vfork())) { shared = 5; _exit(4); }
    printf("vfork %d\n", shared);
    status("vfork", wait_for(p));
    pthread_t t;
    int other = 0;
    void* result;
    printf("create %d\n", pthread_create(&t, 0, thread, &other));
    pthread_join(t, &result);
    printf("thread %d %ld\n", other, (long)result);
    if (!(p = fork())) {
        pthread_t x[4];
        for (int i = 0; i < 4; i++) pthread_create(&x[i], 0, spin, 0);
        _exit(11);
    }
    status("threads exit", wait_for(p));
    if (!(p = fork())) {
        pthread_t x[4];
        for (int i = 0; i < 4; i++) pthread_create(&x[i], 0, spin, 0);
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
    status("threads kill", wait_for(p));

    // sigsuspend and sigtimedwait.
    signal(SIGUSR1, count);
    sigprocmask(SIG_BLOCK, &s, 0);
    hits = 0;
    raise(SIGUSR1);
    sigemptyset(&o);
    errno = 0;
    printf("suspend %d", sigsuspend(&o));
    printf(" %d hits %d\n", errno, hits);
    raise(SIGUSR1);
    struct timespec ts = {0, 1000000};
    printf("timedwait %d", sigtimedwait(&s, &si, &ts));
    printf(" code %d pid %d\n", si.si_code, si.si_pid == getpid());
    errno = 0;
    printf("timedwait %d", sigtimedwait(&s, &si, &ts));
    printf(" %d\n", errno);

    // Errors.
    printf("kill %d", kill(99999, 0)); printf(" %d\n", errno);
    printf("kill %d", kill(getpid(), 65)); printf(" %d\n", errno);
    printf("sigaction %d", sigaction(SIGKILL, &a, 0)); printf(" %d\n", errno);
    printf("setpgid %d", setpgid(99999, 0)); printf(" %d\n", errno);
    printf("clone3 %ld", syscall(SYS_clone3, 0, 8)); printf(" %d\n", errno);
    printf("waitid %d", waitid(P_ALL, 0, 0, 0)); printf(" %d\n", errno);
    int pfd = syscall(SYS_pidfd_open, getpid(), 0);
    printf("pidfd %d signal %ld\n", pfd >= 0, syscall(SYS_pidfd_send_signal, pfd, 0, 0, 0));
    char name[17] = "";
    prctl(PR_SET_NAME, "a-name-that-is-too-long");
    prctl(PR_GET_NAME, name);
    printf("name %s\n", name);
    printf("uids %d %d groups %d\n", getuid() == geteuid(), getgid() == getegid(), getgroups(0, 0) >= 0);
    printf("auxv %d %d %d %d\n", getauxval(AT_PHDR) != 0, (int)getauxval(AT_PHENT), getauxval(AT_RANDOM) != 0,
           (int)getauxval(AT_PAGESZ));
    printf("vdso %d\n", getauxval(AT_SYSINFO_EHDR) != 0);
    if (!(p = fork())) {
        printf("sid %d", setsid() == getpid());
        printf(" again %d", setsid());
        printf(" %d\n", errno);
        _exit(0);
    }
    wait_for(p);
    // An orphan goes to the subreaper.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (!(p = fork())) {
        if (!fork()) { usleep(20000); _exit(getppid() == 1 ? 1 : 21); }
        _exit(0);
    }
    wait_for(p);
    printf("orphan %d", wait(&st) > 0);
    printf(" %d\n", WEXITSTATUS(st));
    // One that was there before goes to it, too.
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    int go[2], self = getpid();
    pipe(go);
    if (!(p = fork())) {
        if (!fork()) {
            char c;
            read(go[0], &c, 1);
            for (int i = 0; i < 200 && getppid() != self; i++) usleep(5000);
            _exit(getppid() == self ? 22 : 1);
        }
        read(go[0], &(char){0}, 1);
        _exit(0);
    }
    usleep(20000);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    write(go[1], "gg", 2);
    wait_for(p);
    printf("orphan %d", wait(&st) > 0);
    printf(" %d\n", WEXITSTATUS(st));
    return 0;
}
