/* pthreads: create, join, TLS, mutex, condition, barrier, cancel, robust mutex, futex calls. */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static __thread int tls = 5;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int counter, ready;
static void *add(void *n) { for (long i = 0; i < (long)n; i++) { pthread_mutex_lock(&m); counter++; pthread_mutex_unlock(&m); } tls++; return (void *)(long)tls; }
static void *waiter(void *a) { pthread_mutex_lock(&m); while (!ready) pthread_cond_wait(&c, &m); pthread_mutex_unlock(&m); return a; }
static void *forever(void *a) { for (;;) pause(); return a; }
static long futex(int *w, int op, int v, void *t, int *w2, int v3) { return syscall(SYS_futex, w, op, v, t, w2, v3); }
static int word, word2;
static void *sleeper(void *a) { futex(&word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0); return a; }

int main(void) {
    pthread_t t[8]; void *r;
    for (int i = 0; i < 8; i++) pthread_create(&t[i], 0, add, (void *)2000L);
    for (int i = 0; i < 8; i++) { pthread_join(t[i], &r); printf("tls %ld\n", (long)r); }
    printf("counter %d own tls %d\n", counter, tls);
    for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, waiter, 0);
    usleep(20000); pthread_mutex_lock(&m); ready = 1; pthread_cond_broadcast(&c); pthread_mutex_unlock(&m);
    for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
    struct timespec ts; clock_gettime(CLOCK_REALTIME, &ts); ts.tv_nsec += 20000000; if (ts.tv_nsec >= 1000000000) { ts.tv_sec++; ts.tv_nsec -= 1000000000; }
    pthread_mutex_lock(&m); printf("timedwait %s\n", strerrorname_np(pthread_cond_timedwait(&c, &m, &ts))); pthread_mutex_unlock(&m);
    pthread_create(&t[0], 0, forever, 0); pthread_cancel(t[0]); pthread_join(t[0], &r); printf("cancelled %d\n", r == PTHREAD_CANCELED);
    /* robust mutex across processes */
    pthread_mutex_t *rm = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); pthread_mutexattr_t a; pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, 1); pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST); pthread_mutex_init(rm, &a);
    if (!fork()) { pthread_mutex_lock(rm); _exit(0); }
    wait(0); int e = pthread_mutex_lock(rm); printf("robust %s\n", e ? strerrorname_np(e) : "0"); pthread_mutex_consistent(rm); pthread_mutex_unlock(rm);
    sem_t *s = (sem_t *)((char *)rm + 512); sem_init(s, 1, 0); if (!fork()) { usleep(10000); sem_post(s); _exit(0); } SAY(sem_wait(s)); wait(0); SAY(sem_trywait(s));
    /* raw futex */
    struct timespec short_ = {.tv_nsec = 10000000}, bad = {.tv_nsec = -1};
    SAY(futex(&word, FUTEX_WAIT, 1, 0, 0, 0)); SAY(futex(&word, FUTEX_WAIT, 0, &short_, 0, 0)); SAY(futex(&word, FUTEX_WAIT, 0, &bad, 0, 0));
    SAY(futex((int *)3, FUTEX_WAIT, 0, 0, 0, 0)); SAY(futex((int *)4096, FUTEX_WAIT, 0, 0, 0, 0)); SAY(futex(&word, 77, 0, 0, 0, 0)); SAY(futex(&word, FUTEX_WAKE, 1, 0, 0, 0));
    SAY(futex(&word, FUTEX_WAIT_BITSET, 0, &short_, 0, 0)); SAY(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &short_, 0, 1)); SAY(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 0, 0, 0, 0));
    for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, sleeper, 0);
    usleep(50000); SAY(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2L, &word2, 1)); SAY(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2L, &word2, 0)); SAY(futex(&word2, FUTEX_WAKE_PRIVATE, 10, 0, 0, 0)); SAY(futex(&word, FUTEX_WAKE_PRIVATE, 10, 0, 0, 0));
    for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
    SAY(syscall(SYS_set_robust_list, 0, 5)); SAY(sched_yield()); SAY(sched_getscheduler(0)); SAY(sched_getscheduler(-1)); struct sched_param sp = {0}; SAY(sched_setscheduler(0, SCHED_FIFO, &sp)); sp.sched_priority = 10; SAY(sched_setscheduler(0, SCHED_FIFO, &sp)); SAY(sched_getscheduler(0)); sp.sched_priority = 0; SAY(sched_setscheduler(0, SCHED_OTHER, &sp)); SAY(sched_setscheduler(0, 55, &sp)); SAY(sched_get_priority_max(SCHED_RR)); SAY(sched_get_priority_min(99));
    cpu_set_t cs; CPU_ZERO(&cs); SAY(sched_setaffinity(0, sizeof cs, &cs)); CPU_SET(0, &cs); SAY(sched_setaffinity(0, sizeof cs, &cs)); SAY(sched_getcpu()); SAY(syscall(SYS_sched_getaffinity, 0, 3, &cs));
    SAY(syscall(SYS_clone3, 0, 0)); SAY(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0)); SAY(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0));
    return 0;
}
