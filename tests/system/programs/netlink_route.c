/* The routing protocol: what it tells of the loopback interface, its addresses, its routes, and of what is not there. */
#include "netlink.h"

static void dumps(int fd) {
    const struct ifinfomsg link = {0};
    const struct ifaddrmsg address = {0}, inet = {.ifa_family = AF_INET}, inet6 = {.ifa_family = AF_INET6};
    const struct rtmsg route = {0}, r4 = {.rtm_family = AF_INET}, r6 = {.rtm_family = AF_INET6};
    const struct rtgenmsg any = {0}, g4 = {AF_INET}, g6 = {AF_INET6}, gp = {AF_PACKET}, bridge = {AF_BRIDGE}, odd = {99};
#define DUMP(type, body) TELL(fd, "dump " #type " " #body, ask(type, NLM_F_REQUEST | NLM_F_DUMP, &body, sizeof body))
    DUMP(RTM_GETLINK, link);
    DUMP(RTM_GETLINK, any);
    DUMP(RTM_GETLINK, gp);
    DUMP(RTM_GETLINK, g4);
    DUMP(RTM_GETLINK, g6);
    DUMP(RTM_GETLINK, odd);
    DUMP(RTM_GETADDR, address);
    DUMP(RTM_GETADDR, inet);
    DUMP(RTM_GETADDR, inet6);
    DUMP(RTM_GETADDR, any);
    DUMP(RTM_GETADDR, gp);
    DUMP(RTM_GETADDR, odd);
    DUMP(RTM_GETROUTE, route);
    DUMP(RTM_GETROUTE, r4);
    DUMP(RTM_GETROUTE, r6);
    DUMP(RTM_GETROUTE, any);
    DUMP(RTM_GETROUTE, gp);
    DUMP(RTM_GETROUTE, odd);
    DUMP(RTM_GETRULE, g4);
    DUMP(RTM_GETRULE, g6);
    DUMP(RTM_GETRULE, odd);
    DUMP(RTM_GETNEIGH, any);
    DUMP(RTM_GETNEIGH, g4);
    DUMP(RTM_GETNEIGH, g6);
    DUMP(RTM_GETNEIGH, bridge);
    DUMP(RTM_GETQDISC, any);
    DUMP(RTM_GETTCLASS, any);
    DUMP(RTM_GETTFILTER, any);
    DUMP(RTM_GETACTION, any);
    DUMP(RTM_GETMULTICAST, any);
    DUMP(RTM_GETMULTICAST, g6);
    DUMP(RTM_GETANYCAST, g6);
    DUMP(RTM_GETADDRLABEL, g6);
    DUMP(RTM_GETADDRLABEL, any);
    DUMP(RTM_GETNETCONF, any);
    DUMP(RTM_GETNETCONF, g4);
    DUMP(RTM_GETNETCONF, g6);
    DUMP(RTM_GETNSID, any);
    DUMP(RTM_GETSTATS, any);
    DUMP(RTM_GETMDB, bridge);
    DUMP(RTM_GETDCB, any);
    DUMP(RTM_GETCHAIN, any);
    DUMP(RTM_GETNEXTHOP, any);
    DUMP(RTM_GETVLAN, bridge);
    DUMP(RTM_GETLINKPROP, any);
    DUMP(RTM_NEWLINK, any);
    DUMP(150, any);
}


