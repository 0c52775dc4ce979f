/* pagemap, clear_refs, smaps, map_files: what they say of pages that the program used in a known way. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { PAGE = 4096 };
static int map_fd;

static void clear(const char *what) {
    int fd = open("/proc/self/clear_refs", O_WRONLY);
    printf("clear %s: %d\n", what, (int)write(fd, what, strlen(what)));
    close(fd);
}
static unsigned long word(const void *p) {
    unsigned long w = 0;
    pread(map_fd, &w, 8, (unsigned long)p / PAGE * 8);
    return w;
}
/* p: present, f: of a file or shared, x: mapped only here, w: written, n: with a frame number */
static void show(const char *what, const char *p, int pages) {
    printf("%s:", what);
    for (int i = 0; i < pages; i++) {
        unsigned long w = word(p + i * PAGE);
        printf(" %s%s%s%s%s.", w >> 63 & 1 ? "p" : "", w >> 61 & 1 ? "f" : "", w >> 56 & 1 ? "x" : "",
               w >> 55 & 1 ? "w" : "", w & ((1ul << 55) - 1) ? "n" : "");
    }
    printf("\n");
}
/* Lines of smaps of the mapping at p. */
static void smaps(const char *what, const void *p, const char *wanted) {
    char name[32], line[512];
    int mine = 0;
    FILE *f = fopen("/proc/self/smaps", "r");
    snprintf(name, sizeof name, "%08lx-", (unsigned long)p);
    printf("%s:", what);
    while (fgets(line, sizeof line, f)) {
        if (strchr("0123456789abcdef", line[0])) mine = !strncmp(line, name, strlen(name));
        char key[40] = "", *end = strchr(line, ':');
        if (!mine || !end) continue;
        snprintf(key, sizeof key, " %.*s ", (int)(end - line), line);
        if (!strncmp(line, "VmFlags", 7)) line[strcspn(line, "\n")] = 0;
        if (strstr(wanted, key)) printf(" %.*s=%s", (int)(end - line), line, strncmp(line, "VmFlags", 7) ? strtok(end + 1, " \n") : end + 1);
    }
    printf("\n");
    fclose(f);
}
#define SUMS " Rss Pss Pss_Dirty Shared_Clean Shared_Dirty Private_Clean Private_Dirty Referenced Anonymous Locked "

static void pages(void) {
    char *m = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(m + 7 * PAGE, PAGE, PROT_NONE);
    show("fresh", m, 8);
    m[0] = 1, m[PAGE] = 1, m[2 * PAGE] = 1;
    volatile char c = m[3 * PAGE];
    show("used", m, 8);
    smaps("used", m, SUMS);
    smaps("flags", m, " VmFlags ");
    clear("4");
    show("cleared", m, 8);
    smaps("dirty all the same", m, SUMS);
    smaps("flags", m, " VmFlags ");
    m[PAGE] = 2;
    c = m[2 * PAGE];
    m[5 * PAGE] = 1;
    show("written again", m, 8);
    mprotect(m, 2 * PAGE, PROT_READ);
    mprotect(m, 2 * PAGE, PROT_READ | PROT_WRITE);
    show("after mprotect", m, 2);
    char *n = mmap(m + 8 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    show("a new mapping", n, 1);
    clear("1");
    smaps("none used", m, " Rss Referenced Private_Dirty ");
    c = m[0];
    m[PAGE] = 3;
    smaps("two used", m, " Rss Referenced Private_Dirty ");
    munmap(m, 9 * PAGE);
}

static void shared(void) {
    char *m = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *s = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4; i++) m[i * PAGE] = 1, s[i * PAGE] = 1;
    show("anonymous", m, 4), show("shared", s, 4);
    smaps("alone", s, SUMS);
    int to[2], from[2];
    char b;
    pipe(to), pipe(from);
    if (fork() == 0) {
        volatile char c = s[0] + s[PAGE];
        m[0] = 2;
        write(from[1], "x", 1);
        read(to[0], &b, 1);
        _exit(0);
    }
    read(from[0], &b, 1);
    show("anonymous, of two", m, 4), show("shared, of two", s, 2);
    smaps("anonymous, of two", m, SUMS);
    write(to[1], "x", 1);
    wait(0);
    smaps("alone again", m, SUMS);
    mlock(m, 2 * PAGE);
    smaps("locked", m, SUMS);
    munlock(m, 2 * PAGE);
}

