/* Native AIO: contexts, requests of each kind, what is refused; priorities of requests. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/ioprio.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

static aio_context_t ctx;
static struct iocb cb;
static char buf[64] = "some bytes to write";
#define setup(n, p) syscall(SYS_io_setup, n, p)
#define submit(n, p) syscall(SYS_io_submit, ctx, n, p)
#define getevents(min, n, ev, t) syscall(SYS_io_getevents, ctx, min, n, ev, t)

static void one(int op, int fd, unsigned long data, unsigned long n, long offset) {
    struct iocb *list[] = {&cb};
    struct io_event ev = {0};
    struct timespec long_enough = {20, 0}; /* Linux syncs in another thread */
    cb = (struct iocb){.aio_data = 0x1234, .aio_lio_opcode = op, .aio_fildes = fd, .aio_buf = data, .aio_nbytes = n, .aio_offset = offset};
    if (SAY(submit(1, list)) == 1 && SAY(getevents(1, 1, &ev, &long_enough)) == 1)
        printf("  data %llx obj %d res %lld res2 %lld key %u\n", ev.data, ev.obj == (unsigned long)&cb, (long long)ev.res, (long long)ev.res2, cb.aio_key);
}
static void *destroyer(void *arg) {
    usleep(200000);
    return (void *)syscall(SYS_io_destroy, ctx);
}
static void on_alarm(int sig) {}
static void priorities(void) {
    SAY(syscall(SYS_ioprio_get, 1, 0));
    SAY(syscall(SYS_ioprio_get, 2, 0));
    SAY(syscall(SYS_ioprio_get, 3, 0) > 0);
    SAY(syscall(SYS_ioprio_get, 0, 0));
    SAY(syscall(SYS_ioprio_get, 4, 0));
    SAY(syscall(SYS_ioprio_get, 1, 9999999));
    for (int class = 0; class < 6; class++)
        for (int level = 0; level <= 8; level += 4) {
            SAY(syscall(SYS_ioprio_set, 1, 0, class << 13 | level));
            SAY(syscall(SYS_ioprio_get, 1, 0));
        }
    SAY(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6));
    SAY(syscall(SYS_ioprio_set, 9, 0, 2 << 13 | 6));
    SAY(syscall(SYS_ioprio_set, 1, 9999999, 2 << 13 | 6));
    fflush(stdout);
    if (!fork()) {
        SAY(syscall(SYS_ioprio_get, 1, 0));
        SAY(setpgid(0, 0));
        SAY(syscall(SYS_ioprio_get, 2, 0));
        SAY(syscall(SYS_ioprio_set, 2, 0, 3 << 13));
        SAY(syscall(SYS_ioprio_get, 2, 0));
        SAY(syscall(SYS_ioprio_set, 2, 0, 0));
        SAY(nice(10));
        SAY(syscall(SYS_ioprio_get, 2, 0));
        SAY(setuid(1000));
        SAY(syscall(SYS_ioprio_set, 1, 0, 1 << 13));
        SAY(syscall(SYS_ioprio_set, 1, 1, 2 << 13));
        SAY(syscall(SYS_ioprio_set, 3, 1000, 2 << 13 | 1));
        SAY(syscall(SYS_ioprio_get, 1, 0));
        fflush(stdout);
        _exit(0);
    }
    wait(0);
}

