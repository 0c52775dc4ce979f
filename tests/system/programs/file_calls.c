/* Calls on files, beyond files.c: fsync by kind of file, deadlocks of record locks that arise while one waits. */
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <asm/termbits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void sync_of(const char *what, int fd) {
    puts(what);
    SAY(fsync(fd));
    SAY(fdatasync(fd));
    close(fd);
}
static int fd;
static int lock(int type, int from, int wait) {
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = 1};
    return fcntl(fd, wait ? F_SETLKW : F_SETLK, &l);
}
/* A and B each hold a byte and wait, B for A's and A for C's; when C lets go, A waits for B in truth. */
static void late_deadlock(void) {
    fd = open("/tmp/locks", O_CREAT | O_RDWR, 0600);
    int go[2], told[2];
    pipe(go), pipe(told);
    fflush(stdout);
    pid_t c = fork();
    if (!c) { /* holds 2 and lets go */
        char x;
        lock(F_WRLCK, 2, 0);
        write(told[1], "c", 1);
        read(go[0], &x, 1);
        lock(F_UNLCK, 2, 0);
        pause();
    }
    char x;
    read(told[0], &x, 1);
    pid_t b = fork();
    if (!b) { /* holds 3 */
        lock(F_WRLCK, 3, 0);
        write(told[1], "b", 1);
        usleep(300000);
        int r = lock(F_WRLCK, 1, 1);
        x = r == 0 ? 'L' : errno == EDEADLK ? 'D' : 'E';
        write(told[1], &x, 1);
        lock(F_UNLCK, 3, 0);
        pause();
    }
    read(told[0], &x, 1);
    pid_t a = fork();
    if (!a) { /* holds 1 and wants 2 and 3 in one: C is in the way first, B after that */
        lock(F_WRLCK, 1, 0);
        struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 2};
        write(told[1], "a", 1);
        int r = fcntl(fd, F_SETLKW, &l);
        x = r == 0 ? 'l' : errno == EDEADLK ? 'd' : 'e';
        write(told[1], &x, 1);
        lock(F_UNLCK, 1, 0);
        pause();
    }
    read(told[0], &x, 1);
    usleep(700000);
    write(go[1], "g", 1);
    alarm(30);
    char one = 0, two = 0;
    read(told[0], &one, 1);
    read(told[0], &two, 1);
    printf("%d %d\n", one == 'd' || one == 'D', two == 'l' || two == 'L');
    kill(a, 9), kill(b, 9), kill(c, 9);
    while (wait(0) > 0)
        ;
}

