// Options of netlink sockets. Spec: netlink(7), Linux net/netlink/af_netlink.c.
#include "options.h"

#include <tenon/process/credentials.h>

#include <algorithm>
#include <cstring>

#include "list.h"

namespace tenon::net::netlink {

Result<void> NetlinkSocket::set_option(i32 level, i32 name, std::span<const u8> value) {
    if (level != kLevel) return Err(Error::noprotoopt);
    u32 number = 0;
    if (value.size() >= sizeof number) std::memcpy(&number, value.data(), sizeof number);
    switch (name) {
        case kAddMembership:
        case kDropMembership: {
            {
                sync::MutexGuard guard(list_lock());
                group_count_ = groups_there_;
            }
            if (number == 0 || number > groups_there_) return Err(Error::inval);
            if (name == kAddMembership) TRY(may_join(number));
            const u64 group = u64{1} << (number - 1);
            sync::MutexGuard guard(list_lock());
            groups_ = name == kAddMembership ? groups_ | group : groups_ & ~group;
            return {};
        }
        case kListenAllNetworks:
            if (!process::capable(process::Capability::net_broadcast)) return Err(Error::perm);
            break;
        case kNoEnobufs:
            if (number != 0) {
                sync::SpinGuard guard(lock_);
                congested_ = false;
            }
            break;
        case kPacketInfo:
        case kBroadcastError:
        case kCapAck:
        case kExtAck:
        case kStrict:
            break;
        default:
            return Err(Error::noprotoopt);
    }
    const u32 bit = u32{1} << name;
    if (number != 0)
        options_set_.fetch_or(bit, std::memory_order_relaxed);
    else
        options_set_.fetch_and(~bit, std::memory_order_relaxed);
    return {};
}

Result<usize> NetlinkSocket::get_option(i32 level, i32 name, std::span<u8> value) {
    if (level != kLevel) return Err(Error::noprotoopt);
    switch (name) {
        case kListMemberships: {
            sync::MutexGuard guard(list_lock());
            const usize length = (group_count_ + 31) / 32 * sizeof(u32);
            const usize fits = std::min(length, value.size()) & ~usize{3};
            std::memcpy(value.data(), &groups_, fits);
            return length;
        }
        case kPacketInfo:
        case kBroadcastError:
        case kNoEnobufs:
        case kCapAck:
        case kExtAck:
        case kStrict: {
            if (value.size() < sizeof(u32)) return Err(Error::inval);
            const u32 on = (options_set_.load(std::memory_order_relaxed) >> name) & 1;
            std::memcpy(value.data(), &on, sizeof on);
            return sizeof on;
        }
        default:
            return Err(Error::noprotoopt);
    }
}

}  // namespace tenon::net::netlink
