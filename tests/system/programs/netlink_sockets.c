/* Netlink sockets themselves: ports, groups, options, errors, what comes beside a message, and full queues. */
#include "netlink.h"

#include <sys/wait.h>

static struct sockaddr_nl address(unsigned port, unsigned groups) {
    return (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups};
}
#define A(a) ((struct sockaddr*)&(a))

static void names(int fd) {
    struct sockaddr_nl a;
    socklen_t n = sizeof a;
    getsockname(fd, A(a), &n);
    printf("  port %s groups %x", a.nl_pid == 0 ? "0" : a.nl_pid == (unsigned)getpid() ? "mine" : "other", a.nl_groups);
    getpeername(fd, A(a), &n);
    printf(" peer %u groups %x\n", a.nl_pid, a.nl_groups);
}

static void addresses(void) {
    for (int p = 0; p < 33; p++) {
        const int fd = socket(AF_NETLINK, SOCK_RAW, p);
        /* The others depend on what is configured. */
        if (p == NETLINK_ROUTE || p == NETLINK_KOBJECT_UEVENT || p > 22) printf("protocol %d: %s\n", p, fd < 0 ? strerrorname_np(errno) : "there");
        if (fd >= 0) close(fd);
    }
    SAY(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE));
    int s = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE), t = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    int u = socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
    struct sockaddr_nl a = address(0, 0);
    names(s);
    SAY(bind(s, A(a), 11));
    SAY(bind(s, A(a), sizeof a));
    names(s);
    SAY(bind(s, A(a), sizeof a));
    a = address(getpid(), 1);
    SAY(bind(s, A(a), sizeof a));
    names(s);
    SAY(bind(t, A(a), sizeof a));
    SAY(bind(u, A(a), sizeof a)); /* ports are a protocol's */
    a = address(0, 0);
    SAY(bind(t, A(a), sizeof a));
    names(t);
    a = address(0, 4);
    SAY(connect(t, A(a), sizeof a));
    names(t);
    a = address(0, 6);
    SAY(connect(t, A(a), sizeof a));
    names(t);
    a.nl_family = AF_UNSPEC;
    SAY(connect(t, A(a), 2));
    names(t);
    SAY(connect(t, A(a), 1));
    a.nl_family = AF_UNIX;
    SAY(connect(t, A(a), sizeof a));
    SAY(listen(t, 1));
    SAY(send(t, "", 0, 0));
    SAY(send(t, "abc", 3, MSG_OOB));
    SAY(send(t, "abc", 3, 0)); /* too short for a message: nobody minds */
    char b[16];
    SAY(recv(t, b, sizeof b, MSG_DONTWAIT));
    SAY(recv(t, b, sizeof b, MSG_OOB));
    a = address(999999, 0);
    SAY(sendto(t, "abc", 3, 0, A(a), sizeof a));
    SAY(sendto(t, "abc", 3, 0, A(a), 4));
    close(s), close(t), close(u);
    s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    SAY(send(s, "abc", 3, 0)); /* binds */
    names(s);
    close(s);
}

