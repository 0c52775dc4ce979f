// Many tasks at once, then none: what they ran on in the kernel is given back.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "check.h"

enum { MANY = 400, SLACK_KB = 1024 };
static pthread_barrier_t all;

static long stacks_kb(void) {
    char line[128];
    long kb = -1;
    FILE* f = fopen("/proc/meminfo", "r");
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "KernelStack: %ld", &kb) == 1) break;
    fclose(f);
    return kb;
}
// The last ones go a little after they are waited for; a process that ends is the occasion.
static void expect_back(const char* what, long before) {
    int back = 0;
    for (int i = 0; i < 200 && !back; i++) {
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        waitpid(pid, 0, 0);
        back = stacks_kb() <= before + SLACK_KB;
        if (!back) usleep(10000);
    }
    printf("%s: back %d\n", what, back);
    if (!back) printf("%ld kB more\n", stacks_kb() - before);
}
static void* thread(void* p) {
    pthread_barrier_wait(&all);
    pthread_barrier_wait(&all);
    return p;
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    alarm(60);
    long before = stacks_kb();
    static pid_t pids[MANY];
    int made = 0;
    for (int i = 0; i < MANY; i++) {
        pids[i] = fork();
        if (pids[i] == 0) { for (;;) pause(); }
        made += pids[i] > 0;
    }
    printf("%d processes, more stacks %d\n", made, stacks_kb() > before + MANY * 4);
    for (int i = 0; i < made; i++) kill(pids[i], SIGKILL);
    while (wait(0) > 0) { }
    expect_back("processes", before);

    pthread_t t[MANY];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    pthread_barrier_init(&all, 0, MANY + 1);
    made = 0;
    for (int i = 0; i < MANY; i++) made += pthread_create(&t[i], &small, thread, 0) == 0;
    pthread_barrier_wait(&all);
    printf("%d threads, more stacks %d\n", made, stacks_kb() > before + MANY * 4);
    pthread_barrier_wait(&all);
    for (int i = 0; i < made; i++) pthread_join(t[i], 0);
    expect_back("threads", before);
    return 0;
}
