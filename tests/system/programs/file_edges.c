/* Edges of calls on files: what splice leaves in its pipe, offsets beyond the last, directories read into too little memory. */
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static int left(int pipe) {
    int n = -1;
    ioctl(pipe, FIONREAD, &n);
    return n;
}

/* A target that takes nothing, or a part: the rest stays in the pipe, in its order. */
static void splice_keeps(void) {
    static char data[60000], back[60000];
    for (unsigned i = 0; i < sizeof data; i++) data[i] = (char)(i * 31 + i / 251);
    int p[2], s[2], f = open("target", O_RDWR | O_CREAT, 0600);
    pipe(p);
    write(p[1], data, 5000);
    struct rlimit none = {100, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    lseek(f, 100, SEEK_SET);
    SAY(splice(p[0], 0, f, 0, 5000, 0));
    setrlimit(RLIMIT_FSIZE, &all);
    printf("%d left\n", left(p[0]));
    SAY(read(p[0], back, sizeof back));
    printf("same %d\n", !memcmp(data, back, 5000));

    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s);
    long in = 0, out = 0, n, rounds = 0;
    int again = 0, wrong = 0;
    fcntl(p[1], F_SETFL, O_NONBLOCK);
    while (out < 600000 && rounds++ < 10000) {
        char chunk[sizeof data];
        for (unsigned i = 0; i < sizeof chunk; i++) chunk[i] = (char)((in + i) * 7 + (in + i) / 8191);
        if (in < 600000 && (n = write(p[1], chunk, 20000)) > 0) in += n;
        n = splice(p[0], 0, s[0], 0, 65536, SPLICE_F_NONBLOCK);
        if (n > 0) continue;
        if (n < 0 && errno == EAGAIN) again = 1;
        while ((n = read(s[1], back, 30000)) > 0)
            for (long i = 0; i < n; i++, out++) wrong += back[i] != (char)(out * 7 + out / 8191);
    }
    printf("sent %d, again %d, wrong %d\n", out == in, again, wrong);
    close(s[1]);
    signal(SIGPIPE, SIG_IGN);
    write(p[1], data, 300);
    SAY(splice(p[0], 0, s[0], 0, 300, 0));
    printf("%d left\n", left(p[0]));
    close(p[1]);
    SAY(splice(p[0], 0, f, 0, 1000, 0));
    SAY(splice(p[0], 0, f, 0, 1000, 0));
    close(p[0]), close(s[0]), close(f);
    pipe2(p, O_DIRECT);
    write(p[1], data, 10), write(p[1], data, 20);
    f = open("target", O_RDWR | O_TRUNC);
    for (int i = 0; i < 2; i++) n = splice(p[0], 0, f, 0, 4, 0), printf("%ld\n", n);
    close(p[0]), close(p[1]), close(f);
}

/* Two that splice from one pipe while one reads: every byte arrives once. */
static int shared[2];
static long moved[3], total[3];
static void *taker(void *number) {
    long me = (long)number, n;
    static __thread unsigned char part[3000];
    char name[] = "part0";
    name[4] += me;
    int f = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    while ((n = me ? splice(shared[0], 0, f, 0, 3000, 0) : read(shared[0], part, sizeof part)) > 0) {
        moved[me] += n;
        if (!me)
            for (long i = 0; i < n; i++) total[me] += part[i];
    }
    lseek(f, 0, SEEK_SET);
    while (me && (n = read(f, part, sizeof part)) > 0)
        for (long i = 0; i < n; i++) total[me] += part[i];
    close(f);
    return 0;
}
static void splice_shares(void) {
    pthread_t t[3];
    unsigned char data[5000];
    long sum = 0;
    pipe(shared);
    for (long i = 0; i < 3; i++) pthread_create(&t[i], 0, taker, (void *)i);
    for (int round = 0; round < 100; round++) {
        for (unsigned i = 0; i < sizeof data; i++) sum += data[i] = (unsigned char)(i * round);
        write(shared[1], data, sizeof data);
    }
    close(shared[1]);
    for (int i = 0; i < 3; i++) pthread_join(t[i], 0);
    printf("moved %ld, sums agree %d\n", moved[0] + moved[1] + moved[2], sum == total[0] + total[1] + total[2]);
    close(shared[0]);
}

