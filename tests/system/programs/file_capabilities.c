/* security.capability: which values it takes, what ends it, and what exec makes of it. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "check.h"

enum { ALICE = 1001, RAW = 1 << CAP_NET_RAW, CHOWN = 1 << CAP_CHOWN, NICE = 1 << CAP_SYS_NICE };
static const char name[] = "security.capability", tool[] = "/tmp/caps/tool";

struct attribute {
    unsigned magic, permitted, inheritable, permitted_high, inheritable_high, root;
};

static int set(const char *path, unsigned magic, unsigned permitted, unsigned inheritable, size_t size) {
    struct attribute a = {magic, permitted, inheritable, 0, 0, 0};
    return setxattr(path, name, &a, size, 0);
}
static int give(unsigned magic, unsigned permitted, unsigned inheritable) {
    return set(tool, magic, permitted, inheritable, 20);
}
static void show(const char *path) {
    unsigned char bytes[64];
    ssize_t n = getxattr(path, name, bytes, sizeof bytes);
    printf("  %zd of %zd:", n, getxattr(path, name, NULL, 0));
    for (ssize_t i = 0; i < n; i++) printf(" %02x", bytes[i]);
    printf("\n");
}

static void values(void) {
    static const unsigned magics[] = {0, VFS_CAP_REVISION_1, VFS_CAP_REVISION_2, VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
                                      VFS_CAP_REVISION_3, VFS_CAP_REVISION_3 | 1, VFS_CAP_REVISION_2 | 2, 0x04000000};
    static const size_t sizes[] = {0, 4, 12, 19, 20, 21, 24, 28};
    close(open("/tmp/caps/file", O_CREAT | O_RDWR, 0755));
    for (unsigned m = 0; m < sizeof magics / sizeof *magics; m++)
        for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            printf("%08x %zu ", magics[m], sizes[s]);
            OK(set("/tmp/caps/file", magics[m], RAW, CHOWN, sizes[s]));
            show("/tmp/caps/file");
            removexattr("/tmp/caps/file", name);
        }
    char small[19];
    set("/tmp/caps/file", VFS_CAP_REVISION_2, ~0u, ~0u, 20);
    OK(getxattr("/tmp/caps/file", name, small, sizeof small));
    show("/tmp/caps/file");
    OK(set("/tmp/caps/missing", VFS_CAP_REVISION_2, 0, 0, 20));
    OK(mkdir("/tmp/caps/folder", 0755));
    OK(set("/tmp/caps/folder", VFS_CAP_REVISION_2, RAW, 0, 20));
    /* Not asked: an empty value, and removal. Debian's 6.1 lets everybody do both; CAP_SETFCAP is what capabilities(7) says. */
    if (fork() == 0) {
        setresuid(ALICE, ALICE, ALICE);
        OK(set("/tmp/caps/file", VFS_CAP_REVISION_2, RAW, CHOWN, 20));
        OK(set("/tmp/caps/file", VFS_CAP_REVISION_2, RAW, CHOWN, 12));
        show("/tmp/caps/file");
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    OK(setxattr("/tmp/caps/file", name, "", 0, 0));
    OK(execl("/tmp/caps/file", "file", NULL));
}

