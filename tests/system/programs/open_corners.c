/* What of open(2)'s flags stays, what a close takes along, and whom a broken pipe tells. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static volatile int pipes_broken;
static void broken(int signal) {
    (void)signal;
    pipes_broken++;
}

static void flags_stay(void) {
    int f = open("d", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    printf("%x\n", fcntl(f, F_GETFL));
    close(f);
    f = open("d", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_APPEND | O_CLOEXEC);
    printf("%x %x\n", fcntl(f, F_GETFL), fcntl(f, F_GETFD));
    close(f);
    f = open("l", O_PATH | O_NOFOLLOW);
    printf("%x\n", fcntl(f, F_GETFL));
    close(f);
    f = open("f", O_RDWR | O_NOCTTY | O_TRUNC | O_SYNC | O_NOFOLLOW);
    printf("%x\n", fcntl(f, F_GETFL));
    SAY(fcntl(f, F_SETFL, O_APPEND));
    printf("%x\n", fcntl(f, F_GETFL));
    close(f);
}

static void directories(void) {
    SAY(open("d", O_TRUNC));
    SAY(open("d", O_RDONLY | O_TRUNC | O_DIRECTORY));
    SAY(open("d", O_WRONLY));
    SAY(open("d", O_CREAT, 0600));
    SAY(open("d", O_PATH | O_TRUNC | O_CREAT) >= 0);
    SAY(open("f", O_RDONLY | O_TRUNC | O_DIRECTORY));
}

/* From another process: whether the first byte of the file is locked. */
static void ask(const char *when) {
    fflush(stdout);
    if (!fork()) {
        struct flock l = {.l_type = F_WRLCK, .l_len = 1};
        int f = open("f", O_RDWR);
        fcntl(f, F_GETLK, &l);
        printf("%s: %s\n", when, l.l_type == F_UNLCK ? "free" : "locked");
        fflush(stdout);
        _exit(0);
    }
    wait(0);
}

static void locks(void) {
    struct flock l = {.l_type = F_WRLCK, .l_len = 1};
    int f = open("f", O_RDWR), other = open("f", O_RDONLY), path = open("f", O_PATH);
    SAY(fcntl(f, F_SETLK, &l));
    ask("set");
    close(path);
    ask("a path descriptor closed");
    fflush(stdout);
    if (!fork()) close(other), close(f), _exit(0);
    wait(0);
    ask("a child closed its own");
    close(other);
    ask("another descriptor closed");
    SAY(fcntl(f, F_SETLK, &l));
    dup2(0, f);
    ask("replaced");
    f = open("f", O_RDWR), other = open("f", O_RDWR);
    SAY(fcntl(f, F_OFD_SETLK, &l));
    close(other);
    ask("of the description");
    other = dup(f);
    close(other);
    ask("a duplicate closed");
    close(f);
    ask("the description gone");
}

/* The links in /proc/self/fd say what their descriptors are for. */
static void links(void) {
    int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_PATH}, pair[2];
    struct stat st;
    char name[64];
    for (int i = 0; i < 4; i++) {
        int f = open("f", flags[i]);
        snprintf(name, sizeof name, "/proc/self/fd/%d", f);
        lstat(name, &st);
        printf("%o\n", st.st_mode);
        close(f);
    }
    pipe(pair);
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", pair[i]);
        lstat(name, &st);
        printf("%o\n", st.st_mode);
    }
    close(pair[0]), close(pair[1]);
}

static int ends[2];
static void *close_soon(void *unused) {
    usleep(100000);
    close(ends[0]);
    return unused;
}
static void pipes(void) {
    static char data[1 << 18];
    pthread_t t;
    signal(SIGPIPE, broken);
    pipe(ends);
    pthread_create(&t, 0, close_soon, 0);
    SAY(write(ends[1], data, sizeof data));
    printf("told: %d\n", pipes_broken);
    SAY(write(ends[1], data, 1));
    printf("told: %d\n", pipes_broken);
    SAY(write(ends[1], data, 0));
    printf("told: %d\n", pipes_broken);
    pthread_join(t, 0);
    close(ends[1]);
}

/* Without a descriptor to give, nothing is made, cut or answered about the name. */
static void no_descriptor(void) {
    fflush(stdout);
    if (!fork()) {
        struct stat st;
        struct open_how how = {.flags = O_CREAT | O_RDWR, .mode = 0600};
        const struct rlimit none = {.rlim_cur = 3, .rlim_max = 4096}, some = {.rlim_cur = 100, .rlim_max = 4096};
        int d = open("d", O_RDONLY), f = open("f", O_WRONLY | O_TRUNC);
        write(f, "text", 4);
        SAY(setrlimit(RLIMIT_NOFILE, &none));
        SAY(open("new", O_CREAT | O_RDWR, 0600));
        SAY(open("new", O_CREAT | O_EXCL | O_RDWR, 0600));
        SAY(creat("new", 0600));
        SAY(openat(d, "new", O_CREAT | O_RDWR, 0600));
        SAY(syscall(SYS_openat2, AT_FDCWD, "new", &how, sizeof how));
        SAY(stat("new", &st));
        SAY(stat("d/new", &st));
        SAY(open("f", O_WRONLY | O_TRUNC));
        SAY(open("d", O_TMPFILE | O_RDWR, 0600));
        SAY(stat("f", &st));
        printf("%ld bytes\n", (long)st.st_size);
        SAY(open("none", O_RDONLY));
        SAY(open("f/none", O_RDONLY));
        SAY(openat(77, "f", O_RDONLY));
        SAY(open("", O_RDONLY));
        SAY(syscall(SYS_open, 1, O_RDONLY));
        SAY(syscall(SYS_open, 1, O_TMPFILE | O_RDONLY));
        SAY(open("d", O_TMPFILE | O_RDONLY));
        how.mode = 1 << 20;
        SAY(syscall(SYS_openat2, AT_FDCWD, "new", &how, sizeof how));
        SAY(syscall(SYS_mq_open, "corner", O_CREAT | O_RDWR, 0600, 0));
        SAY(syscall(SYS_mq_open, "", O_CREAT | O_RDWR, 0600, 0));
        SAY(syscall(SYS_mq_open, "a/b", O_CREAT | O_RDWR, 0600, 0));
        SAY(syscall(SYS_mq_open, 1, O_CREAT | O_RDWR, 0600, 0));
        SAY(syscall(SYS_mq_unlink, "corner"));
        SAY(setrlimit(RLIMIT_NOFILE, &some));
        /* A failed open gives its descriptor back: the same number each time. */
        SAY(open("none", O_RDONLY));
        SAY(openat(77, "f", O_RDONLY));
        SAY(syscall(SYS_mq_open, "corner", O_RDWR, 0600, 0));
        int a = open("f", O_RDONLY);
        SAY(a);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

int main(void) {
    chdir(mkdtemp((char[]){"/tmp/openXXXXXX"}));
    mkdir("d", 0700);
    close(open("f", O_CREAT | O_WRONLY, 0600));
    symlink("f", "l");
    flags_stay();
    directories();
    locks();
    links();
    pipes();
    no_descriptor();
    return 0;
}
