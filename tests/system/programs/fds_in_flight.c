/* Descriptors that are only in flight: circles of sockets are collected, long chains end without harm. A pipe's write
   end travels along; its read end tells when the last reference has gone. */
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "check.h"

static int pass(int through, int count, const int *fds) {
    char byte = 'x', room[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr m = {0, 0, &data, 1, room, CMSG_SPACE(count * sizeof(int)), 0};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    return sendmsg(through, &m, 0);
}

/* The write end has gone; collecting is begun by the close of any local socket. */
static int gone(int reader) {
    struct pollfd p = {reader, POLLIN, 0};
    int other[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, other);
    close(other[0]);
    close(other[1]);
    int r = poll(&p, 1, 5000);
    close(reader);
    return r == 1 && (p.revents & POLLHUP);
}

static int alone(int kind) {
    int pair[2], pipes[2];
    socketpair(AF_UNIX, kind, 0, pair);
    pipe(pipes);
    int fds[] = {pair[0], pair[1], pipes[1]};
    pass(pair[0], 3, fds);
    close(pair[0]);
    close(pair[1]);
    close(pipes[1]);
    return gone(pipes[0]);
}

static int circle(int length) {
    int pairs[16][2], pipes[2];
    pipe(pipes);
    for (int i = 0; i < length; i++) socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]);
    for (int i = 0; i < length; i++) {
        int fds[] = {pairs[(i + 1) % length][0], pipes[1]};
        pass(pairs[i][1], 2, fds);
    }
    for (int i = 0; i < length; i++) close(pairs[i][0]), close(pairs[i][1]);
    close(pipes[1]);
    return gone(pipes[0]);
}

/* What somebody still holds is not garbage, nor what can be reached from it. */
static int held(void) {
    int pair[2], inner[2], pipes[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    socketpair(AF_UNIX, SOCK_STREAM, 0, inner);
    pipe(pipes);
    int fds[] = {inner[0], inner[1]}, more[] = {pair[0], pipes[1]};
    pass(inner[1], 2, more);
    pass(pair[1], 2, fds);
    close(inner[0]), close(inner[1]), close(pair[0]), close(pipes[1]);
    struct pollfd p = {pipes[0], POLLIN, 0};
    int other[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, other);
    close(other[0]), close(other[1]);
    printf("%d\n", poll(&p, 1, 200)); /* pair[1] is open, but pair[0], who could read, is in the circle */
    close(pair[1]);
    return gone(pipes[0]);
}

/* A listener in a circle with a connection that nobody took. */
static int unaccepted(void) {
    struct sockaddr_un at = {AF_UNIX, "\0in-flight"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), pipes[2];
    bind(listener, (void *)&at, 12);
    listen(listener, 1);
    connect(client, (void *)&at, 12);
    pipe(pipes);
    int fds[] = {listener, client, pipes[1]};
    pass(client, 3, fds);
    close(listener), close(client), close(pipes[1]);
    return gone(pipes[0]);
}

/* Each socket lies in the next one's queue. */
static int chain(int length) {
    int pipes[2], last = -1, levels = 0;
    pipe(pipes);
    for (int i = 0; i < length; i++) {
        int pair[2];
        socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
        int first[] = {pipes[1]}, next[] = {last};
        int r = pass(pair[1], 1, i == 0 ? first : next);
        close(pair[1]);
        if (last >= 0) close(last);
        last = pair[0];
        if (r < 0) {
            SAY(r);
            break;
        }
        levels++;
    }
    close(pipes[1]);
    close(last);
    return levels == length ? gone(pipes[0]) : levels;
}

int main(void) {
    SAY(alone(SOCK_STREAM));
    SAY(alone(SOCK_DGRAM));
    SAY(alone(SOCK_SEQPACKET));
    SAY(circle(1));
    SAY(circle(2));
    SAY(circle(16));
    SAY(held());
    SAY(unaccepted());
    SAY(chain(3));
    SAY(chain(40));
    SAY(chain(1000));
    int failed = 0;
    for (int i = 0; i < 100; i++) failed += !circle(1 + i % 5);
    SAY(failed);
    return 0;
}
