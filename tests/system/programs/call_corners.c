/* Corners of old calls: signals by a thread's number, time-outs that stay, handlers for once, positions in pipes, limits of pipes, the number of the next process, what kcmp compares, the random device's requests, RLIMIT_CPU, timers whose handler asks for nothing. */
#include "check.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/random.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/personality.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

static volatile int taken_by;
static volatile long thread_tid;
static void count(int s, siginfo_t *si, void *uc) {
    (void)s, (void)uc;
    taken_by++;
    printf("  signal, code %d value %d\n", si->si_code, si->si_value.sival_int);
}
static void nothing(int s) { (void)s; }
static void *sleeper(void *a) {
    thread_tid = syscall(SYS_gettid);
    while (!taken_by) usleep(1000);
    /* Its own number is its own to pretend with, the process's is not. */
    siginfo_t si = {0};
    si.si_code = SI_TKILL;
    SAY(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &si));
    SAY(syscall(SYS_rt_sigqueueinfo, thread_tid, SIGUSR1, &si));
    SAY(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, &si));
    SAY(syscall(SYS_rt_tgsigqueueinfo, getpid(), thread_tid, SIGUSR1, &si));
    return a;
}
static void by_thread(void) {
    struct sigaction sa = {.sa_sigaction = count, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &sa, 0);
    pthread_t t;
    pthread_create(&t, 0, sleeper, 0);
    while (!thread_tid) usleep(1000);
    sigset_t here;
    sigemptyset(&here), sigaddset(&here, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &here, 0); /* so that only the thread takes it */
    siginfo_t si = {0};
    si.si_code = SI_QUEUE;
    si.si_value.sival_int = 5;
    SAY(kill(thread_tid, 0));
    int sent = syscall(SYS_rt_sigqueueinfo, thread_tid, SIGUSR1, &si);
    pthread_join(t, 0);
    SAY(sent);
    SAY(syscall(SYS_rt_sigqueueinfo, 0, SIGUSR1, &si));
    SAY(syscall(SYS_rt_sigqueueinfo, -getpid(), SIGUSR1, &si));
    printf("%d\n", taken_by);
}

static void sticky(unsigned long persona) {
    struct timeval tv = {0, 10000};
    struct timespec ts = {0, 10000000};
    int p[2];
    pipe(p);
    printf("persona %lx\n", persona);
    personality(persona);
    SAY(select(0, 0, 0, 0, &tv));
    printf("%ld\n", tv.tv_usec);
    SAY(syscall(SYS_ppoll, 0, 0, &ts, 0, 0));
    printf("%ld\n", ts.tv_nsec);
    ts.tv_nsec = 10000000;
    SAY(syscall(SYS_pselect6, 0, 0, 0, 0, &ts, 0));
    printf("%ld\n", ts.tv_nsec);
    /* A signal that does nothing ends the wait, if the rest of it cannot be told. */
    signal(SIGWINCH, SIG_DFL);
    signal(SIGALRM, nothing);
    struct itimerval it = {.it_value.tv_usec = 30000};
    tv.tv_sec = 10, tv.tv_usec = 0;
    setitimer(ITIMER_REAL, &it, 0);
    SAY(select(0, 0, 0, 0, &tv));
    printf("%d\n", tv.tv_sec == 10);
    pid_t me = getpid();
    if (!fork()) {
        usleep(50000);
        kill(me, SIGSTOP);
        usleep(50000);
        kill(me, SIGCONT);
        _exit(0);
    }
    tv.tv_sec = 0, tv.tv_usec = 300000;
    SAY(select(0, 0, 0, 0, &tv));
    wait(0);
    personality(0);
    close(p[0]), close(p[1]);
}

static void once(void) {
    struct sigaction sa = {.sa_handler = nothing, .sa_flags = SA_RESETHAND | SA_SIGINFO | SA_NOCLDSTOP}, after;
    sigaddset(&sa.sa_mask, SIGUSR1);
    sigaction(SIGCHLD, &sa, 0);
    raise(SIGCHLD);
    sigaction(SIGCHLD, 0, &after);
    printf("%d %lx %d\n", after.sa_handler == SIG_DFL, after.sa_flags & 0xfffffffful & ~0x04000000ul, sigismember(&after.sa_mask, SIGUSR1));
}

static void positions(void) {
    int p[2];
    char b[8];
    struct iovec v = {b, sizeof b};
    pipe(p);
    SAY(pwritev2(p[0], &v, 1, 0, 0));
    SAY(preadv2(p[1], &v, 1, 0, 0));
    SAY(pwritev(p[0], &v, 1, 0));
    SAY(preadv(p[1], &v, 1, 0));
    SAY(pwritev2(p[0], &v, 1, -1, 0));
    SAY(preadv2(p[1], &v, 1, -1, 0));
    SAY(pwritev2(-1, &v, 1, -2, 0));
    SAY(preadv2(-1, &v, 1, -2, 0));
    SAY(pwrite(p[0], b, 1, 0));
    SAY(pread(p[1], b, 1, 0));
    close(p[0]), close(p[1]);
}

