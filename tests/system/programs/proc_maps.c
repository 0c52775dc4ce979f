/* /proc/self/maps and smaps of many mappings: what one read gives, and that all reads together give one text. */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { PAGES = 400, ROOM = 1 << 20 };
static char whole[ROOM], again[ROOM];

/* The text by reads of `size` bytes; how many reads were short of that, and how many of those ended within a line. */
static int text_by(const char *name, size_t size, char *to, int *n_short, int *within) {
    int fd = open(name, O_RDONLY), at = 0, n;
    *n_short = *within = 0;
    while ((n = read(fd, to + at, at + size < ROOM ? size : ROOM - at)) > 0) {
        at += n;
        if (n < size) ++*n_short, *within += to[at - 1] != '\n';
    }
    close(fd);
    return at;
}
static int count(const char *text, int size, const char *what) {
    int n = 0;
    for (const char *p = text; (p = memmem(p, text + size - p, what, strlen(what))); p++) n++;
    return n;
}

static void file(const char *name, const char *mark) {
    int n_short, within, size = text_by(name, 4096, whole, &n_short, &within), more;
    printf("%s: every read of a page ends with a line: %d, and some are short: %d\n", name, within == 0, n_short > 1);
    printf("mappings: %d\n", count(whole, size, mark) >= PAGES);
    size = text_by(name, 1 << 16, whole, &n_short, &within);
    printf("no read gives more than a page: %d\n", n_short > 4 && within == 0);
    more = text_by(name, 1000, again, &n_short, &within);
    printf("by 1000: %d %d, short %d\n", more == size, !memcmp(whole, again, size), n_short);
    more = text_by(name, 7, again, &n_short, &within);
    printf("by 7: %d, short %d\n", more == size && !memcmp(whole, again, size), n_short <= 1);
    int fd = open(name, O_RDONLY), good = 1;
    for (int at = size - 50; at > 0; at -= 4999) good &= pread(fd, again, 50, at) == 50 && !memcmp(again, whole + at, 50);
    printf("from anywhere: %d\n", good);
    SAY(pread(fd, again, 50, size));
    SAY(pread(fd, again, 50, size + 100000));
    SAY(lseek(fd, 9000, SEEK_SET));
    SAY(read(fd, again, 50));
    printf("after a seek: %d\n", !memcmp(again, whole + 9000, 50));
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(read(fd, again, 50));
    printf("from the start again: %d\n", !memcmp(again, whole, 50));
    SAY(read(fd, (void *)1, 50));
    SAY(lseek(fd, 0, SEEK_CUR));
    close(fd);
}

int main(void) {
    memset(whole, 1, ROOM), memset(again, 1, ROOM); /* or smaps changes while it is read */
    char *m = mmap(0, PAGES * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), name[64], b[4096];
    for (int i = 0; i < PAGES; i += 2) mprotect(m + i * 4096, 4096, PROT_READ | PROT_WRITE);
    file("/proc/self/maps", "-p 00000000 00:00 0");
    file("/proc/self/smaps", "VmFlags:");

    /* Of a process that ends while its file is open. */
    int p[2];
    pipe(p);
    pid_t child = fork();
    if (!child) read(p[0], b, 1), _exit(0);
    sprintf(name, "/proc/%d/maps", child);
    int fd = open(name, O_RDONLY), early = open(name, O_RDONLY);
    SAY(read(early, b, 4096) > 0);
    write(p[1], "x", 1);
    waitpid(child, 0, 0);
    SAY(read(early, b, 4096));
    SAY(lseek(early, 0, SEEK_SET));
    SAY(read(early, b, 4096));
    SAY(read(fd, b, 4096));
    return 0;
}