static void far_offsets(void) {
    const off_t last = 0x7fffffffffffffff;
    off_t at = last - 1;
    char b[16] = "0123456789";
    int f = open("far", O_RDWR | O_CREAT, 0600), m = memfd_create("m", 0), d = open(".", O_RDONLY), p[2];
    write(f, b, 10);
    pipe(p);
    write(p[1], b, 10);
    SAY(sendfile(m, f, &at, 3));
    SAY(sendfile(m, f, 0, -1));
    SAY(sendfile(m, d, 0, 1));
    SAY(sendfile(p[1], f, &at, 3));
    SAY(splice(p[0], 0, m, &at, 3, 0));
    SAY(splice(f, &at, p[1], 0, 3, 0));
    SAY(splice(d, 0, p[1], 0, 3, 0));
    SAY(lseek(f, last, SEEK_END));
    SAY(lseek(f, 4, SEEK_SET));
    SAY(lseek(f, last, SEEK_CUR));
    SAY(lseek(f, -5, SEEK_CUR));
    SAY(lseek(f, last, SEEK_SET) == last);
    close(f), close(m), close(d), close(p[0]), close(p[1]);
}

/* Bytes behind the last offset are refused before anything else is asked. */
static void past_the_last_offset(void) {
    const off_t last = 0x7fffffffffffffff;
    char b[16] = "0123456789";
    struct iovec two[2] = {{b, 8}, {b + 8, 8}};
    int files[] = {open("past", O_RDWR | O_CREAT, 0600), open("past", O_RDWR | O_APPEND), open("/dev/zero", O_RDWR), open("/dev/null", O_RDWR)};
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++) {
        const int f = files[i];
        printf("file %u\n", i);
        for (int less = 0; less < 17; less += 4) {
            SAY(pread(f, b, 8, last - less));
            SAY(preadv(f, two, 2, last - less));
            if (lseek(f, last - less, SEEK_SET) == last - less) {
                SAY(read(f, b, 8));
                SAY(readv(f, two, 2));
            }
            SAY(pread(f, b, 0, last - less));
        }
        for (int less = 0; less < 8; less += 4) {
            SAY(pwrite(f, b, 8, last - less));
            SAY(pwritev(f, two, 2, last - less));
            if (lseek(f, last - less, SEEK_SET) == last - less) SAY(write(f, b, 8));
            SAY(pwrite(f, b, 0, last - less));
        }
        close(f);
    }
    SAY(pread(-1, b, 8, last));
}

/* What a description and its table have locked, in its fdinfo. */
static void locks_of_a_descriptor(void) {
    int f = open("locked", O_RDWR | O_CREAT, 0600), other = open("locked", O_RDWR);
    struct flock l = {.l_type = F_WRLCK, .l_start = 3, .l_len = 4};
    SAY(flock(f, LOCK_SH));
    SAY(fcntl(f, F_SETLK, &l));
    l.l_start = 20, l.l_len = 0;
    SAY(fcntl(f, F_OFD_SETLK, &l));
    char name[64], line[256];
    sprintf(name, "/proc/self/fdinfo/%d", f);
    FILE *info = fopen(name, "r");
    while (info && fgets(line, sizeof line, info)) {
        char kind[16], advisory[16], type[16], device[64], end[32];
        int number, pid;
        long start;
        if (sscanf(line, "lock:\t%d: %15s %15s %15s %d %63s %ld %31s", &number, kind, advisory, type, &pid, device, &start, end) == 8)
            printf("%s %s %s %d %ld %s\n", kind, advisory, type, pid == getpid() ? 1 : pid == -1 ? -1 : 0, start, end);
    }
    fclose(info);
    close(f), close(other);
}