static void events_of_itself(void) {
    char buf[4096] __attribute__((aligned(8)));
    int in = inotify_init1(IN_NONBLOCK);
    mkdir("/tmp/watched", 0700);
    SAY(inotify_add_watch(in, "/tmp/watched", IN_ALL_EVENTS));
    chmod("/tmp/watched", 0755);
    rename("/tmp/watched", "/tmp/watched2");
    mkdir("/tmp/watched2/in", 0700);
    rmdir("/tmp/watched2/in");
    rmdir("/tmp/watched2");
    long n = read(in, buf, sizeof(buf));
    for (long at = 0; at < n;) {
        struct inotify_event *e = (void *)(buf + at);
        printf("  %x %s\n", e->mask, e->len ? e->name : "");
        at += sizeof(*e) + e->len;
    }
    close(in);
}
/* System V's half of the terminal's flags. */
static void termio(void) {
    struct termio t;
    struct termios2 before, after;
    int m = open("/dev/ptmx", O_RDWR | O_NOCTTY), zero = 0, n;
    ioctl(m, TIOCSPTLCK, &zero);
    int s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    SAY(ioctl(s, TCGETA, 0));
    SAY(ioctl(s, TCSETA, 1));
    SAY(ioctl(open("/tmp/sync", O_RDONLY), TCGETA, &t));
    SAY(ioctl(s, TCGETS2, &before));
    SAY(ioctl(s, TCGETA, &t));
    printf("%x %x %x %x %d %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_line, t.c_cc[0]);
    t.c_iflag = IGNBRK, t.c_lflag = 0, t.c_cc[0] = 7;
    SAY(ioctl(s, TCSETA, &t));
    SAY(ioctl(s, TCSETAW, &t));
    SAY(ioctl(s, TCSETAF, &t));
    SAY(ioctl(s, TCGETS2, &after));
    printf("%x %x %x %x\n", after.c_iflag, after.c_lflag & 0xffff, after.c_lflag == (before.c_lflag & 0xffff0000), after.c_cflag == before.c_cflag);
    printf("%d %d %d\n", after.c_cc[0], after.c_cc[8] == before.c_cc[8], after.c_ospeed == before.c_ospeed);
    close(s), close(m);
}

/* TIOCSLCKTRMIOS: what is locked does not change, whoever sets it, until it is unlocked; it takes CAP_SYS_ADMIN. */
struct first_termios {
    unsigned iflag, oflag, cflag, lflag;
    unsigned char line, cc[19];
};
static void locked_termios(void) {
    struct first_termios lock, t, got;
    int m = open("/dev/ptmx", O_RDWR | O_NOCTTY), zero = 0;
    ioctl(m, TIOCSPTLCK, &zero);
    int s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    memset(&lock, 0xff, sizeof lock);
    SAY(ioctl(s, TIOCGLCKTRMIOS, &lock));
    for (int i = 0; i < sizeof lock; i++)
        if (((char *)&lock)[i]) printf("byte %d locked\n", i);
    SAY(ioctl(s, TIOCGLCKTRMIOS, 0));
    SAY(ioctl(s, TIOCSLCKTRMIOS, 1));
    SAY(ioctl(open("/tmp/sync", O_RDONLY), TIOCGLCKTRMIOS, &lock));
    lock.iflag = ICRNL, lock.lflag = ECHO | ICANON, lock.cc[0] = 1, lock.line = 1;
    SAY(ioctl(s, TIOCSLCKTRMIOS, &lock));
    SAY(ioctl(m, TIOCGLCKTRMIOS, &got));
    printf("from the master: %d\n", memcmp(&lock, &got, sizeof got));
    ioctl(s, TCGETS, &t);
    t.iflag = 0, t.lflag = 0, t.cc[0] = 9, t.cc[1] = 9;
    SAY(ioctl(s, TCSETS, &t));
    ioctl(m, TCGETS, &got);
    printf("%x %x %d %d\n", got.iflag, got.lflag, got.cc[0], got.cc[1]);
    if (!fork()) {
        setresuid(1000, 1000, 1000);
        SAY(ioctl(s, TIOCGLCKTRMIOS, &got));
        SAY(ioctl(s, TIOCSLCKTRMIOS, &got));
        SAY(ioctl(s, TIOCSLCKTRMIOS, 1));
        _exit(0);
    }
    wait(0);
    memset(&lock, 0, sizeof lock);
    SAY(ioctl(s, TIOCSLCKTRMIOS, &lock));
    SAY(ioctl(s, TCSETS, &t));
    ioctl(s, TCGETS, &got);
    printf("%x %x %d %d\n", got.iflag, got.lflag, got.cc[0], got.cc[1]);
    close(s), close(m);
}

/* /proc/self/fdinfo of descriptors that are only a path. */
static void path_only(void) {
    char name[64], text[512];
    const char *of[] = {"/tmp/sync", "/tmp", "/dev/null"};
    for (int i = 0; i < 3; i++) {
        int fd = open(of[i], O_PATH);
        sprintf(name, "/proc/self/fdinfo/%d", fd);
        int info = open(name, O_RDONLY), n = SAY(read(info, text, sizeof text - 1) > 20);
        text[n ? 24 : 0] = 0;
        printf("%s\n", text);
        close(info), close(fd);
    }
}

int main(void) {
    int p[2], s[2];
    pipe(p);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    sync_of("file", open("/tmp/sync", O_CREAT | O_RDWR, 0600));
    sync_of("read only", open("/tmp/sync", O_RDONLY));
    sync_of("path", open("/tmp/sync", O_PATH));
    sync_of("directory", open("/tmp", O_RDONLY));
    sync_of("null", open("/dev/null", O_RDWR));
    sync_of("pipe", p[1]);
    sync_of("socket", s[0]);
    sync_of("eventfd", eventfd(0, 0));
    sync_of("epoll", epoll_create1(0));
    sync_of("none", -1);
    late_deadlock();
    events_of_itself();
    termio();
    locked_termios();
    path_only();
    return 0;
}
