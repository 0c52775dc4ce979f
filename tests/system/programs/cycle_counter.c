/* PR_SET_TSC: a task that may not read the cycle counter, who inherits that, and seccomp's strict mode. */
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static sigjmp_buf back;

static void caught(int sig, siginfo_t *info, void *context) {
    (void)context;
    printf("signal %d, code %d, at %p: ", sig, info->si_code, info->si_addr);
    siglongjmp(back, 1);
}
static unsigned long counter(void) {
    unsigned low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (unsigned long)high << 32 | low;
}
static void try(const char *who) {
    int mode = 77;
    int r = prctl(PR_GET_TSC, &mode);
    printf("%s: %d, mode %d, ", who, r, mode);
    if (!sigsetjmp(back, 1)) {
        unsigned long first = counter();
        printf("%s\n", counter() > first ? "it counts" : "it stands still");
    } else {
        printf("refused\n");
    }
    fflush(stdout);
}
static void *thread(void *arg) {
    try("a thread");
    SAY(prctl(PR_SET_TSC, PR_TSC_ENABLE));
    try("a thread that allowed it");
    return arg;
}
static void strict(int which) {
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        signal(SIGSEGV, SIG_DFL);
        if (which)
            prctl(PR_SET_SECCOMP, 1);
        else
            syscall(SYS_seccomp, 0, 0, 0);
        counter();
        syscall(SYS_exit, 3);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("strict: %#x\n", status);
}

int main(int argc, char **argv) {
    struct sigaction a = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &a, NULL);
    if (argc > 1) {
        try("a new program");
        return 0;
    }
    try("at first");
    SAY(prctl(PR_SET_TSC, 0));
    SAY(prctl(PR_SET_TSC, 3));
    SAY(prctl(PR_GET_TSC, 1));
    SAY(prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 1, 2, 3));
    try("refused");
    /* Other tasks run in between. */
    fflush(stdout);
    for (int i = 0; i < 4; i++)
        if (!fork()) {
            prctl(PR_SET_TSC, i & 1 ? PR_TSC_ENABLE : PR_TSC_SIGSEGV);
            int good = 0;
            for (int n = 0; n < 200; n++) {
                sched_yield();
                if (i & 1) good += counter() != 0;
                else if (syscall(SYS_getpid) == getpid()) good++;
            }
            _exit(good == 200 ? 0 : 1);
        }
    for (int i = 0, status; i < 4; i++) {
        wait(&status);
        SAY(status);
    }
    try("afterwards");
    if (!fork()) {
        try("a child");
        execl("/proc/self/exe", argv[0], "again", NULL);
        _exit(1);
    }
    wait(NULL);
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    try("the thread changed its own");
    SAY(prctl(PR_SET_TSC, PR_TSC_ENABLE));
    try("allowed");
    strict(0);
    strict(1);
    try("at last");
    return 0;
}
