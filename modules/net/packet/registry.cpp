// All packet sockets, and the family's module: it asks the network layer for packets only while a
// socket wants some.
#include <tenon/module/module.h>
#include <tenon/process/credentials.h>

#include "socket.h"

namespace tenon::net::packet {

// Deliveries allocate under it.
constinit sync::RwMutex g_registry{sync::LockRank::socket};

namespace {

constinit List<PacketSocket, &PacketSocket::hook>* g_sockets = nullptr;
constinit HandlerPlace* g_place = nullptr;

class PacketFamily final : public Family {
  public:
    Result<std::unique_ptr<Socket>> create(Kind kind, u32 protocol) override {
        if (!process::capable(process::Capability::net_raw)) return Err(Error::perm);
        if (kind != Kind::raw && kind != Kind::datagram) return Err(Error::socktnosupport);
        return PacketSocket::create(kind, swapped(static_cast<u16>(protocol)));
    }
    Result<void> make_pair(Kind kind, u32 protocol, std::unique_ptr<Socket> (&)[2]) override {
        TRY(create(kind, protocol));
        return Err(Error::opnotsupp);
    }
};

class Taps final : public PacketHandler {
  public:
    void receive(std::span<const Arrival> arrivals) override {
        sync::ReadGuard guard(g_registry);
        for (PacketSocket& socket : *g_sockets)
            for (const Arrival& a : arrivals)
                if (socket.wants(a, *a.interface)) socket.deliver(a);
    }
    void event(InterfaceEvent event, Interface& interface) override {
        sync::WriteGuard guard(g_registry);
        for (PacketSocket& socket : *g_sockets) socket.interface_event(event, interface);
        interest_changed();
    }
};

class NetPacket final : public module::Instance {
  public:
    static Result<std::unique_ptr<NetPacket>> create(module::Context& context) {
        std::unique_ptr<NetPacket> self(new (std::nothrow) NetPacket);
        if (!self) return Err(Error::nomem);
        g_sockets = &self->sockets_;
        TRY_ASSIGN(self->place_, add_handler(module::Gated<PacketHandler>::borrow(
                                     &self->taps_, &context.gate())));
        g_place = self->place_.get();
        TRY_ASSIGN(self->placed_, context.hold("packet handler", &give_back, g_place));
        std::unique_ptr<Family> family(new (std::nothrow) PacketFamily);
        TRY_ASSIGN(self->family_, offer_family(context, kFamilyPacket, std::move(family)));
        return self;
    }
    ~NetPacket() override {
        family_.release();
        placed_.release();
    }

  private:
    static void give_back(void* place) { remove_handler(*static_cast<HandlerPlace*>(place)); }
    Taps taps_;
    List<PacketSocket, &PacketSocket::hook> sockets_;
    Ref<HandlerPlace> place_;
    module::Held placed_, family_;
};

}  // namespace

void add(PacketSocket& socket) {
    sync::WriteGuard guard(g_registry);
    g_sockets->push_back(socket);
    interest_changed();
}

void remove(PacketSocket& socket) {
    sync::WriteGuard guard(g_registry);
    g_sockets->erase(g_sockets->iterator_to(socket));
    interest_changed();
}

void interest_changed() {
    bool incoming = false, outgoing = false;
    for (const PacketSocket& s : *g_sockets) {
        incoming = incoming || s.hooked();
        outgoing = outgoing || s.wants_outgoing();
    }
    g_place->want(incoming, outgoing);
}

}  // namespace tenon::net::packet

TENON_MODULE(tenon::net::packet::NetPacket, {
                                                .name = "net_packet",
                                                .version = "1.0",
                                                .description = "Packet sockets (AF_PACKET)",
                                                .needs = {"net_core>=1.1,<2"},
                                                .softdeps = {"pre: net_loopback"},
                                                .aliases = {"net-pf-17"},
                                            });
