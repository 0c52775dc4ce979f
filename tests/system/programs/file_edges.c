/* Edges of calls on files: ends sought below /proc, directories read into too little memory, empty names. */
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void seek_in_proc(void) {
    const char *names[] = {"/proc/cpuinfo", "/proc/stat",     "/proc/self/status",       "/proc/self/maps", "/proc/self/cmdline", "/proc/self/environ",
                           "/proc/self/auxv", "/proc/self/comm", "/proc/self/oom_score_adj", "/proc/self/limits", "/proc/sys/kernel/ostype", "/proc",
                           "/proc/self",    "/proc/self/fd",  "/proc/self/task",         "/proc/sys/kernel", "/tmp", "/sys", "/sys/kernel", "/proc/filesystems", "/proc/self/mem"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        int f = open(names[i], O_RDONLY);
        printf("%s: ", names[i]);
        for (int whence = 0; whence < 5; whence++) {
            long r = lseek(f, whence == SEEK_SET ? 3 : 0, whence);
            printf(" %s", r < 0 ? strerrorname_np(errno) : r > 100 ? "far" : r ? "3" : "0");
        }
        printf(" %s\n", lseek(f, -1, SEEK_SET) == -1 ? strerrorname_np(errno) : "ok");
        close(f);
    }
}

static void directories(void) {
    char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    mkdir("many", 0700);
    for (int i = 0; i < 40; i++) {
        char name[32];
        sprintf(name, "many/file%02d", i);
        close(open(name, O_CREAT, 0600));
    }
    int calls[] = {SYS_getdents, SYS_getdents64};
    for (int c = 0; c < 2; c++) {
        int d = open("many", O_RDONLY), seen = 0;
        long n;
        while ((n = syscall(calls[c], d, page + 4096 - 200, 4096)) > 0)
            for (long at = 0; at < n; at += *(unsigned short *)(page + 4096 - 200 + at + 16)) seen++;
        printf("%ld, %d entries\n", n, seen);
        lseek(d, 0, SEEK_SET);
        SAY(syscall(calls[c], d, page + 4096 - 8, 4096));
        SAY(syscall(calls[c], d, page, 0x80000000u));
        SAY(syscall(calls[c], d, page, -1));
        SAY(syscall(calls[c], d, page, 0));
        close(d);
    }
}

static void names(void) {
    SAY(fchmodat(-1, "", 0600, 0));
    SAY(fchownat(-1, "", 0, 0, 0));
    SAY(fchownat(-1, "", 0, 0, AT_EMPTY_PATH));
    SAY(openat(-1, "", O_RDONLY));
    SAY(openat(-1, "x", O_RDONLY));
    SAY(unlinkat(-1, "", 0));
    SAY(mkdirat(-1, "", 0700));
    SAY(mknodat(-1, "", 0700, 0));
    SAY(symlinkat("x", -1, ""));
    SAY(renameat(-1, "", -1, ""));
    SAY(linkat(-1, "", -1, "", 0));
    SAY(faccessat(-1, "", 0, 0));
    SAY(readlinkat(-1, "", (char[9]){0}, 9));
    struct stat st;
    SAY(fstatat(-1, "", &st, 0));
    SAY(fstatat(-1, "", &st, AT_EMPTY_PATH));
    SAY(utimensat(-1, "", 0, 0));
}

int main(void) {
    char dir[] = "/tmp/file_edges.XXXXXX";
    if (!mkdtemp(dir) || chdir(dir)) return 1;
    seek_in_proc();
    directories();
    names();
    return 0;
}
