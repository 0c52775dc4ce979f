/* AF_PACKET and the calls about interfaces, on the loopback interface: addresses, errors, frames in
 * and out, memberships, poll. Frames are of the type for local experiments, so that nobody else's
 * disturb. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "check.h"

#define TYPE 0x88b5
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef SIOCGIFTXQLEN
#define SIOCGIFTXQLEN 0x8942
#define SIOCSIFTXQLEN 0x8943
#endif

static struct ifreq named(const char* name) {
    struct ifreq r;
    memset(&r, 0, sizeof r);
    strcpy(r.ifr_name, name);
    return r;
}

static struct sockaddr_ll address(int index, int protocol) {
    struct sockaddr_ll a;
    memset(&a, 0, sizeof a);
    a.sll_family = AF_PACKET;
    a.sll_ifindex = index;
    a.sll_protocol = htons(protocol);
    return a;
}

static void show(const struct sockaddr_ll* a, socklen_t length) {
    printf("  length %d family %d protocol %04x index %d type %d delivery %d bytes %d:",
           (int)length, a->sll_family, ntohs(a->sll_protocol), a->sll_ifindex, a->sll_hatype,
           a->sll_pkttype, a->sll_halen);
    for (int i = 0; i < a->sll_halen && i < 8; i++) printf(" %02x", a->sll_addr[i]);
    printf("\n");
}

static void say_name(int s) {
    struct sockaddr_ll a;
    socklen_t length = sizeof a;
    memset(&a, 0, sizeof a);
    SAY(getsockname(s, (struct sockaddr*)&a, &length));
    show(&a, length);
}

/* The next frame of ours, within a second. */
static void say_frame(int s, size_t room, int flags) {
    unsigned char b[256];
    struct sockaddr_ll a;
    struct pollfd p = {s, POLLIN};
    socklen_t length = sizeof a;
    memset(&a, 0, sizeof a);
    if (poll(&p, 1, 1000) <= 0) {
        printf("  nothing came\n");
        return;
    }
    errno = 0;
    const long n = recvfrom(s, b, room, flags | MSG_DONTWAIT, (struct sockaddr*)&a, &length);
    printf("  got %ld%s%s:", n, n < 0 ? " " : "", n < 0 ? strerrorname_np(errno) : "");
    for (long i = 0; i < n && i < (long)room && i < 32; i++) printf(" %02x", b[i]);
    printf("\n");
    if (n >= 0) show(&a, length);
}

// Until a frame waits; a busy machine brings it late.
static int comes(int s, int ms) {
    struct pollfd p = {s, POLLIN};
    return poll(&p, 1, ms) == 1;
}

static void drain(int s) {
    char b[64];
    for (int ms = 1000; comes(s, ms); ms = 50) recv(s, b, sizeof b, MSG_DONTWAIT);
}

static void set_up(int s, int up) {
    struct ifreq r = named("lo");
    ioctl(s, SIOCGIFFLAGS, &r);
    r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    SAY(ioctl(s, SIOCSIFFLAGS, &r));
}

