// What the Internet protocols say of an interface. Until they are there: the settings that one has
// by default, and no statistics. Spec: Linux Documentation/networking/ip-sysctl.rst; the order is
// that of IPV4_DEVCONF_* and DEVCONF_*, which travel as plain numbers.
#include "messages.h"

namespace tenon::net::rtnetlink {

namespace {

constexpr u32 kSettings4[] = {
    0, 0, 0, 1, 1, 1, 1, 0, 1, 0,     0,    0, 0, 0, 1, 1, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 10000, 1000, 0, 0, 0, 0, 1,
};
constexpr usize kNoTransform = 14, kNoPolicy = 15;  // of a loopback interface alone
constexpr u32 kSettings6[] = {
    0, 64, 65536, 1, 1,     1, 1,     ~u32{0}, 4000, 1000, ~u32{0}, 604800,  86400, 3, 600,   16,
    0, 1,  1,     1, 60000, 0, 0,     0,       0,    0,    0,       ~u32{0}, 0,     0, 10000, 1000,
    1, 0,  0,     1, 0,     0, 1,     0,       0,    0,    0,       3600000, 0,     0, 1,     0,
    0, 0,  0,     0, 1024,  0, 65535, ~u32{0}, 1,    0,    0,
};
constexpr usize kMtu6 = 2, kTemporary = 10, kDuplicates = 27;
static_assert(std::size(kSettings4) == 33 && std::size(kSettings6) == 59);

enum : u16 {
    kFlags = 1,
    kSettings = 2,
    kStatistics6 = 3,
    kCacheInfo = 5,
    kIcmpStatistics = 6,
    kToken = 7,
    kGeneration = 8,
};
constexpr u32 kReady = 0x80000000;

}  // namespace

void write_settings_v4(Writer& out, Interface& interface) {
    u32 settings[std::size(kSettings4)];
    std::ranges::copy(kSettings4, settings);
    if (interface.type() != LinkType::loopback) settings[kNoTransform] = settings[kNoPolicy] = 0;
    out.attribute(1, settings, sizeof settings);
}

void write_settings_v6(Writer& out, Interface& interface, Statistics what, const Heard& heard) {
    u32 settings[std::size(kSettings6)];
    std::ranges::copy(kSettings6, settings);
    settings[kMtu6] = heard.mtu;
    if (interface.type() != LinkType::loopback) {
        settings[kTemporary] = 0;
        settings[kDuplicates] = 1;
    }
    // The first is their count.
    u64 statistics[37] = {37}, icmp[7] = {7};
    // The longest datagram, when it came, and of neighbours: reachable and retransmission, ms.
    const u32 cache[4] = {65535, 0, 30000, 1000};
    const u8 no_token[16] = {};
    out.number<u32>(kFlags, heard.is_up ? kReady : 0);
    out.attribute(kCacheInfo, cache, sizeof cache);
    out.attribute(kSettings, settings, sizeof settings);
    if (what == Statistics::all) {
        out.attribute(kStatistics6, statistics, sizeof statistics);
        out.attribute(kIcmpStatistics, icmp, sizeof icmp);
    }
    out.attribute(kToken, no_token, sizeof no_token);
    out.number<u8>(kGeneration, 0);
}

}  // namespace tenon::net::rtnetlink
