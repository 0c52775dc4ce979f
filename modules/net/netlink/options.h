#pragma once

#include <tenon/lib/types.h>

namespace tenon::net::netlink {

// Options of netlink sockets, by their numbers. Spec: netlink(7).
inline constexpr i32 kLevel = 270;
enum : i32 {
    kAddMembership = 1,
    kDropMembership = 2,
    kPacketInfo = 3,
    kBroadcastError = 4,
    kNoEnobufs = 5,
    kListenAllNetworks = 8,
    kListMemberships = 9,
    kCapAck = 10,
    kExtAck = 11,
    kStrict = 12,
};
// What one packet of a dump has at most, and has room for at least.
inline constexpr u32 kMaxDumpPacket = 32448, kMinDumpPacket = 3776;

}  // namespace tenon::net::netlink
