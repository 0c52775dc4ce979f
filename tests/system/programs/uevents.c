// Netlink sockets of the protocol NETLINK_KOBJECT_UEVENT: what a listener hears of a device, to the byte.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

// No driver of either kernel serves the host bridge.
static const char kDevice[] = "/sys/bus/pci/devices/0000:00:00.0/uevent";

static void tell(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "ok");
}

static int order(const char *text) {
    int fd = open(kDevice, O_WRONLY);
    if (fd < 0) return -1;
    long n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return n < 0 ? -1 : 0;
}

// Prints the next message, a field a line; the number counts on by itself.
static void hear(int fd) {
    char bytes[4096], control[256];
    struct sockaddr_nl from;
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr m = {&from, sizeof from, &part, 1, control, sizeof control, 0};
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, 5000) != 1) {
        puts("nothing heard");
        return;
    }
    long n = recvmsg(fd, &m, 0);
    tell("recvmsg", n);
    printf("from family %d port %u groups %u, %u bytes, flags %d\n", from.nl_family, from.nl_pid, from.nl_groups,
           m.msg_namelen, m.msg_flags);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        struct ucred who;
        memcpy(&who, CMSG_DATA(c), sizeof who);
        printf("control level %d type %d: pid %d uid %u gid %u\n", c->cmsg_level, c->cmsg_type, who.pid, who.uid, who.gid);
    }
    for (char *at = bytes; at < bytes + n; at += strlen(at) + 1)
        puts(strncmp(at, "SEQNUM=", 7) == 0 ? "SEQNUM=" : at);
}

