/* POSIX message queues: every call, errnos, order, sleeping, notification, the file system, limits. */
#include <dirent.h>
#include <limits.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>

#include "children.h"

static int raw_open(const char *name, int flags, int mode, struct mq_attr *a) { return syscall(SYS_mq_open, name, flags, mode, a); }
static int q;
static void receive(int line) {
    char b[9000];
    unsigned prio = 77;
    errno = 0;
    int n = mq_receive(q, b, sizeof b, &prio);
    if (n < 0)
        printf("%d receive: %s\n", line, strerrorname_np(errno));
    else
        printf("%d receive: %d bytes, priority %u, %.*s\n", line, n, prio, n, b);
    fflush(stdout);
}
#define RECEIVE() receive(__LINE__)
static void show(const char *what) {
    struct mq_attr a;
    int r = mq_getattr(q, &a);
    printf("%s: %d flags %lo max %ld size %ld now %ld\n", what, r, a.mq_flags, a.mq_maxmsg, a.mq_msgsize, a.mq_curmsgs);
}
static void file_text(const char *path) {
    char b[300];
    read_text(path, b, sizeof b);
    char *pid = strstr(b, "NOTIFY_PID:");
    if (pid && atoi(pid + 11) == getpid()) strcpy(pid, "NOTIFY_PID:self\n");
    printf("%s: %s", path, b);
}

