/* System V shared memory: every call, command and flag, errnos, attach counts, permissions. */
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "children.h"

static void show(const char *what, int id) {
    struct shmid_ds d;
    memset(&d, 0xee, sizeof d);
    if (shmctl(id, IPC_STAT, &d) < 0) {
        printf("%s: %s\n", what, strerrorname_np(errno));
        return;
    }
    printf("%s: key %x mode %o owner %d.%d creator %d.%d size %zu nattch %lu cpid %s lpid %s times %d %d %d\n", what, d.shm_perm.__key,
           d.shm_perm.mode, d.shm_perm.uid, d.shm_perm.gid, d.shm_perm.cuid, d.shm_perm.cgid, d.shm_segsz, d.shm_nattch,
           d.shm_cpid == getpid() ? "self" : d.shm_cpid ? "other" : "0", d.shm_lpid == getpid() ? "self" : d.shm_lpid ? "other" : "0",
           d.shm_atime != 0, d.shm_dtime != 0, d.shm_ctime != 0);
}
static long count(int id) {
    struct shmid_ds d;
    return shmctl(id, IPC_STAT, &d) < 0 ? -1 : (long)d.shm_nattch;
}
static void maps(void) { /* lines of /proc/self/maps about segments, without their addresses */
    FILE *f = fopen("/proc/self/maps", "r");
    char line[400];
    while (fgets(line, sizeof line, f))
        if (strstr(line, "SYSV")) printf("maps: %s", strchr(line, ' '));
    fclose(f);
}

