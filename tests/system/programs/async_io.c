/* O_ASYNC: who is told that a pipe, a socket or a terminal became ready, by which signal, and when not. */
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>

#include "children.h"

static sigset_t both;
static int watched;
/* The next signal, waited for as long as it takes (5 s), or what is there now. */
static void next(const char *what, int seconds) {
    siginfo_t i = {0};
    int s = sigtimedwait(&both, &i, &(struct timespec){seconds});
    if (s < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else if (s == SIGIO)
        printf("%s: SIGIO code %d\n", what, i.si_code == SI_KERNEL);
    else
        printf("%s: signal %d code %d band %lx fd %d\n", what, s - SIGRTMIN, i.si_code, (long)i.si_band, i.si_fd == watched);
    fflush(stdout);
}
static void drop(void) {
    while (sigtimedwait(&both, 0, &(struct timespec){0}) > 0) continue;
}
static void watch(int fd) {
    watched = fd;
    SAY(fcntl(fd, F_SETOWN, getpid()));
    SAY(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
    printf("flag %d\n", !!(fcntl(fd, F_GETFL) & O_ASYNC));
}

static void pipes(void) {
    int p[2];
    char b[8];
    pipe(p);
    watch(p[0]);
    write(p[1], "a", 1), next("plain", 5);
    SAY(fcntl(p[0], F_SETSIG, SIGRTMIN));
    read(p[0], b, 8), write(p[1], "b", 1), next("chosen", 5);
    SAY(fcntl(p[0], F_SETOWN_EX, &(struct f_owner_ex){F_OWNER_TID, syscall(SYS_gettid)}));
    read(p[0], b, 8), write(p[1], "c", 1), next("thread", 5);
    SAY(fcntl(p[0], F_SETOWN, -getpgrp()));
    read(p[0], b, 8), write(p[1], "d", 1), next("group", 5);
    SAY(fcntl(p[0], F_SETOWN, 0));
    read(p[0], b, 8), write(p[1], "e", 1), next("nobody", 0);
    watch(p[0]);
    int off = 0, on = 1;
    SAY(ioctl(p[0], FIOASYNC, &off));
    printf("flag %d\n", !!(fcntl(p[0], F_GETFL) & O_ASYNC));
    read(p[0], b, 8), write(p[1], "f", 1), next("off", 0);
    SAY(ioctl(p[0], FIOASYNC, &on)), SAY(ioctl(p[0], FIOASYNC, 8L));
    read(p[0], b, 8), write(p[1], "g", 1), next("on", 5);
    int d = dup(p[0]);
    close(p[0]);
    read(d, b, 8), write(p[1], "h", 1), next("copy", 5);
    close(p[1]), next("writer gone", 5);
    close(d);
    pipe(p);
    fcntl(p[1], F_SETFL, O_NONBLOCK);
    char page[4096] = "";
    while (write(p[1], page, sizeof page) > 0) continue;
    fcntl(p[1], F_SETSIG, SIGRTMIN + 1);
    watch(p[1]);
    read(p[0], page, sizeof page), next("room", 5);
    close(p[0]), next("reader gone", 5);
    close(p[1]);
}

static void sockets(int type) {
    int s[2];
    char b[8];
    printf("type %d\n", type);
    socketpair(AF_UNIX, type, 0, s);
    fcntl(s[0], F_SETSIG, SIGRTMIN);
    watch(s[0]);
    write(s[1], "a", 1), next("data", 5);
    read(s[0], b, 8), drop();
    write(s[1], "b", 1), next("more", 5);
    fcntl(s[0], F_SETFL, 0);
    drop();
    write(s[1], "c", 1), next("off", 0);
    close(s[0]), close(s[1]);
}

static void terminals(void) {
    int m, s;
    char b[20];
    openpty(&m, &s, 0, 0, 0);
    struct termios t;
    tcgetattr(s, &t);
    t.c_lflag &= ~ECHO;
    tcsetattr(s, TCSANOW, &t);
    fcntl(s, F_SETSIG, SIGRTMIN);
    watch(s);
    write(m, "line\n", 5), next("line", 5);
    SAY(read(s, b, 20));
    close(s), close(m);
    drop();
}

static void stranger(void) {
    become(4321);
    int p[2];
    pipe(p);
    SAY(fcntl(p[0], F_SETOWN, getppid())), SAY(fcntl(p[0], F_SETFL, O_ASYNC));
    write(p[1], "x", 1);
}

int main(void) {
    sigemptyset(&both);
    sigaddset(&both, SIGIO), sigaddset(&both, SIGRTMIN), sigaddset(&both, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &both, 0);
    setpgid(0, 0);
    pipes();
    sockets(SOCK_STREAM), sockets(SOCK_DGRAM), sockets(SOCK_SEQPACKET);
    terminals();
    in_child(stranger);
    next("from a stranger", 0);
    int f = open("/tmp/async.file", O_RDWR | O_CREAT, 0600);
    SAY(fcntl(f, F_SETFL, O_ASYNC));
    printf("flag %d\n", !!(fcntl(f, F_GETFL) & O_ASYNC));
    SAY(write(f, "x", 1)), next("file", 0);
    int on = 1;
    SAY(ioctl(f, FIOASYNC, &on));
    unlink("/tmp/async.file");
    int null = open("/dev/null", O_RDWR);
    SAY(fcntl(null, F_SETFL, O_ASYNC)), SAY(ioctl(null, FIOASYNC, &on));
    printf("flag %d\n", !!(fcntl(null, F_GETFL) & O_ASYNC));
    return 0;
}