/* Is it there after what `step` does to the file? */
static void ends(void) {
    static const char file[] = "/tmp/caps/file";
    int other = open("/tmp/caps/other", O_CREAT | O_RDWR, 0644);
    OK(ftruncate(other, 4096));
    for (int step = 0; step < 22; step++) {
        unlink(file);
        int fd = open(file, O_CREAT | O_RDWR, 0644), two = -1;
        long r = 0;
        char *m;
        OK(ftruncate(fd, 4096));
        chmod(file, 06755);
        OK(set(file, VFS_CAP_REVISION_2, RAW, 0, 20));
        switch (step) {
        case 0: r = write(fd, "x", 1); break;
        case 1: r = write(fd, "x", 0); break;
        case 2: r = ftruncate(fd, 4096); break;
        case 3: r = truncate(file, 1); break;
        case 4: r = two = open(file, O_WRONLY | O_TRUNC); break;
        case 5: r = chown(file, -1, -1); break;
        case 6: r = chown(file, 0, 0); break;
        case 7: r = fchown(fd, ALICE, -1); break;
        case 8: r = chmod(file, 0644); break;
        case 9: r = utimensat(AT_FDCWD, file, NULL, 0); break;
        case 10: r = fallocate(fd, 0, 0, 8192); break;
        case 11: r = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096); break;
        case 12: lseek(other, 0, SEEK_SET); r = copy_file_range(other, NULL, fd, NULL, 100, 0); break;
        case 13: lseek(other, 0, SEEK_SET); r = sendfile(fd, other, NULL, 100); break;
        case 14:
            m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            *m = 1;
            r = msync(m, 4096, MS_SYNC);
            munmap(m, 4096);
            break;
        case 15: r = rename(file, "/tmp/caps/moved") | rename("/tmp/caps/moved", file); break;
        case 16: r = link(file, "/tmp/caps/second") | unlink("/tmp/caps/second"); break;
        case 17: r = pwrite(fd, "x", 1, 5000); break;
        case 18: r = write(two = open(file, O_RDONLY), "x", 1); break;
        case 19: r = setxattr(file, "trusted.other", "x", 1, 0); break;
        case 20: r = two = open(file, O_WRONLY | O_CREAT, 0600); break;
        case 21: r = fsetxattr(fd, name, "bad", 3, 0); break;
        }
        struct stat st;
        stat(file, &st);
        printf("%d -> %d, mode %o:\n", step, r < 0 ? -1 : two >= 0 ? 0 : (int)r, st.st_mode);
        show(file);
        close(fd);
        close(two);
    }
    close(other);
}

/* Another user's file, by who may change owners only. */
static void owners(void) {
    static const int modes[] = {0755, 04755, 02755, 02745, 06745, 02745, 06755, 06745};
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
        int fd = open("/tmp/caps/file", O_CREAT | O_RDWR, 0755);
        fflush(stdout);
        if (fork() == 0) {
            struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
            struct __user_cap_data_struct data[2] = {{CHOWN, CHOWN, 0}, {0, 0, 0}};
            fchmod(fd, modes[i]);
            prctl(PR_SET_KEEPCAPS, 1);
            setresuid(ALICE, ALICE, ALICE);
            syscall(SYS_capset, &header, data);
            struct stat st;
            OK(fchown(fd, -1, -1));
            OK(fchown(fd, -1, 5));
            OK(fchown(fd, 7, -1));
            fstat(fd, &st);
            printf("%o: mode %o owner %d group %d\n", modes[i], st.st_mode, st.st_uid, st.st_gid);
            fflush(stdout);
            _exit(0);
        }
        wait(NULL);
        fflush(stdout);
        if (fork() == 0) {
            struct stat st;
            fchown(fd, 0, i % 2 ? ALICE : 0);
            fchmod(fd, modes[i]);
            setresgid(ALICE, ALICE, ALICE);
            setresuid(ALICE, ALICE, ALICE);
            OK(write(fd, "x", 1));
            fstat(fd, &st);
            printf("%o, group %d: mode %o\n", modes[i], st.st_gid, st.st_mode);
            fflush(stdout);
            _exit(0);
        }
        wait(NULL);
        close(fd);
        unlink("/tmp/caps/file");
    }
}

/* The tool: who it has become. */
static int tell(const char *what) {
    static const char *const wanted[] = {"Uid:", "Gid:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:"};
    char line[256];
    int sig = 0;
    prctl(PR_GET_PDEATHSIG, &sig);
    printf("%s: secure %lu dumpable %d pdeathsig %d persona %x keepcaps %d\n", what, getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE), sig,
           personality(0xffffffff), prctl(PR_GET_KEEPCAPS));
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof line, f))
        for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0) printf("  %s", line);
    return 0;
}

enum how {
    PLAIN = 0,
    INHERIT = 1,      /* CAP_CHOWN may be inherited */
    BOUND = 2,        /* CAP_NET_RAW is out of the bounding set */
    NO_NEW = 4,       /* no_new_privs */
    AMBIENT = 8,      /* CAP_CHOWN is ambient */
    ROOT = 16,        /* stays root */
    NO_ROOT = 32,     /* SECBIT_NOROOT */
    SHARED = 64,      /* another process shares the working directory */
    TRACED = 128,     /* by one without capabilities */
    SCRIPT = 256,     /* a script that names the tool */
    NO_SUID = 512,    /* mounted so */
    REAL_ROOT = 1024, /* only the real uid is 0 */
};

static int idle(void *unused) {
    (void)unused;
    pause();
    return 0;
}

