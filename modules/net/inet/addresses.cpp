// Addresses of interfaces, and the routes that come and go with them. Spec: Linux
// net/ipv4/devinet.c, fib_frontend.c, net/ipv6/addrconf.c.
#include <tenon/time/clock.h>

#include <algorithm>
#include <cstring>

#include "tables.h"

namespace tenon::net::inet {

namespace {

using Node = Entry<InterfaceAddress>;

bool same_network(const InterfaceAddress& a, const InterfaceAddress& b) {
    return a.interface == b.interface && a.family == b.family &&
           a.prefix_length == b.prefix_length && same_prefix(a.prefix, b.prefix, a.prefix_length);
}

Route route_of(const InterfaceAddress& a, RouteType type, const IpAddress& to, u32 length) {
    Route r;
    r.family = a.family;
    r.length = static_cast<u8>(length);
    r.protocol = kByKernel;
    r.type = type;
    r.table = type == RouteType::unicast ? kTableMain : kTableLocal;
    r.destination = to;
    r.interface = a.interface;
    if (a.family == Family::v4) {
        r.scope = type == RouteType::local ? kHost : kLink;
        r.source = a.local;
    }
    return r;
}

bool is_zero_network(const IpAddress& a) {
    return a.bytes[0] == 0;
}
bool is_all_ones(const IpAddress& a) {
    return a.bytes[0] == 255 && a.bytes[1] == 255 && a.bytes[2] == 255 && a.bytes[3] == 255;
}
// Whether a network comes with the address, and not it alone.
bool has_network(const InterfaceAddress& a) {
    const IpAddress network = cut(a.prefix, a.prefix_length);
    return !is_zero_network(network) && (a.flags & kSecondary) == 0 &&
           (a.prefix_length < 32 || network != a.local);
}
RouteType network_type(const Interface& interface) {
    return (interface.kept_flags() & kLoopback) != 0 ? RouteType::local : RouteType::unicast;
}

constexpr u16 kMade = kIfCreate | kIfAppend;

// Those that are there already are left alone.
void make_routes_v4(const InterfaceAddress& a, const Interface& interface) {
    InterfaceAddress first = a;
    if (a.flags & kSecondary)
        for (const Node& n : tables().addresses)
            if (same_network(n.value, a) && (n.value.flags & kSecondary) == 0) first = n.value;
    (void)insert_route(route_of(first, RouteType::local, a.local, 32), kMade, {});
    if (!interface.is_up()) return;
    if (!a.broadcast.is_zero() && !is_all_ones(a.broadcast))
        (void)insert_route(route_of(first, RouteType::broadcast, a.broadcast, 32), kMade, {});
    if (!has_network(a)) return;
    const IpAddress network = cut(a.prefix, a.prefix_length);
    if ((a.flags & kNoPrefixRoute) == 0) {
        Route r = route_of(first, network_type(interface), network, a.prefix_length);
        r.metric = a.metric;
        (void)insert_route(r, kMade, {});
    }
    if (a.prefix_length < 31) {
        const IpAddress last = filled(network, a.prefix_length, Family::v4);
        (void)insert_route(route_of(first, RouteType::broadcast, last, 32), kMade, {});
    }
}

void drop_route(const InterfaceAddress& a, RouteType type, const IpAddress& to, u32 length) {
    bool done = false;
    drop_routes(true, [&](const Route& r) {
        if (done || r.family != a.family || r.interface != a.interface || r.type != type ||
            r.length != length || r.destination != to || r.protocol != kByKernel)
            return false;
        return done = true;
    });
}

// After it was taken out of the list.
void unmake_routes_v4(const InterfaceAddress& a) {
    bool keeps_local = false, keeps_broadcast = false, keeps_last = false;
    const IpAddress network = cut(a.prefix, a.prefix_length);
    const IpAddress last = filled(network, a.prefix_length, Family::v4);
    for (const Node& n : tables().addresses) {
        const InterfaceAddress& other = n.value;
        if (other.family != Family::v4 || other.interface != a.interface) continue;
        const IpAddress others_last =
            filled(cut(other.prefix, other.prefix_length), other.prefix_length, Family::v4);
        keeps_local = keeps_local || other.local == a.local;
        keeps_broadcast = keeps_broadcast || other.broadcast == a.broadcast;
        keeps_last = keeps_last || (others_last == last && other.prefix_length < 31);
    }
    if (has_network(a) && (a.flags & kNoPrefixRoute) == 0) {
        drop_route(a, RouteType::local, network, a.prefix_length);
        drop_route(a, RouteType::unicast, network, a.prefix_length);
    }
    if (!a.broadcast.is_zero() && !keeps_broadcast)
        drop_route(a, RouteType::broadcast, a.broadcast, 32);
    if (has_network(a) && a.prefix_length < 31 && !keeps_last)
        drop_route(a, RouteType::broadcast, last, 32);
    if (!keeps_local) drop_route(a, RouteType::local, a.local, 32);
}

bool is_loopback_v6(const IpAddress& a) {
    IpAddress one;
    one.bytes[15] = 1;
    return a == one;
}
// How far an address of IPv6 reaches, for the order of a list: farther ones come first.
u32 reach(const IpAddress& a) {
    return is_loopback_v6(a) || (a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80) ? 2 : 14;
}

void insert_v4(Node& node) {
    auto& list = tables().addresses;
    auto at = list.end();
    if ((node.value.flags & kSecondary) == 0) {
        at = std::find_if(list.begin(), list.end(), [&](const Node& n) {
            return n.value.family == Family::v4 && n.value.interface == node.value.interface;
        });
        for (auto i = at; i != list.end(); ++i)
            if (i->value.interface == node.value.interface && i->value.family == Family::v4 &&
                (i->value.flags & kSecondary) == 0 && node.value.scope <= i->value.scope)
                at = std::next(i);
    }
    list.insert(at, node);
}

void insert_v6(Node& node) {
    auto& list = tables().addresses;
    list.insert(std::find_if(list.begin(), list.end(),
                             [&](const Node& n) {
                                 return n.value.family == Family::v6 &&
                                        n.value.interface == node.value.interface &&
                                        reach(node.value.local) >= reach(n.value.local);
                             }),
                node);
}

Result<std::unique_ptr<Node>> make_node(const InterfaceAddress& a) {
    if (tables().counts[0] >= kMaxEntries) return Err(Error::nobufs);
    std::unique_ptr<Node> node(new (std::nothrow) Node);
    if (!node) return Err(Error::nobufs);
    node->value = a;
    node->value.created_ns = node->value.updated_ns = time::monotonic_ns();
    return node;
}

Result<void> add_v4(InterfaceAddress a, Interface& interface, u16 how, const Asker& asker,
                    Words& why) {
    Tables& t = tables();
    for (Node& n : t.addresses) {
        if (!same_network(n.value, a)) continue;
        if (n.value.local == a.local) {
            if ((how & kIfExclusive) != 0 || (how & kIfReplace) == 0) return Err(Error::exist);
            n.value.valid_seconds = a.valid_seconds;
            n.value.preferred_seconds = a.preferred_seconds;
            n.value.updated_ns = time::monotonic_ns();
            tell_address(true, n.value, asker);
            return {};
        }
        if (n.value.scope != a.scope) {
            why = "ipv4: Invalid scope value";
            return Err(Error::inval);
        }
        a.flags |= kSecondary;
    }
    TRY_ASSIGN(auto node, make_node(a));
    insert_v4(*node);
    ++t.counts[0];
    const Node& there = *node.release();
    tell_address(true, there.value, asker);
    make_routes_v4(there.value, interface);
    return {};
}

Result<void> add_v6(InterfaceAddress a, Interface& interface, u16 how, const Asker& asker) {
    Tables& t = tables();
    for (Node& n : t.addresses) {
        if (n.value.family != Family::v6 || n.value.interface != a.interface ||
            n.value.local != a.local)
            continue;
        if ((how & kIfExclusive) != 0 || (how & kIfReplace) == 0) return Err(Error::exist);
        n.value.valid_seconds = a.valid_seconds;
        n.value.preferred_seconds = a.preferred_seconds;
        n.value.updated_ns = time::monotonic_ns();
        tell_address(true, n.value, {});
        return {};
    }
    const bool is_own = a.protocol == 1;  // ::1, of the kernel
    a.scope = is_loopback_v6(a.local) ? kHost : reach(a.local) == 2 ? kLink : kUniverse;
    TRY_ASSIGN(auto node, make_node(a));
    insert_v6(*node);
    ++t.counts[0];
    InterfaceAddress& there = node.release()->value;
    const Route own = route_of(there, RouteType::local, there.local, 128);
    if (!is_own && (there.flags & kNoPrefixRoute) == 0) {
        Route r = route_of(there, RouteType::unicast, cut(there.local, there.prefix_length),
                           there.prefix_length);
        r.metric = there.metric != 0 ? there.metric : 256;
        (void)insert_route(r, kMade, {});
    }
    // Nobody is asked on a loopback interface whether the address is free; it is told all the same.
    if (!is_own) {
        there.flags |= kTentative;
        tell_address(true, there, {});
        if (!interface.is_up()) return {};
        there.flags &= ~u32{kTentative};
    }
    tell_address(true, there, {});
    (void)insert_route(own, kMade, {});
    return {};
}

void unmake_routes_v6(const InterfaceAddress& a) {
    drop_route(a, RouteType::local, a.local, 128);
    for (const Node& n : tables().addresses)
        if (same_network(n.value, a)) return;
    drop_route(a, RouteType::unicast, cut(a.local, a.prefix_length), a.prefix_length);
}

void take_out(Node& node, const Asker& asker) {
    Tables& t = tables();
    const std::unique_ptr<Node> owned(&node);
    t.addresses.erase(t.addresses.iterator_to(node));
    --t.counts[0];
    tell_address(false, node.value, node.value.family == Family::v4 ? asker : Asker{});
    if (node.value.family == Family::v4)
        unmake_routes_v4(node.value);
    else
        unmake_routes_v6(node.value);
}

// With those that stand behind it in the same network.
void remove(Node& node, const Asker& asker) {
    if (node.value.family == Family::v4 && (node.value.flags & kSecondary) == 0) {
        auto& list = tables().addresses;
        for (auto i = list.begin(); i != list.end();) {
            Node& other = *i++;
            if ((other.value.flags & kSecondary) != 0 && same_network(other.value, node.value))
                take_out(other, asker);
        }
    }
    take_out(node, asker);
}

}  // namespace

Result<void> add_address(InterfaceAddress a, u16 how, const Asker& asker, Words& why) {
    const Ref<Interface> interface = find_interface(a.interface);
    if (!interface) return Err(Error::nodev);
    if (a.prefix_length > address_bits(a.family)) return Err(Error::inval);
    if (a.label[0] == 0)
        std::ranges::copy(interface->name().substr(0, kInterfaceNameBytes - 1), a.label);
    if (a.valid_seconds == kForever) a.flags |= kPermanent;
    sync::MutexGuard guard(tables().lock);
    return a.family == Family::v4 ? add_v4(a, *interface, how, asker, why)
                                  : add_v6(a, *interface, how, asker);
}

Result<void> remove_address(const InterfaceAddress& like, bool by_prefix, const Asker& asker) {
    if (!find_interface(like.interface)) return Err(Error::nodev);
    sync::MutexGuard guard(tables().lock);
    for (Node& n : tables().addresses) {
        const InterfaceAddress& a = n.value;
        if (a.family != like.family || a.interface != like.interface ||
            (!like.local.is_zero() && a.local != like.local) ||
            (like.label[0] != 0 && std::string_view(a.label) != std::string_view(like.label)))
            continue;
        if ((by_prefix || a.family == Family::v6) && a.prefix_length != like.prefix_length)
            continue;
        if (by_prefix && !same_prefix(a.prefix, like.prefix, a.prefix_length)) continue;
        remove(n, asker);
        return {};
    }
    return Err(Error::addrnotavail);
}

void for_each_address(Family family, void (*visit)(const InterfaceAddress&, void*), void* context) {
    sync::MutexGuard guard(tables().lock);
    for (const Node& n : tables().addresses)
        if (n.value.family == family) visit(n.value, context);
}

// The loopback interface has its addresses whenever it is up; what others have of IPv4 is theirs
// again.
void interface_is_up(Interface& interface) {
    Tables& t = tables();
    InterfaceAddress a;
    a.interface = interface.index();
    std::ranges::copy(interface.name().substr(0, kInterfaceNameBytes - 1), a.label);
    a.flags = kPermanent;
    Words why = nullptr;
    const bool is_loopback = (interface.kept_flags() & kLoopback) != 0;
    sync::MutexGuard guard(t.lock);
    const bool has_any = std::ranges::any_of(t.addresses, [&](const Node& n) {
        return n.value.family == Family::v4 && n.value.interface == a.interface;
    });
    if (is_loopback && !has_any) {
        a.prefix_length = 8;
        a.scope = kHost;
        a.local.bytes[0] = 127;
        a.local.bytes[3] = 1;
        a.prefix = a.local;
        (void)add_v4(a, interface, kIfCreate, {}, why);
    }
    for (const Node& n : t.addresses)
        if (n.value.family == Family::v4 && n.value.interface == a.interface)
            make_routes_v4(n.value, interface);
    if (!is_loopback) return;
    a.family = Family::v6;
    a.prefix_length = 128;
    a.protocol = 1;
    a.local = {};
    a.local.bytes[15] = 1;
    a.prefix = a.local;
    (void)add_v6(a, interface, kIfCreate, {});
}

// Of IPv4 the addresses stay, and they themselves can be reached; of IPv6 nothing stays.
void interface_is_down(u32 index) {
    Tables& t = tables();
    sync::MutexGuard guard(t.lock);
    drop_routes(false, [&](const Route& r) {
        return r.family == Family::v4 && r.interface == index && r.scope != kHost;
    });
    drop_routes(true,
                [&](const Route& r) { return r.family == Family::v6 && r.interface == index; });
    for (auto i = t.addresses.begin(); i != t.addresses.end();) {
        Node& n = *i++;
        if (n.value.family == Family::v6 && n.value.interface == index) take_out(n, {});
    }
}

void interface_is_gone(u32 index) {
    interface_is_down(index);
    Tables& t = tables();
    sync::MutexGuard guard(t.lock);
    for (auto i = t.addresses.begin(); i != t.addresses.end();) {
        Node& n = *i++;
        if (n.value.interface == index) take_out(n, {});
    }
    drop_routes(true, [&](const Route& r) { return r.interface == index; });
}

}  // namespace tenon::net::inet
