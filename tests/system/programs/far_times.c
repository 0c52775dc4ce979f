// Inode times are any second of 64 bits, with nanoseconds from 0 on: before 1678, after 2262, and at the ends.
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

static const char *dir = "/tmp/far_times", *name = "/tmp/far_times/file";

static void show(const char *what) {
    struct stat s;
    struct statx x;
    if (stat(name, &s) || statx(AT_FDCWD, name, 0, STATX_BASIC_STATS, &x)) {
        perror("stat");
        return;
    }
    printf("%s: %lld.%09ld %lld.%09ld", what, (long long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long long)s.st_mtim.tv_sec,
           s.st_mtim.tv_nsec);
    printf(" statx %lld.%09u %lld.%09u\n", (long long)x.stx_atime.tv_sec, x.stx_atime.tv_nsec, (long long)x.stx_mtime.tv_sec,
           x.stx_mtime.tv_nsec);
}

static void set(long long seconds, long nanoseconds) {
    struct timespec t[2] = {{seconds, nanoseconds}, {-seconds, 999999999 - nanoseconds}};
    char what[64];
    snprintf(what, sizeof what, "set %lld.%09ld = %d", seconds, nanoseconds, utimensat(AT_FDCWD, name, t, 0));
    show(what);
}

int main(void) {
    // A mount of its own: the root's keeps no relatime.
    if (mkdir(dir, 0700) || mount("none", dir, "tmpfs", 0, 0)) perror(dir);
    close(open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600));
    set(0, 0);
    set(-1, 1);
    set(-1, 999999999);
    set(9223372036, 854775807);
    set(9223372036, 854775808);
    set(9223372037, 0);
    set(-9223372037, 5);
    set(1LL << 40, 7);
    set(1LL << 62, 7);
    set(LLONG_MAX, 999999999);
    set(-LLONG_MAX, 0);
    struct timespec ends[2] = {{LLONG_MIN, 999999999}, {LLONG_MIN, 1}};
    printf("least %d\n", utimensat(AT_FDCWD, name, ends, 0));
    show("least");
    struct utimbuf u = {1LL << 50, -(1LL << 50)};
    printf("utime %d\n", utime(name, &u));
    show("utime");
    struct timeval tv[2] = {{-(1LL << 45), 999999}, {1LL << 45, 1}};
    printf("utimes %d\n", utimes(name, tv));
    show("utimes");
    struct timespec omit[2] = {{0, UTIME_OMIT}, {-5, 5}};
    printf("omit %d\n", utimensat(AT_FDCWD, name, omit, 0));
    show("omit");
    // relatime: an access time behind the time of the last change is brought forward by a read, however far it is behind;
    // one that lies ahead stays.
    struct timespec far[2] = {{-(1LL << 40), 0}, {0, UTIME_OMIT}};
    utimensat(AT_FDCWD, name, far, 0);
    int fd = open(name, O_RDWR);
    char c = 'x';
    pwrite(fd, &c, 1, 0);
    pread(fd, &c, 1, 0);
    struct stat s;
    fstat(fd, &s);
    printf("read brings it forward: %d\n", s.st_atim.tv_sec > 1000000000);
    far[0].tv_sec = 1LL << 40;
    utimensat(AT_FDCWD, name, far, 0);
    pread(fd, &c, 1, 0);
    fstat(fd, &s);
    printf("ahead: %d\n", s.st_atim.tv_sec == 1LL << 40);
    printf("ctime is now: %d\n", s.st_ctim.tv_sec > 1000000000 && s.st_ctim.tv_sec < 1LL << 34);
    close(fd);
    if (umount(dir) || rmdir(dir)) perror(dir);
    return 0;
}
