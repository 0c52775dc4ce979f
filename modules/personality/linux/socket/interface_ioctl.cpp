// struct ifreq. Spec: man 7 netdevice, Linux net/core/dev_ioctl.c.
#include "personality/linux/socket/interface_ioctl.h"

#include <tenon/mm/user_copy.h>
#include <tenon/module/loader.h>
#include <tenon/net/interface.h>
#include <tenon/process/process.h>

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
        default:  // SIOCSIFMETRIC, SIOCSIFMAP, SIOCSIFNAME and what else nobody here does
            return Err(Error::opnotsupp);
    }
}

// The interfaces that have an address of IPv4: there is no IPv4 here.
Result<i64> get_configuration(u64 arg) {
    TRY(mm::UserIn<Configuration>(arg).read());
    TRY(mm::UserOut<i32>(arg).write(0));
    return 0;
}

}  // namespace

Result<i64> interface_ioctl(u32 cmd, u64 arg) {
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
        default:
            return Err(Error::noioctl);
    }
}

}  // namespace tenon::personality
