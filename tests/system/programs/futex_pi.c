/* Futexes with priority inheritance: words, owners, waiters, deaths, circles, lent priorities. */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static unsigned word, other;
static pid_t main_tid, thread_tid;
static volatile int phase;

static long futex(unsigned *at, int op, struct timespec *until) {
    return syscall(SYS_futex, at, op, 0, until, 0, 0);
}
static struct timespec after(clockid_t clock, long ms) {
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}
/* The word with names instead of numbers. */
static void show(unsigned w) {
    unsigned tid = w & FUTEX_TID_MASK;
    printf("  word%s%s %s\n", w & FUTEX_WAITERS ? " waiters" : "", w & FUTEX_OWNER_DIED ? " died" : "", tid == 0 ? "nobody" : tid == main_tid ? "main" : tid == thread_tid ? "thread" : "else");
}
static void wait_for(int wanted) {
    while (phase != wanted) usleep(1000);
}
static void until_waited(unsigned *at) { /* somebody is in the kernel by now, most likely */
    while (!(*(volatile unsigned *)at & FUTEX_WAITERS)) usleep(1000);
    usleep(50000);
}

static void words(void) {
    struct timespec bad = {0, 1000000000}, past = {1, 0};
    word = 0;
    SAY(futex(&word, FUTEX_LOCK_PI, 0));
    show(word);
    SAY(futex(&word, FUTEX_LOCK_PI, 0));
    SAY(futex(&word, FUTEX_TRYLOCK_PI, 0));
    SAY(futex(&word, FUTEX_UNLOCK_PI, 0));
    show(word);
    SAY(futex(&word, FUTEX_UNLOCK_PI, 0));
    SAY(futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0));
    show(word);
    SAY(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0));
    word = FUTEX_OWNER_DIED;
    SAY(futex(&word, FUTEX_LOCK_PI, 0));
    show(word);
    SAY(futex(&word, FUTEX_UNLOCK_PI, 0));
    word = FUTEX_WAITERS;
    SAY(futex(&word, FUTEX_LOCK_PI2, 0));
    show(word);
    word = main_tid | FUTEX_WAITERS;
    SAY(futex(&word, FUTEX_UNLOCK_PI, 0));
    show(word);
    word = 0x3ffffff0; /* nobody has this number */
    SAY(futex(&word, FUTEX_LOCK_PI, 0));
    SAY(word == (0x3ffffff0 | FUTEX_WAITERS));
    SAY(futex(&word, FUTEX_TRYLOCK_PI, 0));
    SAY(futex(&word, FUTEX_UNLOCK_PI, 0));
    SAY(futex(&word, FUTEX_LOCK_PI, &bad));
    SAY(futex(&word, FUTEX_LOCK_PI, (void *)1));
    SAY(futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0));
    SAY(futex(&word, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0));
    word = 0;
    SAY(futex(&word, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, &past));
    SAY(futex(&word, FUTEX_UNLOCK_PI, 0));
    SAY(futex((void *)((char *)&word + 1), FUTEX_LOCK_PI, 0));
    SAY(futex((void *)((char *)&word + 1), FUTEX_UNLOCK_PI, 0));
    SAY(futex((void *)4, FUTEX_LOCK_PI, 0));
    SAY(futex((void *)4, FUTEX_UNLOCK_PI, 0));
    unsigned *ro = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SAY(futex(ro, FUTEX_LOCK_PI, 0));
    SAY(futex(ro, FUTEX_TRYLOCK_PI, 0));
}

