// Addresses. Spec: Linux net/ipv4/devinet.c, net/ipv6/addrconf.c.
#include "messages.h"

namespace tenon::net::rtnetlink {

namespace {

using inet::Family;
using inet::InterfaceAddress;

enum Attribute : u16 {
    kAddress = 1,
    kLocal = 2,
    kLabel = 3,
    kBroadcastAddress = 4,
    kCacheInfo = 6,
    kFlags = 8,
    kMetric = 9,
    kTargetNetwork = 10,
    kProtocol = 11,
};
constexpr Rule kRules4[] = {
    {kAddress, 4, 0},    {kLocal, 4, 0}, {kLabel, 0, 15}, {kBroadcastAddress, 4, 0},
    {kCacheInfo, 16, 0}, {kFlags, 4, 4}, {kMetric, 4, 4}, {kTargetNetwork, 4, 4},
};
constexpr Rule kRules6[] = {
    {kAddress, 16, 0}, {kLocal, 16, 0}, {kCacheInfo, 16, 0},
    {kFlags, 4, 4},    {kMetric, 4, 4}, {kTargetNetwork, 4, 4},
};

std::span<const Rule> rules_of(Family family) {
    return family == Family::v4 ? std::span<const Rule>(kRules4) : std::span<const Rule>(kRules6);
}

struct CacheInfo {
    u32 preferred_seconds, valid_seconds;
    u32 created, updated;  // hundredths of a second
};
constexpr u64 kNsPerHundredth = 10'000'000;

struct Context {
    const Request& request;
    Answer& answer;
    u32 interface = 0;  // 0: any
    const inet::IpAddress* only = nullptr;
    bool found = false;
};

}  // namespace

void write_address(Writer& out, const InterfaceAddress& a, Header header, u16 flags) {
    const u32 n = inet::address_bytes(a.family);
    const bool is_v4 = a.family == Family::v4;
    const CacheInfo cache{a.preferred_seconds, a.valid_seconds,
                          static_cast<u32>(a.created_ns / kNsPerHundredth),
                          static_cast<u32>(a.updated_ns / kNsPerHundredth)};
    header.flags = flags;
    out.begin(header);
    out.body(AddressBody{.family = static_cast<u8>(a.family),
                         .length = a.prefix_length,
                         .flags = static_cast<u8>(a.flags),
                         .scope = a.scope,
                         .index = a.interface});
    if (is_v4) {
        out.attribute(kAddress, a.prefix.bytes, n);
        out.attribute(kLocal, a.local.bytes, n);
        if (!a.broadcast.is_zero()) out.attribute(kBroadcastAddress, a.broadcast.bytes, n);
        out.text(kLabel, a.label);
        if (a.protocol != 0) out.number<u8>(kProtocol, a.protocol);
        out.number<u32>(kFlags, a.flags);
        if (a.metric != 0) out.number<u32>(kMetric, a.metric);
        out.attribute(kCacheInfo, &cache, sizeof cache);
    } else {
        if (a.prefix != a.local) out.attribute(kLocal, a.local.bytes, n);
        out.attribute(kAddress, a.prefix.bytes, n);
        if (a.metric != 0) out.number<u32>(kMetric, a.metric);
        out.attribute(kCacheInfo, &cache, sizeof cache);
        out.number<u32>(kFlags, a.flags);
        if (a.protocol != 0) out.number<u8>(kProtocol, a.protocol);
    }
    out.end();
}

Result<void> get_address_v6(const Request& request, Answer& answer) {
    AddressBody body;
    TRY_ASSIGN(const auto a, Attributes::read(request, body, kRules6, answer.why));
    if (request.strict) {
        if (body.length != 0 || body.flags != 0 || body.scope != 0)
            return refuse(answer, "ipv6: Invalid values in header for get address request");
        if (a.has_other_than({kTargetNetwork, kAddress, kLocal}))
            return refuse(answer, "ipv6: Unsupported attribute in get address request");
    }
    if (a.has(kTargetNetwork)) return Err(Error::inval);
    if (!a.has(kAddress) && !a.has(kLocal)) return Err(Error::inval);
    const inet::IpAddress wanted = a.address(a.has(kLocal) ? kLocal : kAddress, Family::v6);
    Context context{request, answer, 0, &wanted};
    // An interface that is not there is as if none was named.
    if (body.index != 0 && find_interface(body.index)) context.interface = body.index;
    inet::for_each_address(
        Family::v6,
        [](const InterfaceAddress& address, void* p) {
            auto& c = *static_cast<Context*>(p);
            if (c.found || address.local != *c.only ||
                (c.interface != 0 && address.interface != c.interface))
                return;
            c.found = true;
            write_address(c.answer.out, address, header_for(c.request, kNewAddress, 0), 0);
        },
        &context);
    if (!context.found) return Err(Error::addrnotavail);
    return {};
}

Result<void> dump_addresses(const Request& request, Answer& answer, Family family) {
    answer.is_dump = true;
    Context context{request, answer};
    if (request.strict) {
        const bool is_v4 = family == Family::v4;
        AddressBody body;
        if (request.body().size() < sizeof body)
            return refuse(answer, is_v4 ? "ipv4: Invalid header for address dump request"
                                        : "ipv6: Invalid header for address dump request");
        TRY_ASSIGN(const auto a, Attributes::read(request, body, rules_of(family), answer.why));
        if (body.length != 0 || body.flags != 0 || body.scope != 0)
            return refuse(answer, is_v4
                                      ? "ipv4: Invalid values in header for address dump request"
                                      : "ipv6: Invalid values in header for address dump request");
        if (body.index != 0) answer.filtered = true;
        if (a.has_other_than({kTargetNetwork}))
            return refuse(answer, is_v4 ? "ipv4: Unsupported attribute in dump request"
                                        : "ipv6: Unsupported attribute in dump request");
        if (a.has(kTargetNetwork))
            return refuse(answer, is_v4 ? "ipv4: Invalid target network namespace id"
                                        : "ipv6: Invalid target network namespace id");
        if (body.index != 0 && !find_interface(body.index)) return Err(Error::nodev);
        context.interface = body.index;
    }
    struct Interfaces {
        Context& context;
        Family family;
    } interfaces{context, family};
    // By interface.
    for_each_interface(
        [](Interface& interface, void* p) {
            auto& all = *static_cast<Interfaces*>(p);
            if (all.context.interface != 0 && all.context.interface != interface.index()) return;
            Context one{all.context.request, all.context.answer, interface.index()};
            inet::for_each_address(
                all.family,
                [](const InterfaceAddress& address, void* q) {
                    auto& c = *static_cast<Context*>(q);
                    if (address.interface != c.interface) return;
                    const u16 flags =
                        netlink::kMulti | (c.answer.filtered ? netlink::kFiltered : 0);
                    write_address(c.answer.out, address, header_for(c.request, kNewAddress, 0),
                                  flags);
                },
                &one);
        },
        &interfaces);
    return {};
}

Result<void> change_address(const Request& request, Answer& answer, Family family) {
    AddressBody body;
    const bool is_v4 = family == Family::v4, adds = request.header.type == kNewAddress;
    TRY_ASSIGN(const auto a, Attributes::read(request, body, rules_of(family), answer.why));
    InterfaceAddress address;
    address.family = family;
    address.prefix_length = body.length;
    address.scope = body.scope;
    address.interface = body.index;
    address.flags = a.number<u32>(kFlags, body.flags);
    address.metric = a.number<u32>(kMetric);
    const u16 own = a.has(kLocal) ? kLocal : kAddress;
    address.local = a.address(is_v4 ? u16{kLocal} : own, family);
    address.prefix = a.address(a.has(kAddress) ? u16{kAddress} : own, family);
    address.broadcast = a.address(kBroadcastAddress, family);
    std::ranges::copy(a.text(kLabel).substr(0, kInterfaceNameBytes - 1), address.label);
    if (is_v4) {
        if (adds && (body.length > 32 || !a.has(kLocal))) return Err(Error::inval);
    } else if (!a.has(kLocal) && !a.has(kAddress)) {
        return Err(Error::inval);
    }
    if (a.has(kCacheInfo) && adds) {
        const auto cache = a.number<CacheInfo>(kCacheInfo);
        if (cache.valid_seconds == 0 || cache.preferred_seconds > cache.valid_seconds)
            return Err(Error::inval);
        address.valid_seconds = cache.valid_seconds;
        address.preferred_seconds = cache.preferred_seconds;
    }
    if (!adds) return inet::remove_address(address, is_v4 && a.has(kAddress), asker_of(request));
    // Only these are a user's to give.
    address.flags &= inet::kNoPrefixRoute;
    return inet::add_address(address, request.header.flags, asker_of(request), answer.why.text);
}

}  // namespace tenon::net::rtnetlink
