/* System V message queues: every call, command and flag, errnos, sleeping, limits. */
#include <limits.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>

#include "children.h"

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif
struct msg {
    long type;
    char text[20000];
};
static int id;
static int send(long type, int size, int flags) {
    struct msg m = {type};
    memset(m.text, 'a' + (unsigned long)type % 26, size < 0 ? 0 : size < 20000 ? size : 20000);
    return msgsnd(id, &m, size, flags);
}
static void receive(int line, long type, int size, int flags) {
    struct msg m = {-7};
    errno = 0;
    int n = msgrcv(id, &m, size, type, flags);
    if (n < 0)
        printf("%d receive %ld %d %o: %s\n", line, type, size, flags, strerrorname_np(errno));
    else
        printf("%d receive %ld %d %o: %d bytes of type %ld, %.3s\n", line, type, size, flags, n, m.type, m.text);
    fflush(stdout);
}
#define RECEIVE(t, s, f) receive(__LINE__, t, s, f)
static void show(const char *what) {
    struct msqid_ds d;
    if (msgctl(id, IPC_STAT, &d) < 0) {
        printf("%s: %s\n", what, strerrorname_np(errno));
        return;
    }
    printf("%s: key %x mode %o owner %d.%d creator %d.%d bytes %lu of %lu in %lu, pids %s %s times %d %d %d\n", what, d.msg_perm.__key, d.msg_perm.mode,
           d.msg_perm.uid, d.msg_perm.gid, d.msg_perm.cuid, d.msg_perm.cgid, d.__msg_cbytes, d.msg_qbytes, d.msg_qnum,
           d.msg_lspid == getpid() ? "self" : d.msg_lspid ? "other" : "0", d.msg_lrpid == getpid() ? "self" : d.msg_lrpid ? "other" : "0",
           d.msg_stime != 0, d.msg_rtime != 0, d.msg_ctime != 0);
}
static void on_signal(int s) {}

