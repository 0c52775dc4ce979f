#include <tenon/device/device.h>
#include <tenon/module/module.h>

#include <algorithm>
#include <cstring>

#include "socket.h"

namespace tenon::net::netlink {
namespace {

constexpr u32 kLastProtocol = 31;

class NetlinkFamily final : public Family {
  public:
    Result<std::unique_ptr<Socket>> create(Kind kind, u32 protocol) override {
        if (kind != Kind::raw && kind != Kind::datagram) return Err(Error::socktnosupport);
        if (protocol > kLastProtocol) return Err(Error::protonosupport);
        u32 groups = 32;
        const fmt::Line<24> name("netlink-{}", protocol);
        if (auto kernel = module::find_service<KernelSide>(name.view()))
            groups = std::min(kernel->call(&KernelSide::groups), kMaxGroups);
        else if (protocol != kKernelUevent && protocol != kRoute)
            return Err(Error::protonosupport);
        // Sockets of the routing protocol are of use without it: the C library has mq_notify()'s
        // threads woken by them.
        std::unique_ptr<Socket> socket(new (std::nothrow) NetlinkSocket(kind, protocol, groups));
        if (!socket) return Err(Error::nomem);
        return socket;
    }
    Result<void> make_pair(Kind, u32, std::unique_ptr<Socket> (&)[2]) override {
        return Err(Error::opnotsupp);
    }
};

class NetlinkListing final : public Listing {
  public:
    Result<void> list(fmt::Sink& out) override { return NetlinkSocket::list(out); }
};

class NetNetlink final : public module::Instance, device::Listener {
  public:
    static Result<std::unique_ptr<NetNetlink>> create(module::Context& context) {
        std::unique_ptr<NetNetlink> self(new (std::nothrow) NetNetlink);
        if (!self) return Err(Error::nomem);
        std::unique_ptr<Family> family(new (std::nothrow) NetlinkFamily);
        TRY_ASSIGN(self->family_, offer_family(context, kFamilyNetlink, std::move(family)));
        std::unique_ptr<Listing> listing(new (std::nothrow) NetlinkListing);
        TRY_ASSIGN(self->listing_, module::offer(context, "net-list-netlink", std::move(listing)));
        TRY_ASSIGN(self->listening_, context.add_listener(*self));
        return self;
    }

  private:
    void event(device::Event, device::Device&, std::string_view text) override {
        if (text.empty()) return;  // what was there before
        auto payload = Payload::make(text.size());
        if (!payload) return;
        std::memcpy((*payload)->bytes.get(), text.data(), text.size());
        (*payload)->group = kKernelGroup;
        (*payload)->credentials = {0, 0, 0};
        NetlinkSocket::broadcast(kKernelUevent, *payload, nullptr);
    }

    module::Held family_, listing_, listening_;  // not told any more, then not found any more
};

}  // namespace

void notify(u32 protocol, u32 group, std::span<const u8> message, u32 port, bool echo) {
    auto payload = Payload::make(message.size());
    if (!payload) return;
    std::memcpy((*payload)->bytes.get(), message.data(), message.size());
    (*payload)->group = group;
    (*payload)->credentials = {0, 0, 0};
    NetlinkSocket::broadcast(protocol, *payload, nullptr, echo ? port : 0);
    if (echo) NetlinkSocket::echo(protocol, *payload, port);
}

bool has_listeners(u32 protocol, u32 group) {
    return NetlinkSocket::has_listeners(protocol, group);
}

}  // namespace tenon::net::netlink

TENON_MODULE(tenon::net::netlink::NetNetlink,
             {
                 .name = "net_netlink",
                 .version = "1.1",
                 .description = "Netlink sockets",
                 .needs = {"net_core"},
                 .aliases = {"net-pf-16", "net-pf-16-proto-15", "net-pf-16-proto-0"},
             });
