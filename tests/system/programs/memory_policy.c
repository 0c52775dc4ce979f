/* Memory policies of a task, and where its pages lie, on a machine with one node. */
#include "check.h"
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static long set(int mode, unsigned long nodes, unsigned long count) {
    return syscall(SYS_set_mempolicy, mode, &nodes, count);
}
static void get(unsigned long count, unsigned long flags) {
    int mode = -1;
    unsigned long nodes[3] = {-1, -1, -1};
    long got = SAY(syscall(SYS_get_mempolicy, &mode, count ? nodes : 0, count, 0, flags));
    if (got == 0) printf("  mode %x nodes %lx %lx %lx\n", mode, nodes[0], nodes[1], nodes[2]);
}
static void policies(void) {
    static const int flags[] = {0, MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES, MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES, MPOL_F_NUMA_BALANCING};
    static const unsigned long nodes[] = {0, 1, 2, 3};
    for (int mode = 0; mode <= MPOL_MAX; mode++)
        for (int f = 0; f < 5; f++)
            for (int n = 0; n < 4; n++) {
                printf("mode %d flags %x nodes %lx\n", mode, flags[f], nodes[n]);
                if (SAY(set(mode | flags[f], nodes[n], 64)) == 0) get(64, 0);
            }
    set(MPOL_BIND, 1, 64);
    for (unsigned long count = 0; count < 140; count += count < 4 ? 1 : 31) printf("%lu\n", count), get(count, 0);
    get(64, MPOL_F_NODE);
    get(64, MPOL_F_MEMS_ALLOWED);
    get(64, MPOL_F_MEMS_ALLOWED | MPOL_F_NODE);
    get(64, 8);
    set(MPOL_INTERLEAVE, 1, 64);
    get(64, MPOL_F_NODE);
    fflush(stdout);
    if (!fork()) {
        get(64, 0);
        fflush(stdout);
        _exit(0);
    }
    wait(0);
    static unsigned long many[33] = {1};
    SAY(syscall(SYS_set_mempolicy, MPOL_BIND, many, 33 * 64));
    many[32] = 1;
    SAY(syscall(SYS_set_mempolicy, MPOL_BIND, many, 33 * 64));
    SAY(syscall(SYS_set_mempolicy, MPOL_BIND, many, 4096 * 8 + 2));
    SAY(syscall(SYS_set_mempolicy, MPOL_BIND, 1, 64));
    SAY(syscall(SYS_set_mempolicy, MPOL_DEFAULT, 0, 0));
    get(64, 0);
}

static void ask(int pid, int count, void **pages, int *nodes, int flags) {
    int status[8] = {99, 99, 99, 99, 99, 99, 99, 99};
    long got = SAY(syscall(SYS_move_pages, pid, count, pages, nodes, status, flags));
    for (int i = 0; i < count && got == 0; i++) printf("  %d\n", status[i]);
}
static void places(void) {
    int fd = open("/tmp/memory_policy", O_RDWR | O_CREAT | O_TRUNC, 0600), zeros[8] = {0}, other[8] = {0, 1}, none[8] = {-1};
    write(fd, "x", 1);
    ftruncate(fd, 8192);
    volatile char *anon = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *file = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *gone = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(gone, 4096);
    madvise((void *)anon, 16384, MADV_NOHUGEPAGE);
    anon[0] = 1;
    (void)anon[4096];
    (void)file[0];
    void *pages[] = {(void *)anon, (void *)(anon + 5), (void *)(anon + 4096), (void *)(anon + 8192), (void *)file, (void *)(file + 4096), gone, (void *)-4096L};
    ask(0, 8, pages, 0, 0);
    ask(getpid(), 8, pages, 0, 0);
    ask(0, 1, pages, zeros, MPOL_MF_MOVE);
    ask(0, 2, pages, zeros, MPOL_MF_MOVE_ALL);
    ask(0, 2, pages, other, MPOL_MF_MOVE);
    ask(0, 1, pages, none, 0);
    ask(0, 8, pages, zeros, MPOL_MF_MOVE);
    ask(0, 0, pages, 0, 0);
    ask(0, 1, pages, 0, MPOL_MF_STRICT);
    ask(0, 1, pages, 0, 8);
    ask(0, 1, (void *)1, 0, 0);
    ask(0, 1, pages, (void *)1, 0);
    SAY(syscall(SYS_move_pages, 0, 1, pages, 0, 1, 0));
    ask(1 << 22, 1, pages, 0, 0);
    ask(-1, 1, pages, 0, 0);
    unsigned long first = 1, second = 2, nobody = 0;
    SAY(syscall(SYS_migrate_pages, 0, 64, &first, &first));
    SAY(syscall(SYS_migrate_pages, getpid(), 64, &second, &first));
    SAY(syscall(SYS_migrate_pages, 0, 64, &first, &second));
    SAY(syscall(SYS_migrate_pages, 0, 64, &first, &nobody));
    SAY(syscall(SYS_migrate_pages, 0, 64, 1, &first));
    SAY(syscall(SYS_migrate_pages, 0, 64, &first, 1));
    SAY(syscall(SYS_migrate_pages, 0, 4096 * 8 + 2, &first, &first));
    SAY(syscall(SYS_migrate_pages, 1 << 22, 64, &first, &first));
    fflush(stdout);
    if (!fork()) {
        setuid(1000);
        ask(0, 1, pages, 0, MPOL_MF_MOVE_ALL);
        ask(1, 1, pages, 0, 0);
        SAY(syscall(SYS_migrate_pages, 1, 64, &first, &first));
        SAY(syscall(SYS_migrate_pages, 0, 64, &first, &second));
        fflush(stdout);
        _exit(0);
    }
    wait(0);
}

