/* What a master writes while nobody reads the slave: how much waits, what poll says of it, in which order it comes. */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "check.h"

static int master, slave;

static void make(int raw) {
    master = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(master);
    unlockpt(master);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    struct termios t;
    tcgetattr(slave, &t);
    if (raw)
        cfmakeraw(&t);
    else
        t.c_lflag &= ~ECHO;
    tcsetattr(slave, TCSANOW, &t);
}
static void done(void) {
    close(slave);
    close(master);
}
static int writable(void) {
    struct pollfd p = {master, POLLOUT, 0};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}
static unsigned char at(long i) { return (unsigned char)(i * 7 + (i >> 8)); }

static void much(void) {
    make(1);
    fcntl(master, F_SETFL, O_NONBLOCK);
    static unsigned char bytes[300];
    long sent = 0, n;
    /* Linux brings it to the line discipline by and by, which makes room for a moment: full is what stays full. */
    int error = 0;
    for (int full = 0; full < 3;) {
        for (int i = 0; i < 300; i++) bytes[i] = at(sent + i);
        n = write(master, bytes, sizeof bytes);
        full = n < 0 ? full + 1 : 0;
        if (n < 0) error = errno, usleep(30000);
        else sent += n;
    }
    printf("much: %s, more than a line buffer %d, not endless %d\n", strerrorname_np(error), sent > 8192, sent < 65536);
    SAY(writable());
    usleep(50000);
    int waiting = 0;
    SAY(ioctl(slave, FIONREAD, &waiting));
    printf("line buffer full: %d\n", waiting >= 4000 && waiting <= 4096);
    fcntl(slave, F_SETFL, O_NONBLOCK);
    long got = 0, wrong = 0;
    for (int idle = 0; idle < 50 && got < sent;) {
        n = read(slave, bytes, sizeof bytes);
        if (n <= 0) {
            idle++;
            usleep(10000);
            continue;
        }
        for (int i = 0; i < n; i++) wrong += bytes[i] != at(got + i);
        got += n;
    }
    printf("all came %d, wrong %ld\n", got == sent, wrong);
    usleep(50000);
    SAY(writable());
    done();
}

static void lines(void) {
    make(0);
    static char line[3001], in[8192];
    for (int i = 0; i < 4; i++) {
        memset(line, 'a' + i, 3000);
        line[3000] = '\n';
        SAY(write(master, line, 3001));
    }
    for (int i = 0; i < 4; i++) {
        SAY(read(slave, in, sizeof in));
        printf("%c%c\n", in[0], in[2999]);
    }
    done();
}

static void blocked(void) {
    make(1);
    static char bytes[200000], in[4096];
    pid_t child = fork();
    if (!child) {
        long n = write(master, bytes, sizeof bytes);
        _exit(n == sizeof bytes ? 0 : 1);
    }
    long got = 0;
    while (got < (long)sizeof bytes) {
        long n = read(slave, in, sizeof in);
        if (n <= 0) break;
        got += n;
    }
    SAY(got);
    int status;
    waitpid(child, &status, 0);
    SAY(WEXITSTATUS(status));
    done();
}

static void flushes(void) {
    make(0);
    int n = -1, on = 1;
    SAY(write(master, "abc\n", 4));
    usleep(50000);
    SAY(tcflush(master, TCOFLUSH));
    usleep(50000);
    SAY(ioctl(slave, FIONREAD, &n));
    SAY(n);
    SAY(write(slave, "out", 3));
    SAY(tcflush(master, TCIFLUSH));
    SAY(ioctl(master, FIONREAD, &n));
    SAY(n);
    SAY(ioctl(master, TIOCPKT, &on));
    SAY(tcflush(master, TCOFLUSH));
    SAY(tcflush(master, TCIFLUSH));
    struct pollfd p = {master, POLLIN | POLLPRI, 0};
    SAY(poll(&p, 1, 0));
    SAY(tcflush(slave, TCIFLUSH));
    SAY(poll(&p, 1, 0));
    unsigned char status = 0;
    SAY(read(master, &status, 1));
    SAY(status);
    SAY(ioctl(slave, FIONREAD, &n));
    SAY(n);
    done();
}

static void control(void) {
    make(0);
    fflush(stdout);
    if (!fork()) {
        setsid();
        SAY(ioctl(master, TIOCSCTTY, 0));
        SAY(tcgetpgrp(slave) == getpid());
        SAY(open("/dev/tty", O_RDWR) >= 0);
        _exit(0);
    }
    wait(0);
    done();
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    alarm(60);
    much();
    lines();
    blocked();
    flushes();
    control();
    return 0;
}