static void seek_in_proc(void) {
    const char *names[] = {"/proc/cpuinfo", "/proc/stat",     "/proc/self/status",       "/proc/self/maps", "/proc/self/cmdline", "/proc/self/environ",
                           "/proc/self/auxv", "/proc/self/comm", "/proc/self/oom_score_adj", "/proc/self/limits", "/proc/sys/kernel/ostype", "/proc",
                           "/proc/self",    "/proc/self/fd",  "/proc/self/task",         "/proc/sys/kernel", "/tmp", "/sys", "/sys/kernel", "/proc/filesystems", "/proc/self/mem"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        int f = open(names[i], O_RDONLY);
        printf("%s: ", names[i]);
        for (int whence = 0; whence < 5; whence++) {
            long r = lseek(f, whence == SEEK_SET ? 3 : 0, whence);
            printf(" %s", r < 0 ? strerrorname_np(errno) : r > 100 ? "far" : r ? "3" : "0");
        }
        printf(" %s\n", lseek(f, -1, SEEK_SET) == -1 ? strerrorname_np(errno) : "ok");
        close(f);
    }
}

static void directories(void) {
    char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    mkdir("many", 0700);
    for (int i = 0; i < 40; i++) {
        char name[32];
        sprintf(name, "many/file%02d", i);
        close(open(name, O_CREAT, 0600));
    }
    int calls[] = {SYS_getdents, SYS_getdents64};
    for (int c = 0; c < 2; c++) {
        int d = open("many", O_RDONLY), seen = 0;
        long n;
        while ((n = syscall(calls[c], d, page + 4096 - 200, 4096)) > 0)
            for (long at = 0; at < n; at += *(unsigned short *)(page + 4096 - 200 + at + 16)) seen++;
        printf("%ld, %d entries\n", n, seen);
        lseek(d, 0, SEEK_SET);
        SAY(syscall(calls[c], d, page + 4096 - 8, 4096));
        SAY(syscall(calls[c], d, page, 0x80000000u));
        SAY(syscall(calls[c], d, page, -1));
        SAY(syscall(calls[c], d, page, 0));
        close(d);
    }
}

static void names(void) {
    SAY(fchmodat(-1, "", 0600, 0));
    SAY(fchownat(-1, "", 0, 0, 0));
    SAY(fchownat(-1, "", 0, 0, AT_EMPTY_PATH));
    SAY(openat(-1, "", O_RDONLY));
    SAY(openat(-1, "x", O_RDONLY));
    SAY(unlinkat(-1, "", 0));
    SAY(mkdirat(-1, "", 0700));
    SAY(mknodat(-1, "", 0700, 0));
    SAY(symlinkat("x", -1, ""));
    SAY(renameat(-1, "", -1, ""));
    SAY(linkat(-1, "", -1, "", 0));
    SAY(faccessat(-1, "", 0, 0));
    SAY(readlinkat(-1, "", (char[9]){0}, 9));
    struct stat st;
    SAY(fstatat(-1, "", &st, 0));
    SAY(fstatat(-1, "", &st, AT_EMPTY_PATH));
    SAY(utimensat(-1, "", 0, 0));
}

static void seals(void) {
    static char b[8192];
    int m = memfd_create("m", MFD_ALLOW_SEALING);
    ftruncate(m, 4096);
    fcntl(m, F_ADD_SEALS, F_SEAL_GROW);
    SAY(pwrite(m, b, 4096, 3072));
    SAY(pwrite(m, b, 8192, 0));
    SAY(pwrite(m, b, 10, 4096));
    SAY(pwrite(m, b, 100, 4000));
    SAY(ftruncate(m, 5000));
    close(m);
}

int main(void) {
    char dir[] = "/tmp/file_edges.XXXXXX";
    if (!mkdtemp(dir) || chdir(dir)) return 1;
    splice_keeps();
    splice_shares();
    far_offsets();
    past_the_last_offset();
    locks_of_a_descriptor();
    seek_in_proc();
    directories();
    names();
    seals();
    return 0;
}
