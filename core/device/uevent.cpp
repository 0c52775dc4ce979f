// What listeners (devfs, later netlink) are told, and asking for the modules of drivers.
#include <tenon/device/device.h>
#include <tenon/module/loader.h>
#include <tenon/sched/kthread.h>
#include <tenon/trace/log.h>

#include <atomic>
#include <cstring>

#include "core/device/tree.h"

namespace tenon::device {

namespace {

std::atomic<u64> g_sequence{1};

}  // namespace

void Tree::notify(Event event, Device& device, std::string_view action) {
    g_sequence.fetch_add(1, std::memory_order_relaxed);
    for (Listener* l = listeners; l != nullptr; l = l->next) l->event(event, device, action);
}

u64 uevent_sequence() {
    return g_sequence.load(std::memory_order_relaxed) - 1;
}

void emit_uevent(Device& device, std::string_view action) {
    Tree& t = tree();
    sync::MutexGuard events(t.events);
    t.notify(Event::changed, device, action);
}

void add_listener(Listener& listener) {
    Tree& t = tree();
    sync::MutexGuard events(t.events);
    listener.next = t.listeners;
    t.listeners = &listener;
    // By id: none comes or goes now, but the tree is not held while the listener runs.
    for (u64 last = 0;;) {
        Ref<Device> next;
        {
            sync::MutexGuard guard(t.mutex);
            for (Device& d : *t.devices)
                if (d.id() > last && (!next || d.id() < next->id())) next = Ref<Device>(&d);
        }
        if (!next) return;
        last = next->id();
        listener.event(Event::added, *next, {});
    }
}

void remove_listener(Listener& listener) {
    Tree& t = tree();
    sync::MutexGuard events(t.events);
    for (Listener** at = &t.listeners; *at != nullptr; at = &(*at)->next)
        if (*at == &listener) {
            *at = listener.next;
            return;
        }
}

// Asking for a driver's module: in a worker, for the one who adds a device may itself be a module
// that is being loaded.

namespace {

struct Request {
    Request* next = nullptr;
    char modalias[1];  // NUL-terminated, as long as it is
};

void run_requests(sched::Work&);

sync::SpinLock g_lock{sync::LockRank::spin_leaf};
Request* g_first = nullptr;
Request** g_last = &g_first;
u32 g_pending = 0;
constinit sync::WaitQueue g_settled;
alignas(sched::Work) u8 g_work_storage[sizeof(sched::Work)];
sched::Work* g_work = nullptr;

void run_requests(sched::Work&) {
    for (;;) {
        Request* request = nullptr;
        {
            sync::SpinGuard guard(g_lock);
            request = g_first;
            if (request == nullptr) return;
            g_first = request->next;
            if (g_first == nullptr) g_last = &g_first;
        }
        (void)module::request_module(request->modalias);
        ::operator delete(request);
        {
            sync::SpinGuard guard(g_lock);
            --g_pending;
        }
        g_settled.wake_all();
    }
}

}  // namespace

void request_driver(std::string_view modalias) {
    void* memory = ::operator new(sizeof(Request) + modalias.size(), std::nothrow);
    if (memory == nullptr) return;
    auto* request = new (memory) Request;
    std::memcpy(request->modalias, modalias.data(), modalias.size());
    request->modalias[modalias.size()] = '\0';
    {
        sync::SpinGuard guard(g_lock);
        if (g_work == nullptr) g_work = new (g_work_storage) sched::Work(run_requests);
        *g_last = request;
        g_last = &request->next;
        ++g_pending;
    }
    sched::WorkQueue::system().queue(*g_work);
}

void settle() {
    (void)g_settled.wait(
        [] {
            sync::SpinGuard guard(g_lock);
            return g_pending == 0;
        },
        sync::WaitMode::uninterruptible);
}

}  // namespace tenon::device
