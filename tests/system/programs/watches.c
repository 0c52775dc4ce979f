/* inotify and dnotify: the order of events when names go, what is told of files without a name, signals about directories. */
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int in;
static void events(const char *what) {
    char b[4096];
    int n = read(in, b, sizeof b);
    printf("%s\n", what);
    for (int at = 0; at < n;) {
        struct inotify_event *e = (void *)(b + at);
        printf("  wd %d mask %x cookie %d %s\n", e->wd, e->mask, e->cookie != 0, e->len ? e->name : "");
        at += sizeof *e + e->len;
    }
    fflush(stdout);
}
static void touch(const char *name) { close(open(name, O_CREAT | O_WRONLY, 0600)); }
static int watch(const char *name, int mask) { return inotify_add_watch(in, name, mask); }
static void start(void) {
    if (in) close(in);
    in = inotify_init1(IN_NONBLOCK);
}

static void endings(void) {
    mkdir("d", 0700), touch("f"), touch("g"), touch("h"), link("h", "h2"), mkdir("e", 0700);
    start();
    watch(".", IN_ALL_EVENTS), watch("d", IN_ALL_EVENTS), watch("f", IN_ALL_EVENTS), watch("h", IN_ALL_EVENTS);
    SAY(rmdir("d")), events("rmdir");
    SAY(unlink("f")), events("unlink");
    SAY(unlink("h")), events("unlink one of two names");
    SAY(unlink("h2")), events("unlink the other");
    watch("g", IN_ALL_EVENTS), watch("e", IN_ALL_EVENTS);
    int fd = open("g", O_RDWR);
    SAY(unlink("g")), events("unlink an open file");
    write(fd, "x", 1), fchmod(fd, 0640), events("write and chmod it");
    close(fd), events("close it");
    touch("a"), touch("b"), events("make two");
    watch("a", IN_ALL_EVENTS), watch("b", IN_ALL_EVENTS);
    SAY(rename("a", "b")), events("rename over a file");
    touch("c");
    SAY(syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "b", 2)), events("exchange");
    mkdir("e2", 0700);
    SAY(rename("e2", "e")), events("rename over a directory");
    SAY(rename("e", "e3")), events("rename a directory");
    unlink("c"), unlink("b"), rmdir("e3");
}

static void unlinked(int flags) {
    char b[4];
    touch("u");
    start();
    watch(".", IN_MODIFY | IN_ACCESS | flags);
    char path[64], line[256];
    sprintf(path, "/proc/self/fdinfo/%d", in);
    FILE *f = fopen(path, "r");
    unsigned wd, mask;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "inotify wd:%x ino:%*x sdev:%*x mask:%x ignored_mask:0", &wd, &mask) == 2) printf("fdinfo %x %x\n", wd, mask);
    fclose(f);
    int fd = open("u", O_RDWR);
    write(fd, "1", 1), events("with a name");
    unlink("u");
    write(fd, "2", 1), pread(fd, b, 1, 0), events("without");
    close(fd);
}

/* One event ends many watches. */
static void one_shots(void) {
    enum { COUNT = 6 };
    int each[COUNT], wds[COUNT];
    mkdir("o", 0700);
    for (int i = 0; i < COUNT; i++) {
        each[i] = inotify_init1(IN_NONBLOCK);
        wds[i] = inotify_add_watch(each[i], "o", IN_CREATE | IN_ONESHOT);
    }
    touch("o/x"), touch("o/y");
    for (int i = 0; i < COUNT; i++) {
        in = each[i];
        events("one shot");
        SAY(inotify_rm_watch(each[i], wds[i]));
        close(each[i]);
    }
    in = 0;
    unlink("o/x"), unlink("o/y"), rmdir("o");
}

