// What the messages of the routing protocol consist of, and who reads and writes which.
// Spec: RFC 3549, rtnetlink(7); numbers and layouts as they travel.
#pragma once

#include <tenon/net/inet.h>
#include <tenon/net/netlink.h>

#include <algorithm>
#include <cstring>

namespace tenon::net::rtnetlink {

using netlink::Answer;
using netlink::Header;
using netlink::Reason;
using netlink::Request;
using netlink::Writer;

enum Type : u16 {
    kNewLink = 16,
    kDelLink,
    kGetLink,
    kSetLink,
    kNewAddress = 20,
    kDelAddress,
    kGetAddress,
    kNewRoute = 24,
    kDelRoute,
    kGetRoute,
    kGetNeighbour = 30,
    kNewRule = 32,
    kDelRule,
    kGetRule,
    kGetQdisc = 38,
    kGetClass = 42,
    kGetFilter = 46,
    kGetAction = 50,
    kGetMulticast = 58,
    kGetAnycast = 62,
    kNewAddressLabel = 72,
    kGetAddressLabel = 74,
    kNewNetConf = 80,
    kGetNetConf = 82,
    kGetNetwork = 90,
    kGetStatistics = 94,
    kGetChain = 102,
    kGetNextHop = 106,
    kLastType = 123,
};
enum Group : u32 {
    kGroupLink = 1,
    kGroupAddressV4 = 5,
    kGroupRouteV4 = 7,
    kGroupRuleV4 = 8,
    kGroupAddressV6 = 9,
    kGroupRouteV6 = 11,
    kGroupRuleV6 = 19,
    kGroupMulticastRouteV4 = 30,
    kGroupMulticastRouteV6 = 31,
    kGroups = 36,
};
enum AddressFamily : u8 {
    kAny = 0,
    kInet = 2,
    kBridge = 7,
    kInet6 = 10,
    kPacket = 17,
    kFamilies = 46
};

struct LinkBody {
    u8 family = 0, padding = 0;
    u16 type = 0;
    i32 index = 0;
    u32 flags = 0, change = 0;
};
struct AddressBody {
    u8 family = 0, length = 0, flags = 0, scope = 0;
    u32 index = 0;
};
struct RouteBody {
    u8 family = 0, destination_length = 0, source_length = 0, tos = 0;
    u8 table = 0, protocol = 0, scope = 0, type = 0;
    u32 flags = 0;
};
struct RuleBody {
    u8 family = 0, destination_length = 0, source_length = 0, tos = 0;
    u8 table = 0, unused1 = 0, unused2 = 0, action = 0;
    u32 flags = 0;
};
struct NeighbourBody {
    u8 family = 0, padding[3] = {};
    i32 index = 0;
    u16 state = 0;
    u8 flags = 0, type = 0;
};
static_assert(sizeof(LinkBody) == 16 && sizeof(AddressBody) == 8 && sizeof(RouteBody) == 12 &&
              sizeof(RuleBody) == 12 && sizeof(NeighbourBody) == 12);

// What is expected of an attribute: a number of that many bytes (or at least so many), or of at
// most that many; 0: anything.
struct Rule {
    u16 type;
    u8 least = 0;
    u8 most = 0;
};

// The attributes behind a message's body. Of several of a type the last counts.
class Attributes {
  public:
    static constexpr u16 kLast = 64;
    // Error::inval: the body is not whole; range: an attribute is not as the rules have it.
    template <typename Body>
    static Result<Attributes> read(const Request& request, Body& body, std::span<const Rule> rules,
                                   Reason& why) {
        const auto bytes = request.body();
        if (bytes.size() < sizeof body) return Err(Error::inval);
        std::memcpy(&body, bytes.data(), sizeof body);
        Attributes out;
        TRY(out.load(bytes.subspan(sizeof body), netlink::kHeaderBytes + sizeof body, rules, why));
        return out;
    }
    bool has(u16 type) const { return type < kLast && present_[type]; }
    std::span<const u8> bytes(u16 type) const {
        return has(type) ? values_[type] : std::span<const u8>{};
    }
    template <typename T>
    T number(u16 type, T otherwise = {}) const {
        T value = otherwise;
        if (bytes(type).size() >= sizeof value)
            std::memcpy(&value, bytes(type).data(), sizeof value);
        return value;
    }
    // Up to a NUL, if there is one.
    std::string_view text(u16 type) const {
        const auto b = bytes(type);
        const std::string_view all(reinterpret_cast<const char*>(b.data()), b.size());
        return all.substr(0, all.find('\0'));
    }
    inet::IpAddress address(u16 type, inet::Family family) const {
        inet::IpAddress a;
        const auto b = bytes(type);
        std::memcpy(a.bytes, b.data(), std::min<usize>(b.size(), inet::address_bytes(family)));
        return a;
    }
    // Whether there is any but those named.
    bool has_other_than(std::initializer_list<u16> types) const {
        if (beyond_) return true;
        for (u16 t = 0; t < kLast; ++t)
            if (present_[t] && std::ranges::find(types, t) == types.end()) return true;
        return false;
    }