static void child(const char *what, int how) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    personality(ADDR_NO_RANDOMIZE);
    if (how & NO_ROOT) prctl(PR_SET_SECUREBITS, SECBIT_NOROOT);
    if (how & BOUND) prctl(PR_CAPBSET_DROP, CAP_NET_RAW);
    if (how & (INHERIT | AMBIENT)) {
        syscall(SYS_capget, &header, data);
        data[0].inheritable = CHOWN;
        syscall(SYS_capset, &header, data);
    }
    if (how & AMBIENT) prctl(PR_SET_KEEPCAPS, 1);
    if (!(how & ROOT)) {
        setresgid(ALICE, ALICE, ALICE);
        setresuid(how & REAL_ROOT ? 0 : ALICE, ALICE, ALICE);
    }
    if (how & AMBIENT) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    if (how & NO_NEW) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (how & SHARED) {
        static char stack[16384];
        clone(idle, stack + sizeof stack, CLONE_FS | SIGCHLD, NULL);
    }
    if (how & TRACED) {
        pid_t pid = fork();
        if (pid != 0) {
            int status;
            while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
            printf("  traced: %x\n", status);
            fflush(stdout);
            _exit(0);
        }
        ptrace(PTRACE_TRACEME, 0, 0, 0);
    }
    const char *path = how & SCRIPT ? "/tmp/caps/script" : tool;
    execl(path, path, "tell", what, (char *)NULL);
    printf("%s: exec: %s\n", what, strerror(errno));
    fflush(stdout);
    _exit(0);
}

static void run(const char *what, int how) {
    fflush(stdout);
    if (how & NO_SUID) mount(NULL, "/tmp/caps", NULL, MS_REMOUNT | MS_NOSUID, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        child(what, how);
    }
    waitpid(pid, NULL, 0);
    kill(-pid, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    if (how & NO_SUID) mount(NULL, "/tmp/caps", NULL, MS_REMOUNT, NULL);
}

static void executions(void) {
    static const struct {
        unsigned magic, permitted, inheritable;
    } given[] = {
        {0, 0, 0},
        {VFS_CAP_REVISION_2, 0, 0},
        {VFS_CAP_REVISION_2, RAW, CHOWN},
        {VFS_CAP_REVISION_2 | 1, RAW, CHOWN | NICE},
        {VFS_CAP_REVISION_2 | 1, RAW | CHOWN, 0},
        {VFS_CAP_REVISION_2 | 1, 0, 0},
    };
    static const int ways[] = {PLAIN, INHERIT, BOUND, NO_NEW, AMBIENT, ROOT, ROOT | NO_ROOT, ROOT | BOUND, SHARED, TRACED, SCRIPT, NO_SUID,
                               REAL_ROOT, NO_ROOT, AMBIENT | NO_NEW, ROOT | TRACED, AMBIENT | INHERIT | BOUND, ROOT | NO_NEW};
    for (unsigned g = 0; g < sizeof given / sizeof *given; g++)
        for (int mode = 0755; mode <= 06755; mode += mode == 0755 ? 04000 : 02000) {
            chmod(tool, mode);
            removexattr(tool, name);
            if (given[g].magic != 0) OK(give(given[g].magic, given[g].permitted, given[g].inheritable));
            for (unsigned w = 0; w < sizeof ways / sizeof *ways; w++) {
                char what[64];
                snprintf(what, sizeof what, "file %u mode %o way %x", g, mode, ways[w]);
                run(what, ways[w]);
            }
        }
    chmod(tool, 0755);
    struct attribute other = {VFS_CAP_REVISION_3 | 1, RAW, 0, 0, 0, ALICE};
    OK(setxattr(tool, name, &other, 24, 0));
    show(tool);
    run("another root's", PLAIN);
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "tell") == 0) return tell(argv[2]);
    if (argc > 3 && strcmp(argv[2], "tell") == 0) return tell(argv[3]);
    umask(0);
    mkdir("/tmp/caps", 0755);
    OK(mount("caps", "/tmp/caps", "tmpfs", 0, "mode=755"));
    values();
    ends();
    owners();
    int from = open("/proc/self/exe", O_RDONLY), to = open(tool, O_CREAT | O_WRONLY, 0755);
    while (sendfile(to, from, NULL, 1 << 20) > 0) {}
    close(from);
    close(to);
    FILE *f = fopen("/tmp/caps/script", "w");
    fprintf(f, "#!%s\n", tool);
    fclose(f);
    chmod("/tmp/caps/script", 0755);
    executions();
    umount2("/tmp/caps", MNT_DETACH);
    return 0;
}
