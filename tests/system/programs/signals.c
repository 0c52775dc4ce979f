/* Delivery, masks, queues, alternate stacks, restart, waiting. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

static volatile int count, last_code, last_value, on_alt;
static char alt[65536];
static void plain(int s) { count += s; }
static void info(int s, siginfo_t *si, void *uc) {
    (void)uc;
    char here;
    count++; last_code = si->si_code; last_value = si->si_value.sival_int;
    on_alt = &here >= alt && &here < alt + sizeof alt;
}
static void segv(int s, siginfo_t *si, void *uc) {
    ucontext_t *u = uc;
    printf("segv code %d addr %lx err %llx trap %lld\n", si->si_code, (long)si->si_addr & 0xfff, u->uc_mcontext.gregs[REG_ERR] & 7, u->uc_mcontext.gregs[REG_TRAPNO]);
    u->uc_mcontext.gregs[REG_RIP] += 3; /* mov (%rax),%rbx style: the test uses a 3-byte instruction */
}
static void *thread(void *arg) { pause(); return arg; }

int main(void) {
    struct sigaction sa = {.sa_handler = plain}, old;
    SAY(sigaction(SIGUSR1, &sa, NULL));
    SAY(sigaction(SIGKILL, &sa, NULL)); SAY(sigaction(SIGSTOP, &sa, NULL)); SAY(sigaction(0, &sa, NULL)); SAY(sigaction(65, &sa, NULL));
    SAY(raise(SIGUSR1)); printf("%d\n", count);
    SAY(sigaction(SIGUSR1, NULL, &old)); printf("%d %x\n", old.sa_handler == plain, old.sa_flags & ~0x04000000);
    sa.sa_sigaction = info; sa.sa_flags = SA_SIGINFO; sigaction(SIGUSR2, &sa, NULL);
    union sigval v = {.sival_int = 77};
    SAY(sigqueue(getpid(), SIGUSR2, v)); printf("%d %d\n", last_code, last_value);
    kill(getpid(), SIGUSR2); printf("%d\n", last_code);
    SAY(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2)); printf("%d\n", last_code);
    SAY(kill(getpid(), 0)); SAY(kill(99999999, 0)); SAY(kill(getpid(), 99)); SAY(syscall(SYS_tgkill, -1, 1, 1));
    /* blocked: standard ones merge, realtime ones queue in order */
    sigset_t set, pend; sigemptyset(&set); sigaddset(&set, SIGUSR1); sigaddset(&set, SIGRTMIN); sigaddset(&set, SIGRTMIN + 1);
    SAY(sigprocmask(SIG_BLOCK, &set, NULL)); SAY(syscall(SYS_rt_sigprocmask, 9, &set, NULL, 8)); SAY(syscall(SYS_rt_sigprocmask, 0, &set, NULL, 4));
    count = 0; raise(SIGUSR1); raise(SIGUSR1);
    for (int i = 3; i > 0; i--) { v.sival_int = i; sigqueue(getpid(), SIGRTMIN + 1, v); sigqueue(getpid(), SIGRTMIN, v); }
    sigpending(&pend); printf("pending %d %d %d\n", sigismember(&pend, SIGUSR1), sigismember(&pend, SIGRTMIN), sigismember(&pend, SIGUSR2));
    siginfo_t si; struct timespec zero = {0}, tenth = {.tv_nsec = 50000000};
    for (int i = 0; i < 8; i++) { long r = sigtimedwait(&set, &si, &zero); if (r < 0) { printf("%s\n", strerrorname_np(errno)); break; } printf("took %ld value %d\n", r, si.si_value.sival_int); }
    SAY(sigtimedwait(&set, &si, &tenth));
    tenth.tv_nsec = 2000000000; SAY(sigtimedwait(&set, &si, &tenth));
    /* signalfd */
    int fd = signalfd(-1, &set, SFD_NONBLOCK); struct signalfd_siginfo ssi;
    SAY(read(fd, &ssi, sizeof ssi)); SAY(read(fd, &ssi, 10)); v.sival_int = 9; sigqueue(getpid(), SIGRTMIN, v);
    struct pollfd pfd = {fd, POLLIN, 0}; SAY(poll(&pfd, 1, 0)); SAY(read(fd, &ssi, sizeof ssi)); printf("%u %d\n", ssi.ssi_signo, ssi.ssi_int);
    SAY(signalfd(-1, &set, 5)); close(fd);
    sigprocmask(SIG_UNBLOCK, &set, NULL); signal(SIGRTMIN, SIG_IGN);
    /* alternate stack */
    stack_t ss = {.ss_sp = alt, .ss_size = 100}; SAY(sigaltstack(&ss, NULL)); ss.ss_size = sizeof alt; SAY(sigaltstack(&ss, NULL));
    sa.sa_flags = SA_SIGINFO | SA_ONSTACK; sigaction(SIGUSR2, &sa, NULL); raise(SIGUSR2); printf("alt %d\n", on_alt);
    ss.ss_flags = 99; SAY(sigaltstack(&ss, NULL));
    /* restart and not */
    int p[2]; pipe(p); char c; sa.sa_handler = plain; sa.sa_flags = 0; sigaction(SIGALRM, &sa, NULL);
    struct itimerval it = {.it_value.tv_usec = 30000}; setitimer(ITIMER_REAL, &it, NULL); SAY(read(p[0], &c, 1));
    sa.sa_flags = SA_RESTART; sigaction(SIGALRM, &sa, NULL);
    if (fork() == 0) { usleep(150000); write(p[1], "x", 1); _exit(0); }
    setitimer(ITIMER_REAL, &it, NULL); SAY(read(p[0], &c, 1)); wait(NULL);
    setitimer(ITIMER_REAL, &it, NULL); SAY(poll(NULL, 0, 100)); setitimer(ITIMER_REAL, &it, NULL); SAY(pause());
    setitimer(ITIMER_REAL, &it, NULL); struct timespec ts = {.tv_sec = 1}, rem; SAY(nanosleep(&ts, &rem)); printf("%d\n", rem.tv_sec == 0 && rem.tv_nsec > 0);
    /* faults */
    sa.sa_sigaction = segv; sa.sa_flags = SA_SIGINFO; sigaction(SIGSEGV, &sa, NULL);
    __asm__ volatile("mov $0x10, %%rax\n mov (%%rax), %%rbx" ::: "rax", "rbx");
    __asm__ volatile("mov $0x20, %%rax\n mov %%rbx, (%%rax)" ::: "rax", "memory");
    /* deaths */
    int sigs[] = {SIGSEGV, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGKILL, SIGPIPE, SIGCHLD, SIGURG, SIGWINCH, SIGRTMAX};
    for (unsigned i = 0; i < sizeof sigs / sizeof *sigs; i++) {
        int st; pid_t ch = fork(); if (!ch) { signal(sigs[i], SIG_DFL); struct { long a, b; } nocore = {0, 0}; syscall(SYS_setrlimit, 4, &nocore); raise(sigs[i]); _exit(5); }
        waitpid(ch, &st, 0); printf("sig %d: status %x\n", sigs[i], st);
    }
    int st; pid_t ch = fork(); if (!ch) { raise(SIGSTOP); for (;;) pause(); }
    waitpid(ch, &st, WUNTRACED); printf("stopped %x\n", st); kill(ch, SIGCONT); waitpid(ch, &st, WCONTINUED); printf("continued %x\n", st); kill(ch, SIGKILL); waitpid(ch, &st, 0); printf("ended %x\n", st);
    SAY(waitpid(-1, &st, 0)); SAY(waitpid(-1, &st, 0x800)); 
    ch = fork(); if (!ch) { pthread_t t; pthread_create(&t, 0, thread, 0); usleep(20000); kill(getpid(), SIGKILL); pause(); }
    waitpid(ch, &st, 0); printf("threads killed %x\n", st);
    /* What would kill does not when somebody waits for it; what would be ignored is not. */
    ch = fork(); if (!ch) { sigset_t w; sigemptyset(&w); sigaddset(&w, SIGUSR1); sigprocmask(SIG_BLOCK, &w, 0); signal(SIGUSR1, SIG_DFL); pid_t me = getpid(); pid_t k = fork(); if (!k) { usleep(100000); kill(me, SIGUSR1); _exit(0); } int r = sigwaitinfo(&w, 0); printf("waited %d\n", r); signal(SIGUSR1, SIG_IGN); k = fork(); if (!k) { usleep(100000); kill(me, SIGUSR1); _exit(0); } struct timespec two = {2, 0}; r = sigtimedwait(&w, 0, &two); printf("waited %d\n", r); fflush(stdout); _exit(8); }
    waitpid(ch, &st, 0); printf("waiter ended %x\n", st);
    ch = fork(); if (!ch) pause(); char proc[32]; sprintf(proc, "/proc/%d", ch); int pd = open(proc, O_RDONLY | O_DIRECTORY), other = open("/proc/self/fd", O_RDONLY);
    SAY(syscall(SYS_pidfd_send_signal, other, 0, 0, 0)); SAY(syscall(SYS_pidfd_send_signal, pd, SIGKILL, 0, 0)); waitpid(ch, &st, 0); printf("%x\n", st); SAY(syscall(SYS_pidfd_send_signal, pd, SIGKILL, 0, 0));
    ch = fork(); if (!ch) _exit(300);
    SAY(waitid(P_PID, ch, &si, WEXITED | WNOWAIT)); printf("%d %d\n", si.si_code, si.si_status); SAY(waitid(P_PID, ch, &si, WEXITED)); SAY(waitid(P_PID, ch, &si, WEXITED)); SAY(waitid(P_ALL, 0, &si, 0));
    signal(SIGCHLD, SIG_IGN); ch = fork(); if (!ch) _exit(0); SAY(waitpid(ch, &st, 0));
    return 0;
}
