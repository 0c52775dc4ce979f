/* Credentials, groups, sessions, limits, prctl, misc. */
#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
static void as_user(void (*f)(void)) { fflush(stdout); pid_t c = fork(); if (!c) { setgroups(0, 0); setresgid(1000, 1000, 1000); setresuid(1000, 1000, 1000); f(); fflush(stdout); _exit(0); } int st; waitpid(c, &st, 0); printf("child %x\n", st); }
static void user(void) {
    SAY(setuid(0)); SAY(setgid(0)); gid_t g[2] = {5, 6}; SAY(setgroups(2, g)); SAY(seteuid(1000)); SAY(setreuid(-1, 1000)); SAY(setresuid(0, -1, -1)); SAY(kill(1, SIGTERM)); SAY(kill(1, 0)); SAY(open("/etc/x", O_CREAT | O_WRONLY, 0600)); SAY(mkdir("/x", 0700)); SAY(chown("/tmp/id", 0, 0)); SAY(chmod("/tmp/id", 0777)); SAY(open("/tmp/id", O_RDONLY)); SAY(unlink("/tmp/id")); SAY(setpriority(PRIO_PROCESS, 0, -5)); SAY(setpriority(PRIO_PROCESS, 0, 5)); SAY(setpriority(PRIO_PROCESS, 0, 1)); SAY(chroot("/tmp")); SAY(mknod("/tmp/dev", S_IFCHR | 0600, 259)); SAY(sethostname("x", 1)); SAY(syscall(SYS_reboot, 1, 2, 3, 0)); SAY(setsid() > 0); SAY(prctl(PR_CAPBSET_DROP, 1)); struct sched_param sp = {5}; SAY(sched_setscheduler(0, SCHED_FIFO, &sp)); SAY(syscall(SYS_init_module, 0, 0, "")); SAY(syscall(SYS_mount, "a", "/tmp", "tmpfs", 0, 0)); struct rlimit rl = {1, (rlim_t)-1}; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_max++; SAY(setrlimit(RLIMIT_NOFILE, &rl)); SAY(syscall(SYS_capset, 0, 0)); SAY(prctl(PR_SET_SECUREBITS, 1)); }
int main(void) {
    uid_t r, e, s; SAY(getresuid(&r, &e, &s)); SAY(getuid()); SAY(geteuid()); SAY(getgroups(0, 0)); SAY(getgroups(-1, 0)); gid_t g[] = {9, 3, 7}; SAY(setgroups(3, g)); gid_t out[3]; SAY(getgroups(3, out)); printf("%d %d %d\n", out[0], out[1], out[2]); SAY(getgroups(1, out)); SAY(setgroups(0, 0)); SAY(setgroups(70000, g)); SAY(setresuid(-1, -1, -1)); SAY(syscall(SYS_setfsuid, -1));
    close(open("/tmp/id", O_CREAT | O_RDWR, 0600)); as_user(user);
    SAY(getpgid(0) == getpgrp()); SAY(getpgid(-1)); SAY(getpgid(9999999)); SAY(setpgid(0, -1)); SAY(setpgid(9999999, 0)); SAY(getsid(9999999)); fflush(stdout); pid_t c = fork(); if (!c) { SAY(setpgid(0, 0)); SAY(getpgrp() == getpid()); SAY(setsid()); SAY(setpgid(0, 1)); fflush(stdout); _exit(0); } waitpid(c, 0, 0);
    struct rlimit rl; SAY(getrlimit(99, &rl)); SAY(getrlimit(RLIMIT_NOFILE, (void *)1)); rl.rlim_cur = 10; rl.rlim_max = 5; SAY(setrlimit(RLIMIT_NOFILE, &rl)); fflush(stdout); if (!fork()) { rl.rlim_cur = rl.rlim_max = 4; SAY(setrlimit(RLIMIT_NOFILE, &rl)); OK(dup(0)); SAY(dup(0)); SAY(open("/", O_RDONLY)); fflush(stdout); _exit(0); } wait(0);
    fflush(stdout); if (!(c = fork())) { rl.rlim_cur = rl.rlim_max = 1000; setrlimit(RLIMIT_FSIZE, &rl); signal(SIGXFSZ, SIG_IGN); int fd = open("/tmp/id", O_RDWR); char b[2000]; SAY(write(fd, b, 2000)); SAY(write(fd, b, 1)); SAY(ftruncate(fd, 2000)); fflush(stdout); _exit(0); } wait(0);
    SAY(getpriority(PRIO_PROCESS, 0)); SAY(getpriority(9, 0)); SAY(getpriority(PRIO_PROCESS, 9999999)); SAY(setpriority(PRIO_PROCESS, 0, 100)); SAY(getpriority(PRIO_PROCESS, 0)); SAY(setpriority(PRIO_PROCESS, 0, 0));
    char n[20]; SAY(prctl(PR_SET_NAME, "a-name-that-is-too-long")); SAY(prctl(PR_GET_NAME, n)); puts(n); SAY(prctl(PR_GET_DUMPABLE)); SAY(prctl(PR_SET_DUMPABLE, 5)); SAY(prctl(PR_SET_PDEATHSIG, 99)); SAY(prctl(PR_SET_PDEATHSIG, 9)); int sig; SAY(prctl(PR_GET_PDEATHSIG, &sig)); printf("%d\n", sig); SAY(prctl(PR_GET_KEEPCAPS)); SAY(prctl(PR_SET_KEEPCAPS, 2)); SAY(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); SAY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); SAY(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); SAY(prctl(PR_CAPBSET_READ, 1)); SAY(prctl(PR_CAPBSET_READ, 99)); SAY(prctl(99999)); SAY(prctl(PR_GET_SECUREBITS)); SAY(prctl(PR_GET_CHILD_SUBREAPER, &sig)); SAY(prctl(PR_GET_TIMERSLACK));
    struct utsname u; SAY(uname(&u)); puts(u.sysname); puts(u.machine); SAY(uname((void *)1)); SAY(sethostname("abc", 3)); uname(&u); puts(u.nodename); SAY(sethostname("abc", 100)); SAY(sethostname("abc", -1)); SAY(personality(0xffffffff)); struct rusage ru; SAY(getrusage(5, &ru)); SAY(getrusage(RUSAGE_CHILDREN, &ru)); SAY(syscall(SYS_getrandom, n, 10, 0)); SAY(syscall(SYS_getrandom, n, 10, 99)); SAY(syscall(SYS_getrandom, 1, 10, 0)); SAY(syscall(9999)); SAY(syscall(-1)); SAY(syscall(SYS_syslog, 77, 0, 0)); SAY(syscall(SYS_sysinfo, 1)); SAY(syscall(SYS_getcpu, 1, 0, 0));
    SAY(syscall(SYS_execve, "/nosuch", 0, 0)); SAY(syscall(SYS_execve, "/etc", 0, 0)); SAY(syscall(SYS_execve, "/tmp/id", 0, 0)); SAY(syscall(SYS_execve, "/bin/busybox", 1, 0)); SAY(syscall(SYS_pidfd_open, 9999999, 0)); SAY(syscall(SYS_pidfd_open, getpid(), 99)); int pf = OK(syscall(SYS_pidfd_open, getpid(), 0)); SAY(syscall(SYS_pidfd_send_signal, pf, 0, 0, 0)); SAY(syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 99)); 
    return 0;
}
