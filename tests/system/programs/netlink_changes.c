/* Changes of the loopback interface, of its addresses, routes and rules, what is answered, and what listeners are told.
 * All is as before in the end. */
#include "netlink.h"

static int g_fd, g_ears;

static void link_order(const char* what, unsigned short type, int index, unsigned flags, unsigned change, int attr,
                       const void* value, size_t length) {
    const struct ifinfomsg m = {.ifi_index = index, .ifi_flags = flags, .ifi_change = change};
    struct request* r = ask(type, NLM_F_REQUEST | NLM_F_ACK, &m, sizeof m);
    if (attr >= 0) attribute(r, attr, value, length);
    TELL(g_fd, what, r);
    HEAR(g_ears);
}

static void addresses_of(int family) {
    const struct rtgenmsg g = {family};
    TELL(g_fd, "addresses", ask(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, &g, sizeof g));
}
static void routes_of(int family) {
    const struct rtgenmsg g = {family};
    TELL(g_fd, "routes", ask(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, &g, sizeof g));
}
static void rules_of(int family) {
    const struct rtgenmsg g = {family};
    TELL(g_fd, "rules", ask(RTM_GETRULE, NLM_F_REQUEST | NLM_F_DUMP, &g, sizeof g));
}

static void address_order(const char* what, unsigned short type, unsigned short flags, int family, const void* local,
                          int length, int index) {
    const struct ifaddrmsg m = {.ifa_family = family, .ifa_prefixlen = length, .ifa_index = index};
    struct request* r = ask(type, NLM_F_REQUEST | NLM_F_ACK | flags, &m, sizeof m);
    if (local) attribute(r, IFA_LOCAL, local, family == AF_INET ? 4 : 16);
    TELL(g_fd, what, r);
    HEAR(g_ears);
}

static void route_order(const char* what, unsigned short type, unsigned short flags, int family, const char* to, int length,
                        int kind, int index, int metric, const char* by) {
    const struct rtmsg m = {.rtm_family = family, .rtm_dst_len = length, .rtm_type = kind};
    struct request* r = ask(type, NLM_F_REQUEST | NLM_F_ACK | flags, &m, sizeof m);
    if (to) attribute(r, RTA_DST, to, family == AF_INET ? 4 : 16);
    if (index) attribute(r, RTA_OIF, &index, 4);
    if (metric) attribute(r, RTA_PRIORITY, &metric, 4);
    if (by) attribute(r, RTA_GATEWAY, by, family == AF_INET ? 4 : 16);
    TELL(g_fd, what, r);
    HEAR(g_ears);
}

static void rule_order(const char* what, unsigned short type, unsigned short flags, int family, int table, int priority,
                       const char* to, int length) {
    const unsigned char m[12] = {family, length, 0, 0, table, 0, 0, 1};
    struct request* r = ask(type, NLM_F_REQUEST | NLM_F_ACK | flags, m, sizeof m);
    if (priority) attribute(r, 6, &priority, 4);
    if (to) attribute(r, 1, to, family == AF_INET ? 4 : 16);
    TELL(g_fd, what, r);
    HEAR(g_ears);
}

