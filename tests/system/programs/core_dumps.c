// Core dumps: when, where, and what is in them; every line must agree on both kernels.
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

static char secret[8192] = "in private data";
static char* shared;

static void put(const char* path, const char* text) {
    int fd = open(path, O_WRONLY);
    printf("%s %s\n", strchr(path + 1, 'k') ? "knob" : "file", write(fd, text, strlen(text)) < 0 ? strerrorname_np(errno) : "written");
    close(fd);
}
static void pattern(const char* text) { put("/proc/sys/kernel/core_pattern", text); }
static void limit(rlim_t n) {
    struct rlimit l = {n, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &l);
}
static void abort_body(void) { abort(); }
static void fault_body(void) { *(volatile int*)8 = 1; }
static void quit_body(void) { raise(SIGQUIT); }
static void term_body(void) { raise(SIGTERM); }
static void* sleeper(void* p) { (void)p; for (;;) pause(); return 0; }
static void* breaker(void* p) { (void)p; usleep(20000); abort(); }
static void threads_body(void) {
    pthread_t t;
    for (int i = 0; i < 3; i++) pthread_create(&t, 0, sleeper, 0);
    pthread_create(&t, 0, breaker, 0);
    for (;;) pause();
}
static void hidden_body(void) { prctl(PR_SET_DUMPABLE, 0); abort(); }
static void spin_body(void) {
    pthread_t t;
    pthread_create(&t, 0, breaker, 0);
    for (volatile long i = 0;; i++) { }
}

static pid_t crash(const char* what, void (*body)(void)) {
    int st = 0;
    pid_t pid = fork();
    if (pid == 0) { body(); _exit(0); }
    waitpid(pid, &st, 0);
    printf("%s: %s core %d\n", what, WIFSIGNALED(st) ? sigabbrev_np(WTERMSIG(st)) : "exited", WIFSIGNALED(st) ? WCOREDUMP(st) != 0 : 0);
    return pid;
}

static unsigned char* image;
static size_t size;
static int load(const char* path) {
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0) { printf("no %s\n", strerrorname_np(errno)); return 0; }
    fstat(fd, &st);
    size = st.st_size;
    image = mmap(0, size, PROT_READ, MAP_PRIVATE, fd, 0);
    printf("mode %o links %d\n", st.st_mode, (int)st.st_nlink);
    close(fd);
    return 1;
}
// The dumped byte at an address of the dead, -1: not in the file.
static int byte_at(uintptr_t address) {
    Elf64_Ehdr* e = (void*)image;
    Elf64_Phdr* p = (void*)(image + e->e_phoff);
    for (int i = 0; i < e->e_phnum; i++)
        if (p[i].p_type == PT_LOAD && address >= p[i].p_vaddr && address < p[i].p_vaddr + p[i].p_filesz)
            return image[p[i].p_offset + address - p[i].p_vaddr];
    return -1;
}
static void show_core(pid_t pid) {
    Elf64_Ehdr* e = (void*)image;
    Elf64_Phdr* p = (void*)(image + e->e_phoff);
    printf("type %d machine %d first %d align %ld\n", e->e_type, e->e_machine, p[0].p_type, (long)p[1].p_align);
    unsigned char* at = image + p[0].p_offset;
    unsigned char* end = at + p[0].p_filesz;
    int threads = 0, leaders = 0;
    while (at < end) {
        Elf64_Nhdr* n = (void*)at;
        char* name = (char*)(n + 1);
        unsigned char* data = (unsigned char*)name + ((n->n_namesz + 3) & ~3);
        int sized = n->n_type != NT_FILE && n->n_type != NT_X86_XSTATE && n->n_type != NT_AUXV;
        printf("note %s %x size %d\n", name, n->n_type, sized ? (int)n->n_descsz : 0);
        if (n->n_type == NT_PRSTATUS) {
            struct elf_prstatus* s = (void*)data;
            printf("  signal %d cursig %d leader %d ours %d fp %d cs %llx\n", s->pr_info.si_signo, s->pr_cursig, threads++ ? -1 : s->pr_pid == pid,  // the others come as they stopped
                   s->pr_ppid == getpid(), s->pr_fpvalid, (long long)s->pr_reg[17]);
            leaders += s->pr_pid == pid;
        } else if (n->n_type == NT_PRPSINFO) {
            struct elf_prpsinfo* s = (void*)data;
            printf("  %c %d %s [%s] pid %d uid %d\n", s->pr_sname, s->pr_nice, s->pr_fname, s->pr_psargs, s->pr_pid == pid, s->pr_uid);
        } else if (n->n_type == NT_SIGINFO) {
            siginfo_t* s = (void*)data;
            printf("  signo %d code %d\n", s->si_signo, s->si_code);
        } else if (n->n_type == NT_FILE) {
            long* words = (void*)data;
            printf("  page %ld some %d\n", words[1], words[0] > 0);
        } else if (n->n_type == NT_AUXV) {
            Elf64_auxv_t* a = (void*)data;
            printf("  first %ld\n", (long)a->a_type);
        }
        at = data + ((n->n_descsz + 3) & ~3);
    }
    printf("threads %d leaders %d\n", threads, leaders);
    printf("data %d shared %d text %d\n", byte_at((uintptr_t)secret), byte_at((uintptr_t)shared), byte_at((uintptr_t)abort_body));
}
static void look(const char* path, pid_t pid) {
    if (load(path)) show_core(pid), munmap(image, size);
    unlink(path);
}

