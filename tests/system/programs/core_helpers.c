// Dumps that go to a program, dumps of who may not be read, and programs that may be run but not read.
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

#define DIR_ "/tmp/helpers"
static char self[256];

static void put(const char* path, const char* text) {
    int fd = open(path, O_WRONLY);
    if (write(fd, text, strlen(text)) < 0) printf("%s: %s\n", path, strerrorname_np(errno));
    close(fd);
}
static void pattern(const char* text) { put("/proc/sys/kernel/core_pattern", text); }
static void suid_dumpable(const char* text) { put("/proc/sys/fs/suid_dumpable", text); }
static void limit(rlim_t n) { setrlimit(RLIMIT_CORE, &(struct rlimit){n, RLIM_INFINITY}); }
// With "PID" for the first number `pid` in it.
static void show(const char* path, pid_t pid) {
    char text[4096], number[16];
    int fd = open(path, O_RDONLY);
    int n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    printf("%s", n < 0 ? "nothing\n" : "");
    text[n > 0 ? n : 0] = 0;
    snprintf(number, sizeof number, "[%d]", pid);
    char* at = strstr(text, number);
    if (at != NULL) printf("%.*s[PID]%s", (int)(at - text), text, at + strlen(number));
    else printf("%s", text);
    if (fd >= 0) close(fd);
}

// --- what the kernel starts: says what it is and what it got, then gives its notes their name