int main(void) {
    const int on = 1;
    int mtu = 1400, large = 65546, negative = -1, length = 500;
    g_fd = open_route(0);
    g_ears = open_route(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE |
                        RTMGRP_IPV4_RULE | 1 << (RTNLGRP_IPV6_RULE - 1));
    SAY(setsockopt(g_fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on));

    link_order("up again", RTM_NEWLINK, 1, IFF_UP, IFF_UP, -1, 0, 0);
    link_order("nothing", RTM_SETLINK, 1, 0, 0, -1, 0, 0);
    link_order("an MTU", RTM_SETLINK, 1, 0, 0, IFLA_MTU, &mtu, 4);
    link_order("the same MTU", RTM_SETLINK, 1, 0, 0, IFLA_MTU, &mtu, 4);
    link_order("a larger MTU", RTM_NEWLINK, 1, 0, 0, IFLA_MTU, &large, 4);
    link_order("a negative MTU", RTM_SETLINK, 1, 0, 0, IFLA_MTU, &negative, 4);
    mtu = 65536;
    link_order("the MTU of before", RTM_SETLINK, 1, 0, 0, IFLA_MTU, &mtu, 4);
    link_order("a short MTU", RTM_SETLINK, 1, 0, 0, IFLA_MTU, &mtu, 2);
    link_order("a queue", RTM_SETLINK, 1, 0, 0, IFLA_TXQLEN, &length, 4);
    length = 1000;
    link_order("the queue of before", RTM_SETLINK, 1, 0, 0, IFLA_TXQLEN, &length, 4);
    link_order("a zero address", RTM_SETLINK, 1, 0, 0, IFLA_ADDRESS, "\0\0\0\0\0\0", 6);
    link_order("a group's address", RTM_SETLINK, 1, 0, 0, IFLA_ADDRESS, "\1\0\0\0\0\0", 6);
    link_order("a short address", RTM_SETLINK, 1, 0, 0, IFLA_ADDRESS, "\2\0\0", 3);
    link_order("a name", RTM_SETLINK, 1, 0, 0, IFLA_IFNAME, "other", 6);
    link_order("its own name", RTM_SETLINK, 1, 0, 0, IFLA_IFNAME, "lo", 3);
    link_order("link 99", RTM_SETLINK, 99, 0, 0, -1, 0, 0);
    link_order("link 0", RTM_SETLINK, 0, 0, 0, -1, 0, 0);
    link_order("link -5", RTM_SETLINK, -5, 0, 0, -1, 0, 0);
    link_order("new link 99", RTM_NEWLINK, 99, 0, 0, -1, 0, 0);
    link_order("new link of no kind", RTM_NEWLINK, 0, 0, 0, -1, 0, 0);
    link_order("new link by name", RTM_NEWLINK, 0, 0, 0, IFLA_IFNAME, "lo", 3);
    link_order("set link by name", RTM_SETLINK, 0, 0, 0, IFLA_IFNAME, "lo", 3);
    link_order("set link by a wrong name", RTM_SETLINK, 0, 0, 0, IFLA_IFNAME, "nonesuch", 9);
    link_order("del link", RTM_DELLINK, 1, 0, 0, -1, 0, 0);
    link_order("del link 99", RTM_DELLINK, 99, 0, 0, -1, 0, 0);
    link_order("del link by name", RTM_DELLINK, 0, 0, 0, IFLA_IFNAME, "lo", 3);
    link_order("del link of none", RTM_DELLINK, 0, 0, 0, -1, 0, 0);
    link_order("promiscuous", RTM_SETLINK, 1, IFF_PROMISC, IFF_PROMISC, -1, 0, 0);
    link_order("and not", RTM_SETLINK, 1, 0, IFF_PROMISC, -1, 0, 0);

    address_order("add", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET, "\12\1\2\3", 24, 1);
    address_order("add again", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET, "\12\1\2\3", 24, 1);
    address_order("replace", RTM_NEWADDR, NLM_F_REPLACE | NLM_F_CREATE, AF_INET, "\12\1\2\3", 24, 1);
    address_order("add a second", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET, "\12\1\2\4", 24, 1);
    address_order("add a single", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET, "\12\7\7\7", 32, 1);
    address_order("add at 99", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET, "\12\1\2\5", 24, 99);
    address_order("add none", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET, 0, 24, 1);
    address_order("add longer", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET, "\12\1\2\5", 33, 1);
    addresses_of(AF_INET);
    routes_of(AF_INET);
    address_order("del of other length", RTM_DELADDR, 0, AF_INET, "\12\1\2\4", 25, 1);
    address_order("del the second", RTM_DELADDR, 0, AF_INET, "\12\1\2\4", 24, 1);
    address_order("add the second", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET, "\12\1\2\4", 24, 1);
    address_order("del the first", RTM_DELADDR, 0, AF_INET, "\12\1\2\3", 24, 1);
    address_order("del it again", RTM_DELADDR, 0, AF_INET, "\12\1\2\3", 24, 1);
    address_order("del the single", RTM_DELADDR, 0, AF_INET, "\12\7\7\7", 32, 1);
    address_order("del at 99", RTM_DELADDR, 0, AF_INET, "\12\7\7\7", 32, 99);
    addresses_of(AF_INET);

    const char* fd00 = "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
    address_order("add", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET6, fd00, 64, 1);
    address_order("add again", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET6, fd00, 64, 1);
    addresses_of(AF_INET6);
    routes_of(AF_INET6);
    address_order("del", RTM_DELADDR, 0, AF_INET6, fd00, 64, 1);
    address_order("del again", RTM_DELADDR, 0, AF_INET6, fd00, 64, 1);
    address_order("add none", RTM_NEWADDR, 0, AF_INET6, 0, 64, 1);
    address_order("add at 99", RTM_NEWADDR, 0, AF_INET6, fd00, 64, 99);
    address_order("of no family", RTM_NEWADDR, 0, 99, fd00, 64, 1);

    const char* net = "\300\0\2\0";
    route_order("add", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, AF_INET, net, 24, RTN_UNICAST, 1, 999, 0);
    route_order("add again", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, AF_INET, net, 24, RTN_UNICAST, 1, 999, 0);
    route_order("add without EXCL", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, net, 24, RTN_UNICAST, 1, 999, 0);
    route_order("replace what is not", RTM_NEWROUTE, NLM_F_REPLACE, AF_INET, net, 25, RTN_UNICAST, 1, 999, 0);
    route_order("replace", RTM_NEWROUTE, NLM_F_REPLACE | NLM_F_CREATE, AF_INET, net, 24, RTN_UNICAST, 1, 999, 0);
    route_order("blackhole", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, "\300\0\3\0", 24, RTN_BLACKHOLE, 0, 0, 0);
    route_order("bits beyond the length", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, "\300\0\3\1", 24, RTN_UNICAST, 1, 0, 0);
    route_order("through a gateway", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, "\300\0\4\0", 24, RTN_UNICAST, 0, 0, "\12\1\2\11");
    route_order("through one far away", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, "\300\0\4\0", 24, RTN_UNICAST, 0, 0, "\11\1\2\11");
    route_order("at 99", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, net, 24, RTN_UNICAST, 99, 0, 0);
    route_order("to nowhere", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, net, 24, RTN_UNICAST, 0, 0, 0);
    route_order("of an odd type", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, net, 24, 77, 1, 0, 0);
    route_order("long", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, net, 33, RTN_UNICAST, 1, 0, 0);
    route_order("default", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, 0, 0, RTN_UNICAST, 1, 0, 0);
    routes_of(AF_INET);
    route_order("del with another metric", RTM_DELROUTE, 0, AF_INET, net, 24, RTN_UNICAST, 1, 998, 0);
    route_order("del", RTM_DELROUTE, 0, AF_INET, net, 24, RTN_UNICAST, 1, 999, 0);
    route_order("del again", RTM_DELROUTE, 0, AF_INET, net, 24, RTN_UNICAST, 1, 999, 0);
    route_order("del blackhole", RTM_DELROUTE, 0, AF_INET, "\300\0\3\0", 24, 0, 0, 0, 0);
    route_order("del default", RTM_DELROUTE, 0, AF_INET, 0, 0, RTN_UNICAST, 1, 0, 0);
    route_order("del of no table", RTM_DELROUTE, 0, AF_INET, "\177\0\0\0", 8, 0, 0, 0, 0);
    address_order("del the second", RTM_DELADDR, 0, AF_INET, "\12\1\2\4", 24, 1);

    const char* net6 = "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\0";
    route_order("add", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, AF_INET6, net6, 64, RTN_UNICAST, 1, 999, 0);
    route_order("add again", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, AF_INET6, net6, 64, RTN_UNICAST, 1, 999, 0);
    route_order("at 99", RTM_NEWROUTE, NLM_F_CREATE, AF_INET6, net6, 64, RTN_UNICAST, 99, 0, 0);
    route_order("long", RTM_NEWROUTE, NLM_F_CREATE, AF_INET6, net6, 129, RTN_UNICAST, 1, 0, 0);
    routes_of(AF_INET6);
    route_order("del", RTM_DELROUTE, 0, AF_INET6, net6, 64, RTN_UNICAST, 1, 999, 0);
    route_order("del again", RTM_DELROUTE, 0, AF_INET6, net6, 64, RTN_UNICAST, 1, 999, 0);

    rule_order("add", RTM_NEWRULE, NLM_F_EXCL, AF_INET, 99, 12345, net, 24);
    rule_order("add again", RTM_NEWRULE, NLM_F_EXCL, AF_INET, 99, 12345, net, 24);
    rule_order("add without table", RTM_NEWRULE, 0, AF_INET, 0, 12346, net, 24);
    rule_order("add long", RTM_NEWRULE, 0, AF_INET, 99, 12346, net, 33);
    rule_order("add without priority", RTM_NEWRULE, 0, AF_INET, 98, 0, 0, 0);
    rules_of(AF_INET);
    rule_order("del without priority", RTM_DELRULE, 0, AF_INET, 98, 0, 0, 0);
    rule_order("del", RTM_DELRULE, 0, AF_INET, 99, 12345, net, 24);
    rule_order("del again", RTM_DELRULE, 0, AF_INET, 99, 12345, net, 24);
    rule_order("del the one without table", RTM_DELRULE, 0, AF_INET, 1, 12346, net, 24);
    rule_order("add", RTM_NEWRULE, NLM_F_EXCL, AF_INET6, 99, 12345, net6, 64);
    rule_order("del", RTM_DELRULE, 0, AF_INET6, 99, 12345, net6, 64);
    rule_order("del again", RTM_DELRULE, 0, AF_INET6, 99, 12345, net6, 64);

    link_order("down", RTM_NEWLINK, 1, 0, IFF_UP, -1, 0, 0);
    addresses_of(0);
    routes_of(0);
    route_order("while it is down", RTM_NEWROUTE, NLM_F_CREATE, AF_INET, net, 24, RTN_UNICAST, 1, 0, 0);
    address_order("add while it is down", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, AF_INET, "\12\1\2\3", 24, 1);
    address_order("and del", RTM_DELADDR, 0, AF_INET, "\12\1\2\3", 24, 1);
    link_order("up", RTM_NEWLINK, 1, IFF_UP, IFF_UP, -1, 0, 0);
    addresses_of(0);
    routes_of(0);
    return 0;
}