static void *holder(void *arg) {
    thread_tid = syscall(SYS_gettid);
    futex(&word, FUTEX_LOCK_PI, 0);
    phase = 1;
    wait_for(2);
    if (arg == 0) futex(&word, FUTEX_UNLOCK_PI, 0);
    return 0; /* else it dies with the lock */
}
static void *unlocks_later(void *arg) {
    until_waited(&word);
    phase = 2;
    return 0;
}
/* Waits for the word, which the thread gives up meanwhile, and gives it up in turn. */
static void take_over(pthread_t from) {
    pthread_t later;
    pthread_create(&later, 0, unlocks_later, 0);
    SAY(futex(&word, FUTEX_LOCK_PI, 0));
    show(word);
    pthread_join(from, 0);
    pthread_join(later, 0);
    SAY(futex(&word, FUTEX_UNLOCK_PI, 0));
    show(word);
}
static void contended(void) {
    pthread_t t;
    phase = word = 0;
    pthread_create(&t, 0, holder, 0);
    wait_for(1);
    SAY(futex(&word, FUTEX_UNLOCK_PI, 0));
    SAY(futex(&word, FUTEX_TRYLOCK_PI, 0));
    show(word);
    struct timespec soon = after(CLOCK_REALTIME, 50), soon2 = after(CLOCK_MONOTONIC, 100), past = {1, 0};
    SAY(futex(&word, FUTEX_LOCK_PI, &past));
    SAY(futex(&word, FUTEX_LOCK_PI, &soon));
    SAY(futex(&word, FUTEX_LOCK_PI2, &soon2));
    show(word);
    word &= ~FUTEX_WAITERS;
    take_over(t);

    phase = 0; /* the owner dies */
    pthread_create(&t, 0, holder, (void *)1);
    wait_for(1);
    take_over(t);
    phase = 0; /* likewise, and nobody waits */
    pthread_create(&t, 0, holder, (void *)1);
    wait_for(1);
    phase = 2;
    pthread_join(t, 0);
    SAY(futex(&word, FUTEX_LOCK_PI, 0));
    SAY((word & FUTEX_TID_MASK) == thread_tid);
    word = 0;
}

static void *crosses(void *arg) {
    thread_tid = syscall(SYS_gettid);
    futex(&other, FUTEX_LOCK_PI, 0);
    phase = 1;
    long got = futex(&word, FUTEX_LOCK_PI, 0);
    printf("the thread: %ld\n", got);
    futex(&word, FUTEX_UNLOCK_PI, 0);
    futex(&other, FUTEX_UNLOCK_PI, 0);
    return 0;
}
static void circle(void) {
    pthread_t t;
    phase = word = other = 0;
    futex(&word, FUTEX_LOCK_PI, 0);
    pthread_create(&t, 0, crosses, 0);
    wait_for(1);
    until_waited(&word);
    SAY(futex(&other, FUTEX_LOCK_PI, 0));
    SAY(futex(&word, FUTEX_UNLOCK_PI, 0));
    pthread_join(t, 0);
    show(word);
}

static volatile int signals;
static void on_signal(int sig) { signals++; }
static void *interrupted(void *arg) {
    thread_tid = syscall(SYS_gettid);
    phase = 1;
    return (void *)futex(&word, FUTEX_LOCK_PI, 0);
}
static void interruption(void) {
    pthread_t t;
    void *got;
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &act, 0);
    phase = word = 0;
    futex(&word, FUTEX_LOCK_PI, 0);
    pthread_create(&t, 0, interrupted, 0);
    until_waited(&word);
    pthread_kill(t, SIGUSR1);
    while (!signals) usleep(1000);
    usleep(20000);
    SAY(futex(&word, FUTEX_UNLOCK_PI, 0));
    pthread_join(t, &got);
    SAY((long)got);
    show(word);
}

static void processes(void) {
    unsigned *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    SAY(futex(shared, FUTEX_LOCK_PI, 0));
    fflush(stdout);
    int child = fork();
    if (!child) {
        long got = futex(shared, FUTEX_LOCK_PI, 0);
        _exit(got == 0 && (shared[0] & FUTEX_TID_MASK) == getpid() ? 7 : 8);
    }
    int status;
    until_waited(shared);
    SAY(futex(shared, FUTEX_UNLOCK_PI, 0));
    waitpid(child, &status, 0);
    SAY(WEXITSTATUS(status));
    SAY((shared[0] & FUTEX_TID_MASK) == child); /* it died with it, and said so to nobody */
    shared[0] = 0;
    child = fork();
    if (!child) {
        futex(shared, FUTEX_LOCK_PI, 0);
        until_waited(shared);
        kill(getpid(), SIGKILL);
    }
    while (!shared[0]) usleep(1000);
    SAY(futex(shared, FUTEX_LOCK_PI, 0));
    show(shared[0]);
    waitpid(child, &status, 0);
    SAY(WTERMSIG(status));
    SAY(futex(shared, FUTEX_UNLOCK_PI, 0));
}

