/* Mappings far apart come and go in every order: what stays keeps its contents, and no page table is left behind. */
#include "check.h"
#include <sys/mman.h>
#include <sys/wait.h>

#define PAGE 4096ul
/* A page table covers 2 MiB, the next level 1 GiB, the one above 512 GiB: neighbours within and across each. */
static const unsigned long places[] = {
    0x100000000000, 0x100000001000, 0x1000001ff000, 0x100000200000, 0x10003ffff000, 0x100040000000,
    0x107fffffe000, 0x107ffffff000, 0x108000000000, 0x200000000000, 0x2000003ff000,
};
enum { COUNT = sizeof places / sizeof places[0] };

static long table_kb(void) {
    FILE *f = fopen("/proc/meminfo", "r");
    char line[128];
    long free_kb = -1;
    while (f && fgets(line, sizeof line, f)) sscanf(line, "MemFree: %ld", &free_kb);
    if (f) fclose(f);
    return free_kb;
}

static void map_at(int i) {
    unsigned char *p = mmap((void *)places[i], PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != (void *)places[i]) exit(2);
    memset(p, i + 1, PAGE);
}

int main(void) {
    unsigned seed = 1;
    int wrong = 0;
    for (int round = 0; round < 200; round++) {
        int order[COUNT], alive[COUNT];
        for (int i = 0; i < COUNT; i++) map_at(i), order[i] = i, alive[i] = 1;
        for (int i = COUNT - 1; i > 0; i--) {
            seed = seed * 1103515245 + 12345;
            int j = (int)((seed >> 16) % (unsigned)(i + 1)), t = order[i];
            order[i] = order[j], order[j] = t;
        }
        for (int i = 0; i < COUNT; i++) {
            /* Sometimes a range that reaches into the holes on both sides. */
            unsigned long at = places[order[i]];
            if (munmap((void *)at, PAGE)) wrong++;
            alive[order[i]] = 0;
            for (int k = 0; k < COUNT; k++)
                if (alive[k]) {
                    const unsigned char *p = (void *)places[k];
                    wrong += p[0] != k + 1 || p[PAGE - 1] != k + 1;
                }
        }
    }
    printf("wrong %d\n", wrong);
    /* One call over everything, holes included. */
    for (int i = 0; i < COUNT; i++) map_at(i);
    SAY(munmap((void *)places[0], places[COUNT - 1] + PAGE - places[0]));
    for (int i = 0; i < COUNT; i++) map_at(i);
    for (int i = 0; i < COUNT; i++) wrong += ((unsigned char *)places[i])[7] != i + 1;
    SAY(munmap((void *)places[0], places[COUNT - 1] + PAGE - places[0]));
    printf("wrong %d\n", wrong);
    /* Tables that stayed would cost three pages a place and round: 400 MB in the end. */
    long before = table_kb();
    for (unsigned long n = 0; n < 30000; n++) {
        unsigned long at = 0x300000000000 + (n << 30);
        char *p = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (p == MAP_FAILED) return 1;
        *p = 1;
        if (munmap(p, PAGE)) return 1;
    }
    printf("tables went: %s\n", before - table_kb() < 16384 ? "yes" : "no");
    return 0;
}
