/* What is told of a process with terabytes of reserved addresses, and reads of /proc as long as memory. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>

static void reads(const char *path) {
    static char text[1 << 16];
    int f = open(path, O_RDONLY);
    long n, all = 0;
    while ((n = read(f, text, sizeof text)) > 0) all += n;
    printf("%s: %s, ends with %ld\n", path, all > 0 ? "text" : "nothing", n);
    close(f);
}

int main(void) {
    const size_t large = (size_t)16 << 40, half = 48 << 20;
    char *at = mmap(NULL, large, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    printf("reserved %d\n", at != MAP_FAILED);
    /* Pages here and there, so that there are tables. */
    for (size_t i = 0; i < 16; ++i) {
        char *page = at + (i << 40) + (i << 21);
        SAY(mprotect(page, 4096, PROT_READ | PROT_WRITE));
        *page = 1;
    }
    reads("/proc/self/smaps");
    reads("/proc/self/smaps_rollup");
    reads("/proc/self/numa_maps");
    int f = open("/proc/self/clear_refs", O_WRONLY);
    SAY(write(f, "1", 1));
    SAY(write(f, "4", 1));
    close(f);
    char *buffer = mmap(NULL, 2 * half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    f = open("/proc/self/mem", O_RDWR);
    SAY(pread(f, buffer, half, (off_t)(buffer + half)));
    SAY(pwrite(f, buffer, half, (off_t)(buffer + half)));
    close(f);
    f = open("/proc/self/pagemap", O_RDONLY);
    SAY(pread(f, buffer, half, (off_t)((size_t)at >> 9)));
    close(f);
    SAY(mincore(at, (size_t)half << 12, (unsigned char *)buffer));
    printf("%d %d\n", buffer[0], buffer[1]);
    SAY(mincore(at, large, (unsigned char *)buffer));
    SAY(madvise(at, large, MADV_DONTNEED));
    SAY(munmap(at, large));
    return 0;
}
