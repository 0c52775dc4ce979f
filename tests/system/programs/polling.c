/* poll, select, epoll, eventfd, timerfd, pipes. */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

static int waits(int ep, int ms) { struct epoll_event e[8]; int n = epoll_wait(ep, e, 8, ms); for (int i = 0; i < n; i++) printf("  ev %x data %d\n", e[i].events, e[i].data.fd); return n; }

/* What is news to an edge-triggered watch of a pipe of one page: more data, and room after none; not that part of it was read. */
static void pipe_edges(void) {
    int p[2], ep = epoll_create1(0); char b[4096] = "";
    pipe2(p, O_NONBLOCK); SAY(fcntl(p[1], F_SETPIPE_SZ, 4096)); dup2(p[0], 100); dup2(p[1], 101);
    struct epoll_event in = {EPOLLIN | EPOLLET, {.fd = 100}}, out = {EPOLLOUT | EPOLLET, {.fd = 101}};
    epoll_ctl(ep, EPOLL_CTL_ADD, 100, &in); epoll_ctl(ep, EPOLL_CTL_ADD, 101, &out);
    SAY(write(101, b, 4096)); SAY(write(101, b, 1)); SAY(waits(ep, 0)); SAY(waits(ep, 0));
    SAY(read(100, b, 2048)); SAY(waits(ep, 0)); SAY(read(100, b, 4096)); SAY(waits(ep, 0)); SAY(read(100, b, 1)); SAY(waits(ep, 0));
    SAY(write(101, b, 10)); SAY(waits(ep, 0)); SAY(write(101, b, 10)); SAY(waits(ep, 0)); SAY(read(100, b, 5)); SAY(waits(ep, 0));
    close(ep); close(p[0]); close(p[1]); close(100); close(101);
}

/* Who opens a FIFO while the other end is there must not wait for it, however soon that is closed again. */
static void *speak(void *a) { int fd = open("/tmp/meet", O_WRONLY); write(fd, "x", 1); close(fd); return 0; }
static void fifo_meetings(void) {
    int heard = 0;
    mkfifo("/tmp/meet", 0600);
    for (int i = 0; i < 400; i++) {
        pthread_t t; char c;
        pthread_create(&t, 0, speak, 0);
        int fd = open("/tmp/meet", O_RDONLY);
        heard += read(fd, &c, 1);
        pthread_join(t, 0);
        close(fd);
    }
    printf("heard %d\n", heard); unlink("/tmp/meet");
}

