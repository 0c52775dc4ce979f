// The module: interfaces' events, the listener, and the service for personalities.
#include <tenon/module/module.h>

#include <algorithm>

#include "tables.h"

namespace tenon::net::inet {

namespace {

constinit Tables* g_tables = nullptr;

class InterfaceEvents final : public PacketHandler {
  public:
    void receive(std::span<const Arrival>) override {}
    void event(InterfaceEvent event, Interface& interface) override {
        module::Gated<Listener> listener;
        {
            sync::MutexGuard guard(tables().lock);
            if (tables().has_listener) listener = tables().listener.alias();
        }
        if (listener) listener.call(&Listener::link, event, interface);
        switch (event) {
            case InterfaceEvent::up:
                return interface_is_up(interface);
            case InterfaceEvent::down:
                return interface_is_down(interface.index());
            case InterfaceEvent::removed:
                return interface_is_gone(interface.index());
            default:
                return;
        }
    }
};

void stop_listening(void*) {
    module::Gated<Listener> old;
    sync::MutexGuard guard(tables().lock);
    tables().has_listener = false;
    old = std::move(tables().listener);
}

Result<InterfaceAddress> labelled(std::string_view label) {
    for (const auto& e : tables().addresses)
        if (e.value.family == Family::v4 && e.value.label == label) return e.value;
    return Err(Error::addrnotavail);
}

class Service final : public Addresses {
  public:
    Result<InterfaceAddress> of_label(std::string_view label) override {
        sync::MutexGuard guard(tables().lock);
        return labelled(label);
    }
    Result<InterfaceAddress> at(u32 place) override {
        sync::MutexGuard guard(tables().lock);
        for (const auto& e : tables().addresses)
            if (e.value.family == Family::v4 && place-- == 0) return e.value;
        return Err(Error::noent);
    }
    Result<void> set_local(u32 interface, std::string_view label, const IpAddress& local) override {
        InterfaceAddress a;
        {
            sync::MutexGuard guard(tables().lock);
            if (auto old = labelled(label)) a = *old;
        }
        if (a.interface != 0) TRY(remove_address(a, false, {}));
        if (local.is_zero()) return {};
        InterfaceAddress fresh;
        fresh.interface = interface;
        std::ranges::copy(label.substr(0, kInterfaceNameBytes - 1), fresh.label);
        fresh.local = fresh.prefix = local;
        fresh.prefix_length = classful_length(local);
        Words why = nullptr;
        return add_address(fresh, kIfCreate, {}, why);
    }
    Result<void> set_length(std::string_view label, u32 length) override {
        InterfaceAddress a;
        {
            sync::MutexGuard guard(tables().lock);
            TRY_ASSIGN(a, labelled(label));
        }
        if (a.prefix_length == length) return {};
        TRY(remove_address(a, false, {}));
        a.prefix_length = static_cast<u8>(length);
        a.flags &= ~u32{kSecondary};
        Words why = nullptr;
        return add_address(a, kIfCreate, {}, why);
    }

  private:
    // What an address alone says of its network. Spec: RFC 791.
    static u8 classful_length(const IpAddress& a) {
        return a.bytes[0] < 128 ? 8 : a.bytes[0] < 192 ? 16 : a.bytes[0] < 224 ? 24 : 32;
    }
};

class NetInet final : public module::Instance {
  public:
    static Result<std::unique_ptr<NetInet>> create(module::Context& context) {
        std::unique_ptr<NetInet> self(new (std::nothrow) NetInet);
        if (!self) return Err(Error::nomem);
        g_tables = &self->tables_;
        TRY(add_standard_rules());
        TRY_ASSIGN(self->place_, add_handler(module::Gated<PacketHandler>::borrow(
                                     &self->events_, &context.gate())));
        TRY_ASSIGN(self->placed_, context.hold("packet handler", &give_back, self->place_.get()));
        for_each_interface(
            [](Interface& interface, void*) {
                if (interface.is_up()) interface_is_up(interface);
            },
            nullptr);
        std::unique_ptr<Addresses> service(new (std::nothrow) Service);
        TRY_ASSIGN(self->service_, module::offer(context, "net-addresses", std::move(service)));
        return self;
    }
    ~NetInet() override {
        service_.release();
        placed_.release();
        free_all(tables_.addresses);
        free_all(tables_.routes);
        free_all(tables_.rules);
    }

  private:
    static void give_back(void* place) { remove_handler(*static_cast<HandlerPlace*>(place)); }
    Tables tables_;
    InterfaceEvents events_;
    Ref<HandlerPlace> place_;
    module::Held placed_, service_;
};

}  // namespace

Tables& tables() {
    return *g_tables;
}

void tell_address(bool is_there, const InterfaceAddress& address, const Asker& asker) {
    Tables& t = tables();
    if (t.has_listener) t.listener.call(&Listener::address, is_there, address, asker);
}

void tell_route(bool is_there, const Route& route, u16 how, const Asker& asker) {
    Tables& t = tables();
    if (t.has_listener) t.listener.call(&Listener::route, is_there, route, how, asker);
}

Result<module::Held> listen(module::Context& context, module::Gated<Listener> listener) {
    {
        sync::MutexGuard guard(tables().lock);
        if (tables().has_listener) return Err(Error::busy);
        tables().listener = std::move(listener);
        tables().has_listener = true;
    }
    auto held = context.hold("listener of addresses", &stop_listening, nullptr);
    if (!held) stop_listening(nullptr);
    return held;
}

}  // namespace tenon::net::inet

TENON_MODULE(tenon::net::inet::NetInet,
             {
                 .name = "net_inet",
                 .version = "1.0",
                 .description = "Internet addresses and routes of interfaces",
                 .needs = {"net_core>=1.1,<2"},
                 .softdeps = {"pre: net_loopback"},
                 .aliases = {"net-addresses"},
             });
