/* Who may be told of a file: the owner's setter needs the right to signal, one by one in a group. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

/* A victim of user `uid` in a group of its own; it ends with 7 when it is told, with 0 otherwise. */
static pid_t victim(int uid, pid_t group) {
    int pipes[2];
    char byte;
    pipe(pipes);
    pid_t child = fork();
    if (child == 0) {
        setresuid(uid, uid, uid);
        write(pipes[1], "x", 1);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        struct timespec limit = {1, 500000000};
        _exit(sigtimedwait(&set, 0, &limit) == SIGUSR1 ? 7 : 0);
    }
    setpgid(child, group ? group : child);
    read(pipes[0], &byte, 1);
    close(pipes[0]), close(pipes[1]);
    return child;
}

/* A user of 1000 leases its file, and another opens it. */
static void leased(int type, pid_t owner) {
    unlink("/tmp/owned");
    fflush(stdout);
    int pipes[2];
    char byte;
    pipe(pipes);
    pid_t holder = fork();
    if (holder == 0) {
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        int fd = open("/tmp/owned", O_RDWR | O_CREAT, 0666);
        struct f_owner_ex ex = {type, owner};
        fcntl(fd, F_SETSIG, SIGUSR1);
        int r = type < 0 ? fcntl(fd, F_SETOWN, owner) : fcntl(fd, F_SETOWN_EX, &ex);
        if (r != 0 || fcntl(fd, F_SETLEASE, F_WRLCK) != 0) printf("no lease\n");
        fflush(stdout);
        write(pipes[1], "x", 1);
        usleep(600000);
        fcntl(fd, F_SETLEASE, F_UNLCK);
        _exit(0);
    }
    read(pipes[0], &byte, 1);
    close(open("/tmp/owned", O_RDONLY));
    waitpid(holder, 0, 0);
    close(pipes[0]), close(pipes[1]);
}

static int told(pid_t who) {
    int status;
    waitpid(who, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    umask(0);
    pid_t one;
    leased(-1, one = victim(0, 0));
    SAY(told(one));
    leased(-1, one = victim(1000, 0));
    SAY(told(one));
    leased(F_OWNER_PID, one = victim(0, 0));
    SAY(told(one));
    leased(F_OWNER_PID, one = victim(1000, 0));
    SAY(told(one));
    leased(F_OWNER_TID, one = victim(0, 0));
    SAY(told(one));
    leased(F_OWNER_TID, one = victim(1000, 0));
    SAY(told(one));
    pid_t first = victim(0, 0), second = victim(1000, first);
    leased(F_OWNER_PGRP, first);
    SAY(told(first));
    SAY(told(second));
    unlink("/tmp/owned");
    return 0;
}
