// Who gets packets.
#include "netdev.h"

namespace tenon::net {

namespace {

constexpr u32 kMaxHandlers = 8;

struct Table {
    sync::Mutex lock{sync::LockRank::sleeping_leaf};
    // Each holds a reference. Read under RCU.
    std::atomic<HandlerPlace*> places[kMaxHandlers] = {};
    // How many want what; looked at first.
    std::atomic<u32> incoming{0}, outgoing{0};
};
constinit Table g_handlers;

// Calls f(handler) for those that want(place).
template <typename Want, typename F>
void each(Want&& want, F&& f) {
    for (auto& slot : g_handlers.places) {
        Ref<HandlerPlace> place;
        {
            sync::RcuGuard rcu;
            HandlerPlace* p = slot.load(std::memory_order_acquire);
            if (p != nullptr && want(*p) && p->try_ref()) place = adopt_ref(p);
        }
        if (place) f(*place);
    }
}

}  // namespace

void HandlerPlace::on_last_ref() {
    sync::rcu_call(rcu_, [](sync::RcuHead* head) {
        delete reinterpret_cast<HandlerPlace*>(reinterpret_cast<u8*>(head) -
                                               offsetof(HandlerPlace, rcu_));
    });
}

void HandlerPlace::want(bool incoming, bool outgoing) {
    const auto set = [](std::atomic<bool>& has, bool wanted, std::atomic<u32>& count) {
        if (has.exchange(wanted) == wanted) return;
        if (wanted)
            ++count;
        else
            --count;
    };
    set(incoming_, incoming, g_handlers.incoming);
    set(outgoing_, outgoing, g_handlers.outgoing);
}

Result<Ref<HandlerPlace>> add_handler(module::Gated<PacketHandler> handler) {
    module::GateAttribution attribution(core_gate());
    Ref<HandlerPlace> place = adopt_ref(new (std::nothrow) HandlerPlace);
    if (!place) return Err(Error::nomem);
    Handlers::set(*place, std::move(handler));
    sync::MutexGuard guard(g_handlers.lock);
    for (auto& slot : g_handlers.places) {
        if (slot.load(std::memory_order_relaxed) != nullptr) continue;
        place->ref();
        slot.store(place.get(), std::memory_order_release);
        return place;
    }
    return Err(Error::nospc);
}

void remove_handler(HandlerPlace& place) {
    place.want(false, false);
    bool found = false;
    {
        sync::MutexGuard guard(g_handlers.lock);
        for (auto& slot : g_handlers.places) {
            if (slot.load(std::memory_order_relaxed) != &place) continue;
            slot.store(nullptr, std::memory_order_release);
            found = true;
        }
    }
    if (found) place.unref();
}

void Handlers::set(HandlerPlace& place, module::Gated<PacketHandler> handler) {
    place.handler_ = std::move(handler);
}
bool Handlers::incoming() {
    return g_handlers.incoming.load(std::memory_order_relaxed) != 0;
}
bool Handlers::outgoing() {
    return g_handlers.outgoing.load(std::memory_order_relaxed) != 0;
}

void Handlers::receive(std::span<const Arrival> arrivals, bool outgoing) {
    each([&](HandlerPlace& p) { return (outgoing ? p.outgoing_ : p.incoming_).load(); },
         [&](HandlerPlace& p) { p.handler_.call(&PacketHandler::receive, arrivals); });
}

void Handlers::event(InterfaceEvent event, Interface& interface) {
    each([](HandlerPlace&) { return true; },
         [&](HandlerPlace& p) { p.handler_.call(&PacketHandler::event, event, interface); });
}

// Those of modules that went without a word.
void Handlers::stop() {
    for (auto& slot : g_handlers.places)
        if (HandlerPlace* p = slot.exchange(nullptr)) p->unref();
}

}  // namespace tenon::net
