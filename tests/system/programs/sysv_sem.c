/* System V semaphores: every call, command and flag, errnos, undo, interruption, limits. */
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>

#include "children.h"

union arg {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};
static int ctl(int id, int n, int cmd, long x) { return syscall(SYS_semctl, id, n, cmd, x); }
static int op(int id, int n, int o, int flags) {
    struct sembuf b = {n, o, flags};
    return semop(id, &b, 1);
}
static void show(const char *what, int id) {
    struct semid_ds d;
    unsigned short v[300];
    if (semctl(id, 0, IPC_STAT, &d) < 0) {
        printf("%s: %s\n", what, strerrorname_np(errno));
        return;
    }
    printf("%s: key %x mode %o owner %d.%d creator %d.%d nsems %lu otime %d ctime %d values", what, d.sem_perm.__key, d.sem_perm.mode, d.sem_perm.uid,
           d.sem_perm.gid, d.sem_perm.cuid, d.sem_perm.cgid, d.sem_nsems, d.sem_otime != 0, d.sem_ctime != 0);
    if (d.sem_nsems < 20 && semctl(id, 0, GETALL, v) == 0)
        for (unsigned i = 0; i < d.sem_nsems; i++) printf(" %d(%s)", v[i], ctl(id, i, GETPID, 0) == getpid() ? "self" : ctl(id, i, GETPID, 0) ? "other" : "0");
    puts("");
}
static int id;
static void on_signal(int s) {}
static void until_waiting(int n, int cmd, int count) {
    for (int i = 0; i < 3000 && ctl(id, n, cmd, 0) != count; i++) usleep(1000);
}