  private:
    Result<void> load(std::span<const u8> from, usize offset, std::span<const Rule> rules,
                      Reason& why);
    std::span<const u8> values_[kLast];
    bool present_[kLast] = {};
    bool beyond_ = false;  // one of a higher number
};

// In an answer: to whom it goes is known already.
inline Header header_for(const Request& request, u16 type, u16 flags) {
    return {.type = type,
            .flags = flags,
            .sequence = request.header.sequence,
            .port = request.header.port};
}
inline inet::Asker asker_of(const Request& request) {
    return {request.header.port, request.header.sequence,
            (request.header.flags & netlink::kEcho) != 0};
}
inline Result<void> refuse(Answer& answer, const char* text, Error error = Error::inval) {
    answer.why.text = text;
    return Err(error);
}
inline u8 family_of(const Request& request) {
    return request.body().empty() ? 0 : request.body()[0];
}

// --- links.cpp
enum class Statistics : u8 { all, without_protocols };
// What a protocol has heard of an interface: of a change groups are told before it is.
struct Heard {
    u32 mtu = 0;
    bool is_up = false;
    explicit Heard(const Interface& interface) : mtu(interface.mtu()), is_up(interface.is_up()) {}
    Heard(u32 mtu_of_then, bool was_up) : mtu(mtu_of_then), is_up(was_up) {}
};
void write_link(Writer& out, Interface& interface, Header header, u32 change, Statistics what,
                const Heard& heard);
Result<void> get_link(const Request& request, Answer& answer);
Result<void> dump_links(const Request& request, Answer& answer);
Result<void> dump_links_v6(const Request& request, Answer& answer);
Result<void> set_link(const Request& request, Answer& answer);  // kNewLink, kSetLink
Result<void> delete_link(const Request& request, Answer& answer);
// protocols.cpp: what the Internet protocols say of an interface.
void write_settings_v4(Writer& out, Interface& interface);
void write_settings_v6(Writer& out, Interface& interface, Statistics what, const Heard& heard);

// --- addresses.cpp
void write_address(Writer& out, const inet::InterfaceAddress& address, Header header, u16 flags);
Result<void> get_address_v6(const Request& request, Answer& answer);
Result<void> dump_addresses(const Request& request, Answer& answer, inet::Family family);
Result<void> change_address(const Request& request, Answer& answer, inet::Family family);

// --- routes.cpp
void write_route(Writer& out, const inet::Route& route, Header header);
Result<void> get_route(const Request& request, Answer& answer, inet::Family family);
Result<void> dump_routes(const Request& request, Answer& answer, inet::Family family);
Result<void> change_route(const Request& request, Answer& answer, inet::Family family);

// --- rules.cpp
void write_rule(Writer& out, const inet::Rule& rule, Header header);
Result<void> dump_rules(const Request& request, Answer& answer);
Result<void> change_rule(const Request& request, Answer& answer, inet::Family family);

// --- others.cpp: what there is none of, or only what is fixed.
Result<void> dump_neighbours(const Request& request, Answer& answer);
Result<void> dump_multicast_v6(const Request& request, Answer& answer);
Result<void> dump_address_labels(const Request& request, Answer& answer);
Result<void> dump_net_conf(const Request& request, Answer& answer, inet::Family family);
Result<void> dump_nothing(usize body_bytes, const Request& request);

}  // namespace tenon::net::rtnetlink
