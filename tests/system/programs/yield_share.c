// sched_yield() many times over gives nothing away for later: who yielded and then computes shares its CPU as before.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

static volatile int stop;

static double used(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void *compute(void *p) {
    while (!stop) continue;
    return p;
}

int main(void) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    if (sched_setaffinity(0, sizeof one, &one)) perror("sched_setaffinity");
    pthread_t other;
    clockid_t others;
    pthread_create(&other, 0, compute, 0);
    pthread_getcpuclockid(other, &others);
    // Until 0.3 s of the other's own time are over: whoever yields, the other goes on meanwhile.
    long yields = 0;
    while (used(others) < 0.3) sched_yield(), yields++;
    printf("yielded %d\n", yields > 0);
    double before = used(others), own = used(CLOCK_THREAD_CPUTIME_ID);
    // Who looks at CPU clocks all the time makes way, too. Soon, but not at once: the machine may stand still for a while.
    while (used(others) < before + 0.1 && used(CLOCK_THREAD_CPUTIME_ID) < own + 10) continue;
    printf("the other ran beside it: %d\n", used(others) >= before + 0.1);
    stop = 1;
    pthread_join(other, 0);
    return 0;
}
