// Interfaces. Spec: Linux net/core/rtnetlink.c.
#include "messages.h"

namespace tenon::net::rtnetlink {

namespace {

enum Attribute : u16 {
    kAddress = 1,
    kBroadcastAddress = 2,
    kName = 3,
    kMtu = 4,
    kQdisc = 6,
    kStatistics32 = 7,
    kMaster = 10,
    kProtocolInfo = 12,
    kQueueLength = 13,
    kMap = 14,
    kOperState = 16,
    kLinkMode = 17,
    kLinkInfo = 18,
    kStatistics64 = 23,
    kProtocols = 26,
    kGroupNumber = 27,
    kExtMask = 29,
    kPromiscuity = 30,
    kTransmitQueues = 31,
    kReceiveQueues = 32,
    kCarrier = 33,
    kCarrierChanges = 35,
    kProtoDown = 39,
    kGsoMaxSegments = 40,
    kGsoMaxSize = 41,
    kXdp = 43,
    kTargetNetwork = 46,
    kCarrierUps = 47,
    kCarrierDowns = 48,
    kMinMtu = 50,
    kMaxMtu = 51,
    kOtherName = 53,
    kGroMaxSize = 58,
    kTsoMaxSize = 59,
    kTsoMaxSegments = 60,
    kAllMulticastCount = 61,
};
constexpr Rule kRules[] = {
    {kName, 0, kInterfaceNameBytes - 1},
    {kOtherName, 0, 127},
    {kMtu, 4, 4},
    {kQueueLength, 4, 4},
    {kMaster, 4, 4},
    {kExtMask, 4, 4},
    {kTargetNetwork, 4, 4},
    {kLinkMode, 1, 1},
    {kOperState, 1, 1},
};
constexpr u32 kSkipStatistics = 8;  // of the mask
enum : u8 { kStateUnknown = 0, kStateDown = 2, kStateUp = 6 };
// What a user sees of flags: not what is told of the moment.
constexpr u32 kMomentary = kRunning | kLowerUp;

u8 state_of(const Interface& interface) {
    if (!interface.is_up() || !interface.has_carrier()) return kStateDown;
    return interface.type() == LinkType::loopback ? kStateUnknown : kStateUp;
}

void write_statistics(Writer& out, Interface& interface) {
    const InterfaceStatistics s = interface.statistics();
    constexpr usize kCounters = sizeof s / sizeof(u64);
    u64 all[kCounters + 1] = {};
    std::memcpy(all, &s, sizeof s);
    out.attribute(kStatistics64, all, sizeof all);
    u32 low[kCounters];
    for (usize i = 0; i < kCounters; ++i) low[i] = static_cast<u32>(all[i]);
    out.attribute(kStatistics32, low, sizeof low);
}

LinkBody body_of(const Interface& interface, u8 family, u32 change) {
    return {.family = family,
            .type = static_cast<u16>(interface.type()),
            .index = static_cast<i32>(interface.index()),
            .flags = interface.flags(),
            .change = change};
}

HardwareAddress broadcast_of(const Interface& interface) {
    HardwareAddress all;
    if (interface.type() != LinkType::loopback) std::ranges::fill(all.bytes, 0xff);
    return all;
}

// By number, or by name. Error::nodev, inval.
Result<Ref<Interface>> named(const LinkBody& body, const Attributes& a) {
    Ref<Interface> found;
    if (body.index > 0)
        found = find_interface(static_cast<u32>(body.index));
    else if (body.index < 0)
        return Err(Error::inval);
    else if (a.has(kName) || a.has(kOtherName))
        found = find_interface(a.text(a.has(kName) ? kName : kOtherName));
    else
        return Err(Error::inval);
    if (!found) return Err(Error::nodev);
    return found;
}

Statistics wanted(const Attributes& a) {
    return a.number<u32>(kExtMask) & kSkipStatistics ? Statistics::without_protocols
                                                     : Statistics::all;
}

Result<void> check_strictly(const LinkBody& b, const Attributes& a, Answer& answer) {
    if (b.padding != 0 || b.type != 0 || b.flags != 0 || b.change != 0)
        return refuse(answer, "Invalid values in header for link dump request");
    if (b.index != 0) return refuse(answer, "Filter by device index not supported for link dumps");
    if (a.has_other_than({kExtMask, kMaster, kLinkInfo, kTargetNetwork}))
        return refuse(answer, "Unsupported attribute in link dump request");
    return {};
}

// Changes one by one: those before one that is refused stay.
Result<void> change(Interface& interface, const LinkBody& body, const Attributes& a,
                    Answer& answer) {
    if (a.has(kAddress)) {
        const auto bytes = a.bytes(kAddress);
        HardwareAddress address;
        if (bytes.size() < kEthernetAddressBytes) return Err(Error::inval);
        std::memcpy(address.bytes, bytes.data(), kEthernetAddressBytes);
        TRY(interface.set_address(address));
    }
    if (a.has(kMtu)) {
        const u32 mtu = a.number<u32>(kMtu);
        if (mtu > INT32_MAX || mtu < interface.min_mtu())
            return refuse(answer, "mtu less than device minimum");
        if (interface.max_mtu() != 0 && mtu > interface.max_mtu())
            return refuse(answer, "mtu greater than device maximum");
        TRY(interface.set_mtu(mtu));
    }
    // Interfaces keep their names; one that is up may not be given any, not even its own.
    if (const auto name = a.text(kName); body.index > 0 && !name.empty()) {
        if (interface.is_up()) return Err(Error::busy);
        if (name != interface.name()) return Err(Error::opnotsupp);
    }
    if (a.has(kMaster) && a.number<u32>(kMaster) != 0) return Err(Error::inval);
    if (body.flags != 0 || body.change != 0) {
        // Without a mask all of them are meant.
        const u32 mask = body.change != 0 ? body.change : ~u32{0};
        TRY(interface.set_flags((body.flags & mask) | (interface.flags() & ~mask)));
    }
    if (a.has(kQueueLength)) {
        const u32 length = a.number<u32>(kQueueLength);
        if (length > INT32_MAX) return Err(Error::range);
        interface.set_transmit_queue_length(length);
    }
    return {};
}

}  // namespace

void write_link(Writer& out, Interface& interface, Header header, u32 changed, Statistics what,
                const Heard& heard) {
    const u32 is_promiscuous = (interface.kept_flags() & kPromiscuous) != 0;
    const u32 hears_groups = (interface.kept_flags() & kAllMulticast) != 0;
    const HardwareAddress own = interface.address(), all = broadcast_of(interface);
    const u8 map[32] = {};
    out.begin(header);
    out.body(body_of(interface, kAny, changed));
    out.text(kName, interface.name());
    out.number<u32>(kQueueLength, interface.transmit_queue_length());
    out.number<u8>(kOperState, state_of(interface));
    out.number<u8>(kLinkMode, 0);
    out.number<u32>(kMtu, interface.mtu());
    out.number<u32>(kMinMtu, interface.min_mtu());
    out.number<u32>(kMaxMtu, interface.max_mtu());
    out.number<u32>(kGroupNumber, 0);
    out.number<u32>(kPromiscuity, is_promiscuous);
    out.number<u32>(kAllMulticastCount, hears_groups);
    out.number<u32>(kTransmitQueues, 1);
    // Limits of offloads, as of an interface that has none.
    out.number<u32>(kGsoMaxSegments, 65535);
    out.number<u32>(kGsoMaxSize, 65536);
    out.number<u32>(kGroMaxSize, 65536);
    out.number<u32>(kTsoMaxSize, interface.type() == LinkType::loopback ? 524280 : 65536);
    out.number<u32>(kTsoMaxSegments, 65535);
    out.number<u32>(kReceiveQueues, 1);
    out.number<u8>(kCarrier, interface.has_carrier());
    out.text(kQdisc, "noqueue");
    out.number<u32>(kCarrierChanges, 0);
    out.number<u32>(kCarrierUps, 0);
    out.number<u32>(kCarrierDowns, 0);
    out.number<u8>(kProtoDown, 0);
    out.attribute(kMap, map, sizeof map);
    out.attribute(kAddress, own.bytes, kEthernetAddressBytes);
    out.attribute(kBroadcastAddress, all.bytes, kEthernetAddressBytes);
    write_statistics(out, interface);
    const usize xdp = out.nest(kXdp);
    out.number<u8>(2, 0);  // nothing attached
    out.end_nest(xdp);
    const usize protocols = out.nest(kProtocols);
    usize at = out.nest(kInet);
    write_settings_v4(out, interface);
    out.end_nest(at);
    at = out.nest(kInet6);
    write_settings_v6(out, interface, what, heard);
    out.end_nest(at);
    out.end_nest(protocols);
    out.end();
}

Result<void> get_link(const Request& request, Answer& answer) {
    LinkBody body;
    TRY_ASSIGN(const auto a, Attributes::read(request, body, kRules, answer.why));
    if (request.strict) {
        if (body.padding != 0 || body.type != 0 || body.flags != 0 || body.change != 0)
            return refuse(answer, "Invalid values in header for get link request");
        if (a.has_other_than({kName, kOtherName, kExtMask, kTargetNetwork}))
            return refuse(answer, "Unsupported attribute in get link request");
    }
    if (a.has(kTargetNetwork)) return Err(Error::inval);  // there is one network
    TRY_ASSIGN(auto interface, named(body, a));
    write_link(answer.out, *interface, header_for(request, kNewLink, 0), 0, wanted(a),
               Heard(*interface));
    return {};
}

Result<void> dump_links(const Request& request, Answer& answer) {
    answer.is_dump = true;
    LinkBody body;
    Attributes a;
    if (request.body().size() >= sizeof body) {
        auto read = Attributes::read(request, body, kRules, answer.why);
        if (!read && request.strict) return Err(read.error());
        if (read) a = *read;
    } else if (request.strict) {
        return refuse(answer, "Invalid header for link dump");
    }
    if (request.strict) TRY(check_strictly(body, a, answer));
    if (a.has(kTargetNetwork)) {
        if (request.strict) answer.why.text = "Invalid target network namespace id";
        return Err(Error::inval);
    }
    // No interface has a master, none is of a kind that is made by name.
    if (a.number<u32>(kMaster) != 0 || a.has(kLinkInfo)) return {};
    struct Context {
        const Request& request;
        Answer& answer;
        Statistics what;
    } context{request, answer, wanted(a)};
    for_each_interface(
        [](Interface& interface, void* p) {
            auto& c = *static_cast<Context*>(p);
            write_link(c.answer.out, interface, header_for(c.request, kNewLink, netlink::kMulti), 0,
                       c.what, Heard(interface));
        },
        &context);
    return {};
}

Result<void> dump_links_v6(const Request& request, Answer& answer) {
    answer.is_dump = true;
    struct Context {
        const Request& request;
        Answer& answer;
    } context{request, answer};
    for_each_interface(
        [](Interface& interface, void* p) {
            auto& c = *static_cast<Context*>(p);
            Writer& out = c.answer.out;
            const HardwareAddress own = interface.address();
            out.begin(header_for(c.request, kNewLink, netlink::kMulti));
            out.body(body_of(interface, kInet6, 0));
            out.text(kName, interface.name());
            out.attribute(kAddress, own.bytes, kEthernetAddressBytes);
            out.number<u32>(kMtu, interface.mtu());
            out.number<u8>(kOperState, state_of(interface));
            const usize at = out.nest(kProtocolInfo);
            write_settings_v6(out, interface, Statistics::all, Heard(interface));
            out.end_nest(at);
            out.end();
        },
        &context);
    return {};
}

Result<void> set_link(const Request& request, Answer& answer) {
    LinkBody body;
    TRY_ASSIGN(const auto a, Attributes::read(request, body, kRules, answer.why));
    const bool makes = request.header.type == kNewLink;
    if (makes && body.index == 0 && !a.has(kName) && !a.has(kOtherName) &&
        (request.header.flags & netlink::kCreate) == 0)
        return Err(Error::nodev);
    auto found = named(body, a);
    if (!found && found.error() == Error::nodev && makes &&
        (request.header.flags & netlink::kCreate) != 0)
        return refuse(answer, a.has(kLinkInfo) ? "Unknown device type" : nullptr, Error::opnotsupp);
    if (!found) return Err(found.error());
    if (makes && (request.header.flags & netlink::kExclusive) != 0) return Err(Error::exist);
    if (makes && (request.header.flags & netlink::kReplace) != 0) return Err(Error::opnotsupp);
    return change(**found, body, a, answer);
}

// None that there is was made by a message.
Result<void> delete_link(const Request& request, Answer& answer) {
    LinkBody body;
    TRY_ASSIGN(const auto a, Attributes::read(request, body, kRules, answer.why));
    TRY(named(body, a));
    return Err(Error::opnotsupp);
}

}  // namespace tenon::net::rtnetlink
