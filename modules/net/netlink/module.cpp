#include <tenon/device/device.h>
#include <tenon/module/module.h>

#include <cstring>

#include "socket.h"

namespace tenon::net::netlink {
namespace {

class NetlinkFamily final : public Family {
  public:
    Result<std::unique_ptr<Socket>> create(Kind kind, u32 protocol) override {
        if (kind != Kind::raw && kind != Kind::datagram) return Err(Error::socktnosupport);
        // Of the routing protocol nobody answers requests; what comes from the kernel arrives (the
        // C library has mq_notify()'s threads woken so).
        if (protocol != kKernelUevent && protocol != kRoute) return Err(Error::protonosupport);
        std::unique_ptr<Socket> socket(new (std::nothrow) NetlinkSocket(kind, protocol));
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
        (*payload)->groups = kKernelGroup;
        (*payload)->credentials = {0, 0, 0};
        NetlinkSocket::broadcast(*payload, nullptr);
    }

    module::Held family_, listing_, listening_;  // not told any more, then not found any more
};

}  // namespace
}  // namespace tenon::net::netlink

TENON_MODULE(tenon::net::netlink::NetNetlink,
             {
                 .name = "net_netlink",
                 .version = "1.0",
                 .description = "Netlink sockets: uevents",
                 .needs = {"net_core"},
                 .aliases = {"net-pf-16", "net-pf-16-proto-15", "net-pf-16-proto-0"},
             });
