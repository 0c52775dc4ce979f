/* A descriptor is closed while another thread waits for it in poll, ppoll and select; a signalfd's process ends while another's epoll
   watches it. What is waited for lives as long as the wait. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

static struct pollfd waited[12];
static volatile int tid, how;

static void *wait_for_all(void *unused) {
    struct timespec limit = {0, 60000000};
    struct timeval same = {0, 60000};
    fd_set in;
    FD_ZERO(&in);
    for (int i = 0; i < 12; i++)
        if (waited[i].fd >= 0) FD_SET(waited[i].fd, &in);
    tid = (int)syscall(SYS_gettid);
    long r = how == 0 ? poll(waited, 12, 60) : how == 1 ? ppoll(waited, 12, &limit, 0) : select(FD_SETSIZE, &in, 0, 0, &same);
    printf("%d: %ld %s", how, r, r < 0 ? strerrorname_np(errno) : "");
    for (int i = 0; i < 12 && how < 2; i++) printf(" %x", waited[i].revents);
    puts("");
    return unused;
}
/* The thread sleeps, as far as one can see. */
static void until_it_sleeps(void) {
    char path[64], text[512], *at;
    while (tid == 0) sched_yield();
    sprintf(path, "/proc/self/task/%d/stat", tid);
    for (int tries = 0; tries < 1000; tries++) {
        const int f = open(path, O_RDONLY);
        const long n = read(f, text, sizeof text - 1);
        close(f);
        text[n > 0 ? n : 0] = 0;
        if ((at = strrchr(text, ')')) && at[2] == 'S') return;
        sched_yield();
    }
}
static void close_them(void) {
    int p[2], s[2], d[2], n = 0;
    sigset_t none;
    sigemptyset(&none);
    pipe(p), socketpair(AF_UNIX, SOCK_STREAM, 0, s), socketpair(AF_UNIX, SOCK_DGRAM, 0, d);
    waited[n++] = (struct pollfd){eventfd(0, 0), POLLIN, 0};
    waited[n++] = (struct pollfd){timerfd_create(CLOCK_MONOTONIC, 0), POLLIN, 0};
    waited[n++] = (struct pollfd){inotify_init(), POLLIN, 0};
    waited[n++] = (struct pollfd){epoll_create1(0), POLLIN, 0};
    waited[n++] = (struct pollfd){signalfd(-1, &none, 0), POLLIN, 0};
    waited[n++] = (struct pollfd){posix_openpt(O_RDWR), POLLIN, 0};
    waited[n++] = (struct pollfd){p[0], POLLIN, 0};
    waited[n++] = (struct pollfd){s[0], POLLIN, 0};
    waited[n++] = (struct pollfd){d[0], POLLIN, 0};
    waited[n++] = (struct pollfd){socket(AF_NETLINK, SOCK_RAW, 0), POLLIN, 0};
    waited[n++] = (struct pollfd){open("/dev/tty", O_RDWR), POLLIN, 0};
    waited[n++] = (struct pollfd){-1, 0, 0};
    waited[n - 2].fd = eventfd(0, 0); /* without a terminal there is none */
    pthread_t t;
    tid = 0;
    pthread_create(&t, 0, wait_for_all, 0);
    until_it_sleeps();
    for (int i = 0; i < n; i++)
        if (waited[i].fd >= 0) close(waited[i].fd);
    /* What was freed is used again. */
    for (int i = 0; i < 64; i++) close(eventfd(0, 0));
    pthread_join(t, 0);
    close(p[1]), close(s[1]), close(d[1]);
}
static void end_of_a_watched_process(void) {
    const int ep = epoll_create1(0);
    for (int i = 0; i < 8; i++) {
        const pid_t child = fork();
        if (child == 0) {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGUSR1);
            struct epoll_event e = {EPOLLIN, {.u32 = 7}};
            _exit(epoll_ctl(ep, EPOLL_CTL_ADD, signalfd(-1, &set, 0), &e));
        }
        int status;
        waitpid(child, &status, 0);
        struct epoll_event got;
        printf("%d %d\n", status, epoll_wait(ep, &got, 1, 0));
    }
    close(ep);
}
int main(void) {
    for (how = 0; how < 3; how++)
        for (int i = 0; i < 3; i++) close_them();
    end_of_a_watched_process();
    return 0;
}