static void interface_calls(void) {
    const int s = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct ifreq r = named("lo");
    SAY(ioctl(s, SIOCGIFINDEX, &r));
    printf("%d\n", r.ifr_ifindex > 0);
    SAY(ioctl(s, SIOCGIFNAME, &r));
    printf("%s\n", r.ifr_name);
    r.ifr_ifindex = 12345;
    SAY(ioctl(s, SIOCGIFNAME, &r));
    r = named("nonesuch0");
    SAY(ioctl(s, SIOCGIFINDEX, &r));
    SAY(ioctl(s, SIOCGIFFLAGS, &r));
    SAY(ioctl(s, SIOCGIFMTU, &r));
    SAY(ioctl(s, SIOCGIFHWADDR, &r));
    SAY(ioctl(s, SIOCGIFTXQLEN, &r));
    SAY(ioctl(s, SIOCGIFSLAVE, &r));
    SAY(ioctl(s, SIOCSIFMTU, &r));
    SAY(ioctl(s, SIOCGIFINDEX, (void*)8));
    SAY(ioctl(s, SIOCGIFNAME, (void*)8));
    SAY(ioctl(s, SIOCGIFCONF, (void*)8));
    r = named("");
    SAY(ioctl(s, SIOCGIFINDEX, &r));
    memset(r.ifr_name, 'x', sizeof r.ifr_name);
    SAY(ioctl(s, SIOCGIFINDEX, &r));
    r = named("lo:7");
    SAY(ioctl(s, SIOCGIFMTU, &r));
    printf("%d %s\n", r.ifr_mtu, r.ifr_name);
    r = named("lo");
    SAY(ioctl(s, SIOCGIFSLAVE, &r));
    SAY(ioctl(s, SIOCGIFMETRIC, &r));
    printf("%d\n", r.ifr_metric);
    SAY(ioctl(s, SIOCGIFTXQLEN, &r));
    printf("%d\n", r.ifr_qlen);
    r.ifr_qlen = -1;
    SAY(ioctl(s, SIOCSIFTXQLEN, &r));
    SAY(ioctl(s, SIOCGIFHWADDR, &r));
    printf("%d %02x\n", r.ifr_hwaddr.sa_family, r.ifr_hwaddr.sa_data[5]);
    r.ifr_hwaddr.sa_family = 1;
    SAY(ioctl(s, SIOCSIFHWADDR, &r));
    r.ifr_hwaddr.sa_family = 772;
    SAY(ioctl(s, SIOCSIFHWADDR, &r)); /* all zero */
    r.ifr_hwaddr.sa_data[0] = 1;
    SAY(ioctl(s, SIOCSIFHWADDR, &r)); /* a group's */
    r.ifr_mtu = -1;
    SAY(ioctl(s, SIOCSIFMTU, &r));
    r.ifr_mtu = 1400;
    SAY(ioctl(s, SIOCSIFMTU, &r));
    r.ifr_mtu = 0;
    SAY(ioctl(s, SIOCGIFMTU, &r));
    printf("%d\n", r.ifr_mtu);
    r.ifr_mtu = 65536;
    SAY(ioctl(s, SIOCSIFMTU, &r));
    set_up(s, 0);
    r.ifr_flags = 0;
    SAY(ioctl(s, SIOCGIFFLAGS, &r));
    printf("%x\n", r.ifr_flags);
    set_up(s, 1);
    set_up(s, 1);
    SAY(ioctl(s, SIOCGIFFLAGS, &r));
    printf("%x\n", r.ifr_flags);
    r.ifr_flags |= IFF_PROMISC;
    SAY(ioctl(s, SIOCSIFFLAGS, &r));
    SAY(ioctl(s, SIOCGIFFLAGS, &r));
    printf("%x\n", r.ifr_flags);
    r.ifr_flags &= ~IFF_PROMISC;
    SAY(ioctl(s, SIOCSIFFLAGS, &r));
    SAY(ioctl(s, SIOCGIFFLAGS, &r));
    printf("%x\n", r.ifr_flags);
    SAY(ioctl(s, 0x89a5, &r));
    SAY(ioctl(s, 0x8950, &r));
    int p[2];
    if (pipe(p) == 0) SAY(ioctl(p[0], SIOCGIFINDEX, &r));
    close(s);
}

