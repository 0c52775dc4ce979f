/* Calls that answer with a descriptor: what they look at before they ask for one, and what they leave behind without. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>

static int listener, plain;

static void limit(int count) {
    const struct rlimit r = {.rlim_cur = count, .rlim_max = 4096};
    SAY(setrlimit(RLIMIT_NOFILE, &r));
}

static void sockets(void) {
    int v[2] = {-7, -7};
    SAY(socket(AF_UNIX, SOCK_STREAM | 1 << 20, 0));
    SAY(socket(99, SOCK_STREAM, 0));
    SAY(socket(AF_UNIX, 9, 0));
    SAY(socket(AF_UNIX, SOCK_STREAM, 0));
    SAY(socketpair(AF_UNIX, SOCK_STREAM | 1 << 20, 0, v));
    SAY(socketpair(99, SOCK_STREAM, 0, v));
    SAY(socketpair(AF_UNIX, 99, 0, v));
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 7, v));
    SAY(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 1));
    SAY(syscall(SYS_socketpair, 99, SOCK_STREAM, 0, 1));
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, v));
    printf("told %d %d\n", v[0], v[1]);
    SAY(accept4(77, NULL, NULL, 0));
    SAY(accept4(77, NULL, NULL, 1));
    SAY(accept4(plain, NULL, NULL, 1));
    SAY(accept4(plain, NULL, NULL, 0));
    SAY(accept4(listener, NULL, NULL, 1));
    SAY(accept4(listener, NULL, NULL, 0));
    SAY(accept4(listener, (void *)1, (void *)1, SOCK_NONBLOCK));
}

static void others(void) {
    int v[2] = {-7, -7};
    sigset_t set;
    sigemptyset(&set);
    union {
        struct file_handle handle;
        char room[128];
    } h = {.handle = {.handle_bytes = 8, .handle_type = 1}};
    SAY(pipe2(v, 1));
    SAY(syscall(SYS_pipe2, 1, 0));
    SAY(pipe2(v, 0));
    printf("told %d %d\n", v[0], v[1]);
    SAY(memfd_create("m", 1 << 20));
    SAY(syscall(SYS_memfd_create, 1, 0));
    SAY(memfd_create("m", 0));
    SAY(epoll_create1(1));
    SAY(epoll_create(0));
    SAY(epoll_create1(0));
    SAY(eventfd(0, 1 << 20));
    SAY(eventfd(0, 0));
    SAY(signalfd(77, &set, 0));
    SAY(signalfd(-1, &set, 1));
    SAY(signalfd(-1, (void *)1, 0));
    SAY(signalfd(-1, &set, 0));
    SAY(timerfd_create(99, 0));
    SAY(timerfd_create(CLOCK_MONOTONIC, 1));
    SAY(timerfd_create(CLOCK_MONOTONIC, 0));
    SAY(inotify_init1(1));
    SAY(inotify_init1(0));
    SAY(syscall(SYS_pidfd_open, -1, 0));
    SAY(syscall(SYS_pidfd_open, 4000000, 0));
    SAY(syscall(SYS_pidfd_open, getpid(), 0));
    SAY(syscall(SYS_pidfd_getfd, 77, 0, 0));
    SAY(dup(77));
    SAY(dup(plain));
    SAY(fcntl(plain, F_DUPFD, 4096));
    SAY(fcntl(plain, F_DUPFD, 0));
    SAY(fcntl(77, F_DUPFD, 0));
    SAY(open_by_handle_at(77, &h.handle, O_RDONLY));
    SAY(open_by_handle_at(AT_FDCWD, (void *)1, O_RDONLY));
}

int main(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0order"};
    struct pollfd waiting;
    chdir(mkdtemp((char[]){"/tmp/orderXXXXXX"}));
    plain = open("f", O_CREAT | O_RDWR, 0600);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    SAY(bind(listener, (void *)&name, 8));
    SAY(listen(listener, 4));
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    SAY(connect(client, (void *)&name, 8));
    limit(3);
    sockets();
    others();
    /* The connection still waits to be accepted. */
    waiting = (struct pollfd){.fd = listener, .events = POLLIN};
    limit(100);
    SAY(poll(&waiting, 1, 0));
    SAY(accept4(listener, NULL, NULL, SOCK_NONBLOCK) >= 0);
    /* One number is free, a pair needs two: neither is kept. */
    int next = dup(plain);
    close(next);
    limit(next + 1);
    sockets();
    others();
    SAY(dup(plain) == next);
    return 0;
}