static int descriptors(void) {
    int n = 0;
    for (int fd = 0; fd < 64; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}
static int helper(int argc, char** argv) {
    extern char** environ;
    char buffer[65536], cwd[64] = "";
    struct rlimit core;
    sigset_t blocked;
    struct sigaction child;
    int fds = descriptors();
    FILE* out = fopen(DIR_ "/notes", "w");
    if (out == NULL) return 1;
    getrlimit(RLIMIT_CORE, &core);
    sigprocmask(0, NULL, &blocked);
    sigaction(SIGCHLD, NULL, &child);
    getcwd(cwd, sizeof cwd);
    fprintf(out, "uid %d euid %d gid %d cwd %s environment %d descriptors %d core %ld %ld\n", getuid(), geteuid(), getgid(), cwd,
            environ[0] != NULL, fds, (long)core.rlim_cur, (long)core.rlim_max);
    fprintf(out, "group %d session %d umask %o blocked %d chld %d nice %d\n", getpgrp(), getsid(0), umask(0), sigismember(&blocked, SIGTERM),
            child.sa_handler == SIG_DFL, getpriority(PRIO_PROCESS, 0));
    for (int i = 2; i < argc; i++) fprintf(out, "[%s]", argv[i]);
    fprintf(out, "\n");
    int is_fifo = 0;
    struct stat st;
    if (fstat(0, &st) == 0) is_fifo = S_ISFIFO(st.st_mode);
    static char head[65536];
    long size = 0, n;
    if (!strcmp(argv[1], "early")) {
        n = read(0, buffer, 4096);
        fprintf(out, "took %d\n", n > 0);
        close(0);
        if (getenv("x") == NULL) usleep(20000);
    } else {
        // Some of the dead is left until its dump is read.
        char link[64] = "", path[64] = "";
        if (argc > 2) snprintf(path, sizeof path, "/proc/%s/comm", argv[2]);
        while ((n = read(0, buffer, sizeof buffer)) > 0) {
            if (size < (long)sizeof head) memcpy(head + size, buffer, n < (long)sizeof head - size ? n : (long)sizeof head - size);
            size += n;
        }
        if (!strcmp(argv[1], "wait")) {
            usleep(30000);
            int fd = open(path, O_RDONLY);
            n = fd >= 0 ? read(fd, link, sizeof link - 1) : 0;
            fprintf(out, "still there %s", n > 0 ? link : "no\n");
        }
    }
    // All that the headers promise has come.
    Elf64_Ehdr* e = (void*)head;
    Elf64_Phdr* p = (void*)(head + e->e_phoff);
    long end = 0;
    for (int i = 0; i < e->e_phnum; i++)
        if ((long)(p[i].p_offset + p[i].p_filesz) > end) end = p[i].p_offset + p[i].p_filesz;
    fprintf(out, "fifo %d elf %d whole %d some %d\n", is_fifo, !memcmp(head, ELFMAG, 4), size == end, size > 131072);
    fclose(out);
    rename(DIR_ "/notes", DIR_ "/ready");
    return 0;
}
static void notes(pid_t pid) {
    for (int i = 0; i < 1000 && access(DIR_ "/ready", F_OK); i++) usleep(10000);
    show(DIR_ "/ready", pid);
    unlink(DIR_ "/ready");
}

// --- who dies

static void be(int uid) {
    setresgid(uid, uid, uid);
    setresuid(uid, uid, uid);
}
static pid_t crash(const char* what, int uid, int dumpable) {
    int st = 0;
    pid_t pid = fork();
    if (pid == 0) {
        cpu_set_t first;
        CPU_ZERO(&first);
        CPU_SET(0, &first);
        sched_setaffinity(0, sizeof first, &first);
        if (uid) be(uid);
        if (dumpable >= 0) prctl(PR_SET_DUMPABLE, dumpable);
        if (!strcmp(what, "blocked signals pending")) {
            sigset_t s;
            sigemptyset(&s);
            sigaddset(&s, SIGUSR1);
            sigprocmask(SIG_BLOCK, &s, NULL);
            raise(SIGUSR1);
        }
        abort();
    }
    waitpid(pid, &st, 0);
    printf("%s: signal %d core %d\n", what, WIFSIGNALED(st) ? WTERMSIG(st) : 0, WCOREDUMP(st) != 0);
    return pid;
}
static void look(const char* path) {
    struct stat st;
    if (lstat(path, &st)) printf("%s: %s\n", path, strerrorname_np(errno));
    else printf("%s: mode %o uid %d gid %d some %d\n", path, st.st_mode, st.st_uid, st.st_gid, st.st_size > 8192);
    unlink(path);
}

static void to_programs(void) {
    char text[300];
    pid_t pid;
    printf("-- programs\n");
    limit(0);  // counts for files only
    snprintf(text, sizeof text, "|%s read %%P", self);
    pattern(text);
    pid = crash("plain", 0, -1);
    notes(pid);
    snprintf(text, sizeof text, "| %s  read x%%e %%s-%%u-%%g\t%%d %%c %%C %%%% %%h %%z %%", self);
    pattern(text);
    prctl(PR_SET_NAME, "two words/x");
    limit(12345);
    pid = crash("arguments", 1000, 1);
    prctl(PR_SET_NAME, "core_helpers");
    notes(pid);
    limit(1);
    crash("limit of one", 0, -1);
    limit(RLIM_INFINITY);
    pid = crash("blocked signals pending", 0, -1);
    notes(pid);
    snprintf(text, sizeof text, "|%s early", self);
    pattern(text);
    pid = crash("does not read all", 0, -1);
    notes(pid);
    pattern("|/nowhere/program %p");
    crash("no such program", 0, -1);
    pattern("|/etc/passwd");
    crash("no program", 0, -1);
    pattern("|");
    crash("no name", 0, -1);
    put("/proc/sys/kernel/core_pipe_limit", "4");
    show("/proc/sys/kernel/core_pipe_limit", 0);
    snprintf(text, sizeof text, "|%s wait %%p", self);
    pattern(text);
    pid = crash("waits for its reader", 0, -1);
    notes(pid);
    put("/proc/sys/kernel/core_pipe_limit", "0");
    // By way of an interpreter.
    FILE* f = fopen(DIR_ "/script", "w");
    fprintf(f, "#!%s read\n", self);
    fclose(f);
    chmod(DIR_ "/script", 0700);
    pattern("|" DIR_ "/script %e");
    pid = crash("script", 0, -1);
    notes(pid);
}

static int dumpable_now(void) {
    int n = prctl(PR_GET_DUMPABLE);
    struct stat st;
    stat("/proc/self/stat", &st);
    return n * 10000 + st.st_uid;
}
static void to_files(void) {
    const char* values[] = {"0", "1", "2"};
    printf("-- fs.suid_dumpable\n");
    show("/proc/sys/fs/suid_dumpable", 0);
    suid_dumpable("3");
    suid_dumpable("-1");
    mkdir(DIR_ "/open", 0777);
    chmod(DIR_ "/open", 01777);
    for (int i = 0; i < 3; i++) {
        suid_dumpable(values[i]);
        pid_t pid = fork();
        if (pid == 0) {
            be(1000);
            printf("after set-id %d\n", dumpable_now());
            printf("2 by hand %d\n", prctl(PR_SET_DUMPABLE, 2));
            exit(0);
        }
        waitpid(pid, NULL, 0);
        pattern(DIR_ "/open/core.%d");
        char name[64];
        snprintf(name, sizeof name, DIR_ "/open/core.%s", values[i]);
        crash("whole path", 1000, -1);
        look(name);
        crash("once more", 1000, 1);
        look(DIR_ "/open/core.1");
        pattern("relative");
        chdir(DIR_ "/open");
        crash("relative path", 1000, -1);
        look(DIR_ "/open/relative");
        // Another's file is not replaced for root's sake.
        close(open(DIR_ "/open/taken", O_CREAT | O_WRONLY, 0600));
        chown(DIR_ "/open/taken", 1000, 1000);
        pattern(DIR_ "/open/taken");
        crash("taken", 1000, -1);
        look(DIR_ "/open/taken");
    }
    suid_dumpable("0");
    pattern(DIR_ "/open/%P");
    put("/proc/sys/kernel/core_uses_pid", "1");
    pid_t pid = crash("%P is no %p", 0, -1);
    char name[64];
    snprintf(name, sizeof name, DIR_ "/open/%d.%d", pid, pid);
    printf("%d\n", access(name, F_OK));
    unlink(name);
    put("/proc/sys/kernel/core_uses_pid", "0");
}

// --- a program of mode 0711

static int hidden(char** argv) {
    printf("runs as %d, dumpable %d, AT_SECURE %d, itself %s\n", getuid(), dumpable_now(), secure_getenv("PATH") == NULL && getenv("PATH") != NULL,
           open("/proc/self/exe", O_RDONLY) < 0 ? strerrorname_np(errno) : "readable");
    if (!strcmp(argv[2], "stay")) {
        write(9, "x", 1);
        pause();
    }
    if (!strcmp(argv[2], "die")) abort();
    return 0;
}
static void run_hidden(const char* path, const char* how) {
    int st;
    pid_t pid = fork();
    if (pid == 0) {
        be(1000);
        execl(path, "hidden", "hidden", how, (char*)0);
        printf("exec %s\n", strerrorname_np(errno));
        exit(1);
    }
    waitpid(pid, &st, 0);
    printf("%s: status %x\n", how, st & ~0x80);
    printf("core %d\n", WIFSIGNALED(st) && WCOREDUMP(st));
}
static void copy_of_self(const char* to, int mode) {
    char buffer[65536];
    long n;
    int in = open(self, O_RDONLY), out = open(to, O_CREAT | O_TRUNC | O_WRONLY, 0700);
    while ((n = read(in, buffer, sizeof buffer)) > 0) write(out, buffer, n);
    close(in);
    close(out);
    chmod(to, mode);
}
static void unreadable(void) {
    printf("-- unreadable programs\n");
    const int modes[] = {0711, 0710, 0755, 04711, 06711, 0111, 0444};
    pattern(DIR_ "/open/core");
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
        printf("mode %o\n", modes[i]);
        copy_of_self(DIR_ "/program", modes[i]);
        run_hidden(DIR_ "/program", "end");
        run_hidden(DIR_ "/program", "die");
        look(DIR_ "/open/core");
    }
    // Nobody of the same name looks in.
    int ends[2], st;
    copy_of_self(DIR_ "/program", 0711);
    pipe(ends);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 9);
        be(1000);
        execl(DIR_ "/program", "hidden", "hidden", "stay", (char*)0);
        exit(1);
    }
    char c, path[64];
    read(ends[0], &c, 1);
    pid_t looker = fork();
    if (looker == 0) {
        be(1000);
        printf("attach %s\n", ptrace(PTRACE_ATTACH, pid, 0, 0) ? strerrorname_np(errno) : "works");
        const char* names[] = {"maps", "mem", "environ", "exe", "fd", "status", "cmdline"};
        for (int i = 0; i < 7; i++) {
            snprintf(path, sizeof path, "/proc/%d/%s", pid, names[i]);
            int fd = open(path, O_RDONLY);
            printf("%s %s\n", names[i], fd < 0 ? strerrorname_np(errno) : "opens");
            close(fd);
        }
        exit(0);
    }
    waitpid(looker, NULL, 0);
    kill(pid, SIGKILL);
    waitpid(pid, &st, 0);
    // A script that cannot be read: its interpreter finds that out.
    FILE* f = fopen(DIR_ "/script", "w");
    fprintf(f, "#!/bin/sh\necho ran\n");
    fclose(f);
    chmod(DIR_ "/script", 0711);
    pid = fork();
    if (pid == 0) {
        be(1000);
        dup2(open("/dev/null", O_WRONLY), 2);
        execl(DIR_ "/script", "script", (char*)0);
        printf("exec %s\n", strerrorname_np(errno));
        exit(1);
    }
    waitpid(pid, &st, 0);
    printf("script %d\n", WEXITSTATUS(st) != 0);
    // By a descriptor that only names it.
    int fd = open(DIR_ "/program", O_PATH);
    pid = fork();
    if (pid == 0) {
        be(1000);
        char* argv[] = {"hidden", "hidden", "end", NULL};
        fexecve(fd, argv, environ);
        printf("fexecve %s\n", strerrorname_np(errno));
        exit(1);
    }
    waitpid(pid, &st, 0);
}

int main(int argc, char** argv) {
    setvbuf(stdout, 0, _IONBF, 0);
    if (argc > 1 && !strcmp(argv[1], "hidden")) return hidden(argv);
    if (argc > 1) return helper(argc, argv);
    alarm(100);
    readlink("/proc/self/exe", self, sizeof self - 1);
    mkdir(DIR_, 0755);
    char before[256] = {0};
    int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
    read(fd, before, 255);
    close(fd);
    to_programs();
    to_files();
    unreadable();
    pattern(before);
    chdir("/");
    system("rm -rf " DIR_);
    return 0;
}
