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
    return 0;
}