static void making(void) {
    SAY(socket(AF_PACKET, SOCK_STREAM, 0) >= 0);
    SAY(socket(AF_PACKET, SOCK_SEQPACKET, 0) >= 0);
    int pair[2];
    SAY(socketpair(AF_PACKET, SOCK_RAW, 0, pair));
    const int s = SAY(socket(AF_PACKET, SOCK_RAW, htons(TYPE)) >= 0) ? 3 : 3;
    const int t = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    printf("%d\n", fcntl(t, F_GETFL) & O_NONBLOCK ? 1 : 0);
    int value;
    socklen_t length = sizeof value;
    SAY(getsockopt(t, SOL_SOCKET, SO_TYPE, &value, &length));
    printf("%d\n", value);
    SAY(getsockopt(t, SOL_SOCKET, SO_DOMAIN, &value, &length));
    printf("%d\n", value);
    SAY(getsockopt(t, SOL_SOCKET, SO_PROTOCOL, &value, &length));
    printf("%d\n", value);
    struct sockaddr_ll a = address(0, TYPE);
    SAY(connect(t, (struct sockaddr*)&a, sizeof a));
    SAY(listen(t, 1));
    SAY(accept(t, 0, 0));
    SAY(shutdown(t, SHUT_RDWR));
    length = sizeof a;
    SAY(getpeername(t, (struct sockaddr*)&a, &length));
    SAY(recv(t, &a, 4, 0));
    SAY(recv(t, &a, 4, MSG_WAITALL));
    SAY(recv(t, &a, 4, MSG_ERRQUEUE));
    SAY(send(t, "x", 1, 0));
    SAY(setuid(1));
    SAY(socket(AF_PACKET, SOCK_RAW, 0));
    SAY(socket(AF_PACKET, SOCK_STREAM, 0));
    struct ifreq r = named("lo");
    SAY(ioctl(t, SIOCGIFFLAGS, &r));
    SAY(ioctl(t, SIOCSIFFLAGS, &r));
    SAY(ioctl(t, SIOCSIFMTU, &r));
    SAY(ioctl(t, SIOCSIFHWADDR, &r));
    r = named("nonesuch0");
    SAY(ioctl(t, SIOCSIFFLAGS, &r));
    close(s);
    close(t);
}

static void binding(int lo) {
    const int s = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll a = address(lo, TYPE);
    say_name(s);
    SAY(bind(s, (struct sockaddr*)&a, 19));
    SAY(bind(s, (struct sockaddr*)&a, 2));
    a.sll_family = AF_UNIX;
    SAY(bind(s, (struct sockaddr*)&a, sizeof a));
    a = address(9999, TYPE);
    SAY(bind(s, (struct sockaddr*)&a, sizeof a));
    a = address(-1, TYPE);
    SAY(bind(s, (struct sockaddr*)&a, sizeof a));
    a = address(lo, TYPE);
    SAY(bind(s, (struct sockaddr*)&a, sizeof a));
    say_name(s);
    SAY(bind(s, (struct sockaddr*)&a, sizeof a));
    a = address(lo, 0);
    SAY(bind(s, (struct sockaddr*)&a, sizeof a));
    say_name(s);
    a = address(0, TYPE + 1);
    SAY(bind(s, (struct sockaddr*)&a, sizeof a));
    say_name(s);
    SAY(send(s, "0123456789abcdef", 16, 0));
    close(s);
}

static const unsigned char frame[] = {0, 0, 0,         0,           0,   0,   2,   0,   0,  0,
                                      0, 9, TYPE >> 8, TYPE & 0xff, 'h', 'e', 'l', 'l', 'o'};

