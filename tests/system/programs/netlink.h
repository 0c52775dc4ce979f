/* Requests to the kernel's routing protocol, and what it says, to the byte. What changes from day to day (statistics,
 * times, random numbers) is left out. */
#pragma once
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "check.h"

#define SEQ 4711

struct request {
    struct nlmsghdr h;
    unsigned char body[1024];
};

/* type, flags and a body of that many bytes; attributes follow. */
static struct request* ask(unsigned short type, unsigned short flags, const void* body, size_t length) {
    static struct request r;
    memset(&r, 0, sizeof r);
    r.h.nlmsg_type = type;
    r.h.nlmsg_flags = flags;
    r.h.nlmsg_seq = SEQ;
    r.h.nlmsg_len = NLMSG_LENGTH(length);
    memcpy(r.body, body, length);
    return &r;
}

static void attribute(struct request* r, unsigned short type, const void* value, size_t length) {
    struct rtattr* a = (struct rtattr*)((char*)r + NLMSG_ALIGN(r->h.nlmsg_len));
    a->rta_type = type;
    a->rta_len = RTA_LENGTH(length);
    memcpy(RTA_DATA(a), value, length);
    r->h.nlmsg_len = NLMSG_ALIGN(r->h.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static void hex(const unsigned char* at, size_t n) {
    for (size_t i = 0; i < n; i++) printf("%s%02x", i % 4 == 0 ? " " : "", at[i]);
}

static void show_attributes(int depth, int family_of, const unsigned char* at, long length, int message);

static int is_nested(int depth, int message, int type, int above) {
    if (message == RTM_NEWLINK && depth == 0) return type == IFLA_AF_SPEC || type == IFLA_XDP || type == IFLA_LINKINFO || type == IFLA_PROTINFO;
    if (message == RTM_NEWLINK && depth == 1) return above == IFLA_AF_SPEC;
    return 0;
}

static int is_volatile(int depth, int message, int type, int above) {
    if (message == RTM_NEWLINK && depth == 0) return type == IFLA_STATS || type == IFLA_STATS64;
    /* Of IPv6: when it came, its random number, what it counted. */
    if (message == RTM_NEWLINK && ((depth == 2 && above == 10) || (depth == 1 && above == IFLA_PROTINFO)))
        return type == 5 || type == 3 || type == 6;
    if ((message == RTM_NEWADDR || message == RTM_DELADDR || message == RTM_GETMULTICAST) && depth == 0)
        return type == IFA_CACHEINFO;
    if ((message == RTM_NEWROUTE || message == RTM_DELROUTE) && depth == 0) return type == RTA_CACHEINFO;
    if (message == RTM_NEWQDISC && depth == 0) return type == 3 || type == 4 || type == 7;
    return 0;
}

static void show_attributes(int depth, int above, const unsigned char* at, long length, int message) {
    while (length >= 4) {
        struct rtattr a;
        memcpy(&a, at, sizeof a);
        if (a.rta_len < 4 || a.rta_len > length) {
            printf("%*sbad attribute, length %d of %ld\n", 4 + 2 * depth, "", a.rta_len, length);
            return;
        }
        const int type = a.rta_type & 0x3fff;
        printf("%*s[%d%s%s] %d:", 4 + 2 * depth, "", type, a.rta_type & NLA_F_NESTED ? " nested" : "",
               a.rta_type & NLA_F_NET_BYTEORDER ? " swapped" : "", a.rta_len - 4);
        if (is_nested(depth, message, type, above)) {
            printf("\n");
            show_attributes(depth + 1, type, at + 4, a.rta_len - 4, message);
        } else {
            if (is_volatile(depth, message, type, above))
                printf(" ...");
            else
                hex(at + 4, a.rta_len - 4);
            printf("\n");
        }
        const long step = RTA_ALIGN(a.rta_len);
        at += step;
        length -= step;
    }
    if (length > 0) printf("%*s%ld bytes behind\n", 4 + 2 * depth, "", length);
}

static size_t header_of(int type) {
    switch (type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            return sizeof(struct ifinfomsg);
        case RTM_NEWADDR:
        case RTM_DELADDR:
        case RTM_GETMULTICAST:
            return sizeof(struct ifaddrmsg);
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            return sizeof(struct rtmsg);
        case RTM_NEWRULE:
        case RTM_DELRULE:
            return 12;
        case RTM_NEWNEIGH:
            return 12;
        case RTM_NEWQDISC:
            return 20;
        case RTM_NEWNETCONF:
            return 1;
        case RTM_NEWNEIGHTBL:
            return 1;
        default:
            return 0;
    }
}

/* Of a message: its header, its body, its attributes. */
static void show_message(const struct nlmsghdr* h, unsigned port) {
    const unsigned char* body = NLMSG_DATA(h);
    long length = h->nlmsg_len - NLMSG_HDRLEN;
    printf("  type %d flags %x seq %u port %s length %d", h->nlmsg_type, h->nlmsg_flags, h->nlmsg_seq,
           h->nlmsg_pid == port ? "mine" : h->nlmsg_pid == 0 ? "0" : "other", h->nlmsg_len);
    if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
        int error;
        memcpy(&error, body, 4);
        printf(" error %s\n", error == 0 ? "none" : strerrorname_np(-error) ? strerrorname_np(-error) : "odd");
        size_t skip = 4;
        if (h->nlmsg_type == NLMSG_ERROR) {
            struct nlmsghdr of;
            memcpy(&of, body + 4, sizeof of);
            printf("    of type %d flags %x seq %u length %d\n", of.nlmsg_type, of.nlmsg_flags, of.nlmsg_seq, of.nlmsg_len);
            skip += h->nlmsg_flags & NLM_F_CAPPED ? sizeof of : NLMSG_ALIGN(of.nlmsg_len);
        }
        if (!(h->nlmsg_flags & NLM_F_ACK_TLVS)) return;
        for (const unsigned char* at = body + skip; at + 4 <= body + length;) {
            struct rtattr a;
            memcpy(&a, at, sizeof a);
            printf("    told %d:", a.rta_type);
            if (a.rta_type == NLMSGERR_ATTR_MSG)
                printf(" %.*s\n", a.rta_len - 4, at + 4);
            else
                hex(at + 4, a.rta_len - 4), printf("\n");
            if (a.rta_len < 4) return;
            at += RTA_ALIGN(a.rta_len);
        }
        return;
    }
    size_t n = header_of(h->nlmsg_type);
    printf("\n   ");
    if (n == 0) n = length;
    hex(body, n);
    printf("\n");
    n = NLMSG_ALIGN(n);
    if (length > (long)n) show_attributes(0, 0, body + n, length - n, h->nlmsg_type);
}

/* All of the answer to what was asked: up to the end of a dump, or an error, or one message. Nobody waits longer than
 * two seconds. Returns the last message's type. */
static int show_answer(int fd, unsigned port) {
    static char bytes[65536] __attribute__((aligned(8)));
    for (;;) {
        struct sockaddr_nl from;
        socklen_t n = sizeof from;
        struct pollfd p = {fd, POLLIN, 0};
        if (poll(&p, 1, 2000) != 1) {
            printf("  nothing comes\n");
            return -1;
        }
        long length = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr*)&from, &n);
        if (length < 0) {
            printf("  receive: %s\n", strerrorname_np(errno));
            return -1;
        }
        if (from.nl_pid != 0 || n != sizeof from) printf("  from %d, %d bytes\n", from.nl_pid, n);
        int last = -1, more = 0;
        printf("  -- a packet\n");
        for (struct nlmsghdr* h = (struct nlmsghdr*)bytes; NLMSG_OK(h, length); h = NLMSG_NEXT(h, length)) {
            show_message(h, port);
            last = h->nlmsg_type;
            more = h->nlmsg_flags & NLM_F_MULTI && last != NLMSG_DONE;
        }
        if (length > 0) printf("  %ld bytes behind\n", length);
        if (!more) return last;
    }
}

