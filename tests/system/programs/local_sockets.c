/* AF_UNIX: pairs, streams, datagrams, seqpacket, names, descriptors and credentials in flight,
 * poll, errors. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "check.h"
static int send_fd(int s, int fd) {
    char b[CMSG_SPACE(4)] = {0};
    struct iovec v = {"x", 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = b, .msg_controllen = sizeof b};
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(4);
    memcpy(CMSG_DATA(c), &fd, 4);
    return sendmsg(s, &m, 0);
}
static int recv_fd(int s, int* cred) {
    char b[256];
    char d[8];
    struct iovec v = {d, 8};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = b, .msg_controllen = sizeof b};
    int r = recvmsg(s, &m, MSG_CMSG_CLOEXEC), fd = -1;
    printf("recvmsg %d flags %x\n", r, m.msg_flags);
    for (struct cmsghdr* c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        printf("cmsg %d len %d\n", c->cmsg_type, (int)c->cmsg_len);
        if (c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), 4);
        if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred u;
            memcpy(&u, CMSG_DATA(c), sizeof u);
            *cred = u.pid == getpid() && u.uid == getuid();
        }
    }
    return fd;
}
int main(void) {
    int s[2];
    char b[64];
    setvbuf(stdout, 0, _IONBF, 0);
    signal(SIGPIPE, SIG_IGN);
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    SAY(write(s[0], "hello", 5));
    SAY(read(s[1], b, 64));
    SAY(send(s[1], "abc", 3, 0));
    SAY(recv(s[0], b, 2, MSG_PEEK));
    SAY(recv(s[0], b, 2, 0));
    SAY(recv(s[0], b, 9, MSG_DONTWAIT));
    SAY(recv(s[0], b, 9, MSG_DONTWAIT));
    struct pollfd p = {s[0], POLLIN | POLLOUT | POLLRDHUP};
    SAY(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    SAY(shutdown(s[1], SHUT_WR));
    SAY(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    SAY(read(s[0], b, 9));
    SAY(write(s[0], "q", 1));
    SAY(close(s[1]));
    SAY(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    SAY(write(s[0], "q", 1));
    SAY(read(s[0], b, 4));
    SAY(read(s[0], b, 4));
    close(s[0]);
    struct ucred u;
    socklen_t l = sizeof u;
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    SAY(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, &l));
    printf("%d %d\n", u.pid == getpid(), l);
    int one = 1;
    SAY(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, 4));
    int pp[2];
    pipe(pp);
    SAY(send_fd(s[0], pp[1]));
    int cred = 0;
    int fd = recv_fd(s[1], &cred);
    printf("cred %d\n", cred);
    SAY(write(fd, "via", 3));
    SAY(read(pp[0], b, 9));
    SAY(fcntl(fd, F_GETFD));
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, "/tmp/unsock-test");
    mkdir("/tmp", 0777);
    unlink(a.sun_path);
    int ls = OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    SAY(listen(ls, 5));
    SAY(bind(ls, (void*)&a, sizeof a));
    SAY(bind(ls, (void*)&a, sizeof a));
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    SAY(connect(c, (void*)&a, sizeof a));
    SAY(listen(ls, 5));
    SAY(connect(c, (void*)&a, sizeof a));
    struct sockaddr_un n;
    l = sizeof n;
    memset(&n, 0, sizeof n);
    int srv = OK(accept4(ls, (void*)&n, &l, SOCK_NONBLOCK));
    printf("len %d fam %d\n", l, n.sun_family);
    l = sizeof n;
    SAY(getpeername(c, (void*)&n, &l));
    printf("%d %s\n", l, n.sun_path);
    SAY(write(c, "data", 4));
    SAY(read(srv, b, 64));
    SAY(read(srv, b, 64));
    SAY(connect(c, (void*)&a, sizeof a));
    int t;
    l = 4;
    SAY(getsockopt(ls, SOL_SOCKET, SO_ACCEPTCONN, &t, &l));
    printf("%d\n", t);
    SAY(getsockopt(c, SOL_SOCKET, SO_TYPE, &t, &l));
    printf("%d\n", t);
    SAY(getsockopt(c, SOL_SOCKET, SO_SNDBUF, &t, &l));
    printf("%d\n", t);
    close(ls);
    int c2 = socket(AF_UNIX, SOCK_STREAM, 0);
    SAY(connect(c2, (void*)&a, sizeof a));
    unlink(a.sun_path);
    SAY(connect(c2, (void*)&a, sizeof a));
    memset(&a, 0, sizeof a);
    a.sun_family = AF_UNIX;
    strcpy(a.sun_path + 1, "abstract");
    l = offsetof(struct sockaddr_un, sun_path) + 9;
    int d1 = socket(AF_UNIX, SOCK_DGRAM, 0), d2 = socket(AF_UNIX, SOCK_DGRAM, 0);
    SAY(bind(d1, (void*)&a, l));
    SAY(bind(d2, (void*)&a, l));
    SAY(sendto(d2, "one", 3, 0, (void*)&a, l));
    SAY(sendto(d2, "second", 6, 0, (void*)&a, l));
    SAY(recv(d1, b, 2, MSG_TRUNC));
    SAY(recv(d1, b, 64, 0));
    SAY(send(d2, "x", 1, 0));
    SAY(connect(d2, (void*)&a, l));
    SAY(send(d2, "xy", 2, 0));
    socklen_t nl = sizeof n;
    SAY(recvfrom(d1, b, 64, 0, (void*)&n, &nl));
    printf("%d\n", nl);
    SAY(recv(d1, b, 64, MSG_DONTWAIT));
    close(d1);
    SAY(send(d2, "z", 1, 0));
    SAY(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
    SAY(send(s[0], "aa", 2, 0));
    SAY(send(s[0], "bbb", 3, 0));
    SAY(recv(s[1], b, 64, 0));
    SAY(recv(s[1], b, 64, 0));
    close(s[0]);
    SAY(recv(s[1], b, 64, 0));
    SAY(socket(AF_UNIX, 77, 0));
    SAY(socket(45, SOCK_STREAM, 0));
    SAY(socket(AF_UNIX, SOCK_STREAM, 99));
    SAY(read(0x7fff, b, 1));
    SAY(listen(pp[0], 1));
    SAY(setsockopt(c, SOL_SOCKET, 9999, &one, 4));
    SAY(setsockopt(c, 6, 1, &one, 4));
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    if (!fork()) {
        close(s[0]);
        static char big[300000];
        memset(big, 7, sizeof big);
        int r = write(s[1], big, sizeof big);
        _exit(r == 300000 ? 5 : 6);
    }
    close(s[1]);
    long tot = 0;
    int r;
    while ((r = read(s[0], b, 64)) > 0) tot += r;
    printf("total %ld end %d\n", tot, r);
    int st;
    wait(&st);
    printf("%d\n", WEXITSTATUS(st));
    return 0;
}
