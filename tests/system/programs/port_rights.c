/* ioperm: which ports a task may touch, with every form of the instructions, and who inherits the right. The ports are
   the scratch register of the second serial port and the registers through which PCI's configuration is read. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SCRATCH 0x2ff
#define ADDRESS 0xcf8
#define DATA 0xcfc

static sigjmp_buf back;
static volatile int code, steps;
static void *volatile where;

static void caught(int sig, siginfo_t *info, void *context) {
    (void)sig, (void)context;
    code = info->si_code;
    where = info->si_addr;
    siglongjmp(back, 1);
}

/* What happened to an expression that touches a port. */
#define TRY(expr)                                                                     \
    do {                                                                              \
        if (!sigsetjmp(back, 1))                                                      \
            printf("%d %s: %#x\n", __LINE__, #expr, (unsigned)(expr));                \
        else                                                                          \
            printf("%d %s: SIGSEGV %d at %p\n", __LINE__, #expr, code, where);        \
        fflush(stdout);                                                               \
    } while (0)

static unsigned char in_immediate(void) {
    unsigned char v;
    asm volatile("inb $0x80, %0" : "=a"(v));
    return v;
}
static unsigned out_immediate(void) {
    asm volatile("outb %0, $0x80" ::"a"((unsigned char)1));
    return 0;
}
static unsigned out8(int port, unsigned char value) {
    outb(value, port);
    return 0;
}
static unsigned out32(int port, unsigned value) {
    outl(value, port);
    return 0;
}
/* A narrow read keeps the rest of the register, a wide one clears its upper half. */
static unsigned kept(int wide) {
    unsigned long v = 0x1122334455667788;
    if (wide == 4)
        asm volatile("inl %%dx, %%eax" : "+a"(v) : "d"(DATA));
    else if (wide == 2)
        asm volatile("inw %%dx, %%ax" : "+a"(v) : "d"(DATA));
    else
        asm volatile("inb %%dx, %%al" : "+a"(v) : "d"(DATA));
    printf("%lx ", v);
    return 0;
}
static unsigned string_out(const char *text, long count) {
    const char *at = text;
    asm volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(SCRATCH) : "memory");
    printf("moved %ld, left %ld, ", (long)(at - text), count);
    return inb(SCRATCH);
}
static unsigned string_in(void *to, long count, int down) {
    char *at = to;
    if (down)
        asm volatile("std; rep insw; cld" : "+D"(at), "+c"(count) : "d"(DATA) : "memory");
    else
        asm volatile("rep insl" : "+D"(at), "+c"(count) : "d"(DATA) : "memory");
    printf("moved %ld, left %ld, ", (long)(at - (char *)to), count);
    return 0;
}
static void stepped(int sig, siginfo_t *info, void *context) {
    (void)sig, (void)context;
    if (info->si_code == TRAP_TRACE) steps++;
}
static unsigned single_step(void) {
    unsigned char v;
    struct sigaction a = {.sa_sigaction = stepped, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &a, NULL);
    asm volatile("pushfq; orl $0x100, (%%rsp); popfq; inb %%dx, %%al; nop; pushfq; andl $~0x100, (%%rsp); popfq"
                 : "=a"(v)
                 : "d"(SCRATCH)
                 : "memory", "cc");
    printf("%d steps, ", steps);
    return v;
}

static void *thread(void *arg) {
    TRY(inb(SCRATCH));
    /* Its own rights, from here on. */
    SAY(ioperm(SCRATCH, 1, 0));
    TRY(inb(SCRATCH));
    return arg;
}

int main(int argc, char **argv) {
    struct sigaction a = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &a, NULL);
    if (argc > 1) {
        puts("a new program");
        TRY(inb(SCRATCH));
        TRY(inb(DATA));
        return 0;
    }
    SAY(syscall(SYS_ioperm, 0, 0, 1));
    SAY(syscall(SYS_ioperm, 0, 65537, 1));
    SAY(syscall(SYS_ioperm, 65535, 2, 1));
    SAY(syscall(SYS_ioperm, 65536, 1, 0));
    SAY(syscall(SYS_ioperm, -1L, 2, 1));
    SAY(syscall(SYS_ioperm, 0, 65536, 0));
    TRY(inb(SCRATCH));
    SAY(ioperm(SCRATCH, 1, 1));
    SAY(ioperm(65535, 1, 7));
    TRY(out8(SCRATCH, 0x5a));
    TRY(inb(SCRATCH));
    TRY(inb(SCRATCH - 1));
    TRY(inw(SCRATCH));
    TRY(inw(SCRATCH - 1));
    TRY(inw(65535));
    TRY(in_immediate());
    TRY(out_immediate());
    SAY(ioperm(0x80, 1, 1));
    TRY(out_immediate());
    TRY(in_immediate() & 0);
    SAY(ioperm(ADDRESS, 8, 1));
    TRY(out32(ADDRESS, 0x80000000));
    TRY(inl(ADDRESS));
    TRY(inl(DATA));
    TRY(inw(DATA));
    TRY(inb(DATA));
    TRY(inw(DATA + 2));
    TRY(inl(DATA + 4));
    TRY(kept(1));
    TRY(kept(2));
    TRY(kept(4));
    SAY(ioperm(DATA + 3, 1, 0));
    TRY(inl(DATA));
    TRY(inw(DATA));
    SAY(ioperm(DATA + 3, 1, 1));

    TRY(string_out("abc", 3));
    TRY(string_out("xyz", 0));
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page + 4096, 4096, PROT_NONE);
    memset(page, 'p', 4096);
    TRY(string_out(page, 4096));
    unsigned got[3] = {1, 2, 3};
    TRY(string_in(got, 2, 0));
    printf("%x %x %x\n", got[0], got[1], got[2]);
    got[0] = got[1] = got[2] = 7;
    TRY(string_in(got + 1, 2, 1));
    printf("%x %x %x\n", got[0], got[1], got[2]);
    page[4095] = 'q';
    if (!sigsetjmp(back, 1))
        string_out(page + 4000, 100);
    else
        printf("past the end: %d at %ld, told %c\n", code, (long)((char *)where - page), inb(SCRATCH));
    if (!sigsetjmp(back, 1))
        string_in(page + 4088, 5, 0);
    else
        printf("past the end: %d at %ld\n", code, (long)((char *)where - page));
    TRY(out8(SCRATCH, 0x33));
    TRY(single_step());

    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    TRY(inb(SCRATCH));
    fflush(stdout);
    if (!fork()) {
        TRY(inb(SCRATCH));
        SAY(ioperm(SCRATCH, 1, 0));
        TRY(inb(SCRATCH));
        fflush(stdout);
        execl("/proc/self/exe", argv[0], "again", NULL);
        _exit(1);
    }
    wait(NULL);
    TRY(inb(SCRATCH));
    if (!fork()) {
        setuid(1000);
        /* What is open stays so. */
        TRY(inb(SCRATCH));
        SAY(ioperm(SCRATCH, 1, 1));
        SAY(ioperm(SCRATCH, 1, 0));
        SAY(ioperm(0x80, 1, 0));
        TRY(inb(SCRATCH));
        SAY(syscall(SYS_ioperm, 65536, 1, 1));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    SAY(ioperm(0, 65536, 0));
    TRY(inb(SCRATCH));
    return 0;
}