static void links(int fd) {
    struct ifinfomsg by = {.ifi_index = 1};
    struct request* r;
    const int index = 1, minus = -1, far = 4242;
    const unsigned mask = RTEXT_FILTER_SKIP_STATS | RTEXT_FILTER_VF;
#define GET(type, body) ask(type, NLM_F_REQUEST, &body, sizeof body)
    TELL(fd, "link 1", GET(RTM_GETLINK, by));
    TELL(fd, "link 1, acknowledged", ask(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, &by, sizeof by));
    show_answer(fd, port_of(fd));
    r = GET(RTM_GETLINK, by);
    attribute(r, IFLA_EXT_MASK, &mask, 4);
    TELL(fd, "link 1 without statistics", r);
    by.ifi_index = 0;
    TELL(fd, "no link", GET(RTM_GETLINK, by));
    r = GET(RTM_GETLINK, by);
    attribute(r, IFLA_IFNAME, "lo", 3);
    TELL(fd, "lo", r);
    r = GET(RTM_GETLINK, by);
    attribute(r, IFLA_IFNAME, "lo", 2);
    TELL(fd, "lo without NUL", r);
    r = GET(RTM_GETLINK, by);
    attribute(r, IFLA_ALT_IFNAME, "lo", 3);
    TELL(fd, "lo as another name", r);
    r = GET(RTM_GETLINK, by);
    attribute(r, IFLA_IFNAME, "nonesuch", 9);
    TELL(fd, "nonesuch", r);
    r = GET(RTM_GETLINK, by);
    attribute(r, IFLA_IFNAME, "a name that is far too long", 28);
    TELL(fd, "long name", r);
    r = GET(RTM_GETLINK, by);
    attribute(r, IFLA_MTU, "a", 1);
    TELL(fd, "short MTU", r);
    r = GET(RTM_GETLINK, by);
    attribute(r, IFLA_TARGET_NETNSID, &index, 4);
    TELL(fd, "another network", r);
    by.ifi_index = 4242;
    TELL(fd, "link 4242", GET(RTM_GETLINK, by));
    by.ifi_index = -1;
    TELL(fd, "link -1", GET(RTM_GETLINK, by));
    by.ifi_index = 1;
    by.ifi_family = AF_INET6;
    TELL(fd, "link 1 of IPv6", GET(RTM_GETLINK, by));
    TELL(fd, "short body", ask(RTM_GETLINK, NLM_F_REQUEST, &by, 8));
    TELL(fd, "no body, acknowledged", ask(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, &by, 0));
    TELL(fd, "no request, acknowledged", ask(RTM_GETLINK, NLM_F_ACK, &by, sizeof by));
    TELL(fd, "a control message, acknowledged", ask(NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, &by, sizeof by));
    TELL(fd, "type 15, acknowledged", ask(15, NLM_F_REQUEST | NLM_F_ACK, &by, sizeof by));
    TELL(fd, "type 1000", ask(1000, NLM_F_REQUEST, &by, sizeof by));
    by = (struct ifinfomsg){0};
    r = ask(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, &by, sizeof by);
    attribute(r, IFLA_MASTER, &far, 4);
    TELL(fd, "links of master 4242", r);
    r = ask(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, &by, sizeof by);
    attribute(r, IFLA_EXT_MASK, &mask, 4);
    TELL(fd, "links without statistics", r);
    r = ask(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, &by, sizeof by);
    attribute(r, IFLA_TARGET_NETNSID, &minus, 4);
    TELL(fd, "links of another network", r);
}

static void addresses(int fd) {
    struct ifaddrmsg a = {.ifa_family = AF_INET, .ifa_prefixlen = 8, .ifa_index = 1};
    const struct in6_addr one = {.s6_addr = {[15] = 1}}, two = {.s6_addr = {[15] = 2}};
    struct request* r;
    TELL(fd, "address of IPv4", GET(RTM_GETADDR, a));
    a.ifa_family = 0;
    TELL(fd, "address of any", GET(RTM_GETADDR, a));
    a.ifa_family = AF_INET6;
    TELL(fd, "address of IPv6", GET(RTM_GETADDR, a));
    r = GET(RTM_GETADDR, a);
    attribute(r, IFA_ADDRESS, &one, 16);
    TELL(fd, "::1", r);
    r = GET(RTM_GETADDR, a);
    attribute(r, IFA_LOCAL, &two, 16);
    TELL(fd, "::2", r);
    r = GET(RTM_GETADDR, a);
    attribute(r, IFA_LOCAL, &two, 4);
    TELL(fd, "short ::2", r);
    a.ifa_index = 99;
    r = GET(RTM_GETADDR, a);
    attribute(r, IFA_ADDRESS, &one, 16);
    TELL(fd, "::1 at 99", r);
}