static void options(void) {
    const int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    unsigned v[4];
    socklen_t n;
    int on = 1, off = 0;
    for (int o = 0; o <= 13; o++) {
        memset(v, 0xaa, sizeof v);
        n = sizeof v;
        const int r = getsockopt(s, SOL_NETLINK, o, v, &n);
        printf("get %d: %s, %u bytes, %x\n", o, r ? strerrorname_np(errno) : "ok", r ? 0 : n, r ? 0 : v[0]);
        printf("set %d: %s\n", o, o == 9 || o < 3 ? "not tried" : setsockopt(s, SOL_NETLINK, o, &on, 4) ? strerrorname_np(errno) : "ok");
        n = sizeof v;
        if (o > 2 && o != 9 && getsockopt(s, SOL_NETLINK, o, v, &n) == 0) printf("  now %x, %u bytes\n", v[0], n);
        setsockopt(s, SOL_NETLINK, o, &off, 4);
    }
    n = 3;
    SAY(getsockopt(s, SOL_NETLINK, NETLINK_PKTINFO, v, &n));
    SAY(setsockopt(s, SOL_NETLINK, NETLINK_PKTINFO, &on, 2)); /* short is zero */
    SAY(setsockopt(s, 1234, NETLINK_PKTINFO, &on, 4));
    n = 4;
    SAY(getsockopt(s, 1234, NETLINK_PKTINFO, v, &n));
    int group = 0;
    SAY(setsockopt(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, 4));
    group = 37;
    SAY(setsockopt(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, 4));
    for (int i = 0; i < 3; i++) {
        group = (int[]){RTNLGRP_LINK, RTNLGRP_NEXTHOP, 36}[i];
        SAY(setsockopt(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, 4));
    }
    for (n = 0; n < 14; n += 4) {
        socklen_t m = n;
        memset(v, 0, sizeof v);
        SAY(getsockopt(s, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, v, &m));
        printf("  room %u: %u bytes %x %x %x\n", n, m, v[0], v[1], v[2]);
    }
    names(s);
    group = 36;
    SAY(setsockopt(s, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, 4));
    n = sizeof v;
    SAY(getsockopt(s, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, v, &n));
    printf("  %x %x\n", v[0], v[1]);
    close(s);
}

static void show_controls(struct msghdr* m) {
    for (struct cmsghdr* c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        unsigned word;
        memcpy(&word, CMSG_DATA(c), 4);
        printf("  control level %d type %d length %d %s%u\n", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len,
               word == (unsigned)getpid() ? "mine" : "", word == (unsigned)getpid() ? 0 : word);
    }
}

static void receiving(void) {
    const int s = open_route(RTMGRP_LINK), t = open_route(0), on = 1, off = 0;
    char b[16384], control[256];
    struct sockaddr_nl from;
    SAY(setsockopt(s, SOL_NETLINK, NETLINK_PKTINFO, &on, 4));
    SAY(setsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, 4));
    const struct ifinfomsg link = {.ifi_index = 1};
    struct request* r = ask(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, &link, sizeof link);
    unsigned mtu = 1300;
    attribute(r, IFLA_MTU, &mtu, 4);
    TELL(t, "an MTU", r);
    for (int i = 0; i < 3; i++) {
        struct iovec v = {b, (size_t[]){64, 20, sizeof b}[i]};
        struct msghdr m = {&from, sizeof from, &v, 1, control, sizeof control, 0};
        const long n = recvmsg(s, &m, (int[]){MSG_PEEK, MSG_PEEK | MSG_TRUNC, 0}[i] | MSG_DONTWAIT);
        printf("got %ld flags %x name %d port %d groups %x\n", n, m.msg_flags, m.msg_namelen, from.nl_pid, from.nl_groups);
        show_controls(&m);
    }
    SAY(setsockopt(s, SOL_NETLINK, NETLINK_PKTINFO, &off, 4));
    /* From program to program, by group and by port. */
    struct sockaddr_nl a = address(0, RTMGRP_LINK);
    mtu = 65536;
    r = ask(RTM_SETLINK, NLM_F_REQUEST | NLM_F_ACK, &link, sizeof link);
    attribute(r, IFLA_MTU, &mtu, 4);
    SAY(sendto(t, r, r->h.nlmsg_len, 0, A(a), sizeof a));
    show_answer(t, port_of(t));
    for (int i = 0; i < 2; i++) {
        struct iovec v = {b, sizeof b};
        struct msghdr m = {&from, sizeof from, &v, 1, control, sizeof control, 0};
        const long n = recvmsg(s, &m, MSG_DONTWAIT);
        printf("got %ld type %d port %s groups %x\n", n, ((struct nlmsghdr*)b)->nlmsg_type,
               from.nl_pid == port_of(t) ? "the other's" : "0", from.nl_groups);
        show_controls(&m);
    }
    a = address(port_of(s), 0);
    SAY(sendto(t, "hello", 5, 0, A(a), sizeof a));
    SAY(recv(s, b, sizeof b, MSG_DONTWAIT));
    a = address(4000000, 0);
    SAY(connect(s, A(a), sizeof a)); /* and hears nobody else */
    a = address(port_of(s), 0);
    SAY(sendto(t, "hello", 5, 0, A(a), sizeof a));
    close(s), close(t);
}

