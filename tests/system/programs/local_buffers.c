/* AF_UNIX: how much fits, who waits for what, what poll tells, and who is told to have sent it. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "check.h"

static const int kinds[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
static const char *const kind_names[] = {"stream", "dgram", "seqpacket"};
static char bytes[300000];
static int s[2];

static void show_poll(const char *what, int fd) {
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND, 0};
    poll(&p, 1, 0);
    printf("  poll %s: %x\n", what, p.revents);
    fflush(stdout);
}
static int queued(int fd, unsigned long request) {
    int n = -1;
    ioctl(fd, request, &n);
    return n;
}
static void pair(int kind) {
    socketpair(AF_UNIX, kind | SOCK_NONBLOCK, 0, s);
}
static void part(void) {
    close(s[0]);
    close(s[1]);
}
/* Writes until there is no room: how often, how much, and the error. */
static void fill(int fd, size_t size) {
    int n = 0;
    long total = 0, r;
    while ((r = send(fd, bytes, size, MSG_NOSIGNAL)) > 0 && n < 100000) {
        n++;
        total += r;
    }
    printf("  %zu each: %d sends, %ld bytes, then %s, out %d in %d\n", size, n, total, r < 0 ? strerrorname_np(errno) : "0",
           queued(fd, SIOCOUTQ), queued(fd, SIOCINQ));
    fflush(stdout);
}

static void room(void) {
    static const size_t sizes[] = {1, 100, 191, 192, 193, 700, 1728, 3000, 3776, 3777, 4096, 8192, 20000, 40000, 100000, 212960, 212961, 250000};
    for (int k = 0; k < 3; k++)
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            printf("%s\n", kind_names[k]);
            pair(kinds[k]);
            fill(s[0], sizes[i]);
            show_poll("full", s[0]);
            /* A quarter has to be left. */
            int reads = 0;
            struct pollfd p = {s[0], POLLOUT, 0};
            while (poll(&p, 1, 0) == 0 && recv(s[1], bytes, sizes[i], 0) > 0) reads++;
            printf("  writable after %d, out %d, peer's in %d\n", reads, queued(s[0], SIOCOUTQ), queued(s[1], SIOCINQ));
            part();
        }
    for (int k = 0; k < 3; k++) {
        printf("%s, another buffer\n", kind_names[k]);
        pair(kinds[k]);
        int n = 20000;
        OK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &n, sizeof n));
        fill(s[0], 1000);
        n = 60000;
        OK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &n, sizeof n));
        show_poll("more room", s[0]);
        fill(s[0], 1000);
        n = 1;
        OK(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &n, sizeof n));
        fill(s[0], 1000);
        OK(setsockopt(s[1], SOL_SOCKET, SO_RCVBUF, &n, sizeof n));
        shutdown(s[0], SHUT_WR);
        show_poll("shut, full", s[0]);
        fill(s[0], 10);
        part();
    }
}

static socklen_t address(struct sockaddr_un *a, const char *name) {
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    strcpy(a->sun_path + 1, name);
    return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
}
static int bound(int kind, const char *name) {
    struct sockaddr_un a;
    int fd = socket(AF_UNIX, kind | SOCK_NONBLOCK, 0);
    socklen_t n = address(&a, name);
    OK(bind(fd, (struct sockaddr *)&a, n));
    return fd;
}
static int connect_to(int fd, const char *name) {
    struct sockaddr_un a;
    socklen_t n = address(&a, name);
    return connect(fd, (struct sockaddr *)&a, n);
}
static void receive(int fd, int flags) {
    char data[64] = "";
    struct sockaddr_un from;
    memset(&from, 'x', sizeof from);
    socklen_t n = sizeof from;
    long r = recvfrom(fd, data, sizeof data - 1, flags, (struct sockaddr *)&from, &n);
    printf("  received %ld %s '%s' from %u bytes '%.*s'\n", r, r < 0 ? strerrorname_np(errno) : "", r < 0 ? "" : data, n,
           r >= 0 && n > 3 ? (int)n - 3 : 0, from.sun_path + 1);
    fflush(stdout);
}
static void peer(int fd) {
    struct sockaddr_un a;
    socklen_t n = sizeof a;
    long r = getpeername(fd, (struct sockaddr *)&a, &n);
    printf("  peer %ld %s %u '%.*s'\n", r, r < 0 ? strerrorname_np(errno) : "", r < 0 ? 0 : n, r >= 0 && n > 3 ? (int)n - 3 : 0, a.sun_path + 1);
    fflush(stdout);
}