static void routes_of(int fd, int family, const char* to, int length, int flags, int source) {
    struct rtmsg m = {.rtm_family = family, .rtm_dst_len = length, .rtm_flags = flags};
    unsigned char bytes[16] = {0};
    char text[64];
    const int lo = 1;
    sscanf(to, "%hhu.%hhu.%hhu.%hhu", bytes, bytes + 1, bytes + 2, bytes + 3);
    if (family == AF_INET6) memset(bytes, 0, 16), bytes[15] = to[2] - '0';
    struct request* r = GET(RTM_GETROUTE, m);
    attribute(r, RTA_DST, bytes, family == AF_INET ? 4 : 16);
    if (source & 1) attribute(r, RTA_OIF, &lo, 4);
    if (source & 2) attribute(r, RTA_SRC, bytes, family == AF_INET ? 4 : 16);
    snprintf(text, sizeof text, "route to %s/%d flags %x %d", to, length, flags, source);
    TELL(fd, text, r);
}

static void routes(int fd) {
    struct rtmsg m = {.rtm_family = AF_INET};
    struct request* r;
    routes_of(fd, AF_INET, "127.0.0.1", 32, 0, 0);
    routes_of(fd, AF_INET, "127.0.0.2", 32, RTM_F_LOOKUP_TABLE, 0);
    routes_of(fd, AF_INET, "127.255.255.255", 32, 0, 0);
    routes_of(fd, AF_INET, "127.0.0.2", 32, RTM_F_FIB_MATCH, 0);
    routes_of(fd, AF_INET, "127.0.0.2", 32, RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE, 0);
    routes_of(fd, AF_INET, "127.0.0.2", 32, 0, 1);
    routes_of(fd, AF_INET, "127.0.0.1", 32, 0, 2);
    routes_of(fd, AF_INET, "198.51.100.1", 32, 0, 0);
    routes_of(fd, AF_INET, "198.51.100.1", 32, RTM_F_FIB_MATCH, 0);
    routes_of(fd, AF_INET6, "::1", 128, 0, 0);
    routes_of(fd, AF_INET6, "::1", 128, RTM_F_FIB_MATCH, 0);
    routes_of(fd, AF_INET6, "::5", 128, 0, 0);
    m.rtm_table = RT_TABLE_LOCAL;
    TELL(fd, "table local", ask(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, &m, sizeof m));
    TELL(fd, "a short dump of routes", ask(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, &m, 4));
    m.rtm_table = 0;
    m.rtm_family = AF_PACKET;
    TELL(fd, "a route of packets", GET(RTM_GETROUTE, m));
    m.rtm_family = 0;
    TELL(fd, "a route of none", GET(RTM_GETROUTE, m));
}

/* With strict checking of requests, and errors that say why. */
static void strict(int fd) {
    struct ifinfomsg link = {0};
    struct ifaddrmsg a = {0};
    struct rtmsg m = {0};
    struct request* r;
    const int on = 1, mask = RTEXT_FILTER_VF, lo = 1, far = 4242, table = RT_TABLE_LOCAL, none = 1234;
    SAY(setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on));
    SAY(setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on));