/* A request for events of a descriptor; what came of it. */
static void show(int n, struct io_event *ev) {
    for (int i = 0; i < n; i++) printf("  data %llx res %lld res2 %lld\n", ev[i].data, (long long)ev[i].res & ~(POLLRDNORM | POLLWRNORM), (long long)ev[i].res2);
}
static int poll_fd(struct iocb *at, int fd, unsigned long events, int tag) {
    struct iocb *one[] = {at};
    *at = (struct iocb){.aio_data = tag, .aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = fd, .aio_buf = events};
    return submit(1, one);
}
static int sharer(void *arg) {
    struct io_event ev[4];
    write(*(int *)arg, "x", 1);
    int n = SAY(getevents(1, 4, ev, 0));
    show(n, ev);
    fflush(stdout);
    _exit(0);
}
static void polls(void) {
    struct io_event ev[8];
    struct iocb a, b;
    struct timespec none = {0, 0};
    int p[2], q[2], file = open("/tmp/aio", O_RDWR), efd = eventfd(0, 0);
    pipe(p);
    pipe(q);
    ctx = 0;
    SAY(setup(8, &ctx));
    SAY(poll_fd(&a, p[1], POLLOUT, 1)); /* ready at once */
    show(SAY(getevents(0, 8, ev, &none)), ev);
    SAY(poll_fd(&a, file, POLLIN, 2));
    show(SAY(getevents(0, 8, ev, &none)), ev);
    SAY(poll_fd(&a, p[0], POLLIN, 3));
    SAY(poll_fd(&b, q[0], POLLIN, 4));
    SAY(getevents(0, 8, ev, &none));
    write(q[1], "q", 1);
    show(SAY(getevents(1, 8, ev, 0)), ev);
    write(p[1], "p", 1);
    show(SAY(getevents(1, 8, ev, 0)), ev);
    SAY(poll_fd(&a, q[0], POLLIN, 5));
    show(SAY(getevents(1, 8, ev, 0)), ev);
    char c[8];
    read(q[0], c, 8);
    read(p[0], c, 8);
    SAY(poll_fd(&a, q[0], POLLIN, 6));
    SAY(syscall(SYS_io_cancel, ctx, &b, ev));
    SAY(syscall(SYS_io_cancel, ctx, &a, ev));
    SAY(syscall(SYS_io_cancel, ctx, &a, ev));
    show(SAY(getevents(1, 8, ev, 0)), ev);
    SAY(poll_fd(&a, q[0], 0, 7)); /* errors and hang-ups alone */
    write(q[1], "q", 1);
    SAY(getevents(0, 8, ev, &none));
    close(q[1]);
    show(SAY(getevents(1, 8, ev, 0)), ev);
    SAY(poll_fd(&a, p[0], 0x10000 | POLLIN, 8));
    a = (struct iocb){.aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = p[0], .aio_buf = POLLIN, .aio_offset = 1};
    struct iocb *one[] = {&a};
    SAY(submit(1, one));
    a.aio_offset = 0;
    a.aio_nbytes = 1;
    SAY(submit(1, one));
    a.aio_nbytes = 0;
    a.aio_rw_flags = 1;
    SAY(submit(1, one));
    SAY(poll_fd(&a, -1, POLLIN, 9));
    /* an eventfd is told, and can be what is waited for */
    a = (struct iocb){.aio_data = 10, .aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = p[0], .aio_buf = POLLIN, .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = efd};
    SAY(submit(1, one));
    write(p[1], "p", 1);
    unsigned long long count = 0;
    SAY(read(efd, &count, 8));
    SAY(count);
    show(SAY(getevents(0, 8, ev, &none)), ev);
    read(p[0], c, 8);
    SAY(poll_fd(&a, efd, POLLIN, 11));
    count = 1;
    write(efd, &count, 8);
    show(SAY(getevents(1, 8, ev, 0)), ev);
    /* the file is closed meanwhile, the request stays */
    SAY(poll_fd(&a, p[0], POLLIN, 12));
    int reader = dup(p[0]);
    close(p[0]);
    write(p[1], "p", 1);
    show(SAY(getevents(1, 8, ev, 0)), ev);
    read(reader, c, 8);
    /* who shares the memory shares the context */
    SAY(poll_fd(&a, reader, POLLIN, 13));
    static char stack[65536] __attribute__((aligned(16)));
    fflush(stdout);
    int child = clone(sharer, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, &p[1]), status = 0;
    waitpid(child, &status, 0);
    SAY(status);
    read(reader, c, 8);
    SAY(poll_fd(&a, reader, POLLIN, 14));
    SAY(syscall(SYS_io_destroy, ctx));
    SAY(syscall(SYS_io_destroy, ctx));
    ctx = 0;
    SAY(setup(8, &ctx)); /* and one is left behind, with what is under way */
    SAY(poll_fd(&a, reader, POLLIN, 15));
    fflush(stdout);
    if (!fork()) {
        SAY(getevents(0, 8, ev, &none));
        fflush(stdout);
        _exit(0);
    }
    wait(0);
}