static void get_at(const char *what, char *address, unsigned long flags) {
    int mode = -1;
    unsigned long nodes[2] = {-1, -1};
    long got = syscall(SYS_get_mempolicy, &mode, nodes, 128, address, MPOL_F_ADDR | flags);
    printf("%s: %s", what, got ? strerrorname_np(errno) : "");
    if (got == 0) printf("mode %x nodes %lx %lx", mode, nodes[0], nodes[1]);
    printf("\n");
}
/* How many mappings the range is made of. */
static int pieces(char *start, unsigned long bytes) {
    FILE *f = fopen("/proc/self/maps", "r");
    unsigned long from, to;
    int count = 0;
    char line[400];
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%lx-%lx", &from, &to) == 2 && from < (unsigned long)start + bytes && to > (unsigned long)start) count++;
    fclose(f);
    return count;
}
static void mappings(void) {
    /* Between two holes, so that it has no neighbours. */
    char *room = mmap(0, 10 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *m = room + 4096;
    mprotect(m, 8 * 4096, PROT_READ | PROT_WRITE);
    munmap(room, 4096), munmap(m + 8 * 4096, 4096);
    unsigned long first = 1, second = 2, both = 3, none = 0;
    get_at("nothing asked", m, 0);
    static const int modes[] = {MPOL_DEFAULT, MPOL_PREFERRED, MPOL_BIND, MPOL_INTERLEAVE, MPOL_LOCAL, MPOL_BIND | MPOL_F_STATIC_NODES, MPOL_INTERLEAVE | MPOL_F_RELATIVE_NODES};
    for (int i = 0; i < 7; i++) {
        printf("mode %x\n", modes[i]);
        SAY(syscall(SYS_mbind, m, 8 * 4096, modes[i], &none, 64, 0));
        get_at("none", m, 0);
        SAY(syscall(SYS_mbind, m, 8 * 4096, modes[i], &first, 64, MPOL_MF_MOVE));
        get_at("first", m, 0);
        get_at("node", m, MPOL_F_NODE);
        SAY(syscall(SYS_mbind, m, 8 * 4096, modes[i], &both, 64, MPOL_MF_STRICT));
        get_at("both", m + 8 * 4096 - 1, 0);
        SAY(syscall(SYS_mbind, m, 8 * 4096, modes[i], &second, 64, 0));
    }
    SAY(syscall(SYS_mbind, m, 8 * 4096, MPOL_DEFAULT, 0, 0, 0));
    printf("%d\n", pieces(m, 8 * 4096));
    SAY(syscall(SYS_mbind, m + 2 * 4096, 2 * 4096, MPOL_BIND, &first, 64, 0));
    printf("%d\n", pieces(m, 8 * 4096));
    get_at("before", m + 2 * 4096 - 1, 0);
    get_at("in it", m + 3 * 4096, 0);
    get_at("behind", m + 4 * 4096, 0);
    SAY(syscall(SYS_mbind, m + 4 * 4096, 4096, MPOL_BIND, &first, 64, 0));
    printf("%d\n", pieces(m, 8 * 4096));
    fflush(stdout);
    if (!fork()) {
        get_at("child", m + 3 * 4096, 0);
        fflush(stdout);
        _exit(0);
    }
    wait(0);
    char *moved = mremap(m + 2 * 4096, 4096, 2 * 4096, MREMAP_MAYMOVE);
    get_at("moved", moved, 0);
    SAY(syscall(SYS_mbind, m, 8 * 4096, MPOL_DEFAULT, 0, 0, 0));  /* there is a hole now */
    get_at("in the hole", m + 2 * 4096, 0);
    SAY(syscall(SYS_mbind, m + 3 * 4096, 5 * 4096, MPOL_DEFAULT, 0, 0, 0));
    printf("%d\n", pieces(m, 8 * 4096));
}

int main(void) {
    mappings();
    policies();
    places();
    return 0;
}