/* Datagrams: the receiver's queue is short for strangers, and an association has two sides. */
static void datagrams(void) {
    struct sockaddr_un to;
    int a = bound(SOCK_DGRAM, "a"), b = bound(SOCK_DGRAM, "b"), c = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    OK(send(c, "x", 1, 0));
    OK(connect_to(c, "a"));
    fill(c, 1);
    show_poll("queue full", c);
    int ep = epoll_create1(0);
    struct epoll_event ev = {EPOLLOUT | EPOLLET, {0}};
    epoll_ctl(ep, EPOLL_CTL_ADD, c, &ev);
    printf("  epoll %d", epoll_wait(ep, &ev, 1, 0));
    receive(a, 0);
    printf("  epoll %d\n", epoll_wait(ep, &ev, 1, 0));
    show_poll("one taken", c);
    close(ep);
    OK(sendto(b, "from b", 6, 0, (struct sockaddr *)&to, address(&to, "a")));
    OK(sendto(b, "from b", 6, 0, (struct sockaddr *)&to, address(&to, "a")));
    while (recv(a, bytes, 100, 0) >= 0) {}
    OK(sendto(b, "from b", 6, 0, (struct sockaddr *)&to, address(&to, "a")));
    OK(send(c, "unnamed", 7, 0));
    receive(a, MSG_PEEK);
    receive(a, 0);
    receive(a, 0);
    receive(a, 0);
    OK(sendto(b, "then", 4, 0, (struct sockaddr *)&to, address(&to, "a")));
    OK(send(c, "bound later", 11, 0));
    OK(bind(c, (struct sockaddr *)&to, address(&to, "c")));
    OK(bind(c, (struct sockaddr *)&to, offsetof(struct sockaddr_un, sun_path)));
    receive(a, 0);
    receive(a, 0);
    OK(connect_to(a, "b"));
    OK(send(c, "stranger", 8, 0));
    OK(connect_to(c, "a"));
    OK(connect_to(b, "a"));
    OK(send(a, "lost", 4, 0));
    peer(a);
    peer(b);
    show_poll("associated", a);
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    OK(connect(b, &none, sizeof none));
    show_poll("left", a);
    receive(a, 0);
    receive(b, 0);
    OK(send(a, "again", 5, 0));
    close(b);
    show_poll("closed", a);
    peer(a);
    OK(send(a, "x", 1, 0));
    OK(send(a, "x", 1, 0));
    peer(a);
    OK(sendto(a, "x", 1, 0, (struct sockaddr *)&to, address(&to, "b")));
    OK(sendto(a, "x", 1, 0, (struct sockaddr *)&to, 2));
    OK(sendto(a, bytes, sizeof bytes, 0, (struct sockaddr *)&to, address(&to, "b")));
    OK(shutdown(a, SHUT_RD));
    show_poll("shut to read", a);
    receive(a, 0);
    OK(connect_to(c, "a"));
    OK(send(c, "x", 1, 0));
    OK(shutdown(c, SHUT_WR));
    OK(send(c, "x", 1, 0));
    show_poll("shut to write", c);
    close(a);
    close(c);
}

