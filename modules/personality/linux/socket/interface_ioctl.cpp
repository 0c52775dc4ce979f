// struct ifreq. Spec: man 7 netdevice, Linux net/core/dev_ioctl.c.
#include "personality/linux/socket/interface_ioctl.h"

#include <tenon/mm/user_copy.h>
#include <tenon/module/loader.h>
#include <tenon/net/inet.h>
#include <tenon/net/socket.h>
#include <tenon/process/process.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "personality/linux/abi.h"

namespace tenon::personality {

namespace {

// struct ifreq and struct ifconf: <linux/if.h> draws in the C library's socket headers.
struct Request {
    char name[net::kInterfaceNameBytes];
    union {
        i32 number;
        i16 flags;
        struct {
            u16 type;
            u8 bytes[14];
        } address;
        u8 map[24];
    };
};
struct Configuration {
    i32 length;
    u64 buffer;
};
static_assert(sizeof(Request) == 40 && sizeof(Configuration) == 16);

constexpr std::string_view kTableName = "net-interfaces";
using Table = module::Gated<net::Interfaces>;

constexpr std::string_view kAddressesName = "net-addresses";
using Addresses = module::Gated<net::inet::Addresses>;
using net::inet::InterfaceAddress;
constexpr u16 kInet = 2, kPacket = 17;  // address families

// The name as it stands, alias and all.
std::string_view name_in(const Request& request) {
    const std::string_view name(request.name, sizeof request.name - 1);
    return name.substr(0, name.find('\0'));
}

// By its name, up to a colon. Who may change interfaces has the module "netdev-NAME" loaded.
Result<net::InterfaceInfo> find(Table& table, const Request& request) {
    std::string_view name(request.name, sizeof request.name - 1);
    name = name.substr(0, name.find('\0'));
    name = name.substr(0, name.find(':'));
    if (auto found = table.call(&net::Interfaces::by_name, name)) return found;
    const fmt::Line<32> alias("netdev-{}", name);
    if (process::capable(process::Capability::net_admin) && !name.empty() &&
        module::request_module(alias.view())) {
        if (auto found = table.call(&net::Interfaces::by_name, name)) return found;
    }
    return Err(Error::nodev);
}

Result<void> get(const net::InterfaceInfo& interface, u32 cmd, Request& request) {
    switch (cmd) {
        case SIOCGIFFLAGS:
            request.flags = static_cast<i16>(interface.flags);
            return {};
        case SIOCGIFMETRIC:
            request.number = 0;
            return {};
        case SIOCGIFMTU:
            request.number = static_cast<i32>(interface.mtu);
            return {};
        case SIOCGIFINDEX:
            request.number = static_cast<i32>(interface.index);
            return {};
        case SIOCGIFTXQLEN:
            request.number = static_cast<i32>(interface.transmit_queue_length);
            return {};
        case SIOCGIFMAP:
            std::memset(request.map, 0, sizeof request.map);
            return {};
        case SIOCGIFHWADDR: {
            request.address.type = static_cast<u16>(interface.type);
            std::memcpy(request.address.bytes, interface.address.bytes,
                        sizeof interface.address.bytes);
            return {};
        }
        default:  // SIOCGIFSLAVE
            return Err(Error::inval);
    }
}

net::HardwareAddress address_in(const Request& request) {
    net::HardwareAddress address;
    std::memcpy(address.bytes, request.address.bytes, sizeof address.bytes);
    return address;
}

Result<void> set(Table& table, const net::InterfaceInfo& interface, u32 cmd,
                 const Request& request) {
    using net::Interfaces;
    switch (cmd) {
        case SIOCSIFFLAGS:
            return table.call(&Interfaces::set_flags, interface.index,
                              static_cast<u16>(request.flags));
        case SIOCSIFMTU:
            if (request.number < 0) return Err(Error::inval);
            return table.call(&Interfaces::set_mtu, interface.index,
                              static_cast<u32>(request.number));
        case SIOCSIFTXQLEN:
            if (request.number < 0) return Err(Error::inval);
            return table.call(&Interfaces::set_transmit_queue_length, interface.index,
                              static_cast<u32>(request.number));
        case SIOCSIFHWADDR:
            if (request.address.type != static_cast<u16>(interface.type)) return Err(Error::inval);
            return table.call(&Interfaces::set_address, interface.index, address_in(request));
        case SIOCADDMULTI:
        case SIOCDELMULTI:
            if (request.address.type != 0) return Err(Error::inval);
            return table.call(
                cmd == SIOCADDMULTI ? &Interfaces::add_group : &Interfaces::drop_group,
                interface.index, address_in(request));
        case SIOCSIFNAME:  // nobody has another name, and one that is up may not have
            return Err(interface.flags & net::kUp ? Error::busy : Error::opnotsupp);
        default:  // SIOCSIFMETRIC, SIOCSIFMAP and what else nobody here does
            return Err(Error::opnotsupp);
    }
}

void put_address(Request& request, const net::inet::IpAddress& address) {
    std::memset(&request.address, 0, sizeof request.address);
    request.address.type = kInet;
    std::memcpy(request.address.bytes + 2, address.bytes, 4);  // behind the port
}

// The addresses of IPv4, by interface. Without a buffer: how long it would have to be.
Result<i64> get_configuration(u64 arg) {
    TRY_ASSIGN(const auto wanted, mm::UserIn<Configuration>(arg).read());
    i32 length = 0;
    if (auto table = module::find_service<net::inet::Addresses>(kAddressesName)) {
        for (u32 i = 0;; ++i) {
            const auto address = table->call(&net::inet::Addresses::at, i);
            if (!address) break;
            constexpr i32 kBytes = sizeof(Request);
            if (wanted.buffer != 0) {
                if (wanted.length - length < kBytes) break;
                Request one{};
                std::memcpy(one.name, address->label, sizeof one.name);
                put_address(one, address->local);
                TRY(mm::UserOut<Request>(wanted.buffer + static_cast<u64>(length)).write(one));
            }
            length += kBytes;
        }
    }
    TRY(mm::UserOut<i32>(arg).write(length));
    return 0;
}

Result<void> get_address(const InterfaceAddress& address, u32 cmd, Request& request) {
    switch (cmd) {
        case SIOCGIFADDR:
            put_address(request, address.local);
            return {};
        case SIOCGIFBRDADDR:
            put_address(request, address.broadcast);
            return {};
        case SIOCGIFDSTADDR:
            put_address(request, address.prefix);
            return {};
        default: {
            net::inet::IpAddress ones;
            std::memset(ones.bytes, 0xff, 4);
            for (u32 i = 0; i < 4; ++i) {
                const u32 bits = std::min<u32>(
                    address.prefix_length > i * 8 ? address.prefix_length - i * 8 : 0, 8);
                ones.bytes[i] = static_cast<u8>(0xff00 >> bits);
            }
            put_address(request, ones);
            return {};
        }
    }
}

// How many ones a mask begins with. Error::inval: others follow.
Result<u32> length_of(const u8* mask) {
    const u32 bits = (u32{mask[0]} << 24) | (u32{mask[1]} << 16) | (u32{mask[2]} << 8) | mask[3];
    const u32 length = static_cast<u32>(std::countl_one(bits));
    if (length < 32 && (bits << length) != 0) return Err(Error::inval);
    return length;
}

Result<void> set_inet_address(Addresses& table, const net::InterfaceInfo& interface, u32 cmd,
                              const Request& request) {
    if (request.address.type != kInet) return Err(Error::inval);
    const u8* const bytes = request.address.bytes + 2;
    switch (cmd) {
        case SIOCSIFADDR: {
            net::inet::IpAddress address;
            std::memcpy(address.bytes, bytes, 4);
            return table.call(&net::inet::Addresses::set_local, interface.index, name_in(request),
                              address);
        }
        case SIOCSIFNETMASK: {
            TRY_ASSIGN(const u32 length, length_of(bytes));
            return table.call(&net::inet::Addresses::set_length, name_in(request), length);
        }
        default:
            return Err(Error::opnotsupp);
    }
}

// Addresses of IPv4: sockets of that family take these calls, and those that see its packets.
Result<i64> address_ioctl(u32 cmd, u64 arg) {
    TRY_ASSIGN(auto request, mm::UserIn<Request>(arg).read());
    const bool changes = cmd == SIOCSIFADDR || cmd == SIOCSIFBRDADDR || cmd == SIOCSIFDSTADDR ||
                         cmd == SIOCSIFNETMASK;
    if (changes && !process::capable(process::Capability::net_admin)) return Err(Error::perm);
    TRY_ASSIGN(auto table, module::find_service<net::Interfaces>(kTableName));
    TRY_ASSIGN(auto addresses, module::find_service<net::inet::Addresses>(kAddressesName));
    if (changes && request.address.type != kInet) return Err(Error::inval);
    TRY_ASSIGN(const auto interface, find(table, request));
    if (cmd != SIOCSIFADDR) {
        TRY_ASSIGN(const auto address,
                   addresses.call(&net::inet::Addresses::of_label, name_in(request)));
        if (!changes) {
            TRY(get_address(address, cmd, request));
            TRY(mm::UserOut<Request>(arg).write(request));
            return 0;
        }
    }
    TRY(set_inet_address(addresses, interface, cmd, request));
    return 0;
}

}  // namespace

Result<i64> interface_ioctl(u16 family, u32 cmd, u64 arg) {
    const mm::UserIn<Request> from(arg);
    const mm::UserOut<Request> to(arg);
    switch (cmd) {
        case SIOCGIFCONF:
            return get_configuration(arg);
        case SIOCGIFNAME: {
            TRY_ASSIGN(auto request, from.read());
            TRY_ASSIGN(auto table, module::find_service<net::Interfaces>(kTableName));
            TRY_ASSIGN(const auto found,
                       table.call(&net::Interfaces::by_index, static_cast<u32>(request.number)));
            std::memcpy(request.name, found.name, sizeof request.name);
            TRY(to.write(request));
            return 0;
        }
        case SIOCGIFFLAGS:
        case SIOCGIFMETRIC:
        case SIOCGIFMTU:
        case SIOCGIFSLAVE:
        case SIOCGIFMAP:
        case SIOCGIFINDEX:
        case SIOCGIFTXQLEN:
        case SIOCGIFHWADDR: {
            TRY_ASSIGN(auto request, from.read());
            TRY_ASSIGN(auto table, module::find_service<net::Interfaces>(kTableName));
            TRY_ASSIGN(const auto found, find(table, request));
            TRY(get(found, cmd, request));
            TRY(to.write(request));
            return 0;
        }
        case SIOCSIFFLAGS:
        case SIOCSIFMETRIC:
        case SIOCSIFMTU:
        case SIOCSIFHWADDR:
        case SIOCSIFMAP:
        case SIOCSIFNAME:
        case SIOCSIFTXQLEN:
        case SIOCADDMULTI:
        case SIOCDELMULTI: {
            TRY_ASSIGN(auto request, from.read());
            if (!process::capable(process::Capability::net_admin)) return Err(Error::perm);
            TRY_ASSIGN(auto table, module::find_service<net::Interfaces>(kTableName));
            TRY_ASSIGN(const auto found, find(table, request));
            TRY(set(table, found, cmd, request));
            return 0;
        }
        case SIOCGIFADDR:
        case SIOCGIFBRDADDR:
        case SIOCGIFDSTADDR:
        case SIOCGIFNETMASK:
        case SIOCSIFADDR:
        case SIOCSIFBRDADDR:
        case SIOCSIFDSTADDR:
        case SIOCSIFNETMASK:
            if (family != kInet && family != kPacket) return Err(Error::noioctl);
            return address_ioctl(cmd, arg);
        default:
            return Err(Error::noioctl);
    }
}

}  // namespace tenon::personality