#define ALL(type, body) ask(type, NLM_F_REQUEST | NLM_F_DUMP, &body, sizeof body)
    r = ALL(RTM_GETLINK, link);
    attribute(r, IFLA_EXT_MASK, &mask, 4);
    TELL(fd, "links", r);
    TELL(fd, "links, short", ask(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, &link, 1));
    link.ifi_flags = 1;
    TELL(fd, "links with flags", ALL(RTM_GETLINK, link));
    link.ifi_flags = 0;
    link.ifi_index = 1;
    TELL(fd, "links of an index", ALL(RTM_GETLINK, link));
    link.ifi_index = 0;
    r = ALL(RTM_GETLINK, link);
    attribute(r, IFLA_MTU, &lo, 4);
    TELL(fd, "links of an MTU", r);
    r = GET(RTM_GETLINK, link);
    attribute(r, IFLA_MTU, &lo, 4);
    TELL(fd, "link of an MTU", r);
    TELL(fd, "no link", GET(RTM_GETLINK, link));
    link.ifi_index = 77;
    TELL(fd, "link 77", GET(RTM_GETLINK, link));
    link.ifi_index = 0;
    r = GET(RTM_GETLINK, link);
    attribute(r, IFLA_EXT_MASK, &mask, 2);
    TELL(fd, "short attribute", r);
    TELL(fd, "addresses", ALL(RTM_GETADDR, a));
    a.ifa_family = AF_INET;
    a.ifa_index = 1;
    TELL(fd, "addresses of lo", ALL(RTM_GETADDR, a));
    a.ifa_index = 99;
    TELL(fd, "addresses of 99", ALL(RTM_GETADDR, a));
    a.ifa_index = 0;
    a.ifa_prefixlen = 8;
    TELL(fd, "addresses of a length", ALL(RTM_GETADDR, a));
    a.ifa_prefixlen = 0;
    r = ALL(RTM_GETADDR, a);
    attribute(r, IFA_LOCAL, &lo, 4);
    TELL(fd, "addresses like that", r);
    TELL(fd, "addresses, short", ask(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, &a, 1));
    a.ifa_family = AF_INET6;
    a.ifa_index = 99;
    TELL(fd, "addresses of IPv6 of 99", ALL(RTM_GETADDR, a));
    m.rtm_family = AF_INET;
    TELL(fd, "routes", ALL(RTM_GETROUTE, m));
    m.rtm_table = RT_TABLE_MAIN;
    TELL(fd, "routes of main", ALL(RTM_GETROUTE, m));
    m.rtm_table = RT_TABLE_LOCAL;
    TELL(fd, "routes of local", ALL(RTM_GETROUTE, m));
    m.rtm_table = 0;
    r = ALL(RTM_GETROUTE, m);
    attribute(r, RTA_TABLE, &table, 4);
    TELL(fd, "routes of local, by attribute", r);
    r = ALL(RTM_GETROUTE, m);
    attribute(r, RTA_TABLE, &none, 4);
    TELL(fd, "routes of table 1234", r);
    r = ALL(RTM_GETROUTE, m);
    attribute(r, RTA_OIF, &lo, 4);
    TELL(fd, "routes at lo", r);
    r = ALL(RTM_GETROUTE, m);
    attribute(r, RTA_OIF, &far, 4);
    TELL(fd, "routes at 4242", r);
    m.rtm_type = RTN_BROADCAST;
    TELL(fd, "routes that broadcast", ALL(RTM_GETROUTE, m));
    m.rtm_type = 0;
    m.rtm_dst_len = 8;
    TELL(fd, "routes of a length", ALL(RTM_GETROUTE, m));
    m.rtm_dst_len = 0;
    TELL(fd, "routes, short", ask(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, &m, 1));
    m.rtm_family = AF_INET6;
    TELL(fd, "routes of IPv6", ALL(RTM_GETROUTE, m));
    TELL(fd, "rules, short", ask(RTM_GETRULE, NLM_F_REQUEST | NLM_F_DUMP, &m, 1));
    TELL(fd, "rules", ALL(RTM_GETRULE, m));
    const struct { unsigned char family, pad[3]; int index; unsigned short state; unsigned char flags, type; } n = {AF_INET};
    TELL(fd, "neighbours, short", ask(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, &n, 1));
    TELL(fd, "neighbours", ALL(RTM_GETNEIGH, n));
    const int off = 0;
    SAY(setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &off, sizeof off));
    SAY(setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on));
    link.ifi_index = 77;
    TELL(fd, "link 77, capped", GET(RTM_GETLINK, link));
    TELL(fd, "acknowledged, capped", ask(NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, &link, sizeof link));
}

int main(void) {
    const int fd = open_route(0);
    dumps(fd);
    links(fd);
    addresses(fd);
    routes(fd);
    strict(fd);
    return 0;
}
