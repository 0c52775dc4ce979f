/* Sets that watch sets: how deep, whichever end grows. A deep chain would cost the kernel its stack. */
#include <sys/epoll.h>

#include "check.h"

static int add(int set, int watched) {
    struct epoll_event e = {EPOLLIN, {.fd = watched}};
    return epoll_ctl(set, EPOLL_CTL_ADD, watched, &e);
}

int main(void) {
    /* Upwards: each new set watches the last. */
    int pipes[2], below, made = 0;
    pipe(pipes);
    below = epoll_create1(0);
    add(below, pipes[0]);
    for (int i = 0; i < 12; i++) {
        int above = epoll_create1(0);
        int r = add(above, below);
        if (i < 4) SAY(r);
        if (r != 0) break;
        below = above;
        made++;
    }
    SAY(made);
    struct epoll_event e;
    SAY(epoll_wait(below, &e, 1, 0));
    write(pipes[1], "a", 1);
    SAY(epoll_wait(below, &e, 1, 0));

    /* Downwards: the last set watches each new one. */
    int top = epoll_create1(0), last = top;
    made = 0;
    for (int i = 0; i < 600; i++) {
        int lower = epoll_create1(0);
        int r = add(last, lower);
        if (i < 4) SAY(r);
        if (r != 0) break;
        last = lower;
        made++;
    }
    SAY(made < 600);
    int fresh[2];
    pipe(fresh);
    add(last, fresh[0]);
    write(fresh[1], "a", 1);
    SAY(epoll_wait(top, &e, 1, 0) <= 1);
    return 0;
}