static void opening(void) {
    struct mq_attr a = {.mq_maxmsg = 4, .mq_msgsize = 100}, bad = {.mq_maxmsg = 0, .mq_msgsize = 100};
    SAY(mq_open("/none", O_RDWR));
    SAY(raw_open("none", O_RDWR, 0, 0));
    SAY(raw_open("", O_RDWR | O_CREAT, 0600, 0));
    SAY(raw_open(".", O_RDWR | O_CREAT, 0600, 0));
    SAY(raw_open("..", O_RDWR, 0600, 0));
    SAY(raw_open("a/b", O_RDWR | O_CREAT, 0600, 0));
    SAY(raw_open("/a", O_RDWR | O_CREAT, 0600, 0));
    SAY(raw_open((void *)1, O_RDWR, 0600, 0));
    SAY(raw_open("a", O_RDWR | O_CREAT, 0600, (void *)1));
    SAY(raw_open("a", O_RDWR | O_CREAT, 0600, &bad));
    bad.mq_maxmsg = -1;
    SAY(raw_open("a", O_RDWR | O_CREAT, 0600, &bad));
    bad.mq_maxmsg = 65537;
    SAY(raw_open("a", O_RDWR | O_CREAT, 0600, &bad));
    bad.mq_maxmsg = 65536;
    SAY(raw_open("a", O_RDWR | O_CREAT, 0600, &bad));
    bad.mq_maxmsg = 1;
    bad.mq_msgsize = (16 << 20) + 1;
    SAY(raw_open("a", O_RDWR | O_CREAT, 0600, &bad));
    char name[300];
    memset(name, 'n', 256);
    name[256] = 0;
    SAY(raw_open(name, O_RDWR | O_CREAT, 0600, 0));
    name[255] = 0;
    q = OK(raw_open(name, O_RDWR | O_CREAT, 0600, 0));
    show("defaults");
    SAY(syscall(SYS_mq_unlink, name));
    SAY(syscall(SYS_mq_unlink, name));
    SAY(close(q));
    q = OK(raw_open("a", O_RDWR | O_CREAT | O_EXCL, 0640, &a));
    show("new");
    SAY(fcntl(q, F_GETFD));
    SAY(raw_open("a", O_RDWR | O_CREAT | O_EXCL, 0640, &a));
    SAY(raw_open("a", O_RDWR | O_WRONLY, 0640, &a));
    SAY(raw_open("nosuch", O_RDWR | O_WRONLY, 0640, &a));
    int r = OK(raw_open("a", O_RDONLY | O_CREAT | O_NONBLOCK, 0640, &bad)), w = OK(raw_open("a", O_WRONLY, 0, 0));
    char b[200];
    struct timespec past = {0, 0};
    SAY(mq_send(r, "x", 1, 0));
    SAY(mq_receive(w, b, 200, 0));
    SAY(mq_receive(r, b, 200, 0));
    SAY(mq_send(0, "x", 1, 0));
    SAY(mq_send(-1, "x", 1, 0));
    SAY(mq_send(w, "x", 101, 0));
    SAY(mq_send(w, "x", 1, 32768));
    SAY(mq_send(w, (void *)1, 1, 0));
    SAY(mq_receive(q, b, 99, 0));
    SAY(mq_send(w, "abc", 3, 32767));
    SAY(syscall(SYS_mq_timedreceive, q, 1, 100, 0, 0));
    show("lost by its fault");
    SAY(mq_send(w, "abc", 3, 32767));
    SAY(syscall(SYS_mq_timedreceive, q, b, 100, 1, 0));
    show("lost, too");
    SAY(mq_send(w, "", 0, 0));
    SAY(mq_receive(r, b, 200, 0));
    struct mq_attr set = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 99}, old;
    SAY(mq_setattr(q, &set, &old));
    show("non-blocking");
    SAY(mq_receive(q, b, 200, 0));
    for (int i = 0; i < 5; i++) SAY(mq_send(q, "x", 1, i));
    set.mq_flags = 04001;
    SAY(mq_setattr(q, &set, 0));
    SAY(syscall(SYS_mq_getsetattr, q, 1, 0));
    SAY(syscall(SYS_mq_getsetattr, q, 0, 1));
    SAY(syscall(SYS_mq_getsetattr, 0, 0, &old));
    SAY(syscall(SYS_mq_getsetattr, 99, 0, &old));
    set.mq_flags = 0;
    SAY(mq_setattr(q, &set, 0));
    SAY(mq_timedsend(q, "x", 1, 0, &past));
    SAY(syscall(SYS_mq_timedsend, q, "x", 1, 0, 1));
    past.tv_nsec = 1000000000;
    SAY(mq_timedsend(q, "x", 1, 0, &past));
    past.tv_nsec = 0;
    past.tv_sec = -1;
    SAY(mq_timedsend(q, "x", 1, 0, &past));
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 20000000;
    soon.tv_sec += soon.tv_nsec / 1000000000;
    soon.tv_nsec %= 1000000000;
    SAY(mq_timedsend(q, "x", 1, 0, &soon));
    for (int i = 0; i < 4; i++) RECEIVE();
    SAY(mq_timedreceive(q, b, 200, 0, &soon));
    SAY(mq_unlink("/a"));
    SAY(mq_send(q, "still", 5, 1));
    RECEIVE();
    close(q), close(r), close(w);
}
static void order(void) {
    q = mq_open("/o", O_RDWR | O_CREAT, 0600, 0);
    static const int prio[] = {3, 1, 3, 0, 9, 1, 9, 5};
    char b[2] = "a";
    for (int i = 0; i < 8; i++, b[0]++) mq_send(q, b, 1, prio[i]);
    for (int i = 0; i < 8; i++) RECEIVE();
    mq_unlink("/o");
    close(q);
}
static void taker(void) { RECEIVE(); }
static void giver(void) { SAY(mq_send(q, "given", 5, 2)); }
static void on_signal(int s) {}
static void handled(void) {
    char b[9000];
    struct sigaction a = {.sa_handler = on_signal};
    sigaction(SIGALRM, &a, 0);
    ualarm(20000, 20000);
    RECEIVE();
    struct timespec later;
    clock_gettime(CLOCK_REALTIME, &later);
    later.tv_sec++;
    a.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &a, 0);
    ualarm(20000, 20000);
    SAY(mq_timedreceive(q, b, sizeof b, 0, &later));
}
static void sleeping(void) {
    struct mq_attr a = {.mq_maxmsg = 1, .mq_msgsize = 100};
    q = mq_open("/s", O_RDWR | O_CREAT, 0600, &a);
    pid_t c = start(taker);
    until_asleep(c);
    SAY(mq_send(q, "one", 3, 4));
    finish(c);
    show("handed over");
    SAY(mq_send(q, "one", 3, 4));
    c = start(giver);
    until_asleep(c);
    RECEIVE();
    finish(c);
    show("put by the sleeper");
    struct pollfd p = {q, POLLIN | POLLOUT};
    SAY(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    RECEIVE();
    SAY(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    in_child(handled);
    c = start(taker);
    until_asleep(c);
    kill(c, SIGKILL);
    finish(c);
    SAY(mq_send(q, "kept", 4, 0));
    show("kept");
    mq_unlink("/s");
    close(q);
}
static int told, told_code, told_value, told_pid;
static void on_info(int s, siginfo_t *i, void *x) {
    told = s, told_code = i->si_code, told_value = i->si_value.sival_int, told_pid = i->si_pid == getpid() ? 1 : i->si_pid ? 2 : 0;
}
static volatile int thread_value;
static void on_thread(union sigval v) { thread_value = v.sival_int; }
static void steal(void) {
    struct sigevent e = {.sigev_notify = SIGEV_NONE};
    SAY(mq_notify(q, &e));
    SAY(mq_notify(q, 0));
}
static void other_sender(void) { mq_send(q, "x", 1, 0); }
static void notifying(void) {
    q = mq_open("/n", O_RDWR | O_CREAT, 0600, 0);
    struct sigaction a = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &a, 0);
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
    SAY(mq_notify(q, 0));
    SAY(mq_notify(0, &e));
    SAY(mq_notify(99, &e));
    SAY(syscall(SYS_mq_notify, q, 1));
    SAY(mq_notify(q, &e));
    SAY(mq_notify(q, &e));
    in_child(steal);
    SAY(mq_send(q, "x", 1, 0));
    printf("told %d code %d value %d pid %d\n", told, told_code, told_value, told_pid);
    told = 0;
    SAY(mq_send(q, "x", 1, 0));
    printf("told %d\n", told);
    SAY(mq_notify(q, &e));
    SAY(mq_send(q, "x", 1, 0));
    printf("told %d\n", told);
    RECEIVE(), RECEIVE(), RECEIVE();
    in_child(other_sender);
    printf("told %d code %d value %d pid %d\n", told, told_code, told_value, told_pid);
    RECEIVE();
    told = 0;
    SAY(mq_notify(q, &e));
    int other = mq_open("/n", O_RDONLY);
    SAY(close(other)); /* any descriptor takes the notification with it */
    SAY(mq_send(q, "x", 1, 0));
    printf("told %d\n", told);
    RECEIVE();
    SAY(mq_notify(q, &e));
    pid_t c = start(taker);
    until_asleep(c);
    SAY(mq_send(q, "x", 1, 0)); /* to the sleeper: nobody is told */
    finish(c);
    printf("told %d\n", told);
    SAY(mq_notify(q, 0));
    e.sigev_signo = 65;
    SAY(syscall(SYS_mq_notify, q, &e));
    e.sigev_signo = -1;
    SAY(syscall(SYS_mq_notify, q, &e));
    e.sigev_notify = 99;
    SAY(syscall(SYS_mq_notify, q, &e));
    e.sigev_notify = SIGEV_THREAD;
    e.sigev_signo = q;
    char cookie[32] = "cookie";
    e.sigev_value.sival_ptr = cookie;
    SAY(syscall(SYS_mq_notify, q, &e));
    e.sigev_signo = 99;
    SAY(syscall(SYS_mq_notify, q, &e));
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    e.sigev_signo = s;
    SAY(syscall(SYS_mq_notify, q, &e));
    e.sigev_value.sival_ptr = (void *)1;
    SAY(syscall(SYS_mq_notify, q, &e));
    e.sigev_value.sival_ptr = cookie;
    s = OK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
    e.sigev_signo = s;
    SAY(syscall(SYS_mq_notify, q, &e));
    SAY(mq_send(q, "x", 1, 0));
    char got[40];
    SAY(recv(s, got, sizeof got, MSG_DONTWAIT));
    printf("%s %d\n", got, got[31]);
    RECEIVE();
    SAY(syscall(SYS_mq_notify, q, &e));
    SAY(mq_notify(q, 0));
    SAY(recv(s, got, sizeof got, MSG_DONTWAIT));
    printf("%s %d\n", got, got[31]);
    struct sigevent t = {.sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 7};
    t.sigev_notify_function = on_thread;
    SAY(mq_notify(q, &t));
    SAY(mq_send(q, "x", 1, 0));
    for (int i = 0; i < 3000 && !thread_value; i++) usleep(1000);
    printf("thread got %d\n", thread_value);
    mq_unlink("/n");
    close(q);
}
static void list(void) {
    DIR *d = opendir("/tmp/mq");
    struct dirent *e;
    while ((e = readdir(d))) printf("%s %d; ", e->d_name, e->d_type);
    puts("");
    closedir(d);
}
static void facts(const char *path) {
    struct stat st;
    if (stat(path, &st))
        printf("%s: %s\n", path, strerrorname_np(errno));
    else
        printf("%s: mode %o links %d owner %d.%d size %ld\n", path, st.st_mode, (int)st.st_nlink, st.st_uid, st.st_gid, st.st_size);
}
static void user_files(void) {
    become(1000);
    SAY(mq_open("/f", O_RDONLY));
    SAY(mq_open("/g", O_RDONLY) >= 0);
    SAY(mq_open("/g", O_RDWR));
    SAY(mq_unlink("/g"));
    SAY(unlink("/tmp/mq/g"));
    int own = OK(mq_open("/mine", O_RDWR | O_CREAT, 0000, 0));
    SAY(mq_open("/mine", O_RDONLY));
    facts("/tmp/mq/mine");
    SAY(mq_unlink("/mine"));
    struct mq_attr a = {.mq_maxmsg = 11, .mq_msgsize = 8192};
    SAY(mq_open("/many", O_RDWR | O_CREAT, 0600, &a));
    a.mq_maxmsg = 10;
    a.mq_msgsize = 8193;
    SAY(mq_open("/many", O_RDWR | O_CREAT, 0600, &a));
    struct rlimit r = {100000, 100000};
    SAY(setrlimit(RLIMIT_MSGQUEUE, &r));
    SAY(mq_open("/many", O_RDWR | O_CREAT, 0600, 0)); /* its first still counts */
    close(own);
    SAY(mq_open("/many", O_RDWR | O_CREAT, 0600, 0) >= 0);
    SAY(mq_unlink("/many"));
}
static void tree(void) {
    mkdir("/tmp/mq", 0755);
    umask(022);
    SAY(mount("anything", "/tmp/mq", "mqueue", 0, 0));
    struct statfs f;
    SAY(statfs("/tmp/mq", &f));
    printf("%lx %ld %ld\n", (long)f.f_type, (long)f.f_bsize, (long)f.f_namelen);
    facts("/tmp/mq");
    q = mq_open("/f", O_RDWR | O_CREAT, 0600, 0);
    int g = mq_open("/g", O_RDWR | O_CREAT, 0666, 0);
    facts("/tmp/mq");
    facts("/tmp/mq/f");
    facts("/tmp/mq/g");
    list();
    file_text("/tmp/mq/f");
    mq_send(q, "12345", 5, 0);
    mq_send(q, "123456789", 9, 0);
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    mq_notify(q, &e);
    int fd = open("/tmp/mq/f", O_RDONLY);
    char b[300];
    int n = read(fd, b, sizeof b);
    printf("%d bytes\n", n);
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(read(fd, b, 10));
    SAY(read(fd, b, 300));
    SAY(read(fd, b, 300));
    struct mq_attr a;
    SAY(mq_getattr(fd, &a));
    SAY(write(q, "x", 1));
    mq_notify(q, &e);
    b[0] = 0;
    SAY(pread(fd, b, 299, 0));
    char *pid = strstr(b, "NOTIFY_PID:");
    printf("%.*s %d\n", (int)(pid - b), b, atoi(pid + 11) == getpid());
    close(fd);
    int made = OK(open("/tmp/mq/by-open", O_RDWR | O_CREAT, 0644));
    show("by open");
    SAY(mq_getattr(made, &a));
    printf("%ld %ld\n", a.mq_maxmsg, a.mq_msgsize);
    SAY(mkdir("/tmp/mq/d", 0755));
    SAY(mknod("/tmp/mq/p", S_IFIFO | 0600, 0));
    SAY(mknod("/tmp/mq/r", S_IFREG | 0600, 0));
    SAY(link("/tmp/mq/f", "/tmp/mq/l"));
    SAY(symlink("x", "/tmp/mq/l"));
    SAY(rename("/tmp/mq/f", "/tmp/mq/l"));
    SAY(truncate("/tmp/mq/f", 0));
    SAY(ftruncate(q, 0));
    SAY(chmod("/tmp/mq/g", 0604));
    facts("/tmp/mq/g");
    SAY(mmap(0, 4096, PROT_READ, MAP_SHARED, q, 0) == MAP_FAILED);
    in_child(user_files);
    SAY(unlink("/tmp/mq/by-open"));
    SAY(unlink("/tmp/mq/r"));
    SAY(mq_unlink("/f"));
    facts("/tmp/mq/f");
    SAY(mq_open("/f", O_RDONLY));
    SAY(mq_unlink("/g"));
    list();
    facts("/tmp/mq");
    close(made);
    SAY(umount("/tmp/mq"));
    close(q), close(g);
}
static void text(const char *path) {
    struct stat st;
    stat(path, &st);
    printf("%o ", st.st_mode);
    show_text(path);
}
static void few(void) {
    become(1000);
    SAY(mq_open("/x1", O_RDWR | O_CREAT, 0600, 0) >= 0);
    SAY(mq_open("/x2", O_RDWR | O_CREAT, 0600, 0));
    mq_unlink("/x1");
}
static void settings(void) {
    static const char *const names[] = {"msg_default", "msg_max", "msgsize_default", "msgsize_max", "queues_max"};
    char path[80];
    for (int i = 0; i < 5; i++) sprintf(path, "/proc/sys/fs/mqueue/%s", names[i]), text(path);
    put("/proc/sys/fs/mqueue/msg_max", "0");
    put("/proc/sys/fs/mqueue/msg_max", "65537");
    put("/proc/sys/fs/mqueue/msg_max", "5");
    put("/proc/sys/fs/mqueue/msgsize_max", "127");
    put("/proc/sys/fs/mqueue/msgsize_default", "128");
    q = mq_open("/d", O_RDWR | O_CREAT, 0600, 0);
    show("smaller defaults");
    mq_unlink("/d");
    close(q);
    put("/proc/sys/fs/mqueue/msg_max", "10");
    put("/proc/sys/fs/mqueue/msgsize_default", "8192");
    put("/proc/sys/fs/mqueue/queues_max", "1");
    in_child(few);
    put("/proc/sys/fs/mqueue/queues_max", "256");
    struct rlimit r;
    SAY(getrlimit(RLIMIT_MSGQUEUE, &r));
    printf("%ld %ld\n", (long)r.rlim_cur, (long)r.rlim_max);
}
int main(void) {
    opening();
    order();
    sleeping();
    notifying();
    tree();
    settings();
    return 0;
}