int main(void) {
    char name[256];
    setvbuf(stdout, 0, _IONBF, 0);
    alarm(60);
    mkdir("/tmp/cores", 0755);
    mkdir("/tmp/cores/sub", 0755);
    chdir("/tmp/cores");
    shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared[0] = 77;
    char before[256] = {0};
    int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
    read(fd, before, 255);
    close(fd);
    pattern("core");
    put("/proc/sys/kernel/core_uses_pid", "0");

    limit(0);
    crash("no limit", abort_body);
    printf("%d\n", access("core", F_OK));
    limit(4095);
    crash("less than a page", abort_body);
    printf("%d\n", access("core", F_OK));
    limit(RLIM_INFINITY);
    crash("term", term_body);
    printf("%d\n", access("core", F_OK));
    crash("not dumpable", hidden_body);
    printf("%d\n", access("core", F_OK));
    look("core", crash("abort", abort_body));
    look("core", crash("fault", fault_body));
    look("core", crash("quit", quit_body));
    look("core", crash("threads", threads_body));
    look("core", crash("running thread", spin_body));

    printf("-- names\n");
    pid_t pid = crash("pid", abort_body);
    unlink("core");
    pattern("/tmp/cores/sub/%e-%p-%s-%u-%g-%c.%%");
    pid = crash("pattern", abort_body);
    sprintf(name, "/tmp/cores/sub/core_dumps-%d-6-0-0--1.%%", pid);
    if (access(name, F_OK)) sprintf(name, "/tmp/cores/sub/core_dumps-%d-6-0-0-18446744073709551615.%%", pid), printf("unsigned\n");
    printf("%d\n", access(name, F_OK));
    unlink(name);
    pattern("sub/%E.%h.x%z");
    pid = crash("relative", abort_body);
    system("ls sub | sed s/tenon-tests/T/");
    system("rm -f sub/*");
    pattern("core");
    put("/proc/sys/kernel/core_uses_pid", "1");
    pid = crash("uses pid", abort_body);
    sprintf(name, "core.%d", pid);
    printf("%d\n", access(name, F_OK));
    unlink(name);
    put("/proc/sys/kernel/core_uses_pid", "0");
    pattern("nowhere/core");
    crash("no folder", abort_body);
    pattern("core");

    printf("-- places\n");
    fd = open("core", O_CREAT | O_WRONLY, 0644);
    write(fd, "old", 3);
    close(fd);
    look("core", crash("replaces", abort_body));
    symlink("sub/target", "core");
    pid = crash("symlink", abort_body);
    printf("%d\n", access("sub/target", F_OK));
    look("core", pid);
    mkdir("core", 0755);
    crash("folder", abort_body);
    rmdir("core");
    limit(40960);
    crash("cut", abort_body);
    struct stat st;
    printf("%d within %d\n", stat("core", &st), st.st_size <= 40960);
    unlink("core");
    limit(RLIM_INFINITY);

    printf("-- filter\n");
    put("/proc/self/coredump_filter", "0x37");
    system("cat /proc/self/coredump_filter");
    look("core", crash("with files", abort_body));
    put("/proc/self/coredump_filter", "0");
    look("core", crash("nothing", abort_body));
    put("/proc/self/coredump_filter", "zz");
    put("/proc/self/coredump_filter", "0x33");
    madvise((void*)((uintptr_t)(secret + 4095) & ~4095ul), 4096, MADV_DONTDUMP);
    printf("-- signals\n");
    crash("dump with a handler's leftover", fault_body);
    unlink("core");
    pattern(before);
    chdir("/");
    system("rm -rf /tmp/cores");
    return 0;
}