/* A gift to a pipe is cut to what it takes. */
static void gifts(void) {
    static char data[1 << 18] __attribute__((aligned(4096)));
    int p[2];
    struct iovec v[2] = {{data, 40960}, {data + 40960, 40960}}, all = {data, sizeof data};
    pipe(p);
    SAY(vmsplice(p[1], &all, 1, 0));
    SAY(vmsplice(p[1], &all, 1, SPLICE_F_NONBLOCK));
    SAY(read(p[0], data, 8192));
    SAY(vmsplice(p[1], v, 2, SPLICE_F_NONBLOCK));
    SAY(read(p[0], data, sizeof data));
    SAY(vmsplice(p[1], v, 2, 0));
    close(p[0]);
    signal(SIGPIPE, SIG_IGN);
    SAY(vmsplice(p[1], v, 2, 0));
    signal(SIGPIPE, SIG_DFL);
    close(p[1]);
}

/* What /proc says of seccomp. */
static void show_seccomp(const char *file) {
    char line[256];
    FILE *f = fopen(file, "r");
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, "Seccomp", 7) || !strncmp(line, "NoNewPrivs", 10)) printf("  %s", line);
    fclose(f);
    fflush(stdout);
}
static void seccomp_lines(void) {
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &allow};
    int p[2];
    pipe(p);
    show_seccomp("/proc/self/status");
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        SAY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
        SAY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
        show_seccomp("/proc/thread-self/status");
        _exit(0);
    }
    wait(0);
    child = fork();
    if (!child) {
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
        write(p[1], "x", 1);
        for (;;);
    }
    char c, name[64];
    read(p[0], &c, 1);
    sprintf(name, "/proc/%d/status", child), show_seccomp(name);
    kill(child, SIGKILL), wait(0);
    close(p[0]), close(p[1]);
}

static int put(const char *name, const char *text) {
    int fd = open(name, O_WRONLY);
    int r = SAY(write(fd, text, strlen(text)));
    close(fd);
    return r;
}
static void pipe_limit(void) {
    const char *name = "/proc/sys/fs/pipe-max-size";
    char b[32] = "";
    int p[2];
    put(name, "5000");
    int fd = open(name, O_RDONLY);
    read(fd, b, sizeof b), close(fd);
    printf("%s", b);
    put(name, "0"), put(name, "4096");
    pipe(p);
    SAY(fcntl(p[0], F_GETPIPE_SZ));
    fflush(stdout);
    if (!fork()) {
        setuid(1000);
        SAY(fcntl(p[0], F_SETPIPE_SZ, 1 << 17));
        SAY(pipe(p));
        SAY(fcntl(p[0], F_GETPIPE_SZ));
        SAY(fcntl(p[0], F_SETPIPE_SZ, 8192));
        _exit(0);
    }
    wait(0);
    SAY(fcntl(p[0], F_SETPIPE_SZ, 8192));
    put(name, "1048576");
}
static void next_pid(void) {
    put("/proc/sys/kernel/ns_last_pid", "-1");
    put("/proc/sys/kernel/ns_last_pid", "x");
    put("/proc/sys/kernel/ns_last_pid", "20000");
    pid_t child = fork();
    if (!child) _exit(0);
    printf("%d\n", child);
    wait(0);
    // After the last number come those that are not the kernel's own.
    char end[16] = "";
    int fd = open("/proc/sys/kernel/pid_max", O_RDONLY);
    SAY(read(fd, end, sizeof end - 1) > 0);
    close(fd);
    snprintf(end, sizeof end, "%d", atoi(end) - 1);
    put("/proc/sys/kernel/ns_last_pid", end);
    child = fork();
    if (!child) _exit(0);
    printf("%d\n", child >= 300 && child < 400);
    wait(0);
    if (!fork()) {
        setuid(1000);
        put("/proc/sys/kernel/ns_last_pid", "20000");
        _exit(0);
    }
    wait(0);
}
static void compared(void) {
    pid_t me = getpid(), child = fork();
    if (!child) {
        SAY(syscall(SYS_kcmp, me, getpid(), KCMP_SYSVSEM, 0, 0) != 0);
        int id = semget(IPC_PRIVATE, 1, 0600);
        struct sembuf up = {0, 1, SEM_UNDO};
        semop(id, &up, 1);
        SAY(syscall(SYS_kcmp, me, getpid(), KCMP_SYSVSEM, 0, 0) != 0);
        SAY(syscall(SYS_kcmp, getpid(), getpid(), KCMP_SYSVSEM, 0, 0));
        semctl(id, 0, IPC_RMID);
        _exit(0);
    }
    waitpid(child, 0, 0);
}
static void entropy(void) {
    int fd = open("/dev/urandom", O_RDWR), n = 0;
    struct { int bits, size; char data[300]; } add = {8, 300, ""};
    SAY(ioctl(fd, RNDGETENTCNT, &n));
    printf("%d\n", n);
    for (int i = 0; i < 2; i++) {
        SAY(ioctl(fd, RNDGETENTCNT, 1));
        SAY(ioctl(fd, RNDADDTOENTCNT, &n));
        SAY(ioctl(fd, RNDADDENTROPY, &add));
        SAY(ioctl(fd, RNDZAPENTCNT, 0));
        SAY(ioctl(fd, RNDCLEARPOOL, 0));
        SAY(ioctl(fd, TCGETS, &n));
        n = add.bits = -1;
        if (i == 0) SAY(ioctl(fd, RNDADDTOENTCNT, &n)), SAY(ioctl(fd, RNDADDENTROPY, &add)), SAY(ioctl(fd, RNDADDTOENTCNT, 1));
        add.bits = 1, add.size = -1;
        if (i == 0) SAY(ioctl(fd, RNDADDENTROPY, &add)), setegid(1000), seteuid(1000);
    }
    seteuid(0), setegid(0);
    close(fd);
}