static void getting(void) {
    SAY(semget(0x1234, 1, 0));
    SAY(semget(0x1234, 0, IPC_CREAT));
    SAY(semget(0x1234, -1, IPC_CREAT));
    SAY(semget(0x1234, 32001, IPC_CREAT));
    int a = OK(semget(0x1234, 3, IPC_CREAT | IPC_EXCL | 0640));
    SAY(semget(0x1234, 3, IPC_CREAT | IPC_EXCL));
    SAY(semget(0x1234, 4, 0));
    SAY(semget(0x1234, 0, 0) == a);
    SAY(semget(0x1234, 3, IPC_CREAT) == a);
    show("new", a);
    SAY(semctl(a, 0, IPC_RMID));
    SAY(semctl(a, 0, IPC_RMID));
    int big = OK(semget(IPC_PRIVATE, 32000, 0600));
    SAY(op(big, 31999, 5, 0));
    SAY(ctl(big, 31999, GETVAL, 0));
    SAY(op(big, 32000, 5, 0));
    SAY(semctl(big, 0, IPC_RMID));
}
static void control(void) {
    struct semid_ds d;
    struct seminfo i;
    unsigned short v[3] = {1, 2, 3};
    id = OK(semget(0x99, 3, IPC_CREAT | 0644));
    SAY(ctl(id, 0, SETVAL, -1));
    SAY(ctl(id, 0, SETVAL, 32768));
    SAY(ctl(id, 0, SETVAL, 32767));
    SAY(ctl(id, 3, SETVAL, 1));
    SAY(ctl(id, -1, SETVAL, 1));
    SAY(ctl(id, 3, SETVAL, -1));
    SAY(ctl(id + 1, 0, SETVAL, 1));
    SAY(ctl(-1, 0, SETVAL, 1));
    SAY(ctl(id, 0, -1, 0));
    SAY(ctl(id, 0, 99, 0));
    SAY(ctl(id, 0, GETVAL, 0));
    SAY(ctl(id, 3, GETVAL, 0));
    SAY(ctl(id, -1, GETVAL, 0));
    SAY(ctl(id, 0, GETNCNT, 0));
    SAY(ctl(id, 0, GETZCNT, 0));
    SAY(ctl(id, 0, SETALL, (long)v));
    show("set", id);
    SAY(ctl(id, 99, SETALL, (long)v));
    v[1] = 40000;
    SAY(ctl(id, 0, SETALL, (long)v));
    SAY(ctl(id, 0, SETALL, 1));
    SAY(ctl(id, 0, GETALL, 1));
    SAY(ctl(id, 0, IPC_STAT, 1));
    SAY(ctl(id, 0, IPC_SET, 1));
    SAY(ctl(id % 32768, 0, SEM_STAT, (long)&d) == id);
    SAY(ctl(id % 32768 + 1, 0, SEM_STAT, (long)&d));
    SAY(ctl(id % 32768, 0, 20, (long)&d) == id); /* SEM_STAT_ANY */
    SAY(ctl(0, 0, IPC_INFO, (long)&i) >= 0);
    printf("%d %d %d %d %d %d %d %d %d %d\n", i.semmap, i.semmni, i.semmns, i.semmnu, i.semmsl, i.semopm, i.semume, i.semusz, i.semvmx, i.semaem);
    SAY(ctl(0, 0, SEM_INFO, (long)&i) >= 0);
    printf("%d %d %d %d %d %d %d %d %d %d\n", i.semmap, i.semmni, i.semmns, i.semmnu, i.semmsl, i.semopm, i.semume, i.semusz, i.semvmx, i.semaem);
    SAY(ctl(0, 0, IPC_INFO, 1));
    ctl(id, 0, IPC_STAT, (long)&d);
    d.sem_perm.uid = -1;
    SAY(ctl(id, 0, IPC_SET, (long)&d));
}
static void as_user(void) {
    become(1000);
    struct semid_ds d;
    unsigned short v[3] = {1, 1, 1};
    SAY(semget(0x99, 1, 0) == id);
    SAY(semget(0x99, 1, 0444) == id);
    SAY(semget(0x99, 1, 0600) == id);
    SAY(ctl(id, 0, GETVAL, 0) >= 0);
    SAY(ctl(id, 0, SETVAL, 1));
    SAY(ctl(id, 9, SETVAL, 1));
    SAY(ctl(id, 0, SETALL, (long)v));
    SAY(ctl(id, 0, IPC_STAT, (long)&d));
    SAY(ctl(id, 0, IPC_SET, (long)&d));
    SAY(ctl(id, 0, IPC_RMID, 0));
    SAY(op(id, 0, 1, 0));
    SAY(op(id, 0, 0, IPC_NOWAIT));
    SAY(op(id, 9, 1, 0));
}
static void permissions(void) {
    struct semid_ds d;
    in_child(as_user);
    ctl(id, 0, IPC_STAT, (long)&d);
    d.sem_perm.mode = 0600;
    SAY(ctl(id, 0, IPC_SET, (long)&d));
    in_child(as_user);
    d.sem_perm.uid = 1000;
    SAY(ctl(id, 0, IPC_SET, (long)&d));
    in_child(as_user);
    show("after its owner", id);
}
static void operating(void) {
    id = OK(semget(IPC_PRIVATE, 4, 0600));
    struct sembuf b[600] = {{0, 2, 0}, {1, 1, 0}, {0, -1, 0}, {3, 0, 0}};
    SAY(semop(id, b, 4));
    show("four at once", id);
    struct sembuf z[] = {{0, -1, IPC_NOWAIT}, {1, -2, IPC_NOWAIT}};
    SAY(semop(id, z, 2));
    show("none of two", id);
    SAY(semop(id, b, 0));
    SAY(semop(-1, b, 1));
    SAY(semop(id + 1, b, 1));
    SAY(semop(id, b, 501));
    for (int i = 0; i < 600; i++) b[i].sem_flg = IPC_NOWAIT;
    SAY(semop(id, b, 500));
    SAY(semop(id, (void *)1, 1));
    SAY(semop(-1, (void *)1, 1));
    SAY(op(id, 4, 1, 0));
    SAY(op(id, 0, 32767, 0));
    SAY(op(id, 0, -30000, IPC_NOWAIT));
    SAY(op(id, 1, 0, IPC_NOWAIT));
    SAY(op(id, 2, 0, IPC_NOWAIT));
    struct timespec t = {0, 20000000}, bad = {0, 1000000000}, neg = {-1, 0}, none = {0, 0};
    struct sembuf w = {2, -1, 0};
    SAY(semtimedop(id, &w, 1, &t));
    SAY(semtimedop(id, &w, 1, &none));
    SAY(semtimedop(id, &w, 1, &bad));
    SAY(semtimedop(id, &w, 1, &neg));
    SAY(semtimedop(id, &w, 1, (void *)1));
    SAY(semtimedop(id, &w, 0, (void *)1));
    SAY(semtimedop(id, 0, 1, &bad));
    w.sem_op = 1;
    SAY(semtimedop(id, &w, 1, &t));
    SAY(ctl(id, 2, GETVAL, 0));
    SAY(ctl(id, 0, IPC_RMID, 0));
}
static void sleeper_a(void) { SAY(op(id, 0, -2, 0)); }
static void sleeper_b(void) { SAY(op(id, 0, 0, 0)); }
static void sleeper_c(void) {
    struct sembuf b[] = {{0, -1, 0}, {1, -1, 0}};
    SAY(semop(id, b, 2));
}
static void signaled(void) {
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &a, 0);
    ualarm(20000, 20000);
    SAY(op(id, 0, -2, 0));
    struct timespec t = {5, 0};
    struct sembuf b = {0, -2, 0};
    ualarm(20000, 20000);
    SAY(semtimedop(id, &b, 1, &t));
}
static void sleeping(void) {
    id = semget(IPC_PRIVATE, 2, 0600);
    pid_t a = start(sleeper_a);
    until_waiting(0, GETNCNT, 1);
    SAY(op(id, 0, 1, 0));
    SAY(ctl(id, 0, GETNCNT, 0));
    SAY(op(id, 0, 1, 0));
    finish(a);
    SAY(ctl(id, 0, GETVAL, 0));
    SAY(ctl(id, 0, SETVAL, 1));
    pid_t b = start(sleeper_b);
    until_waiting(0, GETZCNT, 1);
    SAY(ctl(id, 0, GETZCNT, 0));
    SAY(op(id, 0, -1, 0));
    finish(b);
    pid_t c = start(sleeper_c);
    until_waiting(0, GETNCNT, 1);
    SAY(ctl(id, 1, GETNCNT, 0));
    SAY(op(id, 0, 1, 0));
    until_waiting(1, GETNCNT, 1);
    SAY(ctl(id, 0, GETNCNT, 0));
    SAY(ctl(id, 1, GETNCNT, 0));
    unsigned short one[2] = {1, 1};
    SAY(ctl(id, 0, SETALL, (long)one));
    finish(c);
    show("both taken", id);
    in_child(signaled);
    SAY(ctl(id, 0, GETNCNT, 0));
    a = start(sleeper_a);
    until_waiting(0, GETNCNT, 1);
    kill(a, SIGKILL);
    finish(a);
    SAY(ctl(id, 0, GETNCNT, 0));
    a = start(sleeper_a);
    until_waiting(0, GETNCNT, 1);
    kill(a, SIGSTOP);
    waitpid(a, 0, WUNTRACED);
    kill(a, SIGCONT);
    finish(a);
    SAY(ctl(id, 0, GETNCNT, 0));
    a = start(sleeper_a);
    until_waiting(0, GETNCNT, 1);
    SAY(ctl(id, 0, IPC_RMID, 0));
    finish(a);
}
static void undo_one(void) {
    SAY(op(id, 0, 1, SEM_UNDO));
    SAY(op(id, 1, -1, SEM_UNDO));
    SAY(op(id, 1, -1, 0));
    show("inside", id);
}
static void undo_exec(void) {
    SAY(op(id, 0, 3, SEM_UNDO));
    fflush(stdout);
    char n[20];
    sprintf(n, "%d", id);
    execl("/proc/self/exe", "again", n, (char *)0);
}
static void undo_fork(void) {
    SAY(op(id, 0, 4, SEM_UNDO));
    fflush(stdout);
    if (!fork()) _exit(0);
    wait(0);
    SAY(ctl(id, 0, GETVAL, 0));
}
static void undo_set(void) {
    SAY(op(id, 0, 4, SEM_UNDO));
    SAY(ctl(id, 0, SETVAL, 7));
}
static void undo_range(void) {
    SAY(op(id, 0, 20000, SEM_UNDO));
    SAY(op(id, 0, -20000, 0));
    SAY(op(id, 0, 20000, SEM_UNDO));
    SAY(op(id, 0, -20000, IPC_NOWAIT));
}
static void undo_low(void) {
    SAY(op(id, 0, 5, SEM_UNDO));
    SAY(op(id, 0, -5, 0));
}
static int child_stack[16384];
static int undo_thread(void *x) {
    op(id, 0, 2, SEM_UNDO);
    return 0;
}
static void undo_shared(void) {
    waitpid(clone(undo_thread, child_stack + 16000, CLONE_SYSVSEM | SIGCHLD, 0), 0, 0);
    SAY(ctl(id, 0, GETVAL, 0));
    waitpid(clone(undo_thread, child_stack + 16000, SIGCHLD, 0), 0, 0);
    SAY(ctl(id, 0, GETVAL, 0));
    SAY(unshare(CLONE_SYSVSEM));
    SAY(ctl(id, 0, GETVAL, 0));
}
static void undo_removed(void) {
    SAY(op(id, 0, 2, SEM_UNDO));
    int other = semget(IPC_PRIVATE, 1, 0600);
    op(other, 0, 1, SEM_UNDO);
    SAY(ctl(other, 0, IPC_RMID, 0));
    SAY(op(other, 0, 1, SEM_UNDO));
}
static void undoing(void) {
    id = semget(IPC_PRIVATE, 2, 0600);
    unsigned short v[2] = {0, 5};
    ctl(id, 0, SETALL, (long)v);
    in_child(undo_one);
    show("undone", id);
    in_child(undo_exec);
    SAY(ctl(id, 0, GETVAL, 0));
    in_child(undo_fork);
    SAY(ctl(id, 0, GETVAL, 0));
    in_child(undo_set);
    SAY(ctl(id, 0, GETVAL, 0));
    ctl(id, 0, SETVAL, 0);
    in_child(undo_range);
    SAY(ctl(id, 0, GETVAL, 0));
    in_child(undo_low);
    SAY(ctl(id, 0, GETVAL, 0));
    in_child(undo_shared);
    SAY(ctl(id, 0, GETVAL, 0));
    in_child(undo_removed);
    SAY(ctl(id, 0, GETVAL, 0));
    ctl(id, 0, SETVAL, 1); /* a sleeper is woken by what another's end gives back */
    pid_t a = start(sleeper_b);
    until_waiting(0, GETZCNT, 1);
    fflush(stdout);
    if (!fork()) {
        op(id, 0, -1, 0);
        _exit(0);
    }
    finish(a);
    wait(0);
    SAY(ctl(id, 0, IPC_RMID, 0));
}
static void settings(void) {
    show_text("/proc/sysvipc/sem");
    put("/proc/sys/kernel/sem", "10\t20\t3\t2");
    show_text("/proc/sys/kernel/sem");
    SAY(semget(IPC_PRIVATE, 11, 0600));
    int a = OK(semget(IPC_PRIVATE, 10, 0600)), b = OK(semget(IPC_PRIVATE, 10, 0600));
    SAY(semget(IPC_PRIVATE, 1, 0600));
    SAY(ctl(b, 0, IPC_RMID, 0));
    b = OK(semget(IPC_PRIVATE, 1, 0600));
    SAY(semget(IPC_PRIVATE, 1, 0600));
    struct sembuf s[4] = {0};
    SAY(semop(a, s, 3));
    SAY(semop(a, s, 4));
    SAY(ctl(a, 0, IPC_RMID, 0));
    SAY(ctl(b, 0, IPC_RMID, 0));
    put("/proc/sys/kernel/sem", "32000 1024000000");
    show_text("/proc/sys/kernel/sem");
    put("/proc/sys/kernel/sem", "32000 1024000000 500 32769");
    put("/proc/sys/kernel/sem", "32000 1024000000 500 -1");
    put("/proc/sys/kernel/sem", "x");
    put("/proc/sys/kernel/sem", "32000 1024000000 500 32000");
    show_text("/proc/sys/kernel/sem");
}
int main(int argc, char **argv) {
    if (argc > 1) {
        SAY(ctl(atoi(argv[1]), 0, GETVAL, 0));
        return 0;
    }
    getting();
    control();
    permissions();
    operating();
    sleeping();
    undoing();
    settings();
    return 0;
}
