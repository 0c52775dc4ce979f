/* /proc/kmsg beside syslog(2), /proc/sysrq-trigger, and the sockets that /proc/net/unix and /proc/net/netlink list. */
#include "check.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char big[1 << 18];

static void say(const char *text) {
    int fd = open("/dev/kmsg", O_WRONLY);
    char line[64];
    sprintf(line, "%s\n", text); /* without the newline the record may stay open for more */
    write(fd, line, strlen(line));
    close(fd);
}
/* Takes everything out; how many lines hold `what`. */
static int taken(int fd, const char *what) {
    int n, hits = 0;
    while ((n = read(fd, big, sizeof big - 1)) > 0) {
        big[n] = 0;
        for (char *p = big; *what && (p = strstr(p, what)); p++) hits++;
    }
    return hits;
}

static void log_file(void) {
    int fd = open("/proc/kmsg", O_RDONLY | O_NONBLOCK);
    char b[64];
    OK(taken(fd, "nothing"));
    SAY(read(fd, b, 64));
    SAY(klogctl(9, 0, 0));
    struct pollfd p = {fd, POLLIN};
    SAY(poll(&p, 1, 0));
    say("<5>proc_log one");
    SAY(poll(&p, 1, 5000));
    printf("%x\n", p.revents);
    SAY(klogctl(9, 0, 0) > 20);
    SAY(read(fd, b, 4));
    printf("%.4s\n", b);
    int n = read(fd, b, 64);
    printf("the rest ends with it: %d\n", n > 0 && n >= 13 && !memcmp(b + n - 13, "proc_log one\n", 13));
    SAY(read(fd, b, 64));
    /* Whole records but the first. */
    say("<5>proc_log two"), say("<5>proc_log three");
    n = read(fd, b, 50);
    printf("two alone: %d\n", n > 0 && !memcmp(b + n - 13, "proc_log two\n", 13));
    printf("three is left: %d\n", taken(fd, "proc_log three"));
    /* One reader's is not the other's. */
    say("<5>proc_log four");
    n = klogctl(2, b, 64);
    printf("by the call: %d\n", n > 0 && !!memmem(b, n, "proc_log four", 13));
    SAY(read(fd, b, 64));
    say("<5>proc_log five");
    SAY(read(fd, (void *)1, 64));
    /* A reader that waits, and one that a signal ends. */
    taken(fd, "");
    if (fork() == 0) {
        int own = open("/proc/kmsg", O_RDONLY);
        n = read(own, b, 64);
        printf("waited: %d\n", n > 0 && !!memmem(b, n, "proc_log six", 12));
        fflush(stdout);
        _exit(0);
    }
    usleep(50000);
    say("<5>proc_log six");
    wait(0);
    pid_t pid = fork();
    if (pid == 0) {
        p.fd = open("/proc/kmsg", O_RDONLY);
        printf("polled %d\n", poll(&p, 1, 20000));
        fflush(stdout);
        _exit(0);
    }
    usleep(50000);
    say("<5>proc_log seven");
    wait(0);
    taken(fd, "");
    SAY(write(fd, b, 1));
    SAY(lseek(fd, 0, SEEK_SET));
    close(fd);
    struct stat st;
    SAY(stat("/proc/kmsg", &st));
    printf("%o\n", st.st_mode);
    if (fork() == 0) {
        setresuid(1000, 1000, 1000);
        OK(open("/proc/kmsg", O_RDONLY));
        OK(open("/proc/sysrq-trigger", O_WRONLY));
        _exit(0);
    }
    wait(0);
}

static void sysrq(void) {
    int log = open("/proc/kmsg", O_RDONLY | O_NONBLOCK), fd = open("/proc/sysrq-trigger", O_WRONLY);
    char b[8];
    const char *keys[] = {"h", "m", "s", "w", "n", "?", "hb", 0};
    const char *says[] = {"sysrq: HELP", "Mem-Info:", "sysrq: Emergency Sync", "sysrq: Show Blocked State",
                          "sysrq: Nice All RT Tasks", "sysrq: HELP", "sysrq: HELP"};
    taken(log, "");
    for (int i = 0; keys[i]; i++) {
        printf("%s ", keys[i]);
        SAY(write(fd, keys[i], strlen(keys[i])));
        usleep(20000); /* Linux syncs in a worker */
        printf("said: %d\n", taken(log, says[i]));
    }
    close(fd);
    SAY((fd = open("/proc/sysrq-trigger", O_RDONLY)) > 0);
    SAY(read(fd, b, 8));
    close(fd), close(log);
}

/* The line of a socket in a list, without its first word. */
static void line_of(const char *name, int fd) {
    struct stat st;
    char number[32], line[512], link[64] = "", where[32];
    fstat(fd, &st);
    sprintf(number, " %lu", (long)st.st_ino);
    sprintf(where, "/proc/self/fd/%d", fd);
    readlink(where, link, 63);
    printf("number in the link: %d\n", !!strstr(link, number + 1));
    FILE *f = fopen(name, "r");
    while (fgets(line, 512, f)) {
        char *p = strstr(line, number), *q;
        if (!p || (p[strlen(number)] != ' ' && p[strlen(number)] != '\n')) continue;
        for (q = line; *q != ' '; q++);
        /* Numbers of inodes are of any width. */
        while (p > q && p[-1] == ' ') p--;
        printf("%.*s", (int)(p - q), q);
        p += strspn(p, " ") - 1;
        p += strlen(number);
        printf(" #%s", p + strspn(p, " ") == p + strlen(p) - 1 ? "\n" : p);
    }
    fclose(f);
}

static void sockets(void) {
    const char *name = "/proc/net/unix";
    struct sockaddr_un a = {AF_UNIX};
    char line[256];
    int s[2], fd, other;
    FILE *f = fopen(name, "r");
    fgets(line, 256, f), fputs(line, stdout), fclose(f);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    line_of(name, fd);
    strcpy(a.sun_path, "/tmp/proc_log_socket");
    unlink(a.sun_path);
    bind(fd, (void *)&a, sizeof a);
    line_of(name, fd);
    listen(fd, 5);
    line_of(name, fd);
    other = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(other, (void *)&a, sizeof a);
    line_of(name, other);
    int taken_fd = accept(fd, 0, 0);
    line_of(name, taken_fd);
    close(other);
    line_of(name, taken_fd);
    close(taken_fd), close(fd);
    unlink(a.sun_path);
    for (int i = 0; i < 3; i++) {
        socketpair(AF_UNIX, (int[]){SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}[i], 0, s);
        line_of(name, s[0]);
        close(s[0]), close(s[1]);
    }
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    memcpy(a.sun_path, "\0proc\0log", 9);
    bind(fd, (void *)&a, 2 + 9);
    line_of(name, fd);
    other = socket(AF_UNIX, SOCK_DGRAM, 0);
    connect(other, (void *)&a, 2 + 9);
    line_of(name, other);
    line_of(name, fd);
    close(fd), close(other);
    name = "/proc/net/netlink";
    f = fopen(name, "r");
    fgets(line, 256, f), fputs(line, stdout), fclose(f);
    fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
    line_of(name, fd);
    struct sockaddr_nl n = {AF_NETLINK, 0, 4711, 1};
    bind(fd, (void *)&n, sizeof n);
    line_of(name, fd);
    close(fd);
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    klogctl(8, 0, 1);
    log_file();
    sysrq();
    klogctl(8, 0, 7);
    sockets();
    return 0;
}
