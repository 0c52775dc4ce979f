/* The floating-point and vector state across signals: kept, changeable in the frame, refused when it is malformed. */
#include "check.h"
#include <signal.h>
#include <sys/wait.h>
#include <ucontext.h>

typedef unsigned char bytes32[32];
static int mode; /* what the handler does with the frame */
static int tells = 1;

static int have_avx;
static void load(const bytes32 v) {
    if (have_avx) __asm__ volatile("vmovdqu %0, %%ymm7" ::"m"(*(const bytes32 *)v));
    else __asm__ volatile("movdqu %0, %%xmm7" ::"m"(*(const bytes32 *)v));
}
static void store(bytes32 v) {
    if (have_avx) __asm__ volatile("vmovdqu %%ymm7, %0" : "=m"(*(bytes32 *)v));
    else __asm__ volatile("movdqu %%xmm7, %0" : "=m"(*(bytes32 *)v));
}

static void handler(int s, siginfo_t *si, void *context) {
    ucontext_t *u = context;
    (void)s, (void)si;
    bytes32 other, entry = {0};
    /* It begins with a state of its own, whatever was interrupted. */
    unsigned short entry_control = 0;
    unsigned entry_mxcsr = 0;
    store(entry);
    __asm__ volatile("fnstcw %0" : "=m"(entry_control));
    __asm__ volatile("stmxcsr %0" : "=m"(entry_mxcsr));
    if (tells) printf("entry: low %02x high %02x control %x mxcsr %x\n", entry[1], have_avx ? entry[17] : 0, entry_control, entry_mxcsr);
    memset(other, 0x5a, sizeof other);
    unsigned short control = 0x27f;
    unsigned mxcsr = 0x9fc0;
    struct _libc_fpstate *state = u->uc_mcontext.fpregs;
    if (mode == 1) memset(&state->_xmm[7], 0xc3, 16);
    if (mode == 2) memset(state->_st, 0x3c, sizeof state->_st);
    if (mode == 3) ((unsigned *)state)[464 / 4] = 0;             /* no longer says that it is extended */
    if (mode == 4) memset((char *)state + 512 + 16, 0xff, 48);    /* reserved words of the header */
    if (mode == 5) u->uc_mcontext.fpregs = (void *)8;
    if (mode == 6) u->uc_mcontext.fpregs = NULL;
    __asm__ volatile("fldcw %0" ::"m"(control));
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
    load(other);
}

static void round_trip(int how) {
    bytes32 in, out = {0};
    unsigned short control = 0;
    unsigned mxcsr = 0x1f80 | 0x6000, after = 0;
    for (int i = 0; i < 32; i++) in[i] = (unsigned char)(i * 7 + 1);
    mode = how;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
    load(in);
    long r;
    pid_t self = getpid();
    load(in);
    __asm__ volatile("syscall" : "=a"(r) : "a"(62L), "D"((long)self), "S"((long)SIGUSR1) : "rcx", "r11", "memory");
    store(out);
    __asm__ volatile("stmxcsr %0" : "=m"(after));
    __asm__ volatile("fnstcw %0" : "=m"(control));
    printf("mode %d: low %02x %02x high %02x %02x control %x mxcsr %x\n", how, out[0], out[15], have_avx ? out[16] : 0,
           have_avx ? out[31] : 0, control, after & 0xffc0);
    fflush(stdout);
}

int main(void) {
    setbuf(stdout, NULL);
    have_avx = __builtin_cpu_supports("avx") != 0;
    struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    SAY(sigaction(SIGUSR1, &sa, NULL));
    for (int how = 0; how < 7; how++) {
        pid_t child = fork();
        if (child == 0) {
            round_trip(how);
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        printf("mode %d ends: exit %d signal %d\n", how, WEXITSTATUS(status), WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
    /* Registers of two processes that signal themselves do not mix. */
    pid_t pair[2];
    for (int n = 0; n < 2; n++) {
        if ((pair[n] = fork()) != 0) continue;
        bytes32 mine, got;
        memset(mine, 0x11 * (n + 1), sizeof mine);
        mode = tells = 0;
        int wrong = 0;
        pid_t self = getpid();
        for (int i = 0; i < 3000; i++) {
            long r;
            load(mine);
            __asm__ volatile("syscall" : "=a"(r) : "a"(62L), "D"((long)self), "S"((long)SIGUSR1) : "rcx", "r11", "memory");
            store(got);
            wrong += memcmp(mine, got, have_avx ? 32 : 16) != 0;
        }
        _exit(wrong != 0);
    }
    for (int n = 0; n < 2; n++) {
        int status = 0;
        waitpid(pair[n], &status, 0);
        printf("pair %d: exit %d\n", n, WEXITSTATUS(status));
    }
    return 0;
}