int main(void) {
    pipe_edges(); fifo_meetings();
    int p[2]; char buf[70000]; signal(SIGPIPE, SIG_IGN);
    SAY(pipe2(p, 0x1234)); SAY(pipe2(p, O_NONBLOCK)); SAY(read(p[0], buf, 1)); SAY(write(p[1], buf, 70000)); SAY(write(p[1], buf, 1)); int n; SAY(ioctl(p[0], FIONREAD, &n)); printf("%d\n", n);
    struct pollfd f[3] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {99, POLLIN, 0}}; SAY(poll(f, 3, 0)); printf("%x %x %x\n", f[0].revents, f[1].revents, f[2].revents);
    SAY(read(p[0], buf, 4096)); SAY(poll(f, 2, 0)); printf("%x %x\n", f[0].revents, f[1].revents); SAY(read(p[0], buf, 70000)); SAY(fcntl(p[0], F_GETPIPE_SZ)); SAY(fcntl(p[0], F_SETPIPE_SZ, 5000)); SAY(fcntl(p[0], F_SETPIPE_SZ, 1 << 30));
    close(p[1]); SAY(poll(f, 1, 0)); printf("%x\n", f[0].revents); SAY(read(p[0], buf, 1)); close(p[0]); pipe(p); close(p[0]); f[0].fd = p[1]; f[0].events = POLLOUT; SAY(poll(f, 1, 0)); printf("%x\n", f[0].revents); SAY(write(p[1], buf, 1)); close(p[1]);
    SAY(poll((void *)1, 1, 0)); SAY(poll(0, 0, 5)); fd_set rs; FD_ZERO(&rs); FD_SET(0, &rs); struct timeval tv = {0, 1000}; FD_ZERO(&rs); SAY(select(0, &rs, 0, 0, &tv)); tv.tv_usec = -5; SAY(select(0, &rs, 0, 0, &tv)); FD_SET(77, &rs); tv.tv_usec = 0; SAY(select(80, &rs, 0, 0, &tv)); SAY(select(-1, 0, 0, 0, &tv));
    int ep = epoll_create1(0); SAY(epoll_create1(5)); SAY(epoll_create(0)); pipe2(p, O_NONBLOCK); struct epoll_event e = {EPOLLIN, {.fd = 1}};
    SAY(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e)); SAY(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e)); SAY(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e)); SAY(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &e)); SAY(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], &e)); SAY(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &e)); SAY(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &e)); SAY(epoll_ctl(ep, 9, p[0], &e)); int reg = open("/tmp/ep", O_RDWR | O_CREAT, 0600); SAY(epoll_ctl(ep, EPOLL_CTL_ADD, reg, &e));
    SAY(waits(ep, 0)); write(p[1], "a", 1); SAY(waits(ep, 0)); SAY(waits(ep, 0)); e.events = EPOLLIN | EPOLLET; SAY(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e)); SAY(waits(ep, 0)); SAY(waits(ep, 0)); write(p[1], "b", 1); SAY(waits(ep, 0)); e.events = EPOLLIN | EPOLLONESHOT; epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e); SAY(waits(ep, 0)); write(p[1], "c", 1); SAY(waits(ep, 0)); epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e); SAY(waits(ep, 0));
    SAY(epoll_wait(ep, &e, 0, 0)); SAY(epoll_wait(p[0], &e, 1, 0)); int outer = epoll_create1(0); e.events = EPOLLIN; SAY(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &e)); SAY(epoll_ctl(ep, EPOLL_CTL_ADD, outer, &e)); e.events = EPOLLIN; e.data.fd = 2; epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e); SAY(waits(outer, 0));
    close(p[1]); SAY(waits(ep, 0)); close(p[0]); SAY(waits(ep, 0));
    int ev = eventfd(3, EFD_NONBLOCK); long long v; SAY(read(ev, &v, 8)); printf("%lld\n", v); SAY(read(ev, &v, 8)); SAY(read(ev, &v, 4)); v = -1; SAY(write(ev, &v, 8)); v = -2; SAY(write(ev, &v, 8)); v = 1; SAY(write(ev, &v, 8)); f[0].fd = ev; f[0].events = POLLIN | POLLOUT; SAY(poll(f, 1, 0)); printf("%x\n", f[0].revents); SAY(eventfd(0, 99)); int se = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK); SAY(read(se, &v, 8)); printf("%lld\n", v); SAY(read(se, &v, 8)); SAY(read(se, &v, 8)); SAY(lseek(se, 0, SEEK_SET)); SAY(pread(se, &v, 8, 0));
    int tf = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK); SAY(timerfd_create(77, 0)); SAY(timerfd_create(0, 77)); SAY(read(tf, &v, 8)); struct itimerspec its = {{0, 10000000}, {0, 10000000}}, cur; SAY(timerfd_settime(tf, 0, &its, 0)); f[0].fd = tf; f[0].events = POLLIN; SAY(poll(f, 1, 1000)); usleep(35000); SAY(read(tf, &v, 8)); printf("%d\n", v >= 2); SAY(timerfd_gettime(tf, &cur)); printf("%d\n", cur.it_interval.tv_nsec == 10000000); its.it_value.tv_nsec = 2000000000; SAY(timerfd_settime(tf, 0, &its, 0)); SAY(timerfd_settime(tf, 99, &its, 0)); SAY(timerfd_settime(ev, 0, &its, 0));
    return 0;
}
