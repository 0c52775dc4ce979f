/* What processes, mappings and timers answer at the edges: waiting for stops only, a TLS beyond user space, mremap that
 * fails half-way, offsets past the largest file, a timer whose signal is pending already, directory entries cut off,
 * mlock, sets of memory nodes. */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

static void waits(void) {
    siginfo_t info;
    pid_t child = fork();
    if (child == 0) _exit(3);
    SAY(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    // A zombie is nobody's to wait for but of those who ask for exits.
    SAY(waitid(P_ALL, 0, &info, WSTOPPED));
    SAY(waitid(P_PID, child, &info, WSTOPPED | WCONTINUED | WNOHANG));
    SAY(waitid(P_PID, child, &info, WSTOPPED | WEXITED | WNOHANG));
    SAY(info.si_status);
    SAY(waitid(P_PID, child, &info, WEXITED | WNOHANG));

    child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        _exit(4);
    }
    SAY(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    SAY(waitid(P_PID, child, &info, WSTOPPED));
    SAY(waitid(P_PID, child, &info, WCONTINUED | WNOHANG));
    // A tracee is waited for whatever its exit signal.
    SAY(waitid(P_PID, child, &info, WEXITED | __WCLONE));
    SAY(info.si_status);
    child = fork();
    if (child == 0) _exit(5);
    SAY(waitid(P_PID, child, &info, WEXITED | __WCLONE));
    SAY(waitid(P_PID, child, &info, WEXITED));
}

static void clones(void) {
    char stack[64];
    SAY(syscall(SYS_clone, SIGCHLD | CLONE_SETTLS, stack + 32, 0, 0, 1ul << 63));
    SAY(syscall(SYS_clone, SIGCHLD | CLONE_SETTLS, stack + 32, 0, 0, ~0xffful));
    SAY(syscall(SYS_clone, SIGCHLD | CLONE_SETTLS, stack + 32, 0, 0, 0x7ffffffff000ul));
    SAY(syscall(SYS_clone, CLONE_SIGHAND | CLONE_SETTLS, stack + 32, 0, 0, 1ul << 63));
}

/* clone takes any byte as the signal of a child's end: one that no signal has is kept, told and not sent. */
static void exit_signals(void) {
    static const int signals[] = {0, SIGUSR1, SIGCHLD, 32, 64, 65, 128, 200, 255};
    const unsigned long all = ~0ul; /* the C library's set lacks two of its own */
    unsigned long before, pending;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        int out[2], status = -1;
        if (pipe(out) != 0) return;
        printf("signal %d\n", signals[i]);
        fflush(stdout);
        const pid_t child = (pid_t)syscall(SYS_clone, signals[i], 0, 0, 0, 0);
        if (child == 0) {
            char line[1024];
            const int f = open("/proc/self/stat", O_RDONLY);
            line[read(f, line, sizeof line - 1)] = 0;
            char *at = strrchr(line, ')');
            for (int field = 2; field < 38 && at; field++) at = strchr(at + 1, ' ');
            write(out[1], at, at ? strcspn(at + 1, " ") + 1 : 0);
            _exit(9);
        }
        siginfo_t info = {0};
        SAY(waitid(P_PID, child, &info, WEXITED | WNOWAIT | __WALL));
        SAY(waitpid(child, &status, WNOHANG) == child);
        SAY(waitpid(child, &status, WNOHANG | __WCLONE) == child);
        SAY(status);
        char told[16] = "";
        SAY(read(out[0], told, sizeof told - 1) > 0);
        printf("told%s, pending", told);
        syscall(SYS_rt_sigpending, &pending, 8);
        for (int s = 1; s <= 64; s++)
            if (pending >> (s - 1) & 1) printf(" %d", s);
        printf("\n");
        const struct timespec now = {0, 0};
        syscall(SYS_rt_sigtimedwait, &all, &info, &now, 8);
        close(out[0]), close(out[1]);
    }
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, 8);
}

/* Which of the pages are there. */
static void show_pages(const char *what, char *at, int pages) {
    printf("%s:", what);
    for (int i = 0; i < pages; i++) printf(" %d", msync(at + 4096 * i, 4096, MS_ASYNC) == 0);
    puts("");
}

