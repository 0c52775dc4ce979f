/* mmap and friends: errnos, protections, sharing, faults. */
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
static sigjmp_buf jb; static volatile int code, sig;
static void on(int s, siginfo_t *si, void *u) { sig = s; code = si->si_code; siglongjmp(jb, 1); }
#define PROBE(stmt) do { sig = code = 0; if (!sigsetjmp(jb, 1)) { stmt; } printf("%d " #stmt ": sig %d code %d\n", __LINE__, sig, code); } while (0)
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
/* Files are stamped by the coarse clock, which may stand still for longer than one thinks. */
static void until_the_clock_ticks(void) {
    struct timespec then, now;
    clock_gettime(CLOCK_REALTIME_COARSE, &then);
    do {
        usleep(5000);
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
    } while (!memcmp(&then, &now, sizeof(now)));
}
static void shared_write_times(void) {
    int fd = open("/tmp/cm_times", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(fd, 8192);
    /* A read maps the cached pages from an aligned 64 KiB on, or from where the mapping begins: where the pages lie decides what faults. */
    char *room = mmap(0, 4 << 20, PROT_NONE, ANON, -1, 0);
    char *table = (char *)(((unsigned long)room + 0x1fffff) & ~0x1ffffful);
    char *places[] = {table + 0x10000, table + 0xf000, table + 0x1ff000}; /* the last has no neighbours */
    for (int run = 0; run < 6; run++) {
        const int shared = run & 1;
        char *place = places[run / 2];
        volatile char *at = mmap(place, 8192, RW, (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, fd, 0);
        for (int i = 0; i < 4; i++) {
            struct stat before, after;
            until_the_clock_ticks();
            fstat(fd, &before);
            if (i == 0) at[0]; /* a read, then each page's first write, then one more */
            if (i == 1) at[0] = 1;
            if (i == 2) at[4096] = 1;
            fstat(fd, &after);
            printf("run %d step %d: %d %d\n", run, i, memcmp(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim)) != 0, memcmp(&before.st_ctim, &after.st_ctim, sizeof(before.st_ctim)) != 0);
        }
        munmap((void *)at, 8192);
    }
    close(fd);
}

int main(void) {
    struct sigaction sa = {.sa_sigaction = on, .sa_flags = SA_SIGINFO}; sigaction(SIGSEGV, &sa, 0); sigaction(SIGBUS, &sa, 0);
    volatile char *p = mmap(0, 16384, RW, ANON, -1, 0); p[0] = 1; p[8192] = 2; volatile char x;
    SAY((long)mmap(0, 0, RW, ANON, -1, 0)); SAY((long)mmap(0, 4096, RW, MAP_ANONYMOUS, -1, 0)); SAY((long)mmap(0, 4096, RW, MAP_PRIVATE, 99, 0)); SAY((long)mmap((void *)123, 4096, RW, ANON | MAP_FIXED, -1, 0)); SAY((long)mmap((void *)p, 4096, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0)); SAY((long)mmap(0, 1ull << 50, RW, ANON, -1, 0)); SAY((long)mmap(0, 4096, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_PRIVATE, -1, 0));
    SAY(mprotect((void *)p, 4096, PROT_READ)); PROBE(p[0] = 2); PROBE(x = p[0]); SAY(mprotect((void *)p, 4096, PROT_NONE)); PROBE(x = p[0]); SAY(mprotect((void *)(p + 1), 4096, RW)); SAY(mprotect((void *)p, 4096, 0x100)); SAY(mprotect((void *)0x10000, 4096, RW)); SAY(mprotect((void *)p, 4096, RW));
    SAY(munmap((void *)(p + 4096), 4096)); PROBE(x = p[4096]); PROBE(x = p[8192]); printf("%d\n", p[8192]); SAY(munmap((void *)(p + 1), 1)); SAY(munmap((void *)p, 0)); SAY(munmap((void *)0x7fffffffe000, 1 << 20));
    PROBE(x = *(volatile char *)0); PROBE(*(volatile char *)0xdead000000000000 = 1); PROBE(((void (*)(void))p)());
    int fd = open("/tmp/cm", O_RDWR | O_CREAT | O_TRUNC, 0600); ftruncate(fd, 6000); write(fd, "file", 4);
    volatile char *s = mmap(0, 12288, RW, MAP_SHARED, fd, 0), *v = mmap(0, 12288, RW, MAP_PRIVATE, fd, 0); s[1] = 'I'; char b[8] = {0}; pread(fd, b, 4, 0); printf("%s %c\n", b, v[1]); v[2] = 'L'; pread(fd, b, 4, 0); printf("%s %c\n", b, v[2]); pwrite(fd, "F", 1, 0); printf("%c %c\n", s[0], v[0]);
    PROBE(x = s[5999]); PROBE(x = s[7000]); PROBE(x = s[8192]); PROBE(s[8192] = 1); ftruncate(fd, 100); PROBE(x = s[4096]); PROBE(x = s[99]); printf("%d\n", s[200]); ftruncate(fd, 8192); printf("%d\n", s[4096]);
    SAY((long)mmap(0, 4096, RW, MAP_SHARED, fd, 1)); int ro = open("/tmp/cm", O_RDONLY); SAY((long)mmap(0, 4096, RW, MAP_SHARED, ro, 0)); OK((long)mmap(0, 4096, RW, MAP_PRIVATE, ro, 0)); int wo = open("/tmp/cm", O_WRONLY); SAY((long)mmap(0, 4096, PROT_READ, MAP_PRIVATE, wo, 0)); void *rs = mmap(0, 4096, PROT_READ, MAP_SHARED, ro, 0); SAY(mprotect(rs, 4096, RW));
    int *sh = mmap(0, 4096, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *pr = mmap(0, 4096, RW, ANON, -1, 0); *pr = 1; *sh = 1; if (!fork()) { *sh = 2; *pr = 2; _exit(0); } wait(0); printf("%d %d\n", *sh, *pr);
    char *m = mmap(0, 8192, RW, ANON, -1, 0); strcpy(m, "moved"); char *m2 = mremap(m, 8192, 1 << 20, MREMAP_MAYMOVE); printf("%s\n", m2); OK((long)mremap(m2, 1 << 20, 4096, 0)); PROBE(x = m2[4096]); SAY((long)mremap((void *)0x10000, 4096, 8192, 1)); SAY((long)mremap(m2 + 1, 4096, 8192, 1)); SAY((long)mremap(m2, 4096, 0, 1)); SAY((long)mremap(m2, 4096, 8192, 64));
    char *d = mmap(0, 8192, RW, ANON, -1, 0); d[0] = 5; SAY(madvise(d, 4096, MADV_DONTNEED)); printf("%d\n", d[0]); SAY(madvise(d, 4096, 999)); SAY(madvise(d + 1, 4096, MADV_DONTNEED)); SAY(madvise((void *)0x10000, 4096, MADV_DONTNEED)); SAY(madvise(d, 4096, MADV_WILLNEED)); SAY(madvise(d, 4096, MADV_FREE)); SAY(madvise(d, 4096, MADV_DONTFORK)); SAY(madvise(d, 4096, MADV_WIPEONFORK));
    unsigned char vec[4]; d[0] = 1; SAY(mincore(d, 8192, vec)); printf("%d\n", vec[0] & 1); SAY(mincore(d + 1, 1, vec)); SAY(mincore((void *)0x10000, 4096, vec)); SAY(mincore(d, 4096, (void *)1)); SAY(msync(d, 4096, MS_SYNC)); SAY(msync(d, 4096, MS_SYNC | MS_ASYNC)); SAY(msync((void *)0x10000, 4096, MS_SYNC)); SAY(mlock(d, 4096)); SAY(munlock(d, 4096)); SAY(mlock((void *)0x10000, 4096)); SAY(mlockall(0)); SAY(mlockall(99)); SAY(munlockall());
    int mf = OK(memfd_create("t", MFD_ALLOW_SEALING)); SAY(memfd_create("t", 0x4000)); ftruncate(mf, 4096); SAY(fcntl(mf, F_GET_SEALS)); SAY(fcntl(mf, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE)); SAY(write(mf, "x", 1)); SAY(ftruncate(mf, 0)); SAY(ftruncate(mf, 8192)); SAY(fcntl(mf, F_GET_SEALS)); SAY((long)mmap(0, 4096, RW, MAP_SHARED, mf, 0)); SAY(fcntl(fd, F_GET_SEALS));
    char *brk0 = sbrk(0); OK((long)sbrk(1 << 20)); brk0[100] = 1; SAY(brk(brk0)); PROBE(brk0[1 << 19] = 1); volatile char big[1 << 20]; big[0] = 1; printf("stack ok %d\n", big[0]);
    shared_write_times();
    for (int log = 0; log < 64; log++) printf("%d: %s\n", log, mmap(0, 4096, RW, ANON | MAP_HUGETLB | (unsigned)log << 26, -1, 0) == MAP_FAILED ? strerrorname_np(errno) : "ok");
    SAY((long)mmap(0, 1024, RW, ~0, fd, 0));
    return 0;
}
