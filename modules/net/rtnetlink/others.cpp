// What there is none of yet, and what is the same everywhere. Spec: Linux net/core/neighbour.c,
// net/ipv6/addrconf.c, addrlabel.c, net/ipv4/devinet.c.
#include "messages.h"

namespace tenon::net::rtnetlink {

namespace {

struct Context {
    const Request& request;
    Answer& answer;
    inet::Family family = inet::Family::v4;
};

// Preferences among addresses of IPv6. Spec: RFC 6724 section 2.1; the longest prefix first.
struct Label {
    u8 length;
    u8 prefix[6];
    u8 from;  // where in the address the prefix begins
    u32 label;
};
constexpr Label kLabels[] = {
    {128, {1}, 15, 0},
    {96, {}, 0, 3},
    {96, {0xff, 0xff}, 10, 4},
    {32, {0x20, 0x01}, 0, 6},
    {28, {0x20, 0x01, 0, 0x10}, 0, 7},
    {16, {0x3f, 0xfe}, 0, 12},
    {16, {0x20, 0x02}, 0, 2},
    {10, {0xfe, 0xc0}, 0, 11},
    {7, {0xfc}, 0, 5},
    {0, {}, 0, 1},
};
struct LabelBody {
    u8 family = kInet6, reserved = 0, length = 0, flags = 0;
    u32 index = 0, sequence = 0;
};
static_assert(sizeof(LabelBody) == 12);

void write_net_conf(const Context& c, i32 index) {
    enum : u16 {
        kIndex = 1,
        kForwarding,
        kReverseFilter,
        kMulticast,
        kProxy,
        kIgnoresDown,
        kInput,
        kBroadcasts
    };
    Writer& out = c.answer.out;
    const bool is_v4 = c.family == inet::Family::v4;
    out.begin(header_for(c.request, kNewNetConf, netlink::kMulti));
    const u8 family[4] = {static_cast<u8>(c.family)};
    out.body(family);
    out.number<i32>(kIndex, index);
    out.number<u32>(kForwarding, 0);
    if (is_v4) out.number<u32>(kReverseFilter, 0);
    out.number<u32>(kMulticast, 0);
    if (is_v4) out.number<u32>(kBroadcasts, 0);
    out.number<u32>(kProxy, 0);
    out.number<u32>(kIgnoresDown, 0);
    out.end();
}

}  // namespace

Result<void> dump_neighbours(const Request& request, Answer& answer) {
    answer.is_dump = true;
    const bool is_bridge = family_of(request) == kBridge;
    if (request.strict && request.body().size() < sizeof(NeighbourBody))
        return refuse(answer, is_bridge ? "Invalid header for fdb dump request"
                                        : "Invalid header for neighbor dump request");
    if (is_bridge && request.body().size() != sizeof(NeighbourBody) &&
        request.body().size() != sizeof(LinkBody))
        return Err(Error::inval);
    return {};
}

// The groups that every host is in.
Result<void> dump_multicast_v6(const Request& request, Answer& answer) {
    answer.is_dump = true;
    Context context{request, answer};
    for_each_interface(
        [](Interface& interface, void* p) {
            if (!interface.is_up()) return;
            auto& c = *static_cast<Context*>(p);
            for (const u8 reach : {2, 1}) {
                u8 group[16] = {0xff, reach};
                group[15] = 1;
                const u32 cache[4] = {~u32{0}, ~u32{0}, 0, 0};
                Writer& out = c.answer.out;
                out.begin(header_for(c.request, kGetMulticast, netlink::kMulti));
                out.body(AddressBody{.family = kInet6,
                                     .length = 128,
                                     .flags = 0x80,
                                     .scope = 0,
                                     .index = interface.index()});
                out.attribute(7, group, sizeof group);
                out.attribute(6, cache, sizeof cache);
                out.end();
            }
        },
        &context);
    return {};
}

Result<void> dump_address_labels(const Request& request, Answer& answer) {
    answer.is_dump = true;
    for (const Label& l : kLabels) {
        u8 prefix[16] = {};
        std::memcpy(prefix + l.from, l.prefix, std::min<usize>(sizeof l.prefix, 16 - l.from));
        answer.out.begin(header_for(request, kNewAddressLabel, netlink::kMulti));
        answer.out.body(LabelBody{.length = l.length, .sequence = std::size(kLabels)});
        answer.out.attribute(1, prefix, sizeof prefix);
        answer.out.number<u32>(2, l.label);
        answer.out.end();
    }
    return {};
}

Result<void> dump_net_conf(const Request& request, Answer& answer, inet::Family family) {
    answer.is_dump = true;
    Context context{request, answer, family};
    for_each_interface(
        [](Interface& interface, void* p) {
            write_net_conf(*static_cast<Context*>(p), static_cast<i32>(interface.index()));
        },
        &context);
    constexpr i32 kOfAll = -1, kOfNew = -2;
    write_net_conf(context, kOfAll);
    write_net_conf(context, kOfNew);
    return {};
}

Result<void> dump_nothing(usize body_bytes, const Request& request) {
    if (request.body().size() < body_bytes) return Err(Error::inval);
    return {};
}

}  // namespace tenon::net::rtnetlink
