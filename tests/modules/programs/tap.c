/* tap INTERFACE: sends frames past a socket that watches what goes out and never reads. What was sent costs its
 * sender nothing more, whoever still keeps it. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

int main(int argc, char** argv) {
    unsigned char frame[1000] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5};
    struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    const int tap = socket(AF_PACKET, SOCK_RAW, 0), out = socket(AF_PACKET, SOCK_RAW, 0);
    const int room = 8192;
    const struct timeval soon = {2, 0};
    struct {
        unsigned packets, dropped;
    } seen = {0, 0};
    socklen_t length = sizeof seen;
    int sent = 0;
    if (argc < 2 || (a.sll_ifindex = (int)if_nametoindex(argv[1])) == 0) return 1;
    if (bind(tap, (struct sockaddr*)&a, sizeof a) != 0) return 1;
    if (setsockopt(out, SOL_SOCKET, SO_SNDBUF, &room, sizeof room) != 0) return 1;
    if (setsockopt(out, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon) != 0) return 1;
    while (sent < 100 && sendto(out, frame, sizeof frame, 0, (struct sockaddr*)&a, sizeof a) > 0) ++sent;
    if (sent < 100) perror("send");
    getsockopt(tap, SOL_PACKET, PACKET_STATISTICS, &seen, &length);
    printf("tap sent=%d seen=%u\n", sent, seen.packets);
    return 0;
}
