/* /proc/PID/timers, and what is heeded of kernel.sched_rr_timeslice_ms, kernel.pid_max, vm.max_map_count and the
   limits of fs.inotify. */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static void put(const char *name, const char *text) {
    int fd = open(name, O_WRONLY);
    printf("%s <%s>: ", name, text);
    OK(write(fd, text, strlen(text)));
    close(fd);
}
static long get(const char *name) {
    char b[32] = "";
    int fd = open(name, O_RDONLY);
    read(fd, b, 31);
    close(fd);
    return atol(b);
}

static void timers(void) {
    timer_t t[4];
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    e.sigev_value.sival_int = 7;
    timer_create(CLOCK_MONOTONIC, &e, &t[0]);
    timer_create(CLOCK_REALTIME, 0, &t[1]);
    e.sigev_notify = SIGEV_NONE;
    timer_create(CLOCK_BOOTTIME, &e, &t[2]);
    struct {
        struct sigevent e;
    } own = {{.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2}};
    own.e._sigev_un._tid = gettid();
    syscall(SYS_timer_create, CLOCK_PROCESS_CPUTIME_ID, &own.e, &t[3]);
    char line[128], number[24];
    FILE *f = fopen("/proc/self/timers", "r");
    snprintf(number, 24, ".%d", getpid());
    while (fgets(line, 128, f)) {
        char *p = strstr(line, number);
        if (!strncmp(line, "signal", 6) && !strstr(line, "0000000007")) strcpy(strchr(line, '/'), "/value\n");
        printf("%.*s%s", p ? (int)(p - line) : 128, line, p ? " us\n" : "");
    }
    fclose(f);
    struct stat st;
    SAY(stat("/proc/self/task", &st));
    printf("links %d\n", (int)st.st_nlink);
    SAY(access("/proc/self/task/1/timers", F_OK));
}

static void slices(void) {
    const char *name = "/proc/sys/kernel/sched_rr_timeslice_ms";
    struct timespec ts;
    struct sched_param p = {.sched_priority = 1};
    sched_setscheduler(0, SCHED_RR, &p);
    for (const char **v = (const char *[]){"10", "9", "1", "0", "-1", "x", "40", "-100", 0}; *v; v++) {
        put(name, *v);
        sched_rr_get_interval(0, &ts);
        printf("%ld: %ld.%09ld\n", get(name), (long)ts.tv_sec, ts.tv_nsec);
    }
    p.sched_priority = 0;
    sched_setscheduler(0, SCHED_OTHER, &p);
}

static void pids(void) {
    const char *name = "/proc/sys/kernel/pid_max";
    long before = get(name);
    char b[16];
    put(name, "300"), put(name, "0"), put(name, "-1"), put(name, "4194305");
    put(name, "400");
    put("/proc/sys/kernel/ns_last_pid", "390");
    int over = 0, low = 0;
    for (int i = 0; i < 300; i++) {
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        over += pid >= 400, low += pid < 300;
        waitpid(pid, 0, 0);
    }
    printf("beyond the limit: %d, among the first 300: %d\n", over, low);
    sprintf(b, "%ld", before);
    int fd = open(name, O_WRONLY);
    OK(write(fd, b, strlen(b)));
    close(fd);
}

