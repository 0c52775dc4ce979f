/* CLOCK_REALTIME is stepped: what waits for one of its times wakes, what waits for a while goes on. */
#include "check.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

static struct timespec from_now(long seconds) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += seconds;
    return t;
}
static void step(long seconds) {
    struct timespec t = from_now(seconds);
    if (clock_settime(CLOCK_REALTIME, &t)) perror("clock_settime");
}
static sigset_t set;
static timer_t arm(int flags, long seconds, long every) {
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t id;
    timer_create(CLOCK_REALTIME, &ev, &id);
    struct itimerspec its = {.it_value = {seconds, 0}, .it_interval = {every, 0}};
    if (flags & TIMER_ABSTIME) its.it_value = from_now(seconds);
    SAY(timer_settime(id, flags, &its, 0));
    return id;
}
static int taken(long seconds) {
    struct timespec t = {seconds, seconds ? 0 : 200000000};
    return sigtimedwait(&set, 0, &t);
}
static long left(timer_t id) {
    struct itimerspec its;
    timer_gettime(id, &its);
    return its.it_value.tv_sec;
}
static void *later(void *arg) {
    usleep(300000);
    step((long)arg);
    return 0;
}
#define STEPPED(seconds, expr)                                \
    ({                                                        \
        pthread_t t;                                          \
        pthread_create(&t, 0, later, (void *)(long)(seconds)); \
        SAY(expr);                                            \
        pthread_join(t, 0);                                   \
    })

int main(void) {
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    struct timespec real, mono, end_mono;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &mono);

    timer_t id = arm(TIMER_ABSTIME, 1000, 0);
    SAY(taken(0));
    step(2000);
    SAY(taken(10) == SIGUSR1);
    SAY(left(id));
    timer_delete(id);

    id = arm(0, 1000, 0);
    step(2000);
    SAY(taken(0));
    SAY(left(id) > 900 && left(id) < 1000);
    timer_delete(id);

    id = arm(0, 1, 0);
    step(-2000);
    SAY(taken(10) == SIGUSR1);
    timer_delete(id);

    id = arm(TIMER_ABSTIME, 1, 0);
    step(-500);
    SAY(taken(2));
    SAY(left(id) > 400 && left(id) < 502);
    step(500);
    SAY(taken(10) == SIGUSR1);
    timer_delete(id);

    id = arm(TIMER_ABSTIME, 1000, 100); /* nine periods and a half beyond its first time */
    step(1950);
    SAY(taken(10) == SIGUSR1);
    SAY(timer_getoverrun(id));
    SAY(left(id) > 40 && left(id) < 51);
    timer_delete(id);

    struct pollfd p = {timerfd_create(CLOCK_REALTIME, 0), POLLIN};
    struct itimerspec its = {.it_value = {1, 0}};
    SAY(timerfd_settime(p.fd, 0, &its, 0));
    step(-2000);
    SAY(poll(&p, 1, 10000));
    its.it_value.tv_sec = 1000;
    SAY(timerfd_settime(p.fd, 0, &its, 0));
    step(2000);
    SAY(poll(&p, 1, 200));
    SAY(timerfd_gettime(p.fd, &its));
    SAY(its.it_value.tv_sec > 900 && its.it_value.tv_sec < 1000);
    its.it_value = from_now(1000);
    SAY(timerfd_settime(p.fd, TFD_TIMER_ABSTIME, &its, 0));
    SAY(poll(&p, 1, 200));
    step(2000);
    SAY(poll(&p, 1, 10000));

    struct timespec until = from_now(1000);
    STEPPED(2000, clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, 0));
    int word = 0;
    until = from_now(1000);
    STEPPED(2000, syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &until, 0, -1));
    until = from_now(1);
    STEPPED(-3, syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &until, 0, -1));
    clock_gettime(CLOCK_MONOTONIC, &end_mono);
    real.tv_sec += end_mono.tv_sec - mono.tv_sec;
    SAY(clock_settime(CLOCK_REALTIME, &real));
    return 0;
}
