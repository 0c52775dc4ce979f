#include "flight.h"

#include <tenon/module/gate.h>
#include <tenon/process/task.h>
#include <tenon/time/clock.h>

#include <algorithm>
#include <atomic>

#include "socket.h"

namespace tenon::net::local {

namespace {

using Packets = List<Packet, &Packet::hook>;

constinit sync::Mutex flight_lock{sync::LockRank::sleeping_leaf};
constinit Endpoint* g_flying = nullptr;  // chained by flight.next; flight_lock
constinit Collector* g_collector = nullptr;
constinit module::Gate* g_own_gate = nullptr;
constexpr u64 kCollectNs = 10'000'000;
constexpr u64 kShare = 8;  // of the time goes at most one part into looking
constinit std::atomic<u64> g_not_before_ns{0};

// The endpoint behind a file, if it is a local socket of this instance of the module.
Endpoint* endpoint_of(vfs::File& file) {
    if (file.tag() != vfs::kSocketTag || file.ops().gate() != g_own_gate) return nullptr;
    auto* socket = static_cast<Socket*>(file.raw_ops());
    if (socket->family() != kFamilyUnix) return nullptr;
    return static_cast<LocalSocket*>(socket)->endpoint().get();
}

template <typename F>
void each_endpoint(const Ancillary& ancillary, F&& f) {
    for (u32 i = 0; i < ancillary.file_count; ++i)
        if (Endpoint* endpoint = endpoint_of(*ancillary.files[i]); endpoint != nullptr)
            f(*endpoint, *ancillary.files[i]);
}

// f(endpoint) for those whose queues can be read through this one: itself, and a listener's
// connections that nobody took yet. flight_lock held; of a candidate, whose connections nobody can
// take.
template <typename F>
void each_queue(Endpoint& endpoint, F&& f) {
    f(endpoint);
    Ref<Endpoint> waiting;
    {
        sync::SpinGuard guard(endpoint.lock);
        waiting = endpoint.backlog_first;
    }
    while (waiting) {
        f(*waiting);
        Ref<Endpoint> next;
        {
            sync::SpinGuard guard(endpoint.lock);
            next = waiting->backlog_next;
        }
        waiting.swap(next);
    }
}

// f(candidate) for each reference to one that lies behind this endpoint.
template <typename F>
void each_reference(Endpoint& endpoint, F&& f) {
    each_queue(endpoint, [&](Endpoint& e) {
        sync::SpinGuard guard(e.lock);
        for (Packet& packet : e.queue)
            each_endpoint(packet.ancillary, [&](Endpoint& found, vfs::File&) {
                if (found.flight.candidate) f(found);
            });
    });
}

void find_garbage(Packets& garbage) {
    sync::MutexGuard guard(flight_lock);
    for (Endpoint* e = g_flying; e != nullptr; e = e->flight.next) {
        e->flight.candidate = e->flight.file->ref_count() == e->flight.references;
        e->flight.outside = e->flight.references;
        e->flight.reached = false;
    }
    for (Endpoint* e = g_flying; e != nullptr; e = e->flight.next)
        if (e->flight.candidate)
            each_reference(*e, [](Endpoint& found) { --found.flight.outside; });
    Endpoint* work = nullptr;
    auto reach = [&](Endpoint& found) {
        if (found.flight.reached) return;
        found.flight.reached = true;
        found.flight.work = work;
        work = &found;
    };
    for (Endpoint* e = g_flying; e != nullptr; e = e->flight.next)
        if (e->flight.candidate && e->flight.outside != 0) reach(*e);
    while (Endpoint* e = work) {
        work = e->flight.work;
        each_reference(*e, reach);
    }
    for (Endpoint* e = g_flying; e != nullptr; e = e->flight.next) {
        if (!e->flight.candidate || e->flight.reached) continue;
        each_queue(*e, [&](Endpoint& dead) {
            sync::SpinGuard own(dead.lock);
            garbage.splice(garbage.end(), dead.queue);
            dead.queued_bytes = dead.queued_packets = 0;
        });
    }
}

// What a task is dropping. One at a time for each task.
struct Drain {
    Task* task;
    Packets packets;
    Drain* next;
};
constinit sync::SpinLock drains_lock{sync::LockRank::spin_leaf};
constinit Drain* g_drains = nullptr;

void collect() {
    const u64 began_ns = time::monotonic_ns();
    Packets garbage;
    find_garbage(garbage);
    const u64 ended_ns = time::monotonic_ns();
    g_not_before_ns.store(ended_ns + (ended_ns - began_ns) * kShare, std::memory_order_relaxed);
    while (!garbage.empty()) {
        Packet* packet = &garbage.front();
        garbage.pop_front();
        drop(packet);
    }
}

}  // namespace

void begin_flight(const Ancillary& ancillary) {
    if (ancillary.file_count == 0) return;
    {
        sync::MutexGuard guard(flight_lock);
        each_endpoint(ancillary, [](Endpoint& e, vfs::File& file) {
            if (e.flight.references++ != 0) return;
            e.flight.file = &file;
            e.flight.previous = nullptr;
            e.flight.next = g_flying;
            if (g_flying != nullptr) g_flying->flight.previous = &e;
            g_flying = &e;
        });
    }
    collect_soon();
}

void end_flight(const Ancillary& ancillary) {
    if (ancillary.file_count == 0) return;
    sync::MutexGuard guard(flight_lock);
    each_endpoint(ancillary, [](Endpoint& e, vfs::File&) {
        if (--e.flight.references != 0) return;
        (e.flight.previous != nullptr ? e.flight.previous->flight.next : g_flying) = e.flight.next;
        if (e.flight.next != nullptr) e.flight.next->flight.previous = e.flight.previous;
    });
}

Result<void> copy_in_flight(const Ancillary& from, Ancillary& to) {
    to.files.reset(new (std::nothrow) Ref<vfs::File>[from.file_count]);
    if (!to.files) return Err(Error::nomem);
    sync::MutexGuard guard(flight_lock);
    for (u32 i = 0; i < from.file_count; ++i) to.files[i] = from.files[i];
    to.file_count = from.file_count;
    return {};
}

void drop(Packet* packet) {
    if (packet->ancillary.file_count == 0) {
        delete packet;
        return;
    }
    end_flight(packet->ancillary);
    Drain own{current(), {}, nullptr};
    {
        sync::SpinGuard guard(drains_lock);
        Drain* drain = g_drains;
        while (drain != nullptr && drain->task != own.task) drain = drain->next;
        if (drain != nullptr) {
            drain->packets.push_back(*packet);
            return;
        }
        own.next = g_drains;
        g_drains = &own;
    }
    for (;;) {
        delete packet;
        sync::SpinGuard guard(drains_lock);
        if (own.packets.empty()) {
            Drain** at = &g_drains;
            while (*at != &own) at = &(*at)->next;
            *at = own.next;
            return;
        }
        packet = &own.packets.front();
        own.packets.pop_front();
    }
}

void collect_soon() {
    if (g_collector != nullptr && __atomic_load_n(&g_flying, __ATOMIC_RELAXED) != nullptr)
        g_collector->arm();
}

Collector::Collector()
    : timer_([](time::Timer&) { (void)sched::WorkQueue::system().queue(g_collector->work_); }),
      work_([](sched::Work&) { collect(); }) {
    g_collector = this;
    g_own_gate = module::current_gate();
}

Collector::~Collector() {
    (void)timer_.cancel_sync();
    sched::WorkQueue::system().flush(work_);
    g_collector = nullptr;
}

void Collector::arm() {
    if (timer_.armed()) return;
    timer_.arm_at(std::max(time::monotonic_ns() + kCollectNs,
                           g_not_before_ns.load(std::memory_order_relaxed)));
}

}  // namespace tenon::net::local
