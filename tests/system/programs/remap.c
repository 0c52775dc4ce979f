/* mremap and the calls that take a range of memory, with every flag and with ranges that end at, cross or wrap around the end of a
   process's memory: what each answers, and what stays mapped. */
#define _GNU_SOURCE
#include "check.h"
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
enum { PAGE = 4096, FIELD = 64 };
#define LIMIT 0x7ffffffff000ul /* the first address behind a process's memory */
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
static char *field; /* FIELD pages of addresses that are ours */
static int through[2]; /* a pipe: it says EFAULT where a load would end the process */

/* Four pages mapped at 8, a hole of four, two more pages at 16: each with its number. */
static void lay(int shared) {
    munmap(field, FIELD * PAGE);
    int how = (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED;
    mmap(field + 8 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE, how, -1, 0);
    mmap(field + 16 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, how, -1, 0);
    for (int i = 0; i < FIELD; i++)
        if ((i >= 8 && i < 12) || i == 16 || i == 17) field[i * PAGE] = (char)i;
}
/* What the field holds now: a letter for each page's number, `.` unmapped, `0` empty, `!` what cannot be read. */
static void show(void) {
    char line[FIELD + 1] = "";
    unsigned char in;
    for (int i = 0; i < FIELD; i++) {
        if (mincore(field + i * PAGE, PAGE, &in) != 0) line[i] = '.';
        else {
            char c = 0;
            const int readable = write(through[1], field + i * PAGE, 1) == 1 && read(through[0], &c, 1) == 1;
            line[i] = !readable ? '!' : c ? (char)('a' + c) : '0';
        }
    }
    for (int i = FIELD - 1; i >= 0 && line[i] == '.'; i--) line[i] = 0;
    printf(" [%s]\n", line + 8);
}
static void say(long r) {
    if (r == -1) printf("%s", strerrorname_np(errno));
    else if ((uintptr_t)r - (uintptr_t)field < FIELD * PAGE) printf("page %ld", (long)(((uintptr_t)r - (uintptr_t)field) / PAGE));
    else printf("elsewhere");
}

int main(void) {
    char *room = mmap(0, 3 * FIELD * PAGE, PROT_NONE, ANON, -1, 0);
    field = room + FIELD * PAGE;
    if (pipe(through) != 0) return 1;
    munmap(field, FIELD * PAGE);
    const unsigned long at = (unsigned long)field + 8 * PAGE;
    const unsigned long old_lengths[] = {0, 1, PAGE, 4 * PAGE, 5 * PAGE, 10 * PAGE, LIMIT - at + PAGE, 0x8000000000000000ul - at,
                                         0xffff800000000000ul - at, 0xfffffffffffff000ul - at, -at, -at + PAGE, -PAGE, -1ul, 1ul << 63};
    const unsigned long new_lengths[] = {0, 1, PAGE, 2 * PAGE, 6 * PAGE, LIMIT, 0xffff800000000000ul, -PAGE, -1ul};
    const unsigned long places[] = {0, 40, 41, 9, 4}; /* pages of the field */
    for (int shared = 0; shared < 2; shared++)
        for (unsigned flags = 0; flags < 9; flags++)
            for (unsigned o = 0; o < sizeof old_lengths / sizeof *old_lengths; o++)
                for (unsigned n = 0; n < sizeof new_lengths / sizeof *new_lengths; n++)
                    for (unsigned p = 0; p < ((flags & MREMAP_FIXED) ? 5 : 1); p++) {
                        lay(shared);
                        const unsigned long to = p == 0 ? LIMIT - PAGE : (unsigned long)field + places[p] * PAGE;
                        printf("%d flags %u old %u new %u to %u: ", shared, flags, o, n, p);
                        const long r = syscall(SYS_mremap, at, old_lengths[o], new_lengths[n], flags, to);
                        say(r);
                        if (r != -1 && (uintptr_t)r - (uintptr_t)field >= FIELD * PAGE)
                            munmap((void *)r, (new_lengths[n] + PAGE - 1) & -PAGE);
                        show();
                    }
    /* The others, with ranges of the same kinds. */
    const struct { unsigned long start, length; } ranges[] = {
        {at, 0}, {at, 4 * PAGE}, {at, 5 * PAGE}, {at + 1, PAGE}, {at, -at}, {at, -PAGE}, {at, -1ul},
        {LIMIT, 0}, {LIMIT, PAGE}, {LIMIT + PAGE, PAGE}, {0xffff800000000000ul, PAGE}, {0xfffffffffffff000ul, PAGE}, {-PAGE, 2 * PAGE},
        {1ul << 63, PAGE}};
    for (unsigned i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        const unsigned long start = ranges[i].start, length = ranges[i].length;
        unsigned char in[FIELD];
        printf("range %u\n", i);
#define TRY(call) lay(0); errno = 0; printf("  " #call ": "); { const long r_ = (call); if (r_ == -1) printf("%s", strerrorname_np(errno)); else printf("%ld", r_); } show()
        TRY(syscall(SYS_munmap, start, length));
        TRY(syscall(SYS_mprotect, start, length, PROT_READ));
        TRY(syscall(SYS_madvise, start, length, MADV_DONTNEED));
        TRY(syscall(SYS_madvise, start, length, MADV_WILLNEED));
        TRY(syscall(SYS_madvise, start, length, MADV_POPULATE_WRITE));
        TRY(syscall(SYS_madvise, start, length, MADV_DONTFORK));
        TRY(syscall(SYS_mlock, start, length));
        TRY(syscall(SYS_munlock, start, length));
        TRY(syscall(SYS_msync, start, length, MS_SYNC));
        TRY(syscall(SYS_mincore, start, length, length > FIELD * PAGE ? 0 : in));
        TRY(syscall(SYS_remap_file_pages, start, length, 0, 0, 0));
        TRY(syscall(SYS_mbind, start, length, 0, 0, 0, 0));
    }
    return 0;
}
