// local: AF_UNIX works: a pair, and a name that is bound, connected to and waited for by poll.
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(const char* what) {
    perror(what);
    return 1;
}

int main(void) {
    int pair[2];
    char c = 'x';
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return fail("socketpair");
    struct pollfd wanted = {.fd = pair[1], .events = POLLIN};
    if (poll(&wanted, 1, 0) != 0) return fail("poll of nothing");
    if (write(pair[0], &c, 1) != 1) return fail("write");
    if (poll(&wanted, 1, 1000) != 1) return fail("poll");
    if (read(pair[1], &c, 1) != 1 || c != 'x') return fail("read");

    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "local-%d", getpid());
    const int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr*)&name, sizeof name)) return fail("bind");
    if (listen(server, 1)) return fail("listen");
    if (connect(client, (struct sockaddr*)&name, sizeof name)) return fail("connect");
    const int served = accept(server, NULL, NULL);
    if (served < 0) return fail("accept");
    if (send(served, "y", 1, 0) != 1 || recv(client, &c, 1, 0) != 1 || c != 'y')
        return fail("send");
    return 0;
}