static void getting(void) {
    SAY(shmget(0x1234, 4096, 0));
    SAY(shmget(0x1234, 0, IPC_CREAT));
    SAY(shmget(0x1234, -1UL, IPC_CREAT));
    SAY(shmget(0x1234, 1UL << 63, IPC_CREAT));
    SAY(shmget(0x1234, 1UL << 46, IPC_CREAT));
    int a = OK(shmget(0x1234, 5000, IPC_CREAT | IPC_EXCL | 0640));
    SAY(shmget(0x1234, 5000, IPC_CREAT | IPC_EXCL | 0640));
    SAY(shmget(0x1234, 5001, 0));
    SAY(shmget(0x1234, 5000, 0) == a);
    SAY(shmget(0x1234, 0, IPC_CREAT) == a);
    show("new", a);
    int b = OK(shmget(IPC_PRIVATE, 1, 07770777));
    SAY(b == a);
    show("private", b);
    SAY(b - a);
    SAY(shmctl(b, IPC_RMID, 0));
    SAY(shmctl(b, IPC_RMID, 0));
    SAY(shmget(IPC_PRIVATE, 1 << 21, IPC_CREAT | SHM_HUGETLB | 0600));
    SAY(shmget(IPC_PRIVATE, 1 << 21, IPC_CREAT | SHM_HUGETLB | (5 << 26) | 0600));
    int n = OK(shmget(IPC_PRIVATE, 1UL << 36, IPC_CREAT | SHM_NORESERVE | 0600));
    SAY(shmctl(n, IPC_RMID, 0));
    SAY(shmctl(a, IPC_RMID, 0));
    SAY(shmget(0x1234, 5000, 0));
}
static void attaching(void) {
    int id = OK(shmget(IPC_PRIVATE, 3 * 4096, IPC_CREAT | 0600));
    SAY(shmat(-1, 0, 0) == (void *)-1);
    SAY(shmat(id + 1, 0, 0) == (void *)-1);
    SAY((long)shmat(id, 0, SHM_REMAP));
    char *p = shmat(id, 0, 0);
    SAY(p != (void *)-1);
    SAY(((unsigned long)p & 4095));
    strcpy(p, "hello");
    show("attached", id);
    maps();
    char *q = shmat(id, 0, SHM_RDONLY);
    SAY(strcmp(q, "hello"));
    SAY(mprotect(q, 4096, PROT_READ | PROT_WRITE));
    SAY(count(id));
    SAY(mprotect(q, 4096, PROT_READ | PROT_EXEC));
    SAY(count(id));
    maps();
    SAY((long)shmat(id, p, 0));                 /* something is there */
    SAY((long)shmat(id, p + 1, 0));             /* not aligned */
    SAY((long)shmat(id, p + 1, SHM_RND));       /* rounded, and still something there */
    SAY(shmat(id, p + 5, SHM_RND | SHM_REMAP) == p);
    SAY((long)shmat(id, (void *)1, SHM_RND | SHM_REMAP));
    SAY((long)shmat(id, (void *)~4095UL, 0));
    SAY((long)shmat(id, (void *)(1UL << 47), 0));
    SAY((long)shmat(id, (void *)4096, 0) == 4096);
    SAY(count(id));
    SAY(shmdt((void *)4096));
    SAY(strcmp(p, "hello"));
    SAY(shmdt(p + 1));
    SAY(shmdt(p + 4096));
    SAY(shmdt(0));
    SAY(shmdt(q));
    SAY(shmdt(q));
    SAY(count(id));
    SAY(munmap(p + 4096, 4096));
    SAY(count(id));
    maps();
    show("with a hole", id);
    SAY(shmdt(p));
    SAY(count(id));
    show("detached", id);
    char *x = shmat(id, 0, SHM_EXEC);
    SAY(x != (void *)-1);
    maps();
    SAY(strcmp(x, "hello"));
    char *y = mremap(x, 3 * 4096, 5 * 4096, MREMAP_MAYMOVE);
    SAY(y != (void *)-1);
    SAY(count(id));
    SAY(strcmp(y, "hello"));
    char *z = mremap(y, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, y + 100 * 4096);
    SAY(z == y + 100 * 4096);
    SAY(count(id));
    SAY(strcmp(z, "hello"));
    SAY(munmap(z, 4096));
    SAY(shmdt(y));
    SAY(count(id));
    SAY(munmap(y, 5 * 4096));
    SAY(count(id));
    SAY(shmctl(id, IPC_RMID, 0));
}
static void past_end(void) { /* the last page is whole, the one behind is not there */
    int id = shmget(IPC_PRIVATE, 100, IPC_CREAT | 0600);
    char *p = shmat(id, 0, 0);
    shmctl(id, IPC_RMID, 0);
    p[4095] = 1;
    p = mremap(p, 4096, 8192, MREMAP_MAYMOVE);
    SAY(p != (void *)-1);
    p[4096] = 1;
}
static void lives(void) {
    int id = OK(shmget(0x77, 4096, IPC_CREAT | 0600));
    char *p = shmat(id, 0, 0);
    fflush(stdout);
    int up[2], down[2];
    char c;
    pipe(up), pipe(down);
    if (!fork()) {
        SAY(count(id));
        write(up[1], "x", 1);
        read(down[0], &c, 1);
        fflush(stdout);
        _exit(0);
    }
    read(up[0], &c, 1);
    SAY(count(id));
    show("after fork", id);
    write(down[1], "x", 1);
    wait(0);
    SAY(count(id));
    show("after exit", id);
    fflush(stdout);
    if (!fork()) {
        execl("/proc/self/exe", "again", "exec", (char *)0);
        _exit(1);
    }
    wait(0);
    SAY(count(id));
    fflush(stdout);
    if (!fork()) {
        madvise(p, 4096, MADV_DONTFORK);
        if (!fork()) {
            SAY(count(id));
            fflush(stdout);
            _exit(0);
        }
        wait(0);
        _exit(0);
    }
    wait(0);
    SAY(shmctl(id, IPC_RMID, 0));
    show("destroyed", id);
    SAY(shmget(0x77, 1, 0));
    char *q = shmat(id, 0, 0); /* still there by its number */
    SAY(q != (void *)-1);
    strcpy(p, "still");
    SAY(strcmp(q, "still"));
    int other = OK(shmget(0x77, 4096, IPC_CREAT | 0600));
    SAY(other == id);
    SAY(shmdt(p));
    show("one left", id);
    SAY(shmdt(q));
    show("none left", id);
    SAY(shmat(id, 0, 0) == (void *)-1);
    SAY(shmctl(other, IPC_RMID, 0));
}
static int other_id;
static void as_user(void) {
    become(1000);
    SAY(shmget(0x99, 4096, 0) == other_id);
    SAY(shmget(0x99, 4096, 0444) == other_id);
    SAY(shmget(0x99, 4096, 0666) == other_id);
    struct shmid_ds d;
    SAY(shmctl(other_id, IPC_STAT, &d));
    SAY(shmat(other_id, 0, 0) != (void *)-1);
    void *p = shmat(other_id, 0, SHM_RDONLY);
    SAY(p != (void *)-1);
    SAY(shmat(other_id, 0, SHM_RDONLY | SHM_EXEC) != (void *)-1);
    SAY(shmctl(other_id, IPC_SET, &d));
    SAY(shmctl(other_id, IPC_RMID, 0));
    SAY(shmctl(other_id, SHM_LOCK, 0));
    SAY(shmctl(other_id, SHM_UNLOCK, 0));
    SAY(shmctl(other_id, SHM_STAT_ANY, &d) >= 0);
    int own = OK(shmget(IPC_PRIVATE, 100000, IPC_CREAT | 0000));
    SAY(shmctl(own, IPC_STAT, &d));
    SAY(shmat(own, 0, SHM_RDONLY) != (void *)-1);
    SAY(shmctl(own, SHM_LOCK, 0));
    struct rlimit small = {4096, 4096}, none = {0, 0};
    setrlimit(RLIMIT_MEMLOCK, &small);
    SAY(shmctl(own, SHM_UNLOCK, 0));
    SAY(shmctl(own, SHM_LOCK, 0));
    setrlimit(RLIMIT_MEMLOCK, &none);
    SAY(shmctl(own, SHM_LOCK, 0));
    SAY(shmctl(own, SHM_UNLOCK, 0));
    SAY(shmctl(own, IPC_RMID, 0));
}
static void control(void) {
    struct shmid_ds d;
    struct shminfo i;
    struct shm_info u;
    int id = OK(shmget(0x99, 4096, IPC_CREAT | 0644));
    other_id = id;
    SAY(shmctl(id, IPC_STAT, (void *)1));
    SAY(shmctl(id, IPC_SET, (void *)1));
    SAY(shmctl(id, -1, &d));
    SAY(shmctl(-1, IPC_STAT, &d));
    SAY(shmctl(id, 99, &d));
    SAY(shmctl(id + 32768, IPC_STAT, &d));
    SAY(shmctl(id + 32768, SHM_STAT, &d) == id);
    SAY(shmctl(id % 32768, SHM_STAT, &d) == id);
    SAY(shmctl(id % 32768, SHM_STAT_ANY, &d) == id);
    SAY(shmctl(id % 32768 + 1, SHM_STAT, &d));
    SAY(shmctl(0, IPC_INFO, (void *)&i) >= 0);
    printf("%lu %lu %lu %lu %lu\n", i.shmmax, i.shmmin, i.shmmni, i.shmseg, i.shmall);
    SAY(shmctl(0, IPC_INFO, (void *)1));
    SAY(shmctl(0, SHM_INFO, (void *)&u) >= 0);
    printf("%d %lu %lu %lu\n", u.used_ids, u.shm_tot, u.shm_rss, u.shm_swp);
    char *p = shmat(id, 0, 0);
    *p = 1;
    SAY(shmctl(0, SHM_INFO, (void *)&u) >= 0);
    printf("%d %lu %lu %lu\n", u.used_ids, u.shm_tot, u.shm_rss, u.shm_swp);
    SAY(shmctl(id, SHM_LOCK, 0));
    show("locked", id);
    SAY(shmctl(id, SHM_LOCK, 0));
    SAY(shmctl(id, SHM_UNLOCK, 0));
    SAY(shmctl(id, SHM_UNLOCK, 0));
    show("unlocked", id);
    in_child(as_user);
    shmctl(id, IPC_STAT, &d);
    d.shm_perm.uid = 1000;
    d.shm_perm.gid = 1001;
    d.shm_perm.mode = 07777;
    SAY(shmctl(id, IPC_SET, &d));
    show("given", id);
    in_child(as_user);
    show("removed by its owner", id);
    SAY(shmdt(p));
    show("and gone", id);
    id = shmget(IPC_PRIVATE, 1, 0600);
    shmctl(id, IPC_STAT, &d);
    d.shm_perm.uid = -1;
    SAY(shmctl(id, IPC_SET, &d));
    d.shm_perm.uid = 0;
    d.shm_perm.gid = -1;
    SAY(shmctl(id, IPC_SET, &d));
    SAY(shmctl(id, IPC_RMID, 0));
}
static void numbers(void) { /* how numbers are given out */
    int first = shmget(IPC_PRIVATE, 1, 0600), last = first;
    for (int i = 0; i < 200; i++) {
        shmctl(last, IPC_RMID, 0);
        int id = shmget(IPC_PRIVATE, 1, 0600);
        if (id != last + 1) printf("after %d slots: %+d\n", i, (id - last));
        last = id;
    }
    shmctl(last, IPC_RMID, 0);
    int ids[100];
    for (int i = 0; i < 100; i++) {
        ids[i] = shmget(IPC_PRIVATE, 1, 0600);
        if (i && ids[i] != ids[i - 1] + 1) printf("%d: %+d\n", i, ids[i] - ids[i - 1]);
    }
    for (int i = 0; i < 100; i++) shmctl(ids[i], IPC_RMID, 0);
}
static void settings(void) {
    static const char *const kernel[] = {"shmmax", "shmall", "shmmni", "shm_rmid_forced", "shm_next_id", "sem", "sem_next_id", "msgmax", "msgmnb", "msgmni", "msg_next_id", "auto_msgmni"};
    char path[100];
    for (int i = 0; i < 12; i++) {
        struct stat st;
        sprintf(path, "/proc/sys/kernel/%s", kernel[i]);
        stat(path, &st);
        printf("%o ", st.st_mode);
        show_text(path);
    }
    show_text("/proc/sysvipc/shm");
    put("/proc/sys/kernel/shmmax", "4096");
    SAY(shmget(IPC_PRIVATE, 4097, 0600));
    put("/proc/sys/kernel/shmmax", "x");
    put("/proc/sys/kernel/shmmax", "18446744073692774399");
    show_text("/proc/sys/kernel/shmmax");
    put("/proc/sys/kernel/shmmni", "32769");
    put("/proc/sys/kernel/shmmni", "-1");
    put("/proc/sys/kernel/shmmni", "1");
    int a = OK(shmget(IPC_PRIVATE, 1, 0600));
    SAY(shmget(IPC_PRIVATE, 1, 0600));
    SAY(shmctl(a, IPC_RMID, 0));
    put("/proc/sys/kernel/shmmni", "4096\n");
    put("/proc/sys/kernel/shmall", "2");
    SAY(shmget(IPC_PRIVATE, 3 * 4096, 0600));
    a = OK(shmget(IPC_PRIVATE, 4096, 0600));
    SAY(shmget(IPC_PRIVATE, 4097, 0600));
    SAY(shmctl(a, IPC_RMID, 0));
    put("/proc/sys/kernel/shmall", "18446744073692774399");
    put("/proc/sys/kernel/shm_rmid_forced", "2");
    a = shmget(IPC_PRIVATE, 4096, 0600);
    put("/proc/sys/kernel/shm_rmid_forced", "1");
    SAY(count(a));
    fflush(stdout);
    if (!fork()) {
        SAY(shmget(0x555, 4096, IPC_CREAT | 0600) >= 0);
        fflush(stdout);
        _exit(0);
    }
    wait(0);
    SAY(shmget(0x555, 1, 0));
    SAY(shmdt(shmat(a, 0, 0)));
    SAY(count(a));
    put("/proc/sys/kernel/shm_rmid_forced", "0");
    put("/proc/sys/kernel/shm_next_id", "4000");
    show_text("/proc/sys/kernel/shm_next_id");
    SAY(a = shmget(IPC_PRIVATE, 1, 0600));
    show_text("/proc/sys/kernel/shm_next_id");
    SAY(shmctl(a, IPC_RMID, 0));
    put("/proc/sys/kernel/auto_msgmni", "1");
    put("/proc/sys/kernel/auto_msgmni", "5");
    show_text("/proc/sys/kernel/auto_msgmni");
}
static void key(void) { /* the same page for futexes of both processes */
    int id = shmget(IPC_PRIVATE, 4096, 0600);
    volatile int *w = shmat(id, 0, 0);
    fflush(stdout);
    if (!fork()) {
        volatile int *v = shmat(id, 0, 0);
        while (syscall(SYS_futex, v, 1, 1, 0, 0, 0) != 1) usleep(1000);
        _exit(0);
    }
    SAY(syscall(SYS_futex, w, 0, 0, 0, 0, 0));
    wait(0);
    shmctl(id, IPC_RMID, 0);
}
static void remapping(void) { /* a removed segment goes with the pages that the new ones replace */
    for (int removed = 0; removed < 4; removed++) {
        int id = shmget(IPC_PRIVATE, 3 * 4096, 0600);
        char *m = shmat(id, 0, 0), *other = removed == 2 ? shmat(id, 0, 0) : NULL;
        for (int i = 0; i < 3; i++) m[i * 4096] = 'a' + i;
        if (removed) SAY(shmctl(id, IPC_RMID, 0));
        SAY(syscall(SYS_remap_file_pages, m, removed == 3 ? 4096 : 3 * 4096, 0, 1, 0));
        SAY(count(id));
        unsigned char there[3];
        SAY(mincore(m, 4096, there));
        SAY(mincore(m + 4096, 8192, there));
        if (!mincore(m, 4096, there)) printf("%c\n", m[0]);
        SAY(syscall(SYS_remap_file_pages, m, 4096, 0, 2, 0));
        if (!mincore(m, 4096, there)) printf("%c\n", m[0]);
        maps();
        SAY(shmdt(m));
        if (other) shmdt(other);
        munmap(m, 3 * 4096);
        SAY(count(id));
        SAY(shmctl(id, IPC_RMID, 0));
    }
}
int main(int argc, char **argv) {
    if (argc > 1) {
        int id = shmget(0x77, 1, 0);
        SAY(count(id));
        return 0;
    }
    getting();
    attaching();
    in_child(past_end);
    lives();
    remapping();
    control();
    numbers();
    settings();
    key();
    return 0;
}
