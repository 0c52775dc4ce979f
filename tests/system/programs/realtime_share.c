/* A real-time task that never sleeps leaves others some of its CPU, unless it may have all of it. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

static volatile int stop;
static double used(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
static void put(const char *name, const char *value) {
    char path[80], text[32] = "";
    snprintf(path, sizeof(path), "/proc/sys/kernel/sched_rt_%s_us", name);
    int fd = open(path, O_RDWR);
    printf("%s %s: %s\n", name, value, write(fd, value, strlen(value)) < 0 ? strerrorname_np(errno) : "ok");
    lseek(fd, 0, SEEK_SET);
    read(fd, text, sizeof(text) - 1);
    printf("  %s", text);
    close(fd);
}
static void *ordinary(void *p) {
    while (!stop) continue;
    return p;
}
static void *urgent(void *p) {
    struct sched_param param = {10};
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param)) printf("not FIFO\n");
    clockid_t other;
    pthread_getcpuclockid(*(pthread_t *)p, &other);
    /* Until the other had 30 ms, or 20 s are over. */
    double before = used(other), start = used(CLOCK_THREAD_CPUTIME_ID);
    while (used(other) < before + 0.03 && used(CLOCK_THREAD_CPUTIME_ID) < start + 20) continue;
    double share = used(other) - before;
    printf("the other ran: %d, for the smaller part: %d\n", share >= 0.03, share < used(CLOCK_THREAD_CPUTIME_ID) - start);
    return 0;
}

int main(void) {
    cpu_set_t one;
    pthread_t o, u;
    put("runtime", "2000000");
    put("period", "0");
    put("period", "900000");
    put("runtime", "-1");
    put("period", "2000000");
    put("runtime", "1900000");
    put("runtime", "950000");
    put("period", "1000000");
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    if (sched_setaffinity(0, sizeof(one), &one)) perror("sched_setaffinity");
    pthread_create(&o, 0, ordinary, 0);
    usleep(10000);
    pthread_create(&u, 0, urgent, &o);
    pthread_join(u, 0);
    stop = 1;
    pthread_join(o, 0);
    return 0;
}