/* Connections: names, ends, and what was never taken. */
static void connections(int kind) {
    int l = bound(kind, "l"), c = socket(AF_UNIX, kind | SOCK_NONBLOCK, 0), d;
    show_poll("fresh", c);
    OK(shutdown(c, SHUT_RD));
    show_poll("fresh, shut", c);
    close(c);
    c = socket(AF_UNIX, kind | SOCK_NONBLOCK, 0);
    OK(recv(c, bytes, 1, 0));
    OK(send(c, bytes, 1, MSG_NOSIGNAL));
    OK(listen(c, 1));
    OK(connect_to(c, "l"));
    OK(listen(l, 1));
    show_poll("listener", l);
    OK(connect_to(c, "l"));
    OK(connect_to(c, "l"));
    show_poll("listener, one", l);
    OK(send(c, "early", 5, 0));
    OK(send(l, "x", 1, MSG_NOSIGNAL));
    OK(recv(l, bytes, 1, 0));
    peer(c);
    d = accept4(l, NULL, NULL, SOCK_NONBLOCK);
    receive(d, MSG_PEEK);
    receive(d, 0);
    OK(send(d, "named", 5, 0));
    OK(send(d, "twice", 5, 0));
    receive(c, MSG_PEEK);
    receive(c, 0);
    receive(c, 0);
    struct sockaddr_un a;
    OK(send(c, "bound later", 11, 0));
    OK(bind(c, (struct sockaddr *)&a, address(&a, "c")));
    receive(d, 0);
    peer(d);
    OK(send(c, "unread", 6, 0));
    close(d);
    show_poll("reset", c);
    peer(c);
    receive(c, 0);
    receive(c, 0);
    OK(send(c, "x", 1, MSG_NOSIGNAL));
    close(c);
    /* Waiting connections end with their listener. */
    c = socket(AF_UNIX, kind | SOCK_NONBLOCK, 0);
    d = socket(AF_UNIX, kind | SOCK_NONBLOCK, 0);
    int e = socket(AF_UNIX, kind | SOCK_NONBLOCK, 0);
    OK(connect_to(c, "l"));
    OK(connect_to(d, "l"));
    OK(connect_to(e, "l"));
    OK(listen(l, 5));
    OK(connect_to(e, "l"));
    OK(shutdown(l, SHUT_RD));
    show_poll("listener, shut", l);
    close(l);
    show_poll("never taken", c);
    int error = -1;
    socklen_t n = sizeof error;
    OK(getsockopt(d, SOL_SOCKET, SO_ERROR, &error, &n));
    printf("  error %s\n", strerrorname_np(error));
    receive(c, 0);
    receive(c, 0);
    receive(d, 0);
    OK(connect_to(d, "l"));
    OK(accept(d, NULL, NULL));
    close(c);
    close(d);
    close(e);
}

static volatile sig_atomic_t noted;
static void note(int sig) { noted = sig; }
static void report(int sig) {
    static const char text[] = "  a signal\n";
    (void)!write(1, text, sizeof text - 1);
    (void)sig;
}

/* What a pair's ends tell each other. */
static void ends(int kind) {
    for (int how = 0; how < 4; how++) {
        pair(kind);
        send(s[1], "left", 4, 0);
        if (how < 3) OK(shutdown(s[1], how));
        else close(s[1]);
        show_poll("this end", s[0]);
        if (how < 3) show_poll("that end", s[1]);
        OK(send(s[0], "x", 1, 0));
        OK(write(s[0], "x", 1));
        if (how < 3) OK(send(s[1], "x", 1, 0));
        receive(s[0], 0);
        receive(s[0], 0);
        receive(s[0], 0);
        if (how < 3) receive(s[1], 0);
        part();
    }
}