/* More changes than a queue has room for. */
static void overrun(void) {
    const int s = open_route(RTMGRP_LINK), t = open_route(0), small = 1, on = 1;
    const struct ifinfomsg link = {.ifi_index = 1};
    static char b[16384];
    for (int quiet = 0; quiet < 2; quiet++) {
        SAY(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &small, 4));
        if (quiet) SAY(setsockopt(s, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, 4));
        for (int i = 0; i < 20; i++) {
            const unsigned mtu = i == 19 ? 65536 : 1300 + i;
            struct request* r = ask(RTM_SETLINK, NLM_F_REQUEST, &link, sizeof link);
            attribute(r, IFLA_MTU, &mtu, 4);
            send(t, r, r->h.nlmsg_len, 0);
        }
        int good = 0, full = 0;
        struct pollfd p = {s, POLLIN};
        poll(&p, 1, 0);
        printf("poll %x\n", p.revents);
        for (;;) {
            const long n = recv(s, b, sizeof b, MSG_DONTWAIT);
            if (n > 0)
                good = 1;
            else if (errno == ENOBUFS)
                full++;
            else
                break;
        }
        printf("some came: %d, was told of others: %d times\n", good, full);
    }
    close(s), close(t);
}

/* Dumps: one at a time, and all of one in what is asked for. */
static void busy(void) {
    const int s = open_route(0);
    const struct rtgenmsg any = {0};
    struct request* r = ask(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, &any, sizeof any);
    char b[4096];
    SAY(send(s, r, r->h.nlmsg_len, 0));
    SAY(send(s, r, r->h.nlmsg_len, 0));
    for (long n; (n = recv(s, b, sizeof b, MSG_DONTWAIT)) > 0;)
        printf("  %ld bytes of type %d\n", n, ((struct nlmsghdr*)b)->nlmsg_type);
    /* Two requests in one packet; one that is cut. */
    struct request both[2];
    const struct ifinfomsg link = {.ifi_index = 1};
    r = ask(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, &link, sizeof link);
    char two[256];
    memcpy(two, r, r->h.nlmsg_len);
    memcpy(two + r->h.nlmsg_len, r, r->h.nlmsg_len);
    SAY(send(s, two, 2 * r->h.nlmsg_len, 0));
    for (long n; (n = recv(s, b, sizeof b, MSG_DONTWAIT)) > 0;) printf("  type %d\n", ((struct nlmsghdr*)b)->nlmsg_type);
    SAY(send(s, two, r->h.nlmsg_len + 20, 0));
    for (long n; (n = recv(s, b, sizeof b, MSG_DONTWAIT)) > 0;) printf("  type %d\n", ((struct nlmsghdr*)b)->nlmsg_type);
    (void)both;
    close(s);
}

static void unprivileged(void) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        const int before = open_route(0);
        if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000)) _exit(1);
        const int s = open_route(RTMGRP_LINK | RTMGRP_IPV4_ROUTE);
        struct sockaddr_nl a = address(0, RTMGRP_LINK);
        const struct ifinfomsg link = {.ifi_index = 1};
        int group = RTNLGRP_IPV4_MROUTE_R, on = 1;
        SAY(setsockopt(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, 4));
        SAY(setsockopt(s, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, 4));
        SAY(connect(s, A(a), sizeof a));
        SAY(sendto(s, "abc", 3, 0, A(a), sizeof a));
        a = address(1, 0);
        SAY(sendto(s, "abc", 3, 0, A(a), sizeof a));
        TELL(s, "get", ask(RTM_GETNSID, NLM_F_REQUEST | NLM_F_DUMP, &link, sizeof link));
        TELL(s, "set", ask(RTM_SETLINK, NLM_F_REQUEST, &link, sizeof link));
        TELL(before, "set with an older socket", ask(RTM_SETLINK, NLM_F_REQUEST, &link, sizeof link));
        TELL(s, "an unknown type", ask(1000, NLM_F_REQUEST, &link, sizeof link));
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    printf("child %x\n", status);
}

int main(void) {
    addresses();
    options();
    receiving();
    overrun();
    busy();
    unprivileged();
    return 0;
}