static unsigned port_of(int fd) {
    struct sockaddr_nl a;
    socklen_t n = sizeof a;
    getsockname(fd, (struct sockaddr*)&a, &n);
    return a.nl_pid;
}

static int open_route(unsigned groups) {
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = groups};
    if (fd < 0 || bind(fd, (struct sockaddr*)&a, sizeof a) != 0) {
        printf("no socket: %s\n", strerrorname_np(errno));
        exit(1);
    }
    return fd;
}

/* Sends the request and shows the answer. */
static int tell_(int line, int fd, const char* what, struct request* r) {
    printf("%d %s\n", line, what);
    if (send(fd, r, r->h.nlmsg_len, 0) != (long)r->h.nlmsg_len) {
        printf("  send: %s\n", strerrorname_np(errno));
        return -1;
    }
    const int last = show_answer(fd, port_of(fd));
    fflush(stdout);
    return last;
}
/* What was sent to groups, until nothing more comes. */
static void hear_(int line, int fd) {
    static char bytes[65536] __attribute__((aligned(8)));
    printf("%d heard\n", line);
    for (;;) {
        struct sockaddr_nl from;
        socklen_t n = sizeof from;
        long length = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr*)&from, &n);
        if (length < 0) {
            if (errno != EAGAIN) printf("  receive: %s\n", strerrorname_np(errno));
            return;
        }
        printf("  -- a packet for groups %x\n", from.nl_groups);
        for (struct nlmsghdr* h = (struct nlmsghdr*)bytes; NLMSG_OK(h, length); h = NLMSG_NEXT(h, length))
            show_message(h, port_of(fd));
    }
}
#define HEAR(fd) hear_(__LINE__, fd)
#define TELL(fd, what, r) tell_(__LINE__, fd, what, r)
