// frames INTERFACE SECONDS: sends numbered frames through an interface that gives them back, and
// looks at what comes. SIGTERM ends it earlier.
//
// One thread sends, one receives. A frame holds its number, its length and a pattern made of both.
// Frames may be lost, and are counted then; they may not come twice, in another order or changed,
// and no call may fail. Prints "frames sent= received= gaps= overflow= errors= disorder= wrong=
// index= longest_us=": gaps are numbers that never came, overflow what the socket itself dropped.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TYPE = 0x88b5, HEADER = 14, LONGEST = 1514 };

static struct sockaddr_ll address;
static uint64_t end_ns, errors, sent, received, gaps, disorder, wrong, longest_ns;
static atomic_int done, asked_to_end;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static size_t length_of(uint64_t number) {
    return HEADER + 8 + number * 7919 % (LONGEST - HEADER - 7);
}

static void fill(unsigned char* b, uint64_t number) {
    const size_t n = length_of(number);
    memset(b, 2, 12);
    b[12] = TYPE >> 8;
    b[13] = TYPE & 0xff;
    memcpy(b + HEADER, &number, 8);
    for (size_t i = HEADER + 8; i < n; i++) b[i] = (unsigned char)(number + i);
}

static void failed(const char* what) {
    if (errors++ == 0) fprintf(stderr, "%s: %s\n", what, strerror(errno));
}

static int open_socket(int protocol) {
    const int s = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll a = address;
    a.sll_protocol = htons(protocol);
    if (s < 0 || bind(s, (struct sockaddr*)&a, sizeof a) != 0) {
        perror("socket");
        exit(1);
    }
    return s;
}

static void* send_frames(void* unused) {
    const int s = open_socket(0);
    unsigned char b[LONGEST];
    while (!asked_to_end && now_ns() < end_ns) {
        fill(b, sent);
        const uint64_t began = now_ns();
        if (send(s, b, length_of(sent), 0) != (ssize_t)length_of(sent)) failed("send");
        const uint64_t took = now_ns() - began;
        if (took > longest_ns) longest_ns = took;
        sent++;
    }
    usleep(sent < 1000 ? 50000 : 400000);
    done = 1;
    close(s);
    return unused;
}

// Ends the work early; the threads' calls are not interrupted.
static void* end_by_signal(void* signals) {
    int got;
    sigwait(signals, &got);
    asked_to_end = 1;
    return NULL;
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    static sigset_t signals;
    pthread_t ender;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    pthread_create(&ender, NULL, end_by_signal, &signals);
    struct ifreq r;
    memset(&r, 0, sizeof r);
    strncpy(r.ifr_name, argv[1], IFNAMSIZ - 1);
    const int any = socket(AF_PACKET, SOCK_RAW, 0);
    if (any < 0 || ioctl(any, SIOCGIFINDEX, &r) != 0) {
        perror(argv[1]);
        return 1;
    }
    address.sll_family = AF_PACKET;
    address.sll_ifindex = r.ifr_ifindex;
    end_ns = now_ns() + strtoull(argv[2], NULL, 10) * 1000000000u;
    const int s = open_socket(TYPE);
    const struct timeval wait = {0, 30000};
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    pthread_t sender;
    pthread_create(&sender, NULL, send_frames, NULL);
    uint64_t next = 0;
    unsigned char b[LONGEST + 1], expected[LONGEST];
    for (;;) {
        const ssize_t n = recv(s, b, sizeof b, 0);
        if (n < 0 && errno == EAGAIN && done) break;
        if (n < 0 && errno == EAGAIN) continue;
        if (n < 0) {
            failed("recv");
            if (errors > 100) break;
            continue;
        }
        received++;
        uint64_t number;
        memcpy(&number, b + HEADER, 8);
        if (number < next) {
            disorder++;
            continue;
        }
        gaps += number - next;
        next = number + 1;
        fill(expected, number);
        if ((size_t)n != length_of(number) || memcmp(b, expected, (size_t)n) != 0) wrong++;
    }
    pthread_join(sender, NULL);
    gaps += sent - next;
    struct {
        uint32_t packets, drops;
    } statistics = {0, 0};
    socklen_t length = sizeof statistics;
    getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &statistics, &length);
    ioctl(any, SIOCGIFINDEX, &r);
    printf("frames sent=%" PRIu64 " received=%" PRIu64 " gaps=%" PRIu64
           " overflow=%u errors=%" PRIu64 " disorder=%" PRIu64 " wrong=%" PRIu64
           " index=%d longest_us=%" PRIu64 "\n",
           sent, received, gaps, statistics.drops, errors, disorder, wrong,
           r.ifr_ifindex - address.sll_ifindex, longest_ns / 1000);
    return errors || disorder || wrong;
}
