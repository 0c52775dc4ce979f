/* Programs whose children say something, sleep, or are somebody else. */
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>

#include "check.h"

/* Runs f in a child. Its lines come out when finish() waits for it: they must not race with its waker's. */
static inline pid_t start(void (*f)(void)) {
    fflush(stdout);
    pid_t c = fork();
    if (c == 0) {
        char name[40];
        sprintf(name, "/tmp/said.%d", getpid());
        freopen(name, "w", stdout);
        f();
        fflush(stdout);
        _exit(0);
    }
    return c;
}
/* Its wait status. */
static inline int finish(pid_t c) {
    char name[40], line[400];
    int st;
    waitpid(c, &st, 0);
    sprintf(name, "/tmp/said.%d", c);
    FILE *said = fopen(name, "r");
    while (said && fgets(line, sizeof line, said)) fputs(line, stdout);
    if (said) fclose(said);
    unlink(name);
    return st;
}
static inline void in_child(void (*f)(void)) { printf("child %x\n", finish(start(f))); }
/* An ordinary user, for good. */
static inline void become(int uid) {
    setgroups(0, 0);
    setresgid(uid, uid, uid);
    setresuid(uid, uid, uid);
}
/* What the file holds, cut to size - 1 bytes; "" if it cannot be read. */
static inline void read_text(const char *path, char *text, int size) {
    int fd = open(path, O_RDONLY);
    int n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) close(fd);
    text[n < 0 ? 0 : n] = 0;
}
static inline void show_text(const char *path) {
    char b[4000];
    read_text(path, b, sizeof b);
    printf("%s: %s", path, b);
}
/* Writes to a file, such as a setting in /proc/sys, and says how that went. */
static inline void put(const char *path, const char *what) {
    int fd = open(path, O_WRONLY);
    printf("%s to %s: ", what, path);
    int r = fd < 0 ? -1 : write(fd, what, strlen(what));
    printf("%s\n", r < 0 ? strerrorname_np(errno) : "ok");
    if (fd >= 0) close(fd);
}
/* Waits until p sleeps in the kernel, three seconds at most. */
static inline void until_asleep(pid_t p) {
    char path[40], b[300];
    sprintf(path, "/proc/%d/stat", p);
    for (int i = 0; i < 3000; i++) {
        read_text(path, b, sizeof b);
        char *e = strrchr(b, ')');
        if (e && e[2] == 'S') break;
        usleep(1000);
    }
    usleep(20000);
}
