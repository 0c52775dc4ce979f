// Addresses, routes and rules of the Internet protocols, as tables: what interfaces are called and
// where packets would go. A protocol looks up in them; rtnetlink and a personality's calls change
// them. Numbers are those that travel (RFC 3549, rtnetlink(7)).
#pragma once

#include <tenon/module/service.h>
#include <tenon/net/interface.h>

namespace tenon::net::inet {

// By the numbers of address families.
enum class Family : u8 { v4 = 2, v6 = 10 };
// How long an address is.
constexpr u32 address_bytes(Family family) {
    return family == Family::v4 ? 4 : 16;
}
// The longest prefix.
constexpr u32 address_bits(Family family) {
    return address_bytes(family) * 8;
}

// In network byte order; of IPv4 the first four bytes, the others are zero.
struct IpAddress {
    // Sixteen in any case.
    u8 bytes[16] = {};
    bool operator==(const IpAddress&) const = default;
    // No address, or that of anybody.
    bool is_zero() const { return *this == IpAddress{}; }
};
// Whether the first bits are the same.
TENON_API bool same_prefix(const IpAddress& a, const IpAddress& b, u32 bits);
// With zeros, or ones, behind the first bits.
TENON_API IpAddress cut(const IpAddress& a, u32 bits);
TENON_API IpAddress filled(const IpAddress& a, u32 bits, Family family);

// How far an address or a route reaches.
enum Scope : u8 { kUniverse = 0, kLink = 253, kHost = 254, kNowhere = 255 };
// Of an address, as they travel.
enum AddressFlag : u32 {
    kSecondary = 0x1,
    kTentative = 0x40,
    kPermanent = 0x80,
    kNoPrefixRoute = 0x200
};
// No end of a lifetime.
inline constexpr u32 kForever = ~u32{0};

// An address of an interface.
struct InterfaceAddress {
    // Of which protocol, how long the network's part is, in bits, and a Scope.
    Family family = Family::v4;
    u8 prefix_length = 0;
    u8 scope = kUniverse;
    u8 protocol = 0;      // who gave it: 0 a user, 1 the kernel for the loopback interface
    u32 flags = 0;        // of AddressFlag
    u32 interface = 0;    // whose it is, by its index
    IpAddress local;      // its own
    IpAddress prefix;     // the network's, or the other end's
    IpAddress broadcast;  // where broadcasts go; zero: none was given
    u32 metric = 0;       // of the route that comes with it
    char label[kInterfaceNameBytes] = {};  // the interface's name, or one that begins so
    // Told, not kept to; and when it came and was changed, by the monotonic clock.
    u32 preferred_seconds = kForever;
    u32 valid_seconds = kForever;  // from now on
    u64 created_ns = 0;            // since the system started
    u64 updated_ns = 0;            // the same
};

// Tables that have a meaning; others are a user's.
enum Table : u32 { kTableDefault = 253, kTableMain = 254, kTableLocal = 255 };
// What becomes of a packet, by the numbers that travel.
enum class RouteType : u8 {
    unspecified,
    unicast,
    local,
    broadcast,
    anycast,
    multicast,
    blackhole,
    unreachable,
    prohibit,
    throw_,
    nat,
    resolver,
};
// Who made a route or a rule.
inline constexpr u8 kByKernel = 2;
inline constexpr u8 kByBoot = 3;  // a user, of IPv6

// A way for packets.
struct Route {
    // Of which protocol.
    Family family = Family::v4;
    u8 length = 0;                        // of the destination's prefix, bits
    u8 tos = 0;                           // the type of service that it is for
    u8 protocol = 0;                      // who made it
    u8 scope = kUniverse;                 // a Scope
    RouteType type = RouteType::unicast;  // what becomes of packets
    u32 table = kTableMain;               // in which table it stands
    u32 metric = 0;                       // of two to one destination the lower counts
    u32 interface = 0;                    // where packets go out; 0: nowhere
    // Where to, from which address by preference, and through whom; zero: none.
    IpAddress destination;
    IpAddress source;   // preferred
    IpAddress gateway;  // the next hop
};

// Who is looked up in which table: rules are asked in the order of their priorities.
struct Rule {
    Family family = Family::v4;  // of which protocol
    u8 destination_length = 0;   // of its prefix, bits; 0: any
    u8 source_length = 0;        // the same
    u8 tos = 0;                  // the type of service; 0: any
    u8 action = 1;               // 1: look up; others are kept and do nothing
    u8 protocol = 0;             // who made it
    u32 flags = 0;               // kept
    u32 table = 0;               // which one
    u32 priority = 0;            // the lower, the earlier
    IpAddress destination;       // of packets that it is for
    IpAddress source;            // the same
};

// Who asked for a change; nobody: 0.
struct Asker {
    u32 port = 0;       // of netlink
    u32 sequence = 0;   // of his request
    bool echo = false;  // he wants to be told with the others
};

// Is told of each change while the tables are locked: it must not call back.
class Listener {
  public:
    virtual ~Listener() = default;
    // An interface is another now.
    virtual void link(InterfaceEvent event, Interface& interface) = 0;  // not locked
    // It is there, or is there no more; the same of routes and rules.
    virtual void address(bool is_there, const InterfaceAddress& address, const Asker& asker) = 0;
    // `how`: as the flags of a request to make it (netlink's kCreate and its kin).
    virtual void route(bool is_there, const Route& route, u16 how, const Asker& asker) = 0;
    // As address().
    virtual void rule(bool is_there, const Rule& rule, const Asker& asker) = 0;
};
// One at a time: Error::busy. Behind its module's gate; until the handle goes.
TENON_API Result<module::Held> listen(module::Context& context, module::Gated<Listener> listener);

// How something is made: of what is there already. Numbers as in netlink's requests.
enum How : u16 { kIfReplace = 0x100, kIfExclusive = 0x200, kIfCreate = 0x400, kIfAppend = 0x800 };

// What an error means to a person, beside it; a literal or null.
using Words = const char*;

// --- Addresses. Thread context, may sleep. Errors: nodev, exist, addrnotavail, inval, nobufs.
TENON_API Result<void> add_address(InterfaceAddress address, u16 how, const Asker& asker,
                                   Words& why);
// The first that is so: zero `local` stands for any; the prefix is looked at when `by_prefix`.
TENON_API Result<void> remove_address(const InterfaceAddress& like, bool by_prefix,
                                      const Asker& asker);
// In their order. visit() is called with the tables locked.
TENON_API void for_each_address(Family family, void (*visit)(const InterfaceAddress&, void*),
                                void* context);

// --- Routes. Errors: exist, noent, srch, inval, nodev, netdown, netunreach, nobufs.
TENON_API Result<void> add_route(Route route, u16 how, const Asker& asker, Words& why);
// What is zero in `like` stands for any, but the destination, its length, and of IPv4 the scope.
TENON_API Result<void> remove_route(const Route& like, const Asker& asker, Words& why);
// By table, then by destination.
TENON_API void for_each_route(Family family, void (*visit)(const Route&, void*), void* context);
// Whether there is one of that number: the standard ones always are.
TENON_API bool has_table(Family family, u32 table);
// Whether IPv4's table "local" is one of its own: until somebody changes the rules, it is a part of
// "main", and ways found in it are told as that one's. Spec: Linux net/ipv4/fib_rules.c,
// fib_unmerge().
TENON_API bool local_is_split();
// The way to an address, by the rules' tables. Error::netunreach.
TENON_API Result<Route> find_route(Family family, const IpAddress& to);

// --- Rules. Errors: exist, noent, nobufs.
// A table or a priority of 0 is chosen.
TENON_API Result<void> add_rule(Rule rule, u16 how, const Asker& asker);
// What is zero in `like` stands for any.
TENON_API Result<void> remove_rule(const Rule& like, const Asker& asker);
// By priority.
TENON_API void for_each_rule(Family family, void (*visit)(const Rule&, void*), void* context);

// IPv4 addresses by interface, for who must not stand on this module, personalities: the service
// "net-addresses".
class Addresses : public module::Service {
  public:
    // Of this class and InterfaceAddress.
    static constexpr u32 kInterfaceVersion = 1;
    // The first of the interface, or the one with that label; the one at a place in the order of
    // interfaces. Errors: addrnotavail; noent past the last.
    virtual Result<InterfaceAddress> of_label(std::string_view label) = 0;
    // From 0 on.
    virtual Result<InterfaceAddress> at(u32 place) = 0;
    // As SIOCSIFADDR and SIOCSIFNETMASK do.
    virtual Result<void> set_local(u32 interface, std::string_view label, const IpAddress& a) = 0;
    // Bits.
    virtual Result<void> set_length(std::string_view label, u32 prefix_length) = 0;
};

}  // namespace tenon::net::inet