int main(void) {
    struct io_event ev[8];
    struct timespec none = {0, 0}, tenth = {0, 100000000}, bad = {0, -1};
    struct iocb *list[4] = {&cb, &cb, (void *)1, &cb};
    aio_context_t c2 = 0, used = 1;
    SAY(setup(0, &c2));
    SAY(setup(-1, &c2));
    SAY(setup(100000, &c2));
    SAY(setup(8, 1));
    SAY(setup(8, &used));
    char *ro = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SAY(setup(8, ro));
    SAY(setup(4, &ctx));
    SAY(ctx != 0);
    SAY(syscall(SYS_io_destroy, 0));
    SAY(syscall(SYS_io_destroy, 12345));
    SAY(syscall(SYS_io_submit, 12345, 1, list));
    SAY(submit(-1, list));
    SAY(submit(0, list));
    SAY(submit(1, 0));
    SAY(submit(1, &list[2]));
    SAY(syscall(SYS_io_getevents, 12345, 0, 1, ev, &none));
    SAY(getevents(-1, 1, ev, &none));
    SAY(getevents(2, 1, ev, &none));
    SAY(getevents(0, 0, ev, &none));
    SAY(getevents(1, 1, ev, 1));
    SAY(getevents(1, 1, ev, &tenth));
    while (getevents(0, 1, ev, &none) == 1) {
    }

    int fd = open("/tmp/aio", O_CREAT | O_TRUNC | O_RDWR, 0600), rd = open("/tmp/aio", O_RDONLY), wr = open("/tmp/aio", O_WRONLY), dir = open("/tmp", O_RDONLY);
    char in[64] = "";
    one(IOCB_CMD_PWRITE, fd, (long)buf, 19, 3);
    one(IOCB_CMD_PREAD, fd, (long)in, 64, 3);
    printf("  %s\n", in);
    one(IOCB_CMD_PREAD, fd, (long)in, 64, 1000);
    one(IOCB_CMD_PREAD, fd, 1, 8, 0);
    one(IOCB_CMD_PREAD, fd, (long)in, 8, -1);
    one(IOCB_CMD_PREAD, fd, (long)in, -1, 0);
    one(IOCB_CMD_PREAD, wr, (long)in, 8, 0);
    one(IOCB_CMD_PWRITE, rd, (long)in, 8, 0);
    one(IOCB_CMD_PREAD, dir, (long)in, 8, 0);
    one(IOCB_CMD_PREAD, -1, (long)in, 8, 0);
    one(IOCB_CMD_NOOP, fd, (long)in, 8, 0);
    one(99, fd, (long)in, 8, 0);
    struct iovec v[] = {{in, 4}, {in + 8, 4}}, vbad[] = {{in, -1}};
    one(IOCB_CMD_PREADV, fd, (long)v, 2, 3);
    one(IOCB_CMD_PWRITEV, fd, (long)v, 2, 0);
    one(IOCB_CMD_PREADV, fd, (long)vbad, 1, 3);
    one(IOCB_CMD_PREADV, fd, (long)v, 2000, 3);
    one(IOCB_CMD_PREADV, fd, 1, 2, 3);
    one(IOCB_CMD_FSYNC, fd, 0, 0, 0);
    one(IOCB_CMD_FDSYNC, fd, 0, 0, 0);
    one(IOCB_CMD_FSYNC, fd, 1, 0, 0);
    int p[2];
    pipe2(p, O_NONBLOCK);
    one(IOCB_CMD_PREAD, p[0], (long)in, 8, 0);
    one(IOCB_CMD_PWRITE, p[1], (long)buf, 8, 0);
    one(IOCB_CMD_PREAD, p[0], (long)in, 8, 0);

    int efd = eventfd(0, 0);
    unsigned long long count = 0;
    cb = (struct iocb){.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd, .aio_buf = (long)in, .aio_nbytes = 4, .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = efd};
    SAY(submit(2, list));
    read(efd, &count, 8);
    SAY(count);
    SAY(submit(3, list));
    SAY(getevents(1, 8, ev, 0));
    cb.aio_resfd = fd;
    SAY(submit(1, list));
    cb.aio_resfd = -1;
    SAY(submit(1, list));
    cb.aio_flags = 0;
    cb.aio_reserved2 = 1;
    SAY(submit(1, list));
    cb.aio_reserved2 = 0;
    cb.aio_rw_flags = 0x8000;
    SAY(submit(1, list));
    cb.aio_rw_flags = 0;
    cb.aio_flags = IOCB_FLAG_IOPRIO;
    cb.aio_reqprio = 7 << 13;
    SAY(submit(1, list));
    cb.aio_flags = 0;
    SAY(syscall(SYS_io_cancel, ctx, &cb, ev));
    SAY(syscall(SYS_io_cancel, ctx, 1, ev));
    SAY(syscall(SYS_io_cancel, 12345, &cb, ev));
    cb.aio_key = 5;
    SAY(syscall(SYS_io_cancel, ctx, &cb, ev));
    SAY(submit(1, list));
    SAY(getevents(1, 1, 1, &none));
    SAY(getevents(1, 1, ev, &none));

    signal(SIGALRM, on_alarm);
    struct itimerval soon = {{0}, {0, 100000}};
    setitimer(ITIMER_REAL, &soon, 0);
    SAY(getevents(1, 1, ev, 0));
    setitimer(ITIMER_REAL, &soon, 0);
    SAY(syscall(SYS_io_pgetevents, ctx, 1, 1, ev, 0, 0));
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    struct { void *set; long size; } mask = {&blocked, 8}, wrong = {&blocked, 16};
    setitimer(ITIMER_REAL, &soon, 0);
    struct timespec third = {0, 300000000};
    SAY(syscall(SYS_io_pgetevents, ctx, 1, 1, ev, &third, &mask));
    SAY(syscall(SYS_io_pgetevents, ctx, 1, 1, ev, &none, &wrong));
    SAY(syscall(SYS_io_pgetevents, ctx, 1, 1, ev, &none, 1));
    fflush(stdout);
    if (!fork()) {
        SAY(submit(1, list));
        SAY(syscall(SYS_io_destroy, ctx));
        fflush(stdout);
        _exit(0);
    }
    wait(0);
    pthread_t t;
    pthread_create(&t, 0, destroyer, 0);
    SAY(getevents(1, 1, ev, 0));
    void *destroyed;
    pthread_join(t, &destroyed);
    SAY((long)destroyed);
    SAY(syscall(SYS_io_destroy, ctx));
    polls();
    priorities();
    return 0;
}
