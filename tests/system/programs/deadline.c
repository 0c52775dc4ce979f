/* SCHED_DEADLINE: what is asked, refused, told; a task gets its runtime in each period and no more. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define MS 1000000ull
struct attr {
    unsigned size, policy;
    unsigned long long flags;
    int nice;
    unsigned priority;
    unsigned long long runtime, deadline, period;
};
static long set(int pid, unsigned long long runtime, unsigned long long deadline, unsigned long long period, unsigned long long flags) {
    struct attr a = {sizeof(a), 6, flags, 0, 0, runtime, deadline, period};
    return syscall(SYS_sched_setattr, pid, &a, 0);
}
static void tell(int pid) {
    struct attr a = {0};
    long r = syscall(SYS_sched_getattr, pid, &a, sizeof(a), 0);
    printf("  %ld: policy %u flags %llu nice %d priority %u, %llu/%llu/%llu\n", r, a.policy, a.flags, a.nice, a.priority, a.runtime, a.deadline,
           a.period);
}
static int be_normal(void) {
    struct sched_param p = {0};
    return sched_setscheduler(0, SCHED_OTHER, &p);
}
static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
static void *nothing(void *p) { return p; }

static void refused(void) {
    struct attr a = {sizeof(a), 6, 0, 0, 1, 10 * MS, 30 * MS, 30 * MS};
    struct sched_param p = {0};
    SAY(syscall(SYS_sched_setattr, 0, &a, 0));
    SAY(sched_setscheduler(0, 6, &p));
    SAY(set(0, 0, 30 * MS, 30 * MS, 0));
    SAY(set(0, 1023, 30 * MS, 30 * MS, 0));
    SAY(set(0, 31 * MS, 30 * MS, 30 * MS, 0));
    SAY(set(0, 10 * MS, 31 * MS, 30 * MS, 0));
    SAY(set(0, 10 * MS, 0, 30 * MS, 0));
    SAY(set(0, 1024, 99999, 99999, 0));
    SAY(set(0, 1024, 100000, 100000, 0));
    SAY(be_normal());
    SAY(set(0, 10 * MS, 30 * MS, (1ull << 22) * 1000 + 1, 0));
    SAY(set(0, 10 * MS, 30 * MS, 1ull << 63, 0));
    SAY(set(0, 10 * MS, 1ull << 63, 0, 0));
    SAY(set(0, 100 * MS, 100 * MS, 100 * MS, 1ull << 40));
    SAY(sched_get_priority_min(6));
    SAY(sched_get_priority_max(6));
    cpu_set_t one, all;
    sched_getaffinity(0, sizeof(all), &all);
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    SAY(sched_setaffinity(0, sizeof(one), &one));
    SAY(set(0, 10 * MS, 30 * MS, 30 * MS, 0));
    SAY(sched_setaffinity(0, sizeof(all), &all));
    SAY(set(0, 10 * MS, 30 * MS, 30 * MS, 0));
    SAY(sched_setaffinity(0, sizeof(one), &one));
    SAY(sched_setaffinity(0, sizeof(all), &all));
    SAY(be_normal());
    fflush(stdout);
    if (!fork()) {
        setresuid(65534, 65534, 65534);
        SAY(set(0, 10 * MS, 30 * MS, 30 * MS, 0));
        SAY(set(0, 40 * MS, 30 * MS, 30 * MS, 0));
        exit(0);
    }
    wait(0);
}

static void inherited(void) {
    SAY(set(0, 10 * MS, 30 * MS, 0, 0));
    tell(0);
    SAY(sched_getscheduler(0));
    struct timespec t = {1, 1};
    SAY(sched_rr_get_interval(0, &t));
    printf("  %ld %ld\n", (long)t.tv_sec, t.tv_nsec);
    char text[600] = "", *at;
    FILE *f = fopen("/proc/self/stat", "r");
    fread(text, 1, sizeof(text) - 1, f), fclose(f);
    at = strrchr(text, ')') + 2;
    int field = 3;
    for (char *word = strtok(at, " \n"); word; word = strtok(0, " \n"), field++)
        if (field == 18 || field == 40 || field == 41) printf("  stat %d: %s\n", field, word);
    SAY(fork());
    pthread_t thread;
    printf("pthread_create: %s\n", strerrorname_np(pthread_create(&thread, 0, nothing, 0)));
    SAY(set(0, 5 * MS, 20 * MS, 40 * MS, 1 /* reset on fork */));
    tell(0);
    fflush(stdout);
    if (!fork()) {
        tell(0);
        exit(0);
    }
    wait(0);
    struct attr keep = {sizeof(keep), 6, 0x18 /* keep policy and parameters */, 0, 0, 0, 0, 0};
    SAY(syscall(SYS_sched_setattr, 0, &keep, 0));
    tell(0);
    SAY(nice(3));
    tell(0);
    SAY(be_normal());
    tell(0);
}

