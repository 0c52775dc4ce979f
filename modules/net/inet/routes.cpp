// Routes: making, removing, looking up. Spec: Linux net/ipv4/fib_trie.c, fib_semantics.c,
// net/ipv6/route.c, ip6_fib.c.
#include <algorithm>
#include <cstring>

#include "tables.h"

namespace tenon::net::inet {

namespace {

using Node = Entry<Route>;

// Of two of a family: by table, destination, length, metric. IPv4 tells the longer prefix first.
bool before(const Route& a, const Route& b) {
    if ((a.table & 0xff) != (b.table & 0xff)) return (a.table & 0xff) < (b.table & 0xff);
    if (a.table != b.table) return a.table < b.table;
    if (const int d = std::memcmp(a.destination.bytes, b.destination.bytes, 16); d != 0)
        return d < 0;
    if (a.length != b.length)
        return a.family == Family::v4 ? a.length > b.length : a.length < b.length;
    if (a.tos != b.tos) return a.tos > b.tos;
    return a.metric < b.metric;
}

bool same_key(const Route& a, const Route& b) {
    return a.family == b.family && a.table == b.table && a.length == b.length &&
           a.destination == b.destination && a.tos == b.tos && a.metric == b.metric;
}
bool same(const Route& a, const Route& b) {
    return same_key(a, b) && a.type == b.type && a.scope == b.scope && a.protocol == b.protocol &&
           a.interface == b.interface && a.gateway == b.gateway && a.source == b.source;
}
bool leads_nowhere(RouteType type) {
    return type == RouteType::blackhole || type == RouteType::unreachable ||
           type == RouteType::prohibit || type == RouteType::throw_;
}

Result<void> refuse(Words& why, Words words, Error error) {
    why = words;
    return Err(error);
}

// The narrowest scope in which a type makes sense.
u8 least_scope(RouteType type) {
    switch (type) {
        case RouteType::local:
            return kHost;
        case RouteType::broadcast:
        case RouteType::anycast:
            return kLink;
        case RouteType::unspecified:
        case RouteType::nat:
        case RouteType::resolver:
            return kNowhere;
        default:
            return kUniverse;
    }
}

// The longest prefix of a table that has the address; of the same, the one told first.
const Route* longest(Family family, const IpAddress& to, u32 table, u8 scope) {
    const Route* best = nullptr;
    for (const Node& n : tables().routes) {
        const Route& r = n.value;
        if (r.family == family && r.table == table && r.scope >= scope &&
            (best == nullptr || r.length > best->length) &&
            same_prefix(r.destination, to, r.length))
            best = &r;
    }
    return best;
}

Result<void> check_next_hop(Route& r, Words& why) {
    if (r.scope == kHost) {
        if (!r.gateway.is_zero())
            return refuse(why, "Route with host scope can not have a gateway", Error::inval);
        if (!find_interface(r.interface)) return Err(Error::nodev);
        return {};
    }
    if (!r.gateway.is_zero()) {
        if (r.scope >= kLink) return refuse(why, "Nexthop has invalid scope", Error::inval);
        const u8 scope = std::max<u8>(static_cast<u8>(r.scope + 1), kLink);
        const Route* way = nullptr;
        for (const u32 table : {u32{kTableLocal}, r.table, u32{kTableMain}})
            if (way == nullptr) way = longest(r.family, r.gateway, table, scope);
        if (way == nullptr || leads_nowhere(way->type))
            return refuse(why, "Nexthop has invalid gateway", Error::netunreach);
        if (way->type != RouteType::unicast && way->type != RouteType::local)
            return refuse(why, "Nexthop has invalid gateway", Error::inval);
        r.interface = way->interface;
    }
    const Ref<Interface> interface = find_interface(r.interface);
    if (!interface) return Err(Error::nodev);
    if (!interface->is_up()) return refuse(why, "Device for nexthop is not up", Error::netdown);
    return {};
}

Result<void> check_v4(Route& r, Words& why) {
    if (r.length > 32) return refuse(why, "Invalid prefix length", Error::inval);
    if (cut(r.destination, r.length) != r.destination)
        return refuse(why, "Invalid prefix for given prefix length", Error::inval);
    if (least_scope(r.type) > r.scope) return refuse(why, "Invalid scope", Error::inval);
    if (leads_nowhere(r.type)) {
        if (r.interface != 0 || !r.gateway.is_zero())
            return refuse(why,
                          "Gateway, device and multipath can not be specified for this route type",
                          Error::inval);
    } else if (r.scope > kHost) {
        return refuse(why, "Invalid scope", Error::inval);
    } else {
        TRY(check_next_hop(r, why));
    }
    if (r.source.is_zero()) return {};
    for (const auto& n : tables().addresses)
        if (n.value.family == Family::v4 && n.value.local == r.source) return {};
    return refuse(why, "Invalid prefsrc address", Error::inval);
}

Result<void> check_v6(Route& r, Words& why) {
    if (r.length > 128) return Err(Error::inval);
    r.destination = cut(r.destination, r.length);
    if (r.protocol == 0) r.protocol = kByBoot;
    if (r.metric == 0) r.metric = 1024;
    r.scope = kUniverse;
    if (leads_nowhere(r.type)) {
        if (r.interface == 0) r.interface = 1;
        return {};
    }
    if (!r.gateway.is_zero()) {
        const Route* way = longest(Family::v6, r.gateway, kTableMain, 0);
        if (way == nullptr || leads_nowhere(way->type)) return Err(Error::hostunreach);
        if (r.interface == 0) r.interface = way->interface;
    }
    const Ref<Interface> interface = find_interface(r.interface);
    if (!interface) return Err(Error::nodev);
    if (!interface->is_up()) return refuse(why, "Nexthop device is not up", Error::netdown);
    return {};
}

}  // namespace

bool same_prefix(const IpAddress& a, const IpAddress& b, u32 bits) {
    const u32 whole = bits / 8, rest = bits % 8;
    return std::memcmp(a.bytes, b.bytes, whole) == 0 &&
           (rest == 0 || ((a.bytes[whole] ^ b.bytes[whole]) >> (8 - rest)) == 0);
}

IpAddress cut(const IpAddress& a, u32 bits) {
    IpAddress out;
    for (u32 i = 0; i < 16; ++i) {
        const u32 kept = bits > i * 8 ? std::min(bits - i * 8, 8u) : 0;
        out.bytes[i] = static_cast<u8>(a.bytes[i] & (0xff00 >> kept));
    }
    return out;
}

IpAddress filled(const IpAddress& a, u32 bits, Family family) {
    IpAddress out = a;
    for (u32 i = 0; i < address_bytes(family); ++i) {
        const u32 kept = bits > i * 8 ? std::min(bits - i * 8, 8u) : 0;
        out.bytes[i] |= static_cast<u8>(0xff >> kept);
    }
    return out;
}

Result<void> insert_route(const Route& r, u16 how, const Asker& asker) {
    Tables& t = tables();
    u16 told = kIfExclusive;
    Node *first = nullptr, *match = nullptr;
    for (Node& n : t.routes) {
        if (!same_key(n.value, r)) continue;
        if (first == nullptr) first = &n;
        if (same(n.value, r)) match = &n;
    }
    if (first != nullptr) {
        if (how & kIfExclusive) return Err(Error::exist);
        told = 0;
        if (how & kIfReplace) {
            if (match != nullptr) return first == match ? Result<void>{} : Err(Error::exist);
            first->value = r;
            tell_route(true, r, kIfReplace, asker);
            return {};
        }
        if (match != nullptr) return Err(Error::exist);
        told = how & kIfAppend;
    } else if ((how & kIfReplace) != 0 && (how & kIfCreate) == 0) {
        return Err(Error::noent);
    }
    // IPv6 makes what nobody asked it to make.
    if ((how & kIfCreate) == 0 && r.family == Family::v4) return Err(Error::noent);
    if (t.counts[1] >= kMaxEntries) return Err(Error::nobufs);
    auto* node = new (std::nothrow) Node;
    if (node == nullptr) return Err(Error::nobufs);
    node->value = r;
    t.routes.insert(std::find_if(t.routes.begin(), t.routes.end(),
                                 [&](const Node& n) {
                                     return before(r, n.value) ||
                                            (&n == first && (how & kIfAppend) == 0);
                                 }),
                    *node);
    ++t.counts[1];
    tell_route(true, r, told | kIfCreate, asker);
    return {};
}

Result<void> add_route(Route route, u16 how, const Asker& asker, Words& why) {
    sync::MutexGuard guard(tables().lock);
    if (route.type > RouteType::resolver) return refuse(why, "Invalid route type", Error::inval);
    if (route.table == 0) route.table = kTableMain;
    TRY(route.family == Family::v4 ? check_v4(route, why) : check_v6(route, why));
    return insert_route(route, how, asker);
}

Result<void> remove_route(const Route& like, const Asker& asker, Words& why) {
    Tables& t = tables();
    const u32 table = like.table != 0 ? like.table : u32{kTableMain};
    const bool is_v4 = like.family == Family::v4;
    if (is_v4 && like.length > 32) return refuse(why, "Invalid prefix length", Error::inval);
    if (is_v4 && cut(like.destination, like.length) != like.destination)
        return refuse(why, "Invalid prefix for given prefix length", Error::inval);
    if (!has_table(like.family, table)) return refuse(why, "FIB table does not exist", Error::srch);
    sync::MutexGuard guard(t.lock);
    for (Node& n : t.routes) {
        const Route& r = n.value;
        if (r.family != like.family || r.table != table || r.length != like.length ||
            r.destination != cut(like.destination, like.length) || (is_v4 && r.tos != like.tos) ||
            (is_v4 && like.type != RouteType::unspecified && r.type != like.type) ||
            (is_v4 && like.scope != kNowhere && r.scope != like.scope) ||
            (like.protocol != 0 && r.protocol != like.protocol) ||
            (like.metric != 0 && r.metric != like.metric) ||
            (like.interface != 0 && r.interface != like.interface) ||
            (!like.gateway.is_zero() && r.gateway != like.gateway) ||
            (!like.source.is_zero() && r.source != like.source))
            continue;
        const std::unique_ptr<Node> owned(&n);
        t.routes.erase(t.routes.iterator_to(n));
        --t.counts[1];
        tell_route(false, n.value, 0, asker);
        return {};
    }
    return Err(Error::srch);
}

void for_each_route(Family family, void (*visit)(const Route&, void*), void* context) {
    sync::MutexGuard guard(tables().lock);
    for (const Node& n : tables().routes)
        if (n.value.family == family) visit(n.value, context);
}

bool has_table(Family family, u32 table) {
    if (table == kTableMain || table == kTableLocal || table == kTableDefault) return true;
    sync::MutexGuard guard(tables().lock);
    const auto is_one = [&](const auto& e) {
        return e.value.family == family && e.value.table == table;
    };
    return std::ranges::any_of(tables().routes, is_one) ||
           std::ranges::any_of(tables().rules, is_one);
}

Result<Route> find_route(Family family, const IpAddress& to) {
    Tables& t = tables();
    sync::MutexGuard guard(t.lock);
    for (const auto& e : t.rules) {
        const Rule& rule = e.value;
        if (rule.family != family || rule.action != 1 || rule.source_length != 0 ||
            !same_prefix(rule.destination, to, rule.destination_length))
            continue;
        const Route* found = longest(family, to, rule.table, 0);
        if (found == nullptr || found->type == RouteType::throw_) continue;
        if (found->type == RouteType::blackhole) return Err(Error::inval);
        if (found->type == RouteType::unreachable) return Err(Error::hostunreach);
        if (found->type == RouteType::prohibit) return Err(Error::acces);
        return *found;
    }
    return Err(Error::netunreach);
}

}  // namespace tenon::net::inet