static void rules(void) {
    char b[64];
    SAY(read(map_fd, b, 7));
    SAY(pread(map_fd, b, 8, 3));
    SAY(pread(map_fd, b, 0, 8));
    SAY(pread(map_fd, b, 64, 0x7ffffffff000 / PAGE * 8 - 16));
    SAY(pread(map_fd, b, 8, 0x7ffffffff000 / PAGE * 8));
    SAY(pread(map_fd, b, 8, 1ul << 62));
    SAY(pread(map_fd, (void *)1, 8, 0));
    SAY(lseek(map_fd, 16, SEEK_SET));
    SAY(lseek(map_fd, 16, SEEK_CUR));
    SAY(lseek(map_fd, 0, SEEK_END));
    SAY(write(map_fd, b, 8));
    int fd = open("/proc/self/clear_refs", O_WRONLY);
    for (const char **v = (const char *[]){"0", "5", "6", "x", "2\n", "3 \n", "1x", "-1", 0}; *v; v++) {
        printf("clear_refs <%s> ", *v);
        OK(write(fd, *v, strlen(*v)));
    }
    SAY(read(fd, b, 8));
    close(fd);
    SAY(open("/proc/self/clear_refs", O_RDONLY) > 0);
    /* Of a process that ends. */
    int p[2];
    pipe(p);
    pid_t pid = fork();
    if (pid == 0) {
        read(p[0], b, 1);
        _exit(0);
    }
    const char *names[] = {"pagemap", "mem", "maps", "smaps", "auxv", "environ", "clear_refs", "timers", "smaps_rollup"};
    int fds[9];
    for (int i = 0; i < 9; i++) {
        snprintf(b, sizeof b, "/proc/%d/%s", pid, names[i]);
        fds[i] = open(b, i == 6 ? O_WRONLY : O_RDONLY);
    }
    write(p[1], "x", 1);
    waitid(P_PID, pid, 0, WEXITED | WNOWAIT);
    char big[256];
    for (int i = 0; i < 9; i++) {
        printf("zombie's %s ", names[i]);
        i == 6 ? OK(write(fds[i], "1", 1)) : SAY(pread(fds[i], big, 256, i == 1 ? (long)big : 0));
    }
    waitpid(pid, 0, 0);
    for (int i = 0; i < 9; i++) {
        printf("gone: %s ", names[i]);
        i == 6 ? OK(write(fds[i], "1", 1)) : SAY(pread(fds[i], big, 256, i == 1 ? (long)big : 0));
        close(fds[i]);
    }
    /* And of one that becomes another program. */
    pipe(p);
    int q[2];
    pipe(q);
    pid = fork();
    if (pid == 0) {
        dup2(q[0], 0), dup2(p[1], 1);
        execl("/bin/sh", "sh", "-c", "echo a; read x; echo b; read x", (char *)0);
    }
    read(p[0], b, 2);
    for (int i = 0; i < 5; i++) {
        snprintf(b, sizeof b, "/proc/%d/%s", pid, names[i]);
        fds[i] = open(b, O_RDONLY);
        printf("%s opens: %d\n", names[i], fds[i] >= 0);
    }
    kill(pid, 9);
    waitpid(pid, 0, 0);
    for (int i = 0; i < 5; i++) close(fds[i]);
    /* For others' eyes. */
    if (fork() == 0) {
        setresgid(1000, 1000, 1000), setresuid(1000, 1000, 1000);
        prctl(PR_SET_DUMPABLE, 1);
        close(map_fd);
        map_fd = open("/proc/self/pagemap", O_RDONLY);
        char *m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        m[0] = 1;
        show("without a privilege", m, 1);
        for (int i = 0; i < 5; i++) {
            char name[64];
            snprintf(name, sizeof name, "/proc/%d/%s", getppid(), names[i]);
            printf("%s of root ", names[i]);
            OK(open(name, O_RDONLY));
        }
        SAY(access("/proc/self/map_files", R_OK));
        _exit(0);
    }
    wait(0);
}

static void files(void) {
    char name[128], to[256];
    struct stat st;
    int fd = open("/tmp/proc_pages_file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(fd, "content", 7);
    char *m = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    unlink("/tmp/proc_pages_file");
    char *s = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sprintf(name, "/proc/self/map_files/%lx-%lx", (long)m, (long)m + 2 * PAGE);
    int n = readlink(name, to, 256);
    printf("%.*s\n", n > 0 ? n : 0, to);
    SAY(lstat(name, &st));
    printf("%o %ld\n", st.st_mode, (long)st.st_size);
    fd = open(name, O_RDONLY);
    n = read(fd, to, 256);
    printf("%.*s\n", n > 0 ? n : 0, to);
    close(fd);
    sprintf(name, "/proc/self/map_files/%lx-%lx", (long)s, (long)s + PAGE);
    n = readlink(name, to, 256);
    printf("%.*s\n", n > 0 ? n : 0, to);
    sprintf(name, "/proc/self/map_files/%lx-%lx", (long)m, (long)m + PAGE);
    OK(readlink(name, to, 256));
    sprintf(name, "/proc/self/map_files/0%lx-%lx", (long)m, (long)m + 2 * PAGE);
    OK(readlink(name, to, 256));
    OK(readlink("/proc/self/map_files/x", to, 256));
    OK(readlink("/proc/self/map_files/1-", to, 256));
    /* The directory lists just what maps shows with a file. */
    int in_maps = 0, listed = 0, good = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    while (fgets(to, 256, f)) {
        unsigned long a, b, o, ino;
        char p[8];
        int d1, d2;
        sscanf(to, "%lx-%lx %s %lx %x:%x %lu", &a, &b, p, &o, &d1, &d2, &ino);
        in_maps += ino != 0;
    }
    fclose(f);
    DIR *d = opendir("/proc/self/map_files");
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        listed++;
        sprintf(name, "/proc/self/map_files/%s", e->d_name);
        good += readlink(name, to, 256) > 0;
    }
    closedir(d);
    printf("listed %d, readable %d\n", listed == in_maps, good == listed);
    munmap(m, 2 * PAGE);
    if (fork() == 0) {
        setresuid(1000, 1000, 1000);
        prctl(PR_SET_DUMPABLE, 1);
        sprintf(name, "/proc/self/map_files/%lx-%lx", (long)s, (long)s + PAGE);
        OK(readlink(name, to, 256));
        OK(open(name, O_RDONLY));
        _exit(0);
    }
    wait(0);
}

int main(void) {
    map_fd = open("/proc/self/pagemap", O_RDONLY);
    pages();
    shared();
    rules();
    files();
    return 0;
}
