// Options at the level of packets. What is not here answers noprotoopt: rings, fan-out, auxiliary
// data.
#include <algorithm>

#include "socket.h"

namespace tenon::net::packet {

namespace {

enum : i32 {
    kAddMembership = 1,
    kDropMembership = 2,
    kStatistics = 6,
    kOriginalDevice = 9,
    kIgnoreOutgoing = 23,
};
enum : u16 { kGroup = 0, kEverything = 1, kAllGroups = 2, kUnicast = 3 };

// As a program writes it. Spec: man 7 packet.
struct Request {
    i32 interface;
    u16 type, length;
    u8 bytes[8];
};
static_assert(sizeof(Request) == 16);

HardwareAddress group_of(const Membership& m) {
    HardwareAddress address;
    std::memcpy(address.bytes, m.bytes, kEthernetAddressBytes);
    return address;
}

// Tells the interface; types that it does not know mean nothing, as in Linux.
Result<void> apply(const Membership& m, i32 delta) {
    switch (m.type) {
        case kGroup:
        case kUnicast:
            if (m.length != kEthernetAddressBytes) return Err(Error::inval);
            if (delta > 0) return m.interface->add_group(group_of(m));
            return m.interface->drop_group(group_of(m));
        case kEverything:
            m.interface->add_promiscuous(delta);
            return {};
        case kAllGroups:
            m.interface->add_all_multicast(delta);
            return {};
        default:
            return {};
    }
}

bool same(const Membership& a, const Membership& b) {
    return a.interface == b.interface && a.type == b.type && a.length == b.length &&
           std::memcmp(a.bytes, b.bytes, a.length) == 0;
}

}  // namespace

Result<void> PacketSocket::join(const Membership& wanted) {
    if (wanted.length > kEthernetAddressBytes) return Err(Error::inval);
    std::unique_ptr<Membership> fresh(new (std::nothrow) Membership);
    if (!fresh) return Err(Error::nobufs);
    {
        sync::WriteGuard guard(g_registry);
        for (Membership& m : memberships_)
            if (same(m, wanted)) {
                ++m.count;
                return {};
            }
        fresh->interface = wanted.interface;
        fresh->type = wanted.type;
        fresh->length = wanted.length;
        std::ranges::copy(wanted.bytes, fresh->bytes);
    }
    // The interface asks its driver: not under the registry.
    TRY(apply(*fresh, 1));
    sync::WriteGuard guard(g_registry);
    memberships_.push_back(*fresh.release());
    return {};
}

void PacketSocket::leave(const Membership& wanted) {
    std::unique_ptr<Membership> last;
    {
        sync::WriteGuard guard(g_registry);
        auto m = std::ranges::find_if(memberships_,
                                      [&](const Membership& have) { return same(have, wanted); });
        // To leave what one is not in is no error to Linux.
        if (m == memberships_.end() || --m->count != 0) return;
        last.reset(&*m);
        memberships_.erase(m);
    }
    (void)apply(*last, -1);
}

Result<void> PacketSocket::set_option(i32 level, i32 name, std::span<const u8> value) {
    if (level != kLevel) return Err(Error::noprotoopt);
    const auto number = [&](i32& out) {
        if (value.size() < sizeof out) return false;
        std::memcpy(&out, value.data(), sizeof out);
        return true;
    };
    i32 on = 0;
    switch (name) {
        case kAddMembership:
        case kDropMembership: {
            Request request{};
            if (value.size() < sizeof request) return Err(Error::inval);
            std::memcpy(&request, value.data(), sizeof request);
            if (value.size() < offsetof(Request, bytes) + request.length) return Err(Error::inval);
            Membership m;
            m.interface = find_interface(static_cast<u32>(request.interface));
            m.type = request.type;
            m.length = request.length;
            std::ranges::copy(request.bytes, m.bytes);
            if (name == kDropMembership) {
                leave(m);
                return {};
            }
            if (!m.interface) return Err(Error::nodev);
            return join(m);
        }
        case kOriginalDevice: {
            if (!number(on)) return Err(Error::inval);
            sync::WriteGuard guard(g_registry);
            original_device_ = on != 0;
            return {};
        }
        case kIgnoreOutgoing: {
            if (!number(on) || on < 0 || on > 1) return Err(Error::inval);
            sync::WriteGuard guard(g_registry);
            ignore_outgoing_ = on != 0;
            interest_changed();
            return {};
        }
        default:
            return Err(Error::noprotoopt);
    }
}

Result<usize> PacketSocket::get_option(i32 level, i32 name, std::span<u8> value) {
    if (level != kLevel) return Err(Error::noprotoopt);
    const auto put = [&](const auto& what) -> Result<usize> {
        const usize n = std::min(value.size(), sizeof what);
        std::memcpy(value.data(), &what, n);
        return n;
    };
    switch (name) {
        case kStatistics: {
            u32 both[2];
            sync::SpinGuard guard(lock_);
            both[1] = std::exchange(dropped_, 0);
            both[0] = std::exchange(taken_, 0) + both[1];
            return put(both);
        }
        case kOriginalDevice:
            return put(i32{original_device_});
        case kIgnoreOutgoing:
            return put(i32{ignore_outgoing_});
        default:
            return Err(Error::noprotoopt);
    }
}

}  // namespace tenon::net::packet