/* Several packets in one read: whose, and with what beside them. */
static long take(int fd, size_t size, int flags) {
    char control[256] = {0};
    struct iovec v = {bytes, size};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    long r = recvmsg(fd, &m, flags);
    printf("  %ld %s flags %x:", r, r < 0 ? strerrorname_np(errno) : "", r < 0 ? 0 : m.msg_flags);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); r >= 0 && c; c = CMSG_NXTHDR(&m, c)) {
        struct ucred u;
        memcpy(&u, CMSG_DATA(c), sizeof u);
        if (c->cmsg_type == SCM_CREDENTIALS) printf(" credentials %s %d %d", u.pid == getpid() ? "own" : u.pid == 0 ? "none" : "other", (int)u.uid, (int)u.gid);
        else printf(" files %d", (int)(c->cmsg_len - sizeof *c) / 4);
        if (c->cmsg_type == SCM_RIGHTS)
            for (unsigned i = 0; i < (c->cmsg_len - sizeof *c) / 4; i++) {
                int file;
                memcpy(&file, CMSG_DATA(c) + 4 * i, 4);
                close(file);
            }
    }
    printf("\n");
    fflush(stdout);
    return r;
}
static void give_file(int fd, const char *text) {
    char control[CMSG_SPACE(4)] = {0};
    struct iovec v = {(void *)text, strlen(text)};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(4), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &(int){0}, 4);
    OK(sendmsg(fd, &m, 0));
}
static void glue(int kind) {
    int on = 1;
    pair(kind);
    for (int passes = 0; passes < 2; passes++) {
        send(s[0], "before", 6, 0);
        if (passes) OK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
        send(s[0], "one", 3, 0);
        give_file(s[0], "with");
        send(s[0], "two", 3, 0);
        if (fork() == 0) {
            send(s[0], "child's", 7, 0);
            _exit(0);
        }
        wait(NULL);
        send(s[0], "three", 5, MSG_EOR);
        take(s[1], 3, MSG_PEEK);
        take(s[1], 100, MSG_PEEK);
        take(s[1], 100, MSG_PEEK | MSG_TRUNC);
        take(s[1], 4, 0);
        while (take(s[1], 100, 0) > 0) {}
    }
    struct timeval tv = {-1, 0};
    fcntl(s[1], F_SETFL, 0);
    OK(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    OK(recv(s[1], bytes, 1, 0));
    tv = (struct timeval){0, 1000000};
    OK(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    /* With a time limit a signal ends the call for good. */
    tv = (struct timeval){30, 0};
    OK(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    struct sigaction act = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &act, NULL);
    /* Again and again, for the first may come before the call waits. */
    struct itimerval soon = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &soon, NULL);
    OK(recv(s[1], bytes, 1, 0));
    setitimer(ITIMER_REAL, &never, NULL);
    if (noted) puts("  a signal");
    int size = -1;
    socklen_t n = sizeof size;
    for (int i = 0; i < 2; i++) {
        OK(setsockopt(s[1], SOL_SOCKET, i ? SO_SNDBUF : SO_RCVBUF, &(int){-1}, 4));
        OK(getsockopt(s[1], SOL_SOCKET, i ? SO_SNDBUF : SO_RCVBUF, &size, &n));
        printf("  %d\n", size);
        OK(setsockopt(s[1], SOL_SOCKET, i ? SO_SNDBUFFORCE : SO_RCVBUFFORCE, &(int){-1}, 4));
        OK(getsockopt(s[1], SOL_SOCKET, i ? SO_SNDBUF : SO_RCVBUF, &size, &n));
        printf("  %d\n", size);
    }
    part();
}

/* Room for what comes beside the bytes: what is cut, and where nothing can be written. */
static void beside(void) {
    char control[128];
    for (int passes = 0; passes < 2; passes++)
        for (int where = 0; where < 3; where++)
            for (unsigned size = 0; size <= 64; size += 4) {
                int on = 1, before, after, n = 0;
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s);
                if (passes) setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
                char sent[CMSG_SPACE(8)] = {0};
                struct iovec v = {"x", 1};
                struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = sent, .msg_controllen = sizeof sent};
                struct cmsghdr *c = CMSG_FIRSTHDR(&m);
                *c = (struct cmsghdr){CMSG_LEN(8), SOL_SOCKET, SCM_RIGHTS};
                memcpy(CMSG_DATA(c), s, 8);
                sendmsg(s[0], &m, 0);
                close(before = dup(0));
                memset(control, 0x55, sizeof control);
                v.iov_base = bytes;
                m = (struct msghdr){.msg_iov = &v, .msg_iovlen = 1, .msg_control = where == 0 ? control : where == 1 ? NULL : (void *)8, .msg_controllen = size};
                long r = recvmsg(s[1], &m, MSG_CMSG_CLOEXEC);
                close(after = dup(0));
                printf("%d %d %u: %ld %s flags %x control %zu, %d descriptors:", passes, where, size, r, r < 0 ? strerrorname_np(errno) : "", m.msg_flags,
                       m.msg_controllen, after - before);
                for (c = where == 0 ? CMSG_FIRSTHDR(&m) : NULL; r >= 0 && c && n < 4; c = CMSG_NXTHDR(&m, c), n++)
                    printf(" %d of %d", c->cmsg_type, (int)c->cmsg_len);
                printf(", then %02x\n", (unsigned char)control[m.msg_controllen]);
                for (int fd = before; fd < after; fd++) close(fd);
                part();
            }
    fflush(stdout);
}

int main(void) {
    signal(SIGPIPE, report);
    room();
    beside();
    datagrams();
    connections(SOCK_STREAM);
    connections(SOCK_SEQPACKET);
    for (int k = 0; k < 3; k++) {
        printf("-- %s\n", kind_names[k]);
        ends(kinds[k]);
        glue(kinds[k]);
    }
    return 0;
}
