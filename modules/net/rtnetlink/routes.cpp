// Routes. Spec: Linux net/ipv4/fib_frontend.c, fib_semantics.c, route.c, net/ipv6/route.c.
#include "messages.h"

namespace tenon::net::rtnetlink {

namespace {

using inet::Family;
using inet::Route;
using inet::RouteType;

enum Attribute : u16 {
    kDestination = 1,
    kSource = 2,
    kIncoming = 3,
    kOutgoing = 4,
    kGateway = 5,
    kPriority = 6,
    kPreferredSource = 7,
    kMetrics = 8,
    kMultipath = 9,
    kCacheInfo = 12,
    kTable = 15,
    kVia = 18,
    kPreference = 20,
    kUser = 25,
};
constexpr Rule kRules4[] = {
    {kDestination, 4, 4},     {kSource, 4, 4},  {kIncoming, 4, 4},
    {kOutgoing, 4, 4},        {kGateway, 4, 4}, {kPriority, 4, 4},
    {kPreferredSource, 4, 4}, {kTable, 4, 4},   {kUser, 4, 4},
};
constexpr Rule kRules6[] = {
    {kGateway, 16, 0}, {kIncoming, 4, 4}, {kOutgoing, 4, 4},
    {kPriority, 4, 4}, {kTable, 4, 4},    {kUser, 4, 4},
};
enum Flag : u32 {
    kCloned = 0x200,
    kLookUpTable = 0x1000,
    kMatch = 0x2000,
    kIsBroadcast = 0x10000000,
    kIsLocal = 0x80000000,
};
// Of a route's cache entry: all of it is unknown here.
struct CacheInfo {
    u32 words[8];
};

std::span<const Rule> rules_of(Family family) {
    return family == Family::v4 ? std::span<const Rule>(kRules4) : std::span<const Rule>(kRules6);
}

RouteBody body_of(const Route& r) {
    return {.family = static_cast<u8>(r.family),
            .destination_length = r.length,
            .tos = r.tos,
            .table = static_cast<u8>(r.table < 256 ? r.table : 252),
            .protocol = r.protocol,
            .scope = r.scope,
            .type = static_cast<u8>(r.type)};
}

struct Filter {
    const Request& request;
    Answer& answer;
    u16 flags = netlink::kMulti;
    u32 table = 0, interface = 0;
    u8 protocol = 0, type = 0;
    bool takes(const Route& r) const {
        return (table == 0 || r.table == table) && (interface == 0 || r.interface == interface) &&
               (protocol == 0 || r.protocol == protocol) &&
               (type == 0 || static_cast<u8>(r.type) == type);
    }
};

Result<void> read_filter(const Request& request, Answer& answer, Family family, Filter& filter) {
    RouteBody body;
    if (request.body().size() < sizeof body)
        return refuse(answer, "Invalid header for FIB dump request");
    TRY_ASSIGN(const auto a, Attributes::read(request, body, rules_of(family), answer.why));
    if (body.destination_length != 0 || body.source_length != 0 || body.tos != 0 || body.scope != 0)
        return refuse(answer, "Invalid values in header for FIB dump request");
    filter.table = a.number<u32>(kTable, body.table);
    filter.protocol = body.protocol;
    filter.type = body.type;
    filter.interface = a.number<u32>(kOutgoing);
    if (a.has_other_than({kTable, kOutgoing}))
        return refuse(answer, "Unsupported attribute in dump request");
    if (filter.interface != 0 && !find_interface(filter.interface)) return Err(Error::nodev);
    answer.filtered =
        filter.table != 0 || filter.protocol != 0 || filter.type != 0 || filter.interface != 0;
    // What is cached is left out, and that counts as a part already.
    filter.flags |= netlink::kFiltered;
    if (filter.table != 0 && !inet::has_table(family, filter.table))
        return refuse(answer,
                      family == Family::v4 ? "ipv4: FIB table does not exist"
                                           : "ipv6: FIB table does not exist",
                      Error::noent);
    return {};
}

// An address that the interface, or any, may be called by from outside.
inet::IpAddress source_for(const Route& r) {
    struct Search {
        u32 interface;
        inet::IpAddress found;
    } search{r.interface, {}};
    inet::for_each_address(
        r.family,
        [](const inet::InterfaceAddress& a, void* p) {
            auto& s = *static_cast<Search*>(p);
            if (s.found.is_zero() && a.scope <= inet::kLink &&
                (a.interface == s.interface || s.interface == 0))
                s.found = a.local;
        },
        &search);
    return search.found;
}

// IPv4 tells the table to who asks for it; of "local" that it is "main", as long as it is.
u32 table_told(const RouteBody& asked, const Route& r) {
    const bool tells = (asked.flags & kLookUpTable) != 0 &&
                       (r.table != inet::kTableLocal || inet::local_is_split());
    return tells ? r.table : u32{inet::kTableMain};
}

void write_way_v4(Writer& out, const Request& request, const RouteBody& asked, const Attributes& a,
                  const Route& r) {
    const bool is_local = r.type == RouteType::local || r.type == RouteType::broadcast;
    const u32 table = table_told(asked, r);
    out.begin(header_for(request, kNewRoute, 0));
    out.body(RouteBody{.family = kInet,
                       .destination_length = 32,
                       .source_length = static_cast<u8>(a.has(kSource) ? 32 : 0),
                       .tos = asked.tos,
                       .table = static_cast<u8>(table < 256 ? table : 252),
                       .type = static_cast<u8>(r.type),
                       .flags = kCloned | (is_local ? u32{kIsLocal} : 0) |
                                (r.type == RouteType::broadcast ? u32{kIsBroadcast} : 0)});
    out.number<u32>(kTable, table);
    const auto to = a.address(kDestination, Family::v4);
    out.attribute(kDestination, to.bytes, 4);
    if (a.has(kSource)) out.attribute(kSource, a.address(kSource, Family::v4).bytes, 4);
    if (r.interface != 0) out.number<u32>(kOutgoing, r.interface);
    if (!a.has(kSource)) {
        const auto source = r.source.is_zero() ? source_for(r) : r.source;
        if (!source.is_zero()) out.attribute(kPreferredSource, source.bytes, 4);
    }
    if (!r.gateway.is_zero()) out.attribute(kGateway, r.gateway.bytes, 4);
    out.number<u32>(kUser, a.number<u32>(kUser));
    const CacheInfo cache{};
    out.attribute(kCacheInfo, &cache, sizeof cache);
    out.end();
}

void write_way_v6(Writer& out, const Request& request, const Attributes& a, const Route& r) {
    const inet::IpAddress from = a.address(kSource, Family::v6);
    const inet::IpAddress to = a.address(kDestination, Family::v6);
    RouteBody body = body_of(r);
    body.destination_length = body.source_length = 128;
    out.begin(header_for(request, kNewRoute, 0));
    out.body(body);
    out.number<u32>(kTable, r.table);
    out.attribute(kDestination, to.bytes, 16);
    out.attribute(kSource, from.bytes, 16);
    const auto source = r.type == RouteType::local ? to : source_for(r);
    if (!source.is_zero()) out.attribute(kPreferredSource, source.bytes, 16);
    out.number<u32>(kPriority, r.metric);
    if (!r.gateway.is_zero()) out.attribute(kGateway, r.gateway.bytes, 16);
    if (r.interface != 0) out.number<u32>(kOutgoing, r.interface);
    const CacheInfo cache{};
    out.attribute(kCacheInfo, &cache, sizeof cache);
    out.number<u8>(kPreference, 0);
    out.end();
}

}  // namespace

void write_route(Writer& out, const Route& r, Header header) {
    const u32 n = inet::address_bytes(r.family);
    const bool is_v4 = r.family == Family::v4;
    out.begin(header);
    out.body(body_of(r));
    out.number<u32>(kTable, r.table);
    if (r.length != 0) out.attribute(kDestination, r.destination.bytes, n);
    if (!is_v4 && !r.source.is_zero()) out.attribute(kPreferredSource, r.source.bytes, n);
    if (r.metric != 0 || !is_v4) out.number<u32>(kPriority, r.metric);
    if (is_v4 && !r.source.is_zero()) out.attribute(kPreferredSource, r.source.bytes, n);
    if (!r.gateway.is_zero()) out.attribute(kGateway, r.gateway.bytes, n);
    if (r.interface != 0) out.number<u32>(kOutgoing, r.interface);
    if (!is_v4) {
        CacheInfo cache{};
        out.attribute(kCacheInfo, &cache, sizeof cache);
        out.number<u8>(kPreference, 0);
    }
    out.end();
}

Result<void> get_route(const Request& request, Answer& answer, Family family) {
    RouteBody body;
    TRY_ASSIGN(const auto a, Attributes::read(request, body, rules_of(family), answer.why));
    if (family == Family::v6 && body.destination_length != 0 && a.bytes(kDestination).size() < 16 &&
        a.has(kDestination))
        return Err(Error::inval);
    if (a.has(kOutgoing) && a.number<u32>(kOutgoing) != 0 &&
        !find_interface(a.number<u32>(kOutgoing)))
        return Err(family == Family::v4 ? Error::netunreach : Error::nodev);
    TRY_ASSIGN(const Route route, inet::find_route(family, a.address(kDestination, family)));
    if (body.flags & kMatch) {
        Route told = route;
        if (family == Family::v4) told.table = table_told(body, route);
        write_route(answer.out, told, header_for(request, kNewRoute, 0));
        return {};
    }
    if (family == Family::v4)
        write_way_v4(answer.out, request, body, a, route);
    else
        write_way_v6(answer.out, request, a, route);
    return {};
}

Result<void> dump_routes(const Request& request, Answer& answer, Family family) {
    answer.is_dump = true;
    Filter filter{request, answer};
    if (request.strict) TRY(read_filter(request, answer, family, filter));
    inet::for_each_route(
        family,
        [](const Route& route, void* p) {
            auto& f = *static_cast<Filter*>(p);
            if (f.takes(route))
                write_route(f.answer.out, route, header_for(f.request, kNewRoute, f.flags));
        },
        &filter);
    return {};
}

Result<void> change_route(const Request& request, Answer& answer, Family family) {
    RouteBody body;
    const bool is_v4 = family == Family::v4;
    TRY_ASSIGN(const auto a, Attributes::read(request, body, rules_of(family), answer.why));
    if (!is_v4 && a.has(kDestination) &&
        a.bytes(kDestination).size() < static_cast<usize>(body.destination_length + 7) / 8)
        return Err(Error::inval);
    if (a.has(kMultipath) || a.has(kVia)) return Err(Error::opnotsupp);
    if (is_v4 && body.type > static_cast<u8>(RouteType::resolver))
        return refuse(answer, "Invalid route type");
    Route r;
    r.family = family;
    r.length = body.destination_length;
    r.tos = body.tos;
    r.protocol = body.protocol;
    r.scope = body.scope;
    r.type = static_cast<RouteType>(body.type);
    r.table = a.number<u32>(kTable, body.table);
    r.metric = a.number<u32>(kPriority);
    r.interface = a.number<u32>(kOutgoing);
    r.destination = a.address(kDestination, family);
    r.source = a.address(kPreferredSource, family);
    r.gateway = a.address(kGateway, family);
    if (request.header.type == kDelRoute)
        return inet::remove_route(r, asker_of(request), answer.why.text);
    if (!is_v4 && r.type == RouteType::unspecified) r.type = RouteType::unicast;
    return inet::add_route(r, request.header.flags, asker_of(request), answer.why.text);
}

}  // namespace tenon::net::rtnetlink