static void moves(void) {
    char *from = mmap(0, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *to = mmap(0, 2 * 4096, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    mprotect(from, 4096, PROT_NONE);
    OK((long)mremap(from, 3 * 4096, 2 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, to));
    show_pages("from", from, 3);
    show_pages("to", to, 2);
    to = mmap(0, 2 * 4096, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    OK((long)mremap(from, 0, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, to));
    show_pages("to", to, 2);
    OK((long)mremap(from, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, to + 4096) != (long)to + 4096);
    show_pages("from", from, 3);
    show_pages("to", to, 2);
}

static void offsets(void) {
    int fd = open("/tmp/offsets", O_CREAT | O_RDWR, 0600), zero = open("/dev/zero", O_RDWR);
    const off_t most = LONG_MAX & ~4095l, at[] = {most - 4096, most, LONG_MIN, -8192, -4096};
    for (int i = 0; i < 5; i++) {
        OK((long)mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, at[i]));
        OK((long)mmap(0, 8192, PROT_READ, MAP_SHARED, fd, at[i]));
        OK((long)mmap(0, 4096, PROT_READ, MAP_PRIVATE, zero, at[i]));
        OK((long)mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, at[i]));
    }
    OK((long)mmap(0, 4096, PROT_READ, 0, fd, most));
    close(fd);
    unlink("/tmp/offsets");
}

/* A timer's signal is queued though the same one is pending, and once only: else nobody would start its next period. */
static void timers(void) {
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 1};
    struct itimerspec period = {{0, 2000000}, {0, 2000000}};
    timer_t one, two;
    SAY(timer_create(CLOCK_MONOTONIC, &event, &one));
    event.sigev_value.sival_int = 2;
    SAY(timer_create(CLOCK_MONOTONIC, &event, &two));
    kill(getpid(), SIGUSR1);
    SAY(timer_settime(one, 0, &period, 0));
    SAY(timer_settime(two, 0, &period, 0));
    int seen[3] = {0};
    usleep(20000);
    SAY(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_code == SI_USER);
    // Each of them comes again and again.
    for (int i = 0; i < 2000 && (seen[1] < 3 || seen[2] < 3); i++) {
        if (sigtimedwait(&set, &info, &(struct timespec){3, 0}) != SIGUSR1 || info.si_code != SI_TIMER) break;
        if (info.si_value.sival_int == 1 || info.si_value.sival_int == 2) seen[info.si_value.sival_int]++;
    }
    SAY(seen[1] >= 3 && seen[2] >= 3);
    timer_delete(one);
    timer_delete(two);
    while (sigtimedwait(&set, &info, &(struct timespec){0, 0}) > 0) {}
    // Set anew while its signal is pending: still one entry.
    SAY(timer_create(CLOCK_MONOTONIC, &event, &one));
    struct itimerspec once = {{0, 0}, {0, 1}};
    for (int i = 0; i < 5; i++) {
        timer_settime(one, 0, &once, 0);
        usleep(2000);
    }
    int count = 0;
    while (sigtimedwait(&set, &info, &(struct timespec){0, 0}) > 0) count++;
    SAY(count);
    timer_delete(one);
}

/* Directory entries that end at a page that is not there: the whole ones count, and the next call goes on behind them. */
static void partial_entries(void) {
    char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    mkdir("/tmp/entries", 0700);
    for (int room = 20; room <= 100; room += 20) {
        int fd = open("/tmp/entries", O_RDONLY | O_DIRECTORY);
        SAY(syscall(SYS_getdents64, fd, page + 4096 - room, 4096));
        SAY(syscall(SYS_getdents64, fd, page + 4096 - room, 4096));
        SAY(syscall(SYS_getdents64, fd, page, 4096));
        close(fd);
    }
    rmdir("/tmp/entries");
}

static void show_resident(const char *what, char *at, int pages) {
    unsigned char in[8] = {0};
    mincore(at, 4096 * pages, in);
    printf("%s:", what);
    for (int i = 0; i < pages; i++) printf(" %d", in[i] & 1);
    puts("");
}

/* mlock brings in what may be used, and stops at what may not. */
static void locks(void) {
    char *at = mmap(0, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(at, 4096, PROT_READ);
    mprotect(at + 2 * 4096, 4096, PROT_NONE);
    SAY(mlock(at + 2 * 4096, 4096));
    SAY(munlock(at, 5 * 4096));
    SAY(mlock(at, 5 * 4096));
    SAY(at[4096]);
    show_resident("locked", at, 5);
    SAY(madvise(at + 2 * 4096, 4096, MADV_DONTNEED));
    SAY(munlock(at, 5 * 4096));
    char *shared = mmap(0, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    mprotect(shared, 4096, PROT_READ);
    SAY(mlock(shared, 2 * 4096));
    show_resident("shared", shared, 2);
    munlock(shared, 2 * 4096);
    SAY(mlock(at, 6 * 4096 * 1024));
    munlock(at, 5 * 4096);
}

/* A set of nodes that is no bit long is refused, no set at all is not. */
static void policies(void) {
    unsigned long nodes = 1;
    for (int mode = 0; mode < 3; mode++) {
        SAY(syscall(SYS_set_mempolicy, mode, &nodes, 0));
        SAY(syscall(SYS_set_mempolicy, mode, &nodes, 1));
        SAY(syscall(SYS_set_mempolicy, mode, 0, 0));
    }
}

int main(void) {
    waits();
    clones();
    exit_signals();
    moves();
    offsets();
    timers();
    partial_entries();
    locks();
    policies();
    return 0;
}
