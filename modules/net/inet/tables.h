// The tables behind inet.h.
//
// One lock for all of them (sleeps): changes are rare, and what they entail (an address's routes)
// is seen whole. Listeners are called under it, interfaces are looked up under it, drivers are not.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/net/inet.h>
#include <tenon/sync/mutex.h>

namespace tenon::net::inet {

inline constexpr u32 kMaxEntries = 65536;  // of each kind

template <typename T>
struct Entry {
    ListHook hook;
    T value;
};
template <typename T>
using Entries = List<Entry<T>, &Entry<T>::hook>;

struct Tables {
    sync::Mutex lock{sync::LockRank::socket};
    Entries<InterfaceAddress> addresses;
    Entries<Route> routes;  // in the order in which they are told
    Entries<Rule> rules;
    u32 counts[3] = {};
    bool local_is_split = false;
    module::Gated<Listener> listener;
    bool has_listener = false;
};
Tables& tables();

template <typename T>
void free_all(Entries<T>& list) {
    list.clear_and_dispose([](Entry<T>* e) { delete e; });
}

// --- With the lock.
void tell_address(bool is_there, const InterfaceAddress& address, const Asker& asker);
void tell_route(bool is_there, const Route& route, u16 how, const Asker& asker);
Result<void> insert_route(const Route& route, u16 how, const Asker& asker);
// Those that f() is true for, told one by one or not at all.
template <typename F>
void drop_routes(bool tells, F&& f) {
    Tables& t = tables();
    t.routes.remove_and_dispose_if(
        [&](const Entry<Route>& e) {
            if (!f(e.value)) return false;
            if (tells) tell_route(false, e.value, 0, {});
            --t.counts[1];
            return true;
        },
        [](Entry<Route>* e) { delete e; });
}
Result<void> add_standard_rules();
// What an interface's coming and going entails.
void interface_is_up(Interface& interface);
void interface_is_down(u32 index);
void interface_is_gone(u32 index);

}  // namespace tenon::net::inet