static pthread_mutex_t mutex;
static void *dies(void *arg) {
    SAY(pthread_mutex_lock(&mutex));
    return 0;
}
static void library(void) {
    pthread_t t;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    SAY(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
    SAY(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
    SAY(pthread_mutex_init(&mutex, &attr));
    SAY(pthread_mutex_lock(&mutex));
    SAY(pthread_mutex_unlock(&mutex));
    pthread_create(&t, 0, dies, 0);
    pthread_join(t, 0);
    SAY(pthread_mutex_lock(&mutex) == EOWNERDEAD);
    SAY(pthread_mutex_consistent(&mutex));
    SAY(pthread_mutex_unlock(&mutex));
    SAY(pthread_mutex_trylock(&mutex));
    SAY(pthread_mutex_unlock(&mutex));
}

/* On one CPU: low has the lock, middle computes, high waits for low. */
static volatile int high_has_it, low_has_it;
static void be(int priority) {
    struct sched_param p = {priority};
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &p)) printf("not FIFO\n");
}
static void *low(void *arg) {
    be(10);
    futex(&word, FUTEX_LOCK_PI, 0);
    low_has_it = 1;
    while (!(*(volatile unsigned *)&word & FUTEX_WAITERS)) continue;
    struct sched_param p;
    SAY(sched_getparam(0, &p));
    SAY(p.sched_priority);
    futex(&word, FUTEX_UNLOCK_PI, 0);
    return 0;
}
static void *middle(void *arg) {
    be(20);
    while (!high_has_it) continue;
    return 0;
}
static void *high(void *arg) {
    be(30);
    pthread_t t;
    pthread_create(&t, 0, middle, 0);
    SAY(futex(&word, FUTEX_LOCK_PI, 0));
    high_has_it = 1;
    futex(&word, FUTEX_UNLOCK_PI, 0);
    pthread_join(t, 0);
    return 0;
}
static void inheritance(void) {
    cpu_set_t one;
    pthread_t l, h;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof(one), &one);
    word = 0;
    pthread_create(&l, 0, low, 0);
    while (!low_has_it) usleep(1000);
    pthread_create(&h, 0, high, 0);
    pthread_join(h, 0);
    pthread_join(l, 0);
    SAY(high_has_it);
    show(word);
}

/* A plain futex wakes by real-time priority, too, and of the same who came first. */
static unsigned gate, order[6], arrived;
static void *queues(void *arg) {
    be((long)arg / 10 * 10);
    futex(&gate, FUTEX_WAIT, 0);
    order[__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST)] = (long)arg;
    return 0;
}
static void waking_order(void) {
    static const int numbers[] = {11, 31, 12, 21, 32, 22};
    pthread_t t[6];
    be(40);
    for (int i = 0; i < 6; i++) {
        pthread_create(&t[i], 0, queues, (void *)(long)numbers[i]);
        usleep(20000);
    }
    for (int i = 0; i < 6; i++) {
        SAY(syscall(SYS_futex, &gate, i == 1 ? FUTEX_WAKE_BITSET : FUTEX_WAKE, 1, 0, 0, -1));
        while (arrived != i + 1) usleep(1000);
    }
    for (int i = 0; i < 6; i++) pthread_join(t[i], 0), printf("  %d\n", order[i]);
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    alarm(100);
    main_tid = syscall(SYS_gettid);
    words();
    contended();
    circle();
    interruption();
    processes();
    library();
    inheritance();
    waking_order();
    return 0;
}