static void getting(void) {
    SAY(msgget(0x4321, 0));
    id = OK(msgget(0x4321, IPC_CREAT | IPC_EXCL | 0640));
    SAY(msgget(0x4321, IPC_CREAT | IPC_EXCL));
    SAY(msgget(0x4321, IPC_CREAT) == id);
    SAY(msgget(0x4321, 0666) == id);
    show("new");
    SAY(msgctl(id, IPC_RMID, 0));
    SAY(msgctl(id, IPC_RMID, 0));
    SAY(msgctl(-1, IPC_RMID, 0));
}
static void moving(void) {
    id = OK(msgget(IPC_PRIVATE, 0600));
    SAY(send(0, 1, 0));
    SAY(send(-1, 1, 0));
    SAY(send(1, 8193, 0));
    SAY(send(1, -1, 0));
    SAY(msgsnd(-1, "xxxxxxxxx", 1, 0));
    SAY(msgsnd(id + 1, "xxxxxxxxx", 1, 0));
    SAY(msgsnd(id, (void *)1, 1, 0));
    SAY(msgsnd(-1, (void *)1, 1, 0));
    char *edge = mmap(0, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(edge + 4096, 4096);
    *(long *)(edge + 4096 - 16) = 5;
    SAY(msgsnd(id, edge + 4096 - 16, 8, 0));
    SAY(msgsnd(id, edge + 4096 - 16, 9, 0));
    SAY(msgrcv(id, edge + 4096 - 16, 8, 0, 0));
    send(6, 9, 0);
    SAY(msgrcv(id, edge + 4096 - 16, 9, 0, 0)); /* gone all the same */
    show("after an edge");
    SAY(send(3, 0, 0));
    SAY(send(2, 10, 0));
    SAY(send(5, 20, 0));
    SAY(send(2, 30, 0));
    SAY(send(LONG_MAX, 8192, 0));
    show("five");
    RECEIVE(0, 100, MSG_COPY | IPC_NOWAIT);
    RECEIVE(3, 100, MSG_COPY | IPC_NOWAIT);
    RECEIVE(4, 100, MSG_COPY | IPC_NOWAIT);
    RECEIVE(4, 100, MSG_COPY | IPC_NOWAIT | MSG_NOERROR);
    RECEIVE(5, 100, MSG_COPY | IPC_NOWAIT);
    RECEIVE(0, 100, MSG_COPY);
    RECEIVE(0, 100, MSG_COPY | IPC_NOWAIT | MSG_EXCEPT);
    show("copied");
    RECEIVE(4, 100, IPC_NOWAIT);
    RECEIVE(-1, 100, IPC_NOWAIT);
    RECEIVE(3, 100, MSG_EXCEPT | IPC_NOWAIT);
    RECEIVE(-3, 29, IPC_NOWAIT);
    RECEIVE(-3, 29, IPC_NOWAIT | MSG_NOERROR);
    RECEIVE(LONG_MIN, 100, IPC_NOWAIT);
    RECEIVE(0, 10, IPC_NOWAIT);
    RECEIVE(5, 10, MSG_NOERROR);
    RECEIVE(0, -1, 0);
    RECEIVE(0, 8191, 0);
    RECEIVE(0, 8192, 0);
    RECEIVE(0, 8192, IPC_NOWAIT);
    SAY(msgrcv(-1, (void *)1, 1, 0, 0));
    SAY(msgrcv(id + 1, (void *)1, 1, 0, 0));
    show("empty");
    for (int i = 0; i < 2; i++) SAY(send(1, 8192, IPC_NOWAIT));
    SAY(send(1, 0, IPC_NOWAIT));
    SAY(send(1, 1, IPC_NOWAIT));
    SAY(msgctl(id, IPC_RMID, 0));
}
static void take_two(void) { RECEIVE(2, 100, 0); }
static void take_small(void) { RECEIVE(0, 5, 0); }
static void take_low(void) { RECEIVE(-4, 100, 0); }
static void give_big(void) { SAY(send(9, 8192, 0)); }
static void interrupted(void) {
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &a, 0);
    ualarm(20000, 20000);
    RECEIVE(77, 100, 0);
    send(1, 8192, IPC_NOWAIT);
    send(1, 8192, IPC_NOWAIT);
    ualarm(20000, 20000);
    SAY(send(1, 100, 0));
    RECEIVE(1, 8192, 0);
    RECEIVE(1, 8192, 0);
}
static void sleeping(void) {
    id = msgget(IPC_PRIVATE, 0600);
    pid_t a = start(take_two);
    until_asleep(a);
    SAY(send(1, 1, 0));
    SAY(send(2, 2, 0));
    finish(a);
    show("two was taken");
    RECEIVE(0, 100, 0);
    a = start(take_small);
    until_asleep(a);
    SAY(send(1, 6, 0));
    finish(a);
    show("too big for the sleeper");
    RECEIVE(0, 100, 0);
    a = start(take_low);
    until_asleep(a);
    SAY(send(5, 6, 0));
    SAY(send(4, 6, 0));
    finish(a);
    RECEIVE(0, 100, 0);
    send(1, 8192, 0);
    send(1, 8192, 0);
    a = start(give_big);
    until_asleep(a);
    show("full");
    RECEIVE(0, 8192, 0);
    finish(a);
    show("room was used");
    RECEIVE(9, 8192, 0);
    RECEIVE(0, 8192, 0);
    in_child(interrupted);
    a = start(take_two);
    until_asleep(a);
    kill(a, SIGSTOP);
    waitpid(a, 0, WUNTRACED);
    kill(a, SIGCONT);
    usleep(20000);
    send(2, 3, 0);
    finish(a);
    a = start(take_two);
    until_asleep(a);
    struct msqid_ds d;
    msgctl(id, IPC_STAT, &d);
    d.msg_qbytes = 10;
    SAY(msgctl(id, IPC_SET, &d));
    SAY(send(2, 11, IPC_NOWAIT));
    SAY(send(2, 10, IPC_NOWAIT));
    finish(a);
    SAY(send(2, 10, 0));
    pid_t b = start(give_big);
    until_asleep(b);
    d.msg_qbytes = 16384;
    SAY(msgctl(id, IPC_SET, &d));
    finish(b);
    show("with room again");
    RECEIVE(9, 8192, 0);
    RECEIVE(0, 8192, 0);
    a = start(take_two);
    until_asleep(a);
    SAY(msgctl(id, IPC_RMID, 0));
    finish(a);
    id = msgget(IPC_PRIVATE, 0600);
    send(1, 8192, 0);
    send(1, 8192, 0);
    a = start(give_big);
    until_asleep(a);
    SAY(msgctl(id, IPC_RMID, 0));
    finish(a);
}
static void as_user(void) {
    become(1000);
    struct msqid_ds d;
    SAY(msgget(0x55, 0) == id);
    SAY(msgget(0x55, 0444) == id);
    SAY(msgget(0x55, 0222) == id);
    SAY(send(1, 1, 0));
    RECEIVE(0, 100, IPC_NOWAIT);
    SAY(msgctl(id, IPC_STAT, &d));
    SAY(msgctl(id, IPC_SET, &d));
    d.msg_qbytes = 20000;
    SAY(msgctl(id, IPC_SET, &d));
    SAY(msgctl(id, IPC_RMID, 0));
}
static void control(void) {
    struct msqid_ds d;
    struct msginfo i;
    id = OK(msgget(0x55, IPC_CREAT | 0644));
    send(3, 7, 0);
    SAY(msgctl(id, -1, &d));
    SAY(msgctl(id, 99, &d));
    SAY(msgctl(id, IPC_STAT, (void *)1));
    SAY(msgctl(id, IPC_SET, (void *)1));
    SAY(msgctl(id % 32768, MSG_STAT, &d) == id);
    SAY(msgctl(id % 32768, 13, &d) == id);
    SAY(msgctl(id % 32768 + 1, MSG_STAT, &d));
    SAY(msgctl(0, IPC_INFO, (void *)&i) >= 0);
    printf("%d %d %d %d %d %d %d %d\n", i.msgpool, i.msgmap, i.msgmax, i.msgmnb, i.msgmni, i.msgssz, i.msgtql, i.msgseg);
    SAY(msgctl(0, MSG_INFO, (void *)&i) >= 0);
    printf("%d %d %d %d %d %d %d %d\n", i.msgpool, i.msgmap, i.msgmax, i.msgmnb, i.msgmni, i.msgssz, i.msgtql, i.msgseg);
    SAY(msgctl(0, IPC_INFO, (void *)1));
    in_child(as_user);
    msgctl(id, IPC_STAT, &d);
    d.msg_perm.uid = 1000;
    d.msg_perm.mode = 0200;
    d.msg_qbytes = 20000;
    SAY(msgctl(id, IPC_SET, &d));
    show("changed");
    in_child(as_user);
    show("after its owner");
}
static void settings(void) {
    show_text("/proc/sysvipc/msg");
    put("/proc/sys/kernel/msgmax", "20000");
    put("/proc/sys/kernel/msgmnb", "40000");
    id = msgget(IPC_PRIVATE, 0600);
    SAY(send(1, 20001, IPC_NOWAIT));
    SAY(send(1, 20000, IPC_NOWAIT));
    RECEIVE(0, 20000, 0);
    show("large");
    put("/proc/sys/kernel/msgmni", "1");
    SAY(msgget(IPC_PRIVATE, 0600));
    SAY(msgctl(id, IPC_RMID, 0));
    put("/proc/sys/kernel/msgmni", "32769");
    put("/proc/sys/kernel/msgmni", "32000");
    put("/proc/sys/kernel/msgmax", "-1");
    put("/proc/sys/kernel/msgmax", "8192");
    put("/proc/sys/kernel/msgmnb", "16384");
}
int main(void) {
    getting();
    moving();
    sleeping();
    control();
    settings();
    return 0;
}
