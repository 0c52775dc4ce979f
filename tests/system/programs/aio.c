/* Native AIO: contexts, requests of each kind, what is refused; priorities of requests. */
#include "check.h"
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/ioprio.h>
#include <pthread.h>
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
    struct timespec none = {0, 0};
    cb = (struct iocb){.aio_data = 0x1234, .aio_lio_opcode = op, .aio_fildes = fd, .aio_buf = data, .aio_nbytes = n, .aio_offset = offset};
    if (SAY(submit(1, list)) == 1 && SAY(getevents(1, 1, &ev, &none)) == 1)
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
    priorities();
    return 0;
}
