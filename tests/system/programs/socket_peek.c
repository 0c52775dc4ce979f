/* SO_PEEK_OFF on streams and records, SO_TIMESTAMP's four forms beside a record, SO_PEERNAME and SO_MEMINFO, SO_BINDTODEVICE. */
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

static int pair[2];
static int offset(void) {
    int n = 77;
    socklen_t len = sizeof n;
    getsockopt(pair[0], SOL_SOCKET, SO_PEEK_OFF, &n, &len);
    return n;
}
static void look(size_t room, int flags) {
    char text[64] = "";
    ssize_t n = recv(pair[0], text, room, flags | MSG_DONTWAIT);
    if (n < 0)
        printf("  recv %zu %#x: %s", room, flags, strerrorname_np(errno));
    else
        printf("  recv %zu %#x: %zd '%.*s'", room, flags, n, (int)(n > (ssize_t)room ? (ssize_t)room : n), text);
    printf(", offset %d\n", offset());
}
static void set(int n) {
    if (setsockopt(pair[0], SOL_SOCKET, SO_PEEK_OFF, &n, sizeof n)) perror("SO_PEEK_OFF");
}
static void fill(void) {
    SAY(send(pair[1], "abcdef", 6, 0));
    SAY(send(pair[1], "ghi", 3, 0));
    SAY(send(pair[1], "jklm", 4, 0));
}
static void *late(void *arg) {
    usleep(100000);
    send(pair[1], "late", 4, 0);
    return arg;
}
static void offsets(int type) {
    printf("type %d\n", type);
    socketpair(AF_UNIX, type, 0, pair);
    fill();
    look(4, MSG_PEEK);
    set(0);
    for (int i = 0; i < 6; i++) look(4, MSG_PEEK);
    look(2, 0);
    look(4, MSG_PEEK);
    set(3);
    look(64, MSG_PEEK);
    set(100);
    look(64, MSG_PEEK);
    look(64, 0);
    set(5);
    look(1, MSG_PEEK | MSG_TRUNC);
    look(64, MSG_PEEK);
    set(-1);
    look(64, MSG_PEEK);
    look(64, 0);
    look(64, 0);
    look(64, 0);
    /* Empty records are looked at once. */
    if (type != SOCK_STREAM) {
        send(pair[1], "", 0, 0);
        send(pair[1], "x", 1, 0);
        send(pair[1], "", 0, 0);
        set(0);
        for (int i = 0; i < 4; i++) look(8, MSG_PEEK);
        for (int i = 0; i < 4; i++) look(8, 0);
    }
    /* Who looks further than there is something waits. (Linux 6.1 forgets the offset of a stream then.) */
    if (type != SOCK_STREAM) {
        set(4);
        pthread_t t;
        send(pair[1], "four", 4, 0);
        pthread_create(&t, NULL, late, NULL);
        char text[16] = "";
        SAY(recv(pair[0], text, sizeof text, MSG_PEEK));
        printf("%s, offset %d\n", text, offset());
        pthread_join(t, NULL);
    }
    close(pair[0]), close(pair[1]);
}

static int close_to_now(long seconds) {
    long now = time(NULL);
    return seconds >= now - 100 && seconds <= now + 1;
}
static void stamped(int type, int option) {
    int on = 1;
    socketpair(AF_UNIX, type, 0, pair);
    send(pair[1], "before", 6, 0);
    SAY(setsockopt(pair[0], SOL_SOCKET, option, &on, sizeof on));
    SAY(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    send(pair[1], "after", 5, 0);
    for (int i = 0; i < 3; i++) {
        char text[16], control[128];
        struct iovec v = {text, sizeof text};
        struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = i == 1 ? 24 : sizeof control};
        ssize_t n = recvmsg(pair[0], &m, MSG_DONTWAIT);
        if (n < 0) {
            printf("  %s\n", strerrorname_np(errno));
            continue;
        }
        printf("  %zd bytes, flags %#x:", n, m.msg_flags);
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
            printf(" %d:%d %zu", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
            if (c->cmsg_type != SCM_CREDENTIALS && c->cmsg_len >= CMSG_LEN(16)) {
                long value[2];
                memcpy(value, CMSG_DATA(c), 16);
                printf(" (%s, %s)", close_to_now(value[0]) ? "now" : "another time", value[1] >= 0 && value[1] < 1000000000 ? "a fraction" : "?");
            }
        }
        printf("\n");
    }
    close(pair[0]), close(pair[1]);
}

static void names(void) {
    struct sockaddr_un a = {AF_UNIX, "/tmp/socket_peek"};
    unlink(a.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    SAY(bind(listener, (struct sockaddr *)&a, sizeof a));
    SAY(listen(listener, 1));
    SAY(connect(client, (struct sockaddr *)&a, sizeof a));
    char text[128];
    for (socklen_t room = 0; room < 128; room += 9) {
        memset(text, 0, sizeof text);
        socklen_t len = room;
        int r = getsockopt(client, SOL_SOCKET, SO_PEERNAME, text, &len);
        printf("%u: %s %u '%s'\n", room, r ? strerrorname_np(errno) : "ok", len, text + 2);
    }
    unsigned sizes[12] = {0};
    socklen_t len = sizeof sizes;
    write(client, text, 100);
    SAY(getsockopt(client, SOL_SOCKET, 55, sizes, &len));
    printf("%u:", len);
    for (int i = 0; i < 9; i++) printf(" %u", sizes[i]);
    printf("\n");
    unlink(a.sun_path);
    close(listener), close(client);
}

static void device(void) {
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0), index = 0;
    char name[32] = "";
    socklen_t len = sizeof index;
    SAY(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "none", 5));
    SAY(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
    SAY(getsockopt(fd, SOL_SOCKET, 62, &index, &len));
    printf("index %d\n", index);
    for (len = 0; len < 20; len += 3) {
        socklen_t n = len;
        int r = getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &n);
        printf("%u: %s %u '%s'\n", len, r ? strerrorname_np(errno) : "ok", n, name);
    }
    SAY(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, (char *)1, 2));
    SAY(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
    len = sizeof index;
    SAY(getsockopt(fd, SOL_SOCKET, 62, &index, &len));
    printf("index %d\n", index);
    unsigned long first, again, second;
    len = 8, getsockopt(fd, SOL_SOCKET, SO_COOKIE, &first, &len);
    int dup_fd = dup(fd), other = socket(AF_UNIX, SOCK_STREAM, 0);
    len = 8, getsockopt(dup_fd, SOL_SOCKET, SO_COOKIE, &again, &len);
    len = 8, getsockopt(other, SOL_SOCKET, SO_COOKIE, &second, &len);
    printf("cookies %d %d\n", first == again, first != second);
}

int main(void) {
    offsets(SOCK_STREAM);
    offsets(SOCK_DGRAM);
    offsets(SOCK_SEQPACKET);
    int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}, forms[] = {29, 35, 63, 64};
    for (int t = 0; t < 3; t++)
        for (int f = 0; f < 4; f++) stamped(types[t], forms[f]);
    names();
    device();
    return 0;
}