static void frames(int lo) {
    unsigned char b[sizeof frame];
    const int raw = socket(AF_PACKET, SOCK_RAW, htons(TYPE));
    const int cooked = socket(AF_PACKET, SOCK_DGRAM, htons(TYPE));
    const int other = socket(AF_PACKET, SOCK_RAW, htons(TYPE + 1));
    const int out = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll a = address(lo, TYPE);
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&a, sizeof a));
    say_frame(raw, 64, 0);
    say_frame(cooked, 64, 0);
    say_frame(other, 64, 0);
    printf("to one, a group, all\n");
    for (int i = 0; i < 3; i++) {
        memcpy(b, frame, sizeof b);
        memset(b, i == 0 ? 4 : i == 1 ? 1 : 0xff, 6);
        SAY(sendto(out, b, sizeof b, 0, (struct sockaddr*)&a, sizeof a));
        say_frame(raw, 64, MSG_PEEK);
        say_frame(raw, 3, i == 0 ? 0 : MSG_TRUNC);
        say_frame(cooked, 3, MSG_TRUNC);
    }
    printf("cooked\n");
    SAY(sendto(cooked, "abc", 3, 0, (struct sockaddr*)&a, sizeof a));
    say_frame(raw, 64, 0);
    say_frame(cooked, 64, 0);
    a.sll_halen = 6;
    memset(a.sll_addr, 6, 6);
    SAY(sendto(cooked, "defg", 4, 0, (struct sockaddr*)&a, sizeof a));
    say_frame(raw, 64, 0);
    say_frame(cooked, 64, 0);
    SAY(sendto(cooked, "", 0, 0, (struct sockaddr*)&a, sizeof a));
    say_frame(raw, 64, 0);
    say_frame(cooked, 64, 0);
    SAY(send(cooked, "unbound", 7, 0));
    SAY(bind(cooked, (struct sockaddr*)&a, sizeof a));
    SAY(send(cooked, "bound", 5, 0));
    say_frame(raw, 64, 0);
    say_frame(cooked, 64, 0);
    SAY(write(cooked, "written", 7));
    say_frame(raw, 64, 0);
    SAY(read(cooked, b, 4));
    a.sll_protocol = htons(1);
    SAY(sendto(cooked, "length", 6, 0, (struct sockaddr*)&a, sizeof a));
    a.sll_protocol = htons(TYPE);
    printf("errors\n");
    a.sll_halen = 9;
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&a, sizeof a));
    a.sll_halen = 0;
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&a, 19));
    SAY(sendto(out, frame, 13, 0, (struct sockaddr*)&a, sizeof a));
    SAY(sendto(out, frame, 0, 0, (struct sockaddr*)&a, sizeof a));
    SAY(sendto(out, (void*)8, 20, 0, (struct sockaddr*)&a, sizeof a));
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)8, sizeof a));
    a.sll_family = 99;
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&a, sizeof a));
    say_frame(raw, 64, 0);
    a = address(0, TYPE);
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&a, sizeof a));
    a = address(9999, TYPE);
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&a, sizeof a));
    a = address(lo, TYPE);
    static unsigned char big[70000];
    memcpy(big, frame, sizeof frame);
    SAY(sendto(out, big, 65536 + 14 + 5, 0, (struct sockaddr*)&a, sizeof a));
    SAY(sendto(out, big, 65536 + 14 + 1, 0, (struct sockaddr*)&a, sizeof a));
    SAY(sendto(cooked, big, 65536 + 1, 0, (struct sockaddr*)&a, sizeof a));
    drain(raw);
    SAY(sendto(out, big, 65536 + 14, 0, (struct sockaddr*)&a, sizeof a));
    SAY(recv(raw, big, sizeof big, 0));
    printf("%d\n", memcmp(big, frame, sizeof frame));
    drain(cooked);
    printf("what waits\n");
    int n = -1;
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&a, sizeof a));
    comes(raw, 1000);
    comes(cooked, 1000);
    SAY(ioctl(raw, FIONREAD, &n));
    printf("%d\n", n);
    SAY(ioctl(cooked, FIONREAD, &n));
    printf("%d\n", n);
    SAY(ioctl(other, FIONREAD, &n));
    printf("%d\n", n);
    struct pollfd p = {raw, POLLIN | POLLOUT};
    SAY(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    drain(raw);
    SAY(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    SAY(recv(raw, b, 1, MSG_DONTWAIT));
    struct timeval tv = {0, 20000};
    SAY(setsockopt(raw, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    SAY(recv(raw, b, 1, 0));
    close(raw);
    close(cooked);
    close(other);
    close(out);
}

/* Who wants all sees what goes, too; but not what he sent himself. */
static void everything(int lo) {
    const int all = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    const int out = socket(AF_PACKET, SOCK_RAW, htons(TYPE));
    struct sockaddr_ll a = address(lo, ETH_P_ALL), to = address(lo, TYPE);
    SAY(bind(all, (struct sockaddr*)&a, sizeof a));
    drain(all);
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&to, sizeof to));
    say_frame(all, 64, 0);
    say_frame(all, 64, 0);
    SAY(sendto(all, frame, sizeof frame, 0, (struct sockaddr*)&to, sizeof to));
    say_frame(all, 64, 0);
    say_frame(all, 64, 0);
    int one = 1;
    SAY(setsockopt(all, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one));
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&to, sizeof to));
    say_frame(all, 64, 0);
    say_frame(all, 64, 0);
    unsigned int s[2] = {99, 99};
    socklen_t length = sizeof s;
    SAY(getsockopt(all, SOL_PACKET, PACKET_STATISTICS, s, &length));
    printf("dropped %u length %d\n", s[1], (int)length);
    SAY(getsockopt(all, SOL_PACKET, PACKET_STATISTICS, s, &length));
    printf("%u %u\n", s[0], s[1]);
    close(all);
    close(out);
}