static volatile int got, got_fd, got_code, got_band;
static void told(int s, siginfo_t *si, void *uc) {
    (void)uc;
    got = s, got_fd = si->si_fd, got_code = si->si_code, got_band = si->si_band;
}
static void seen(const char *what) {
    for (int i = 0; i < 20 && !got; i++) usleep(1000);
    printf("  %s: signal %d", what, got);
    if (got == SIGRTMIN) printf(" own fd %d code %d band %x", got_fd >= 0, got_code, got_band);
    printf("\n");
    fflush(stdout);
    got = 0;
}
static void directory_signals(void) {
    struct sigaction sa = {.sa_sigaction = told, .sa_flags = SA_SIGINFO};
    sigaction(SIGIO, &sa, 0), sigaction(SIGRTMIN, &sa, 0);
    mkdir("n", 0700);
    int fd = open("n", O_RDONLY), file = open("n/x", O_CREAT | O_RDWR, 0600), zero = open("/dev/null", O_RDWR);
    SAY(fcntl(file, F_NOTIFY, DN_MODIFY));
    SAY(fcntl(file, F_NOTIFY, 0));
    SAY(fcntl(zero, F_NOTIFY, DN_MULTISHOT));
    SAY(fcntl(-1, F_NOTIFY, 0));
    SAY(fcntl(fd, F_NOTIFY, 0));
    SAY(fcntl(fd, F_NOTIFY, DN_MODIFY));
    SAY(fcntl(fd, F_GETOWN) == getpid());
    write(file, "1", 1), seen("write");
    write(file, "1", 1), seen("write again");
    SAY(fcntl(fd, F_SETSIG, SIGRTMIN));
    SAY(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_MODIFY));
    write(file, "1", 1), seen("write");
    write(file, "1", 1), seen("write again");
    touch("n/y"), seen("create, not asked for");
    SAY(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_CREATE));
    touch("n/z"), seen("create");
    write(file, "1", 1), seen("write still");
    SAY(fcntl(fd, F_NOTIFY, 0));
    touch("n/w"), seen("create after the end");
    SAY(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_DELETE));
    unlink("n/w"), seen("delete");
    rename("n/z", "v"), seen("move out");
    rename("v", "n/z"), seen("move in");
    SAY(fcntl(fd, F_NOTIFY, 0));
    SAY(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_RENAME));
    rename("n/z", "n/y"), seen("rename");
    rename("n/y", "v"), seen("move out");
    rename("v", "n/y"), seen("move in");
    unlink("n/y"), seen("delete");
    SAY(fcntl(fd, F_NOTIFY, 0));
    SAY(fcntl(fd, F_NOTIFY, DN_MULTISHOT | DN_ATTRIB | DN_ACCESS));
    chmod("n/x", 0640), seen("chmod");
    char c;
    pread(file, &c, 1, 0), seen("read");
    chmod("n", 0750), seen("chmod of itself");
    int copy = dup(fd);
    chmod("n/x", 0600), seen("chmod with two descriptors");
    close(fd), close(copy);
    chmod("n/x", 0640), seen("chmod after close");
    close(file), unlink("n/x"), rmdir("n");
}

/* /proc/sys/fs/dir-notify-enable: 0 refuses even the end of a watch; the watches that are there go on. */
static void enabled(void) {
    const char *values[] = {"0\n", "-1", "x", "1"};
    int knob = open("/proc/sys/fs/dir-notify-enable", O_RDWR), fd = open("/tmp", O_RDONLY);
    char text[16] = "";
    for (int i = 0; i < 4; i++) {
        SAY(pwrite(knob, values[i], strlen(values[i]), 0));
        memset(text, 0, sizeof text);
        pread(knob, text, sizeof text - 1, 0), printf("  it says %s", text), fflush(stdout);
        SAY(fcntl(fd, F_NOTIFY, DN_MODIFY));
        SAY(fcntl(knob, F_NOTIFY, DN_MODIFY));
        SAY(fcntl(fd, F_NOTIFY, 0));
    }
    close(knob), close(fd);
}

int main(void) {
    mkdir("/tmp/watches", 0755), chdir("/tmp/watches");
    endings();
    unlinked(0), unlinked(IN_EXCL_UNLINK);
    one_shots();
    directory_signals();
    enabled();
    return 0;
}
