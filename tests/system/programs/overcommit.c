/* /proc/sys/vm/overcommit_*: how much memory is promised, by each of the three rules. */
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MIB (1L << 20)
static const int RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS;

static void put(const char *name, long value) {
    char path[64], text[32];
    snprintf(path, sizeof(path), "/proc/sys/vm/overcommit_%s", name);
    int fd = open(path, O_WRONLY), n = snprintf(text, sizeof(text), "%ld", value);
    if (write(fd, text, n) != n) printf("%s %ld: %s\n", name, value, strerror(errno));
    close(fd);
}
static void get(const char *name) {
    char path[64], text[32] = "";
    snprintf(path, sizeof(path), "/proc/sys/vm/overcommit_%s", name);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof(text) - 1);
    close(fd);
    printf("%s %s", name, text);
}
static long meminfo(const char *name) {
    char line[128];
    long kib = -1;
    FILE *f = fopen("/proc/meminfo", "r");
    while (fgets(line, sizeof(line), f))
        if (!strncmp(line, name, strlen(name))) sscanf(line + strlen(name), ": %ld", &kib);
    fclose(f);
    return kib;
}
static void *map(const char *what, long bytes, int prot, int flags) {
    errno = 0;
    void *at = mmap(0, bytes, prot, flags, -1, 0);
    printf("%s %ld MiB: %s\n", what, bytes / MIB, at == MAP_FAILED ? strerror(errno) : "ok");
    return at;
}
static void try(const char *what, long bytes, int prot, int flags) {
    void *at = map(what, bytes, prot, flags);
    if (at != MAP_FAILED) munmap(at, bytes);
}
static void try_all(long bytes) {
    try("private", bytes, RW, ANON);
    try("read only", bytes, PROT_READ, ANON);
    try("no reserve", bytes, RW, ANON | MAP_NORESERVE);
    try("shared", bytes, RW, MAP_SHARED | MAP_ANONYMOUS);
    try("shared, no reserve", bytes, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE);
    char *at = map("nothing", bytes, PROT_NONE, ANON);
    SAY(mprotect(at, bytes, RW));
    munmap(at, bytes);
    at = map("nothing, no reserve", bytes, PROT_NONE, ANON | MAP_NORESERVE);
    SAY(mprotect(at, bytes, RW));
    munmap(at, bytes);
    at = map("small", MIB, RW, ANON);
    char *grown = mremap(at, MIB, bytes, MREMAP_MAYMOVE);
    printf("grown: %s\n", grown == MAP_FAILED ? strerror(errno) : "ok");
    munmap(grown == MAP_FAILED ? at : grown, grown == MAP_FAILED ? MIB : bytes);
}

int main(void) {
    get("memory");
    get("ratio");
    get("kbytes");
    SAY(labs(meminfo("CommitLimit") - meminfo("MemTotal") / 2) < 8);
    try_all(4096L * MIB * 256);

    put("memory", 1);
    try_all(4096L * MIB * 256);

    put("kbytes", meminfo("Committed_AS") + 96 * 1024);
    get("ratio");
    put("memory", 2);
    try_all(256 * MIB);
    try_all(16 * MIB);
    SAY(sbrk(256 * MIB) == (void *)-1);
    SAY(sbrk(4 * MIB) != (void *)-1);
    /* A child's copy counts, too. */
    void *half = map("half", 64 * MIB, RW, ANON);
    fflush(stdout);
    int child = fork();
    if (!child) _exit(0);
    SAY(child > 0);
    munmap(half, 64 * MIB);
    half = map("read only", 64 * MIB, PROT_READ, ANON);
    fflush(stdout);
    child = fork();
    if (!child) _exit(0);
    SAY(child > 0);
    waitpid(child, 0, 0);
    SAY(meminfo("CommitLimit") > meminfo("Committed_AS"));

    put("memory", 0);
    put("memory", 3);
    put("memory", -1);
    put("kbytes", -1);
    put("ratio", 50);
    get("memory");
    get("ratio");
    get("kbytes");
    return 0;
}
