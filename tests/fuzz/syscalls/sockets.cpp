// What the calls of sockets point at: vectors, addresses, messages with descriptors.
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>

#include "structures.h"
#include "values.h"

namespace fuzz {

namespace {

struct Address {
    u8 bytes[128];
};
Address address(Context& c) {
    Address made{};
    switch (c.random.below(6)) {
        case 0:
        case 1:
        case 2: {
            sockaddr_un un{AF_UNIX, {}};
            const unsigned which = c.random.below(4);
            if (c.random.one_in(3))
                strcpy(un.sun_path, c.random.one_in(2) ? "sock" : "d0/sock");
            else
                snprintf(un.sun_path + 1, 16, "fuzz%u", which);
            memcpy(&made, &un, sizeof(un));
            break;
        }
        case 3: {
            sockaddr_nl nl{AF_NETLINK, 0, static_cast<u32>(c.random.below(3)),
                           static_cast<u32>(c.random.below(4))};
            memcpy(&made, &nl, sizeof(nl));
            break;
        }
        case 4: {
            sockaddr_ll ll{};
            ll.sll_family = AF_PACKET;
            ll.sll_ifindex = static_cast<int>(c.random.below(3));
            ll.sll_protocol = static_cast<u16>(c.random.one_in(2) ? 0x0300 : c.random.next());
            memcpy(&made, &ll, sizeof(ll));
            break;
        }
        default:
            made.bytes[0] = static_cast<u8>(c.random.below(20));
    }
    return made;
}
}  // namespace

u64 vector(Context& c) {
    u64 entries[8][2];
    for (auto& [base, bytes] : entries) {
        base = c.random.one_in(8) ? Arena::field_address(c.random) : good(c, 512);
        bytes = c.random.one_in(12) ? draw_size(c.random) : c.random.below(512);
    }
    return placed(c, entries);
}

u64 socket_address(Context& c) {
    return placed(c, address(c), c.random.one_in(2) ? 110 : 1 + c.random.below(128));
}

namespace {

msghdr message(Context& c) {
    msghdr made{};
    if (c.random.one_in(2)) {
        made.msg_name = reinterpret_cast<void*>(socket_address(c));
        made.msg_namelen = static_cast<u32>(c.random.one_in(4) ? draw_size(c.random) : 110);
    }
    made.msg_iov = reinterpret_cast<iovec*>(vector(c));
    made.msg_iovlen = c.random.one_in(12) ? draw_number(c.random) : c.random.below(8);
    if (c.random.one_in(2)) {
        u8 control[256] = {};
        auto* const head = reinterpret_cast<cmsghdr*>(control);
        const unsigned count = 1 + c.random.below(c.random.one_in(8) ? 50 : 4);
        head->cmsg_len = c.random.one_in(12) ? draw_size(c.random) : CMSG_LEN(count * 4);
        head->cmsg_level =
            c.random.one_in(12) ? static_cast<int>(draw_number(c.random)) : SOL_SOCKET;
        head->cmsg_type =
            static_cast<int>(c.random.one_in(6) ? c.random.below(4) : u64{SCM_RIGHTS});
        for (unsigned i = 0; i < count && CMSG_LEN(i * 4 + 4) <= sizeof(control); i++) {
            const int fd = static_cast<int>(c.fd());
            memcpy(CMSG_DATA(head) + i * 4, &fd, 4);
        }
        made.msg_control =
            reinterpret_cast<void*>(c.arena.place(c.random, control, sizeof(control)));
        made.msg_controllen = c.random.one_in(6) ? draw_size(c.random) : CMSG_SPACE(count * 4);
    }
    return made;
}
}  // namespace

u64 one_message(Context& c) {
    return placed(c, message(c));
}
u64 messages(Context& c) {
    mmsghdr made[4]{};
    for (auto& one : made) one.msg_hdr = message(c);
    return placed(c, made);
}

}  // namespace fuzz