static volatile int xcpu;
static void over(int s) { xcpu++; }
static void burn(int until) {
    struct rusage u;
    do getrusage(RUSAGE_SELF, &u);
    while (xcpu < until && u.ru_utime.tv_sec + u.ru_stime.tv_sec < 60);
}
static void cpu_limit(void) {
    int st;
    fflush(stdout);
    if (!fork()) { /* a signal at the soft limit and each second after it */
        struct rlimit r = {1, 1000};
        signal(SIGXCPU, over);
        SAY(setrlimit(RLIMIT_CPU, &r));
        burn(2), getrlimit(RLIMIT_CPU, &r), printf("%d, limit moved %d\n", xcpu >= 2, r.rlim_cur >= 3);
        fflush(stdout);
        pid_t child = fork(); /* its time is its own, its limits its maker's; the hard one kills */
        if (!child) {
            xcpu = 0, r.rlim_cur = r.rlim_max = 1, setrlimit(RLIMIT_CPU, &r);
            pid_t inherits = fork();
            if (!inherits) burn(9), _exit(1);
            waitpid(inherits, &st, 0), printf("inherited: %x\n", st), fflush(stdout);
            execl("/bin/sh", "sh", "-c", "while :; do :; done", NULL);
        }
        waitpid(child, &st, 0), printf("after exec: %x\n", st), fflush(stdout);
        _exit(7);
    }
    wait(&st);
    printf("ended %x\n", st);
    fflush(stdout);
    if (!fork()) { /* taken back in time; by default it kills */
        struct rlimit r = {1, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
        setrlimit(RLIMIT_CPU, &r), setrlimit(RLIMIT_CPU, &none);
        struct timespec t;
        do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        while (t.tv_sec < 1 || t.tv_nsec < 200000000);
        printf("lives\n"), fflush(stdout);
        setrlimit(RLIMIT_CPU, &r);
        for (;;) getrusage(RUSAGE_SELF, (void *)&(struct rusage){});
    }
    wait(&st);
    printf("ended %x\n", st & ~0x80);
}

static void plain_timer(void) {
    timer_t t;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    struct itimerspec its = {{0, 5000000}, {0, 5000000}};
    signal(SIGUSR2, over);
    xcpu = 0;
    SAY(timer_create(CLOCK_MONOTONIC, &ev, &t));
    SAY(timer_settime(t, 0, &its, 0));
    for (int i = 0; i < 1000 && xcpu < 5; i++) usleep(2000);
    printf("%d\n", xcpu >= 5);
    its.it_interval.tv_nsec = 1, its.it_value.tv_sec = 1;
    timer_delete(t);
    timer_create(CLOCK_REALTIME, &ev, &t);
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGUSR2), sigprocmask(SIG_BLOCK, &set, 0);
    SAY(timer_settime(t, TIMER_ABSTIME, &its, 0));
    SAY(sigtimedwait(&set, 0, &(struct timespec){1, 0}));
    SAY(timer_getoverrun(t));
    timer_delete(t);
    sigtimedwait(&set, 0, &(struct timespec){0, 0});
    sigprocmask(SIG_UNBLOCK, &set, 0);
}
static void slack(void) {
    SAY(prctl(PR_SET_TIMERSLACK, 70000));
    fflush(stdout);
    if (!fork()) {
        SAY(prctl(PR_GET_TIMERSLACK));
        SAY(prctl(PR_SET_TIMERSLACK, 5));
        SAY(prctl(PR_SET_TIMERSLACK, 0));
        SAY(prctl(PR_GET_TIMERSLACK));
        _exit(0);
    }
    wait(0);
    SAY(prctl(PR_SET_TIMERSLACK, 0));
    SAY(prctl(PR_GET_TIMERSLACK));
}

int main(void) {
    by_thread();
    cpu_limit();
    plain_timer();
    slack();
    once();
    positions();
    seccomp_lines();
    gifts();
    pipe_limit();
    next_pid();
    compared();
    entropy();
    fflush(stdout);
    /* In a child: it is stopped once. */
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (!child) {
            sticky(i ? STICKY_TIMEOUTS : 0);
            fflush(stdout);
            _exit(0);
        }
        waitpid(child, 0, 0);
    }
    return 0;
}