int main(void) {
    tell("stream", socket(AF_NETLINK, SOCK_STREAM, NETLINK_KOBJECT_UEVENT));
    tell("unknown protocol", socket(AF_NETLINK, SOCK_RAW, 31));
    tell("protocol beyond all", socket(AF_NETLINK, SOCK_RAW, 32));
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    tell("socket", fd);
    struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = 1};
    tell("bind short", bind(fd, (struct sockaddr *)&a, 4));
    a.nl_family = AF_UNIX;
    tell("bind other family", bind(fd, (struct sockaddr *)&a, sizeof a));
    a.nl_family = AF_NETLINK;
    tell("bind", bind(fd, (struct sockaddr *)&a, sizeof a));
    socklen_t length = sizeof a;
    tell("getsockname", getsockname(fd, (struct sockaddr *)&a, &length));
    printf("%u bytes, family %d, port %s, groups %u\n", length, a.nl_family, a.nl_pid == (unsigned)getpid() ? "mine" : "?",
           a.nl_groups);
    a.nl_pid = 77777;
    tell("bind to another port", bind(fd, (struct sockaddr *)&a, sizeof a));
    int second = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
    a.nl_pid = getpid();
    tell("bind to a taken port", bind(second, (struct sockaddr *)&a, sizeof a));
    int value = 0;
    length = sizeof value;
    tell("SO_TYPE", getsockopt(second, SOL_SOCKET, SO_TYPE, &value, &length));
    printf("type %d\n", value);
    length = sizeof value;
    tell("SO_PROTOCOL", getsockopt(second, SOL_SOCKET, SO_PROTOCOL, &value, &length));
    printf("protocol %d\n", value);
    tell("listen", listen(second, 1));
    tell("accept", accept(second, NULL, NULL));
    tell("shutdown", shutdown(second, SHUT_RD));
    char byte;
    tell("recv without message", recv(fd, &byte, 1, 0));

    tell("order: nonsense", order("nonsense"));
    tell("order: change", order("change"));
    hear(fd);
    value = 1;
    tell("SO_PASSCRED", setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, sizeof value));
    tell("order: add, by line", order("add\n"));
    hear(fd);
    tell("order: remove", order("remove"));
    char few[8];
    struct pollfd p = {fd, POLLIN, 0};
    printf("poll %d\n", poll(&p, 1, 5000));
    tell("recv cut", recv(fd, few, sizeof few, MSG_PEEK));
    printf("longer than it: %d\n", recv(fd, few, sizeof few, MSG_TRUNC) > (long)sizeof few);
    tell("recv behind it", recv(fd, &byte, 1, 0));

    // From program to program, as udevd tells its listeners.
    a = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_groups = 2};
    tell("bind second", bind(second, (struct sockaddr *)&a, sizeof a));
    tell("send to group 2", sendto(fd, "hello", 5, 0, (struct sockaddr *)&a, sizeof a));
    char text[16] = "";
    tell("recv", recv(second, text, sizeof text, 0));
    puts(text);
    a = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = 99999};
    tell("send to nobody", sendto(fd, "hello", 5, 0, (struct sockaddr *)&a, sizeof a));
    tell("connect", connect(fd, (struct sockaddr *)&a, sizeof a));
    length = sizeof a;
    tell("getpeername", getpeername(fd, (struct sockaddr *)&a, &length));
    printf("port %u groups %u\n", a.nl_pid, a.nl_groups);
    tell("send to nobody, connected", send(fd, "hello", 5, 0));
    a = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_groups = 2};
    tell("connect to group 2", connect(fd, (struct sockaddr *)&a, sizeof a));
    tell("send", send(fd, "again", 5, 0));
    tell("recv", recv(second, text, sizeof text, 0));
    puts(text);
    a.nl_family = AF_UNSPEC;
    tell("disconnect", connect(fd, (struct sockaddr *)&a, sizeof a));
    tell("getpeername", getpeername(fd, (struct sockaddr *)&a, &length));
    printf("port %u groups %u\n", a.nl_pid, a.nl_groups);
    tell("connect short", connect(fd, (struct sockaddr *)&a, 1));

    // Nothing at all is not a message; who is full holds up its sender.
    a = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_pid = 99999};
    tell("send nothing", sendto(fd, "", 0, 0, (struct sockaddr *)&a, sizeof a));
    tell("send nothing out of band", sendto(fd, "", 0, MSG_OOB, (struct sockaddr *)&a, sizeof a));
    int slow = socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
    int sender = socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
    tell("bind slow", bind(slow, (struct sockaddr *)&a, sizeof a));
    value = 4096;
    tell("SO_RCVBUF", setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &value, sizeof value));
    static char large[1024];
    while (sendto(sender, large, sizeof large, MSG_DONTWAIT, (struct sockaddr *)&a, sizeof a) > 0) {
    }
    tell("send to who is full", -1);
    length = sizeof value;
    tell("SO_ERROR of it", getsockopt(slow, SOL_SOCKET, SO_ERROR, &value, &length));
    printf("error %d\n", value);
    struct timeval soon = {0, 50000};
    tell("SO_SNDTIMEO", setsockopt(sender, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon));
    tell("send, waiting a while", sendto(sender, large, sizeof large, 0, (struct sockaddr *)&a, sizeof a));
    soon.tv_usec = 0;
    tell("SO_SNDTIMEO never", setsockopt(sender, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon));
    int child = fork();
    if (child == 0) {
        usleep(100000);
        while (recv(slow, large, sizeof large, MSG_DONTWAIT) > 0) {
        }
        _exit(0);
    }
    tell("send, waiting for room", sendto(sender, large, sizeof large, 0, (struct sockaddr *)&a, sizeof a));
    waitpid(child, NULL, 0);

    // The configuration of a device ends where it ends.
    int config = open("/sys/bus/pci/devices/0000:00:00.0/config", O_RDWR);
    tell("config: write behind all", pwrite(config, large, 4, 65536));
    tell("config: write nothing there", pwrite(config, large, 0, 65536));
    tell("config: read behind all", pread(config, large, 4, 65536));
    close(config);

    if (setuid(1000) != 0) return 1;
    int mean = socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
    tell("user: socket", mean);
    a = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_groups = 1};
    tell("user: bind", bind(mean, (struct sockaddr *)&a, sizeof a));
    tell("user: send to group", sendto(mean, "hello", 5, 0, (struct sockaddr *)&a, sizeof a));
    tell("user: connect", connect(mean, (struct sockaddr *)&a, sizeof a));
    return 0;
}