static void options(int lo) {
    const int s = socket(AF_PACKET, SOCK_RAW, 0);
    struct packet_mreq m = {lo, PACKET_MR_PROMISC, 0, {0}};
    int n = 1;
    socklen_t length = sizeof n;
    SAY(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, 15));
    SAY(setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
    SAY(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    SAY(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    SAY(setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
    char text[32] = {0};
    int fd = open("/sys/class/net/lo/flags", O_RDONLY);
    if (fd >= 0 && read(fd, text, 31) > 0) printf("%s", text);
    struct ifreq r = named("lo");
    SAY(ioctl(s, SIOCGIFFLAGS, &r));
    printf("%x\n", r.ifr_flags);
    SAY(setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
    SAY(setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
    if (fd >= 0 && pread(fd, text, 31, 0) > 0) printf("%s", text);
    m.mr_ifindex = 9999;
    SAY(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    SAY(setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
    m.mr_ifindex = lo;
    m.mr_alen = 7;
    SAY(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    m.mr_type = PACKET_MR_MULTICAST;
    m.mr_alen = 4;
    SAY(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    m.mr_alen = 6;
    SAY(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    SAY(setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &m, sizeof m));
    m.mr_type = PACKET_MR_ALLMULTI;
    SAY(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    m.mr_type = 77;
    SAY(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m));
    SAY(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, (void*)8, sizeof m));
    SAY(setsockopt(s, SOL_PACKET, 99, &n, sizeof n));
    SAY(setsockopt(s, 7, 1, &n, sizeof n));
    SAY(getsockopt(s, SOL_PACKET, 99, &n, &length));
    SAY(getsockopt(s, 7, 1, &n, &length));
    n = 2;
    SAY(setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &n, sizeof n));
    SAY(setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &n, 2));
    SAY(getsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &n, &length));
    printf("%d %d\n", n, (int)length);
    SAY(setsockopt(s, SOL_PACKET, PACKET_ORIGDEV, &n, sizeof n));
    close(fd);
    close(s);
    fd = open("/sys/class/net/lo/flags", O_RDONLY);
    if (fd >= 0 && read(fd, text, 31) > 0) printf("%s", text);
    close(fd);
}

/* The interface goes down under an open socket, and comes up again. */
static void down_and_up(int lo) {
    const int s = socket(AF_PACKET, SOCK_RAW, 0), out = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll a = address(lo, TYPE);
    struct pollfd p = {s, POLLIN | POLLOUT};
    char b[64];
    SAY(bind(s, (struct sockaddr*)&a, sizeof a));
    set_up(out, 0);
    SAY(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    SAY(recv(s, b, 64, MSG_DONTWAIT));
    SAY(recv(s, b, 64, MSG_DONTWAIT));
    SAY(send(s, frame, sizeof frame, 0));
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&a, sizeof a));
    const int t = socket(AF_PACKET, SOCK_RAW, 0);
    SAY(bind(t, (struct sockaddr*)&a, sizeof a));
    int error = 0;
    socklen_t length = sizeof error;
    SAY(getsockopt(t, SOL_SOCKET, SO_ERROR, &error, &length));
    printf("%s\n", strerrorname_np(error));
    say_name(t);
    set_up(out, 1);
    SAY(sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&a, sizeof a));
    say_frame(s, 64, 0);
    say_frame(t, 64, 0);
    close(s);
    close(t);
    close(out);
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    interface_calls();
    const int s = socket(AF_PACKET, SOCK_RAW, 0);
    struct ifreq r = named("lo");
    if (ioctl(s, SIOCGIFINDEX, &r) != 0) return 1;
    close(s);
    binding(r.ifr_ifindex);
    frames(r.ifr_ifindex);
    everything(r.ifr_ifindex);
    options(r.ifr_ifindex);
    down_and_up(r.ifr_ifindex);
    making();
    return 0;
}
