/* Clocks never run backwards, however they are read; the state of adjtimex. */
#include "check.h"
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>

static long long ns(int clock, int by_call) {
    struct timespec t;
    if (by_call)
        syscall(SYS_clock_gettime, clock, &t);
    else
        clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}
static struct timex t;
static void say(const char *what, int answer) {
    printf("%s: %s offset %ld freq %ld max %ld est %ld status %x constant %ld precision %ld tolerance %ld tick %ld tai %d\n", what,
           answer < 0 ? strerrorname_np(errno) : answer == TIME_OK ? "ok" : answer == TIME_ERROR ? "error" : "other", t.offset,
           t.freq, t.maxerror > 15000000 ? 16000000 : t.maxerror, t.esterror, t.status, t.constant, t.precision, t.tolerance, t.tick, t.tai);
    fflush(stdout);
}
#define SET(...)                         \
    t = (struct timex){__VA_ARGS__};     \
    say(#__VA_ARGS__, adjtimex(&t))

int main(void) {
    int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME};
    for (unsigned i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
        int backwards = 0;
        long long last = 0;
        for (int n = 0; n < 2000; n++) {
            long long now = ns(clocks[i], n & 1);
            backwards += now < last;
            last = now;
        }
        struct timespec r;
        clock_getres(clocks[i], &r);
        printf("clock %d: backwards %d, resolution %ld\n", clocks[i], backwards, r.tv_nsec);
    }
    SET(.modes = 0);
    SET(.modes = ADJ_FREQUENCY, .freq = 100 << 16);
    SET(.modes = ADJ_FREQUENCY, .freq = 600 << 16);
    SET(.modes = ADJ_FREQUENCY, .freq = 0x7fffffffffffffff);
    SET(.modes = ADJ_FREQUENCY);
    SET(.modes = ADJ_ESTERROR, .esterror = 1234);
    SET(.modes = ADJ_TIMECONST, .constant = 3);
    SET(.modes = ADJ_TIMECONST, .constant = 100);
    SET(.modes = ADJ_TIMECONST, .constant = -5);
    SET(.modes = ADJ_TICK, .tick = 10001);
    SET(.modes = ADJ_TICK, .tick = 8999);
    SET(.modes = ADJ_TICK, .tick = 11001);
    SET(.modes = ADJ_TICK, .tick = 10000);
    SET(.modes = ADJ_STATUS, .status = STA_PLL);
    SET(.modes = ADJ_STATUS, .status = STA_PLL | STA_PPSSIGNAL | STA_INS | STA_UNSYNC);
    SET(.modes = ADJ_STATUS | ADJ_NANO, .status = STA_UNSYNC);
    SET(.modes = ADJ_TIMECONST, .constant = 3);
    SET(.modes = ADJ_MICRO);
    SET(.modes = ADJ_TAI, .constant = 37);
    long long d = ns(CLOCK_TAI, 1) - ns(CLOCK_REALTIME, 1);
    printf("tai is ahead by %lld s\n", (d + 500000000) / 1000000000);
    SET(.modes = ADJ_TAI, .constant = -1);
    SET(.modes = ADJ_TAI, .constant = 0);
    SET(.modes = 0x8000);
    SET(.modes = ADJ_OFFSET_SS_READ);
    SET(.modes = ADJ_SETOFFSET, .time = {1, 1000000});
    SET(.modes = ADJ_SETOFFSET, .time = {1, -1});
    long long before = ns(CLOCK_REALTIME, 1) - ns(CLOCK_MONOTONIC, 1);
    t = (struct timex){.modes = ADJ_SETOFFSET, .time = {100, 500000}};
    printf("step: %d\n", adjtimex(&t) >= 0);
    printf("went %lld ms\n", (ns(CLOCK_REALTIME, 1) - ns(CLOCK_MONOTONIC, 1) - before + 50000000) / 100000000 * 100);
    t = (struct timex){.modes = ADJ_SETOFFSET | ADJ_NANO, .time = {-101, 500000000}};
    printf("step: %d\n", adjtimex(&t) >= 0);
    SAY(adjtimex((void *)1));
    SAY(clock_adjtime(CLOCK_MONOTONIC, &t));
    SAY(clock_adjtime(99, &t));
    t.modes = 0;
    SAY(clock_adjtime(CLOCK_REALTIME, &t) >= 0);
    setuid(1000);
    SET(.modes = 0);
    SET(.modes = ADJ_TICK, .tick = 10000);
    SET(.modes = ADJ_TICK, .tick = 1);
    SET(.modes = ADJ_OFFSET_SINGLESHOT, .offset = 1);
    SET(.modes = ADJ_OFFSET_SS_READ);
    SET(.modes = ADJ_SETOFFSET);
    return 0;
}
