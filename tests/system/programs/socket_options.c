/* Every option of SOL_SOCKET, named or not, read, set and read again, on sockets of each kind; lengths that are too short or long. */
#define _GNU_SOURCE
#include "check.h"
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { LAST = 85 };
static const int cookie[] = {57, 71}; /* SO_COOKIE, SO_NETNS_COOKIE: another number each time */

/* Not here: filters (26, 27, 44, 48, 50 to 52, 68), SO_PEERSEC (31), SO_TIMESTAMPING (37, 65), SO_INCOMING_CPU (49), SO_PEERGROUPS (59),
   SO_TXTIME (61), SO_NETNS_COOKIE (71). */
static const int other[] = {26, 27, 31, 37, 44, 48, 49, 50, 51, 52, 59, 61, 65, 68, 71};

static void show(int option, int r, const unsigned char *value, unsigned len) {
    if (r < 0) {
        printf(" %s", strerrorname_np(errno));
        return;
    }
    printf(" %u:", len);
    for (unsigned i = 0; i < sizeof cookie / sizeof *cookie; i++)
        if (option == cookie[i]) {
            unsigned long n = 0;
            memcpy(&n, value, len < 8 ? len : 8);
            printf("%s", n ? "some" : "0");
            return;
        }
    for (unsigned i = 0; i < len; i++) printf("%02x", value[i]);
}
static void get(int fd, int option, unsigned room) {
    unsigned char value[256];
    memset(value, 0xee, sizeof value);
    socklen_t len = room;
    int r = getsockopt(fd, SOL_SOCKET, option, value, &len);
    if (option == 17 && !r) memset(value, 0, len < 4 ? len : 4); /* SO_PEERCRED's pid */
    show(option, r, value, len);
}
static void set(int fd, int option, long value, unsigned len) {
    unsigned char bytes[64] = {0};
    memcpy(bytes, &value, sizeof value);
    int r = setsockopt(fd, SOL_SOCKET, option, bytes, len);
    if (r < 0)
        printf(" %s", strerrorname_np(errno));
    else
        printf(" ok");
}
static void all(const char *what, int fd) {
    for (int option = 0; option <= LAST; option++) {
        int left_out = 0;
        for (unsigned i = 0; i < sizeof other / sizeof *other; i++) left_out |= option == other[i];
        if (left_out) continue;
        printf("%s %d:", what, option);
        get(fd, option, 64);
        get(fd, option, 4);
        get(fd, option, 1);
        get(fd, option, 0);
        set(fd, option, 1, 3);
        set(fd, option, 1, 4);
        get(fd, option, 64);
        set(fd, option, 0x7fffffff, 8);
        get(fd, option, 64);
        set(fd, option, -1, 16);
        get(fd, option, 64);
        set(fd, option, 0, 40);
        get(fd, option, 64);
        printf("\n");
    }
}

int main(void) {
    int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    const char *names[] = {"stream", "datagram", "seqpacket"};
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_UNIX, types[i], 0), pair[2];
        all(names[i], fd);
        socketpair(AF_UNIX, types[i], 0, pair);
        all(names[i], pair[0]);
        close(fd), close(pair[0]), close(pair[1]);
    }
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    all("netlink", fd);
    if (setresuid(65534, 65534, 65534)) return 1;
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    all("a user's", fd);
    return 0;
}
