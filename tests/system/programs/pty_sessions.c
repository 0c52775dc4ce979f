/* A pseudo-terminal outlives the session that it controlled: who stays behind still writes to it, and another session may take it. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

static volatile int told, went_on;
static void hung_up(int signal) {
    if (signal == SIGHUP) told++;
    if (signal == SIGCONT) went_on++;
}

/* Two writes may come in one read or in two: Linux passes them on from a thread of its own. */
static void expect(int master, int bytes) {
    char text[100] = "";
    struct pollfd p = {master, POLLIN, 0};
    int events = poll(&p, 1, 5000), n = read(master, text, sizeof text - 1);
    while (n > 0 && n < bytes) {
        int more = read(master, text + n, sizeof text - 1 - n);
        if (more <= 0) break;
        n += more;
    }
    printf("%d %#x %d %s\n", events, p.revents, n, n > 0 ? text : strerrorname_np(errno));
}

int main(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY), go[2], up[2], ready[2];
    grantpt(master), unlockpt(master);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    struct termios t;
    tcgetattr(slave, &t);
    cfmakeraw(&t);
    tcsetattr(slave, TCSANOW, &t);
    pipe(go), pipe(up), pipe(ready);
    fflush(stdout);
    if (!fork()) {
        setsid();
        SAY(ioctl(slave, TIOCSCTTY, 0));
        if (!fork()) { /* stays, in the foreground group */
            char c;
            signal(SIGHUP, hung_up), signal(SIGCONT, hung_up);
            int own = open("/dev/tty", O_RDWR);
            write(ready[1], "u", 1);
            read(go[0], &c, 1);
            printf("hang-up %d, continued %d\n", told, went_on);
            SAY(write(slave, "left behind\n", 12));
            SAY(write(own, "by name\n", 8));
            SAY(open("/dev/tty", O_RDWR));
            SAY(tcgetpgrp(slave));
            SAY(tcgetattr(slave, &t));
            _exit(0);
        }
        char c;
        read(ready[0], &c, 1);
        _exit(0);
    }
    wait(0);
    char c;
    close(up[1]);
    write(go[1], "g", 1);
    while (read(up[0], &c, 1) > 0) {} /* until it has gone */
    expect(master, 20);
    SAY(write(slave, "and I\n", 6));
    expect(master, 6);
    fflush(stdout);
    if (!fork()) {
        setsid();
        SAY(ioctl(slave, TIOCSCTTY, 0));
        SAY(tcgetpgrp(slave) == getpid());
        SAY(write(slave, "anew\n", 5));
        _exit(0);
    }
    wait(0);
    expect(master, 5);
    close(slave);
    expect(master, 1);
    return 0;
}
