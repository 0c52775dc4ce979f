/* Leases: who may have one, what breaks it, how the holder learns and what the breaker waits for. */
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define FILE_ "/tmp/leased"
static sigset_t sigs;
static void on(int s) {}
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}
/* The holder has a lease; a child breaks it. `after`: what the holder does when it is told. */
static void broken(const char *what, int type, int flags, int truncates, int after, int rt) {
    fflush(stdout);
    int fd = open(FILE_, O_RDONLY);
    printf("%s: ", what);
    if (rt) fcntl(fd, F_SETSIG, rt);
    if (fcntl(fd, F_SETLEASE, type)) printf("no lease %s ", strerrorname_np(errno));
    fflush(stdout);
    pid_t c = fork();
    if (!c) {
        close(fd);
        double t = now();
        int r = truncates ? truncate(FILE_, 0) : open(FILE_, flags);
        double waited = now() - t;
        usleep(100000);
        printf("child: %s waited %d; ", r < 0 ? strerrorname_np(errno) : "done", waited > 0.1);
        fflush(stdout);
        _exit(0);
    }
    siginfo_t i = {0};
    struct timespec limit = {3, 0};
    int s = sigtimedwait(&sigs, &i, &limit);
    printf("told %d code %d fd %d band %lx lease %d; ", s, i.si_code, rt && s > 0 ? i.si_fd == fd : 0, rt && s > 0 ? (long)i.si_band : 0, fcntl(fd, F_GETLEASE));
    fflush(stdout);
    if (s > 0) {
        usleep(300000);
        printf("%s ", fcntl(fd, F_SETLEASE, after) ? strerrorname_np(errno) : "given up");
        printf("lease %d; ", fcntl(fd, F_GETLEASE));
        fflush(stdout);
        if (after != F_UNLCK && fcntl(fd, F_GETLEASE) != after) fcntl(fd, F_SETLEASE, F_UNLCK);
    }
    waitpid(c, 0, 0);
    printf("\n");
    close(fd);
}

int main(void) {
    signal(SIGIO, on);
    sigemptyset(&sigs);
    sigaddset(&sigs, SIGIO);
    sigaddset(&sigs, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &sigs, 0);
    int rd = open(FILE_, O_CREAT | O_RDONLY, 0666), p[2];
    fchmod(rd, 0666);
    pipe(p);
    SAY(fcntl(rd, F_GETLEASE));
    SAY(fcntl(rd, F_SETLEASE, F_UNLCK));
    SAY(fcntl(rd, F_SETLEASE, 77));
    SAY(fcntl(p[0], F_SETLEASE, F_RDLCK));
    SAY(fcntl(open("/tmp", O_RDONLY), F_SETLEASE, F_RDLCK));
    SAY(fcntl(-1, F_SETLEASE, F_RDLCK));
    SAY(fcntl(open(FILE_, O_PATH), F_SETLEASE, F_RDLCK));
    closefrom(3);
    for (int flags = 0; flags < 3; flags++)
        for (int type = 0; type < 3; type++) {
            int fd = open(FILE_, flags);
            printf("open %d type %d\n", flags, type);
            SAY(fcntl(fd, F_SETLEASE, type));
            SAY(fcntl(fd, F_GETLEASE));
            SAY(fcntl(fd, F_GETOWN) == getpid());
            SAY(fcntl(dup(fd), F_GETLEASE));
            SAY(fcntl(fd, F_SETLEASE, F_RDLCK));
            SAY(fcntl(fd, F_SETLEASE, F_WRLCK));
            SAY(fcntl(fd, F_SETLEASE, F_UNLCK));
            SAY(fcntl(fd, F_SETLEASE, F_UNLCK));
            closefrom(3);
        }
    int a = open(FILE_, O_RDONLY), b = open(FILE_, O_RDONLY);
    SAY(fcntl(a, F_SETLEASE, F_WRLCK));
    SAY(fcntl(a, F_SETLEASE, F_RDLCK));
    SAY(fcntl(b, F_SETLEASE, F_RDLCK));
    SAY(fcntl(a, F_SETLEASE, F_WRLCK));
    SAY(open(FILE_, O_RDWR | O_NONBLOCK));
    SAY(fcntl(a, F_GETLEASE));
    SAY(open(FILE_, O_RDONLY | O_NONBLOCK) > 0);
    closefrom(3);
    struct timespec none = {0, 0};
    while (sigtimedwait(&sigs, 0, &none) > 0) puts("told");
    broken("write lease, read", F_WRLCK, O_RDONLY, 0, F_RDLCK, 0);
    broken("write lease, read, unlocked", F_WRLCK, O_RDONLY, 0, F_UNLCK, SIGRTMIN);
    broken("write lease, write", F_WRLCK, O_WRONLY, 0, F_UNLCK, SIGRTMIN);
    broken("write lease, nonblock", F_WRLCK, O_WRONLY | O_NONBLOCK, 0, F_UNLCK, 0);
    broken("write lease, write, lowered", F_WRLCK, O_RDWR, 0, F_RDLCK, 0);
    broken("read lease, read", F_RDLCK, O_RDONLY, 0, F_UNLCK, 0);
    broken("read lease, write", F_RDLCK, O_WRONLY, 0, F_UNLCK, 0);
    broken("read lease, O_TRUNC", F_RDLCK, O_WRONLY | O_TRUNC, 0, F_UNLCK, 0);
    broken("read lease, truncate", F_RDLCK, 0, 1, F_UNLCK, 0);
    broken("read lease, O_PATH", F_RDLCK, O_PATH, 0, F_UNLCK, 0);
    a = open(FILE_, O_RDONLY);
    fflush(stdout);
    if (!fork()) {
        setuid(1000);
        SAY(fcntl(a, F_SETLEASE, F_RDLCK));
        fflush(stdout);
        _exit(0);
    }
    wait(0);
    return 0;
}