static int mappings(void) {
    int n = 0, c;
    FILE *f = fopen("/proc/self/maps", "r");
    char line[256];
    while (fgets(line, 256, f)) n += !strstr(line, "[vsyscall]");
    fclose(f);
    return n;
}
static void maps(void) {
    const char *name = "/proc/sys/vm/max_map_count";
    printf("%ld\n", get(name));
    put(name, "-1"), put(name, "2147483648"), put(name, "100");
    char *m = mmap(0, 4096 * 400, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(m, 4096 * 400);
    int n = 0;
    while (n < 400 && mmap(m + n * 4096, 4096, n % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) n++;
    int e = errno;
    /* stdio and maps need nothing new */
    char b[64 * 200];
    int fd = open("/proc/self/maps", O_RDONLY), size = 0, got, lines = 0;
    while ((got = read(fd, b, sizeof b)) > 0)
        for (int i = 0; i < got; i++) lines += b[i] == '\n';
    printf("stopped by %s with %d\n", strerrorname_np(e), lines - 1);
    SAY(mprotect(m, 4096, PROT_READ | PROT_WRITE));
    munmap(m + (n - 1) * 4096, 4096);
    SAY(mmap(m + 399 * 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
    munmap(m, 4096 * 400);
    put(name, "65530");
}

static void watches(void) {
    const char *most = "/proc/sys/fs/inotify/max_user_watches", *instances = "/proc/sys/fs/inotify/max_user_instances";
    char a[16], b[16];
    sprintf(a, "%ld", get(most)), sprintf(b, "%ld", get(instances));
    printf("instances %s\n", b);
    put(most, "3"), put(instances, "2");
    if (fork() == 0) {
        setresuid(4321, 4321, 4321);
        int one = SAY(inotify_init() > 0 ? 3 : -1), two = SAY(inotify_init()) ? 4 : 0;
        SAY(inotify_init());
        SAY(inotify_add_watch(3, "/", IN_OPEN) > 0);
        SAY(inotify_add_watch(3, "/proc", IN_OPEN) > 0);
        SAY(inotify_add_watch(4, "/", IN_OPEN) > 0);
        SAY(inotify_add_watch(4, "/sys", IN_OPEN));
        SAY(inotify_add_watch(4, "/", IN_ATTRIB) > 0);
        SAY(inotify_rm_watch(3, 1));
        SAY(inotify_add_watch(4, "/sys", IN_OPEN) > 0);
        SAY(inotify_add_watch(4, "/dev", IN_OPEN));
        close(3);
        SAY(inotify_init());
        SAY(inotify_add_watch(3, "/dev", IN_OPEN) > 0);
        SAY(inotify_add_watch(3, "/sys", IN_OPEN));
        _exit(0);
    }
    wait(0);
    int fd = open(most, O_WRONLY);
    write(fd, a, strlen(a));
    close(fd);
    fd = open(instances, O_WRONLY);
    write(fd, b, strlen(b));
    close(fd);
    /* A new name shows at the file, and reading a directory is an access. */
    fd = inotify_init1(IN_NONBLOCK);
    mkdir("/tmp/proc_effects", 0700);
    close(open("/tmp/proc_effects/a", O_CREAT | O_RDWR, 0600));
    inotify_add_watch(fd, "/tmp/proc_effects", IN_ALL_EVENTS);
    inotify_add_watch(fd, "/tmp/proc_effects/a", IN_ALL_EVENTS);
    link("/tmp/proc_effects/a", "/tmp/proc_effects/b");
    int dir = open("/tmp/proc_effects", O_RDONLY);
    char entries[512], *p = entries;
    while (syscall(SYS_getdents64, dir, entries, 512) > 0);
    close(dir);
    /* One time alone is an access or a change; O_TRUNC and fallocate are changes, and so is ftruncate without a name. */
    struct timespec t[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    utimensat(AT_FDCWD, "/tmp/proc_effects/a", t, 0);
    t[0].tv_nsec = UTIME_OMIT, t[1].tv_nsec = UTIME_NOW;
    utimensat(AT_FDCWD, "/tmp/proc_effects/a", t, 0);
    t[0].tv_nsec = UTIME_NOW;
    utimensat(AT_FDCWD, "/tmp/proc_effects/a", t, 0);
    chmod("/tmp/proc_effects/a", 0640);
    int file = open("/tmp/proc_effects/a", O_RDWR | O_TRUNC);
    fallocate(file, 0, 0, 4096);
    close(open("/tmp/proc_effects/c", O_CREAT | O_TRUNC | O_RDWR, 0600));
    inotify_add_watch(fd, "/tmp/proc_effects", IN_ALL_EVENTS | IN_EXCL_UNLINK);
    unlink("/tmp/proc_effects/c"), unlink("/tmp/proc_effects/a");
    ftruncate(file, 10), fchmod(file, 0600), write(file, "x", 1);
    close(file);
    unlink("/tmp/proc_effects/a"), unlink("/tmp/proc_effects/b"), rmdir("/tmp/proc_effects");
    static char events[8192];
    int n = read(fd, events, sizeof events);
    for (struct inotify_event *e = (void *)events; (char *)e < events + n; e = (void *)((char *)(e + 1) + e->len))
        printf("event %d %x %s\n", e->wd, e->mask, e->len ? e->name : "");
}

/* Where the stack and the heap of a program lie that exec begins. */
static void places(int argc, char **argv) {
    const char *name = "/proc/sys/kernel/randomize_va_space";
    for (const char **v = (const char *[]){"0", "1", "2", 0}; *v; v++) {
        put(name, *v);
        unsigned long at[3][2];
        for (int i = 0; i < 3; i++) {
            int p[2];
            pipe(p);
            if (fork() == 0) {
                dup2(p[1], 1);
                execl("/proc/self/exe", "effects", "where", (char *)0);
            }
            read(p[0], at[i], 16);
            wait(0);
            close(p[0]), close(p[1]);
        }
        int stacks = at[0][0] == at[1][0] && at[1][0] == at[2][0], heaps = at[0][1] == at[1][1] && at[1][1] == at[2][1];
        printf("stack in one place %d, heap %d\n", stacks, heaps);
    }
}

/* kernel.yama.ptrace_scope=1: ancestors, and who was named. */
static void tracer(void) {
    put("/proc/sys/kernel/yama/ptrace_scope", "1");
    SAY(prctl(PR_SET_PTRACER, 0x7ffffff0, 0, 0, 0));
    SAY(prctl(PR_SET_PTRACER, -1, 0, 0, 0));
    SAY(prctl(PR_SET_PTRACER, getpid(), 0, 0, 0));
    SAY(prctl(PR_SET_PTRACER, 0, 0, 0, 0));
    for (int how = 0; how < 5; how++) {
        int go[2], said[2];
        pid_t brother, target;
        char b;
        pipe(go), pipe(said);
        if ((brother = fork()) == 0) { /* it tries, or a child of its own does */
            setresuid(1000, 1000, 1000), prctl(PR_SET_DUMPABLE, 1);
            read(go[0], &target, sizeof target);
            if (how == 4 && fork()) wait(0), _exit(0);
            printf("%d ", how);
            OK(ptrace(PTRACE_ATTACH, target, 0, 0));
            _exit(0);
        }
        if ((target = fork()) == 0) {
            setresuid(1000, 1000, 1000), prctl(PR_SET_DUMPABLE, 1);
            if (how == 1) prctl(PR_SET_PTRACER, -1, 0, 0, 0);
            if (how == 2 || how == 4) prctl(PR_SET_PTRACER, brother, 0, 0, 0);
            if (how == 3) prctl(PR_SET_PTRACER, brother, 0, 0, 0), prctl(PR_SET_PTRACER, 0, 0, 0, 0);
            write(said[1], "x", 1);
            pause();
        }
        read(said[0], &b, 1);
        write(go[1], &target, sizeof target);
        waitpid(brother, 0, 0);
        kill(target, 9);
        waitpid(target, 0, 0);
    }
    if (fork() == 0) {
        setresuid(1000, 1000, 1000), prctl(PR_SET_DUMPABLE, 1);
        pid_t child = fork();
        if (child == 0) pause();
        OK(ptrace(PTRACE_ATTACH, child, 0, 0));
        kill(child, 9);
        _exit(0);
    }
    wait(0);
    put("/proc/sys/kernel/yama/ptrace_scope", "0");
}

/* What schedstat is made of, and that a CPU's numbers grow; what drop_caches takes. */
static void counters(void) {
    char line[512];
    unsigned long ran[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        FILE *f = fopen("/proc/schedstat", "r");
        if (!f) return;
        while (fgets(line, sizeof line, f)) {
            unsigned long at, delay, times;
            int cpu, fields = 0;
            if (sscanf(line, "cpu%d %*u %*u %*u %*u %*u %*u %lu %lu %lu", &cpu, &at, &delay, &times) == 4) ran[i] += at;
            for (char *p = line; *p; p++) fields += *p == ' ';
            if (i == 0 && strncmp(line, "domain", 6)) printf("%.*s with %d fields\n", (int)strcspn(line, " "), line, fields);
        }
        fclose(f);
        for (volatile int n = 0; n < 3000000; n++);
    }
    printf("more: %d\n", ran[1] > ran[0]);
    for (const char **v = (const char *[]){"1", "2", "3", "4", "0", "5", "x", 0}; *v; v++) put("/proc/sys/vm/drop_caches", *v);
    OK(open("/tmp", O_RDONLY));
}

static void persona(void) {
    char b[32];
    for (int i = 0; i < 2; i++) {
        int fd = open("/proc/self/personality", O_RDONLY);
        printf("personality %.*s", (int)read(fd, b, 32), b);
        close(fd);
        personality(ADDR_NO_RANDOMIZE);
    }
    personality(0);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        unsigned long at[2] = {(unsigned long)&argv & ~0xfffful, (unsigned long)sbrk(0)};
        write(1, at, 16);
        return 0;
    }
    setvbuf(stdout, 0, _IONBF, 0);
    timers();
    slices();
    pids();
    maps();
    watches();
    places(argc, argv);
    tracer();
    persona();
    counters();
    return 0;
}
