/* seccomp: modes, filters, actions, what programs are refused, TSYNC, inheritance. */
#include "check.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define seccomp(op, flags, args) syscall(SYS_seccomp, op, flags, args)
#define NR offsetof(struct seccomp_data, nr)
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define PROGRAM(...)                                                                 \
    &(struct sock_fprog) {                                                           \
        sizeof((struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter),    \
            (struct sock_filter[]) { __VA_ARGS__ }                                   \
    }
#define ON(call, action)                                                                     \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, action), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void child(const char *name, void (*f)(void)) {
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        f();
        fflush(stdout);
        syscall(SYS_exit, 7);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("%s: %x\n", name, status & ~0x80);
}
static int install(struct sock_fprog *p) { return seccomp(SECCOMP_SET_MODE_FILTER, 0, p); }

static void strict_write(void) {
    SAY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
    write(1, "strict\n", 7);
}
static void strict_kill(void) { prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0); getpid(); }
static void *strict_thread(void *arg) { prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); getuid(); return 0; }
static void strict_kills_thread(void) {
    pthread_t t;
    int tid = 1;
    pthread_create(&t, 0, strict_thread, 0);
    usleep(300000);
    SAY(prctl(PR_GET_SECCOMP));
}
static void kill_process(void) { SAY(install(PROGRAM(ON(SYS_getpid, SECCOMP_RET_KILL_PROCESS)))); syscall(SYS_getpid); }
static void kill_thread(void) { SAY(install(PROGRAM(ON(SYS_getpid, SECCOMP_RET_KILL_THREAD)))); syscall(SYS_getpid); }
static void handler(int sig, siginfo_t *i, void *c) {
    printf("signal %d code %d errno %d call %d arch %x here %d result %d\n", sig, i->si_code, i->si_errno,
           i->si_syscall, i->si_arch, i->si_call_addr == (void *)((ucontext_t *)c)->uc_mcontext.gregs[REG_RIP],
           (int)((ucontext_t *)c)->uc_mcontext.gregs[REG_RAX]);
}
static void killed_with_handler(void) {
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &a, 0);
    kill_process();
}
static void trap(void) {
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &a, 0);
    SAY(install(PROGRAM(ON(SYS_getuid, SECCOMP_RET_TRAP | 77))));
    SAY(syscall(SYS_getuid));
    signal(SIGSYS, SIG_IGN);
    syscall(SYS_getuid);
}
static void blocked_trap(void) {
    sigset_t all;
    sigfillset(&all);
    signal(SIGSYS, handler);
    sigprocmask(SIG_BLOCK, &all, 0);
    install(PROGRAM(ON(SYS_getuid, SECCOMP_RET_TRAP)));
    syscall(SYS_getuid);
}
static void errnos(void) {
    SAY(install(PROGRAM(ON(SYS_getuid, SECCOMP_RET_ERRNO | EXDEV))));
    SAY(syscall(SYS_getuid));
    SAY(install(PROGRAM(ON(SYS_getgid, SECCOMP_RET_ERRNO | 0))));
    SAY(syscall(SYS_getgid));
    SAY(install(PROGRAM(ON(SYS_geteuid, SECCOMP_RET_ERRNO | 0xffff))));
    SAY(syscall(SYS_geteuid) == -1 ? errno : 0);
    /* The newest of equals; the strictest of all. */
    SAY(install(PROGRAM(ON(SYS_getuid, SECCOMP_RET_ERRNO | EPERM))));
    SAY(syscall(SYS_getuid));
    SAY(install(PROGRAM(ON(SYS_getuid, SECCOMP_RET_LOG))));
    SAY(syscall(SYS_getuid));
    SAY(install(PROGRAM(ON(SYS_getegid, SECCOMP_RET_TRACE | 5))));
    SAY(syscall(SYS_getegid));
    SAY(prctl(PR_GET_SECCOMP));
    SAY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
    SAY(syscall(9999));
    SAY(install(PROGRAM(ON(9999, SECCOMP_RET_ERRNO | EDOM))));
    SAY(syscall(9999));
    SAY(install(PROGRAM(ON(-1, SECCOMP_RET_ERRNO | ERANGE))));
    SAY(syscall(-1));
}
static void arguments(void) {
    struct sock_fprog *p = PROGRAM(
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 12),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(0)), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(1)),
        BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_LD | BPF_MEM, 3), BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 1), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 1),
        BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), BPF_STMT(BPF_RET | BPF_A, 0),
        BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    SAY(install(p));
    SAY(syscall(SYS_getpriority, 6, 7) ? errno : 0); /* ((6 * 7 - 1) / 7) << 1 */
    SAY(syscall(SYS_getpriority, 99, 4) ? errno : 0);
    syscall(SYS_getpriority, 1, 0); /* divides by zero: kills */
}
static void len_and_neg(void) {
    SAY(install(PROGRAM(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 1, 0),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 0),
                        BPF_STMT(BPF_MISC | BPF_TXA, 0), BPF_STMT(BPF_ALU | BPF_NEG, 0), BPF_STMT(BPF_ALU | BPF_NEG, 0),
                        BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, SECCOMP_RET_ERRNO), BPF_STMT(BPF_RET | BPF_A, 0))));
    SAY(syscall(SYS_getuid) ? errno : 0);
}
#define BAD(...) SAY(install(PROGRAM(__VA_ARGS__)))
static void refused(void) {
    SAY(seccomp(9, 0, 0));
    SAY(seccomp(SECCOMP_SET_MODE_STRICT, 1, 0));
    SAY(seccomp(SECCOMP_SET_MODE_STRICT, 0, 1));
    SAY(seccomp(SECCOMP_SET_MODE_FILTER, 0x100, 0));
    SAY(seccomp(SECCOMP_SET_MODE_FILTER, 0, 0));
    SAY(seccomp(SECCOMP_SET_MODE_FILTER, 0, 1));
    SAY(prctl(PR_SET_SECCOMP, 3, 0));
    SAY(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0));
    struct sock_fprog none = {0, (void *)1}, null = {1, 0}, fault = {1, (void *)1}, long_ = {4097, (void *)1};
    SAY(install(&none));
    SAY(install(&null));
    SAY(install(&fault));
    SAY(install(&long_));
    for (unsigned a = 0; a < 4; a++) {
        unsigned actions[] = {SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_THREAD, 0x12340000, SECCOMP_RET_ERRNO | 1};
        SAY(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &actions[a]));
    }
    SAY(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, 1));
    SAY(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, 0));
    struct seccomp_notif_sizes sizes;
    SAY(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes));
    printf("%d %d %d\n", sizes.seccomp_notif, sizes.seccomp_notif_resp, sizes.seccomp_data);
    SAY(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, 0));
    BAD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0));
    BAD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_LD | BPF_MEM, 0), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_ST, 16), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_JMP | BPF_JA, 1), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_JMP | BPF_JA, -1), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), BPF_STMT(BPF_ST, 1), BPF_STMT(BPF_LD | BPF_MEM, 1), BPF_STMT(BPF_RET | BPF_K, 0));
    BAD(BPF_STMT(BPF_RET | BPF_X, 0));
    BAD(BPF_STMT(0xffff, 0), BPF_STMT(BPF_RET | BPF_K, 0));
    SAY(prctl(PR_GET_SECCOMP));
}
static void unprivileged(void) {
    setresuid(1000, 1000, 1000);
    SAY(install(PROGRAM(ON(SYS_getuid, SECCOMP_RET_ERRNO | 1))));
    SAY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SAY(install(PROGRAM(ON(SYS_getuid, SECCOMP_RET_ERRNO | 1))));
    SAY(syscall(SYS_getuid));
}
static void inherited(void) {
    SAY(install(PROGRAM(ON(SYS_sethostname, SECCOMP_RET_ERRNO | ETIME))));
    fflush(stdout);
    if (!fork()) {
        SAY(syscall(SYS_sethostname, 0, 0));
        fflush(stdout);
        execl("/bin/busybox", "busybox", "hostname", "x", NULL);
    }
    wait(0);
}
static volatile int stage;
static void *waiting(void *arg) {
    if (arg) SAY(install(PROGRAM(ON(SYS_getgid, SECCOMP_RET_ERRNO | 3))));
    stage = 1;
    while (stage < 2) usleep(1000);
    SAY(syscall(SYS_getuid));
    SAY(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    stage = 3;
    while (stage < 4) usleep(1000);
    return 0;
}
static void synchronized(void *own) {
    pthread_t t;
    stage = 0;
    pthread_create(&t, 0, waiting, own);
    while (stage < 1) usleep(1000);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    SAY(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, PROGRAM(ON(SYS_getuid, SECCOMP_RET_ERRNO | ENOTTY))) > 0);
    SAY(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, PROGRAM(ON(SYS_getuid, SECCOMP_RET_ERRNO | ENOTTY))));
    stage = 2;
    while (stage < 3) usleep(1000);
    SAY(syscall(SYS_getuid));
    stage = 4;
    pthread_join(t, 0);
}
static void sync_all(void) { synchronized(0); }
static void sync_other(void) { synchronized((void *)1); }
static void too_many(void) {
    struct sock_filter *code = calloc(4096, sizeof(*code));
    struct sock_fprog p = {4096, code};
    for (int i = 0; i < 4096; i++) code[i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    int n = 0;
    while (!install(&p)) n++;
    printf("%d then %s\n", n, strerrorname_np(errno));
}

int main(void) {
    SAY(prctl(PR_GET_SECCOMP));
    child("strict write", strict_write);
    child("strict kill", strict_kill);
    child("strict thread", strict_kills_thread);
    child("kill process", kill_process);
    child("kill thread", kill_thread);
    child("kill with a handler", killed_with_handler);
    child("trap", trap);
    child("trap while blocked", blocked_trap);
    child("errno", errnos);
    child("arguments", arguments);
    child("length", len_and_neg);
    child("refused", refused);
    child("unprivileged", unprivileged);
    child("inherited", inherited);
    child("tsync", sync_all);
    child("tsync of others", sync_other);
    child("too many", too_many);
    return 0;
}