/* Each wants nine tenths of a CPU: there is one for each CPU, and one again when one has gone. */
static void admitted(void) {
    usleep(300000); /* what was promised to this task before is free a period after it left the class */
    int cpus = sysconf(_SC_NPROCESSORS_ONLN), got = 0, ends[2], pids[65];
    char c;
    pipe(ends);
    for (int i = 0; i <= cpus; i++) {
        if (!(pids[i] = fork())) {
            char ok = set(0, 9 * MS, 10 * MS, 10 * MS, 0) == 0 ? 'y' : errno == EBUSY ? 'n' : '?';
            write(ends[1], &ok, 1);
            pause();
        }
        read(ends[0], &c, 1);
        got += c == 'y';
        if (i == cpus) printf("the last: %c\n", c);
    }
    printf("as many as CPUs: %d\n", got == cpus);
    kill(pids[0], SIGKILL);
    waitpid(pids[0], 0, 0);
    /* The share of who has ended is free a period later at the latest. */
    for (int i = 0; i < 200 && set(0, 9 * MS, 10 * MS, 10 * MS, 0); i++) usleep(5000);
    tell(0);
    for (int i = 1; i <= cpus; i++) kill(pids[i], SIGKILL), waitpid(pids[i], 0, 0);
    SAY(be_normal());
}

static void kept(void) {
    /* A tenth, and never asleep. */
    SAY(set(0, 10 * MS, 100 * MS, 100 * MS, 0));
    double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID), w, u;
    do {
        w = now(CLOCK_MONOTONIC) - wall;
        u = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
    } while (w < 0.5);
    printf("of its own: %d, no more than its share: %d\n", u > 0.01, u < w * 0.3);
    /* Who yields waits for the next period. */
    SAY(set(0, 20 * MS, 50 * MS, 50 * MS, 0));
    wall = now(CLOCK_MONOTONIC);
    for (int i = 0; i < 4; i++) sched_yield();
    w = now(CLOCK_MONOTONIC) - wall;
    printf("four yields: %d\n", w > 0.12);
    SAY(be_normal());
    /* Who leaves the class while it waits for its period runs again. */
    int child = fork();
    if (!child) {
        set(0, 2 * MS, 2000 * MS, 2000 * MS, 0);
        for (;;) continue;
    }
    usleep(50000);
    struct sched_param p = {0};
    SAY(sched_setscheduler(child, SCHED_OTHER, &p));
    clockid_t clock;
    clock_getcpuclockid(child, &clock);
    cpu = now(clock);
    for (int i = 0; i < 1000 && now(clock) < cpu + 0.02; i++) usleep(5000);
    printf("it runs: %d\n", now(clock) >= cpu + 0.02);
    kill(child, SIGKILL);
    wait(0);
    /* A signal that kills reaches one that waits for its period, then. */
    child = fork();
    if (!child) {
        set(0, 2 * MS, 200 * MS, 200 * MS, 0);
        for (;;) continue;
    }
    usleep(50000);
    kill(child, SIGKILL);
    int status;
    wait(&status);
    printf("killed by %d\n", WTERMSIG(status));
}

int main(void) {
    refused();
    inherited();
    admitted();
    kept();
    return 0;
}
