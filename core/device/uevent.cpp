// What listeners (devfs, netlink) are told, and asking for the modules of drivers.
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

void tell(Listener& listener, Event event, Device& device, std::string_view text) {
    (void)module::cross(listener.gate, [&] { listener.event(event, device, text); });
}

}  // namespace

constexpr usize kTextBytes = 2048;  // as user space expects it at most

void write_uevent(Device& device, fmt::Sink& out) {
    const Node& node = device.node();
    if (node.major != 0) {
        fmt::print(out, "MAJOR={}\nMINOR={}\nDEVNAME={}\n", node.major, node.minor, node.name);
        if (node.mode != 0600) {
            // Octal, as udev reads it.
            char digits[5] = {'0', static_cast<char>('0' + ((node.mode >> 6) & 7)),
                              static_cast<char>('0' + ((node.mode >> 3) & 7)),
                              static_cast<char>('0' + (node.mode & 7)), 0};
            fmt::print(out, "DEVMODE={}\n", digits);
        }
    }
    {
        // A driver that leaves takes its record with it.
        sync::MutexGuard guard(tree().mutex);
        const auto driver = driver_name(device);
        if (!driver.empty()) fmt::print(out, "DRIVER={}\n", driver);
    }
    device.call(&DeviceOps::uevent, device, out);
    if (!device.modalias().empty()) fmt::print(out, "MODALIAS={}\n", device.modalias());
}

void Tree::notify(Event event, Device& device, std::string_view action, std::string_view extra) {
    const u64 number = g_sequence.fetch_add(1, std::memory_order_relaxed);
    if (listeners == nullptr) return;
    char* text = static_cast<char*>(::operator new(kTextBytes, std::nothrow));
    if (text == nullptr) {  // they still hear of the device
        for (Listener* l = listeners; l != nullptr; l = l->next) tell(*l, event, device, {});
        return;
    }
    fmt::BufferSink out({text, kTextBytes});
    fmt::print(out, "{}@", action);
    write_path(device, out);
    fmt::print(out, "\nACTION={}\nDEVPATH=", action);
    write_path(device, out);
    if (device.bus() != nullptr)
        fmt::print(out, "\nSUBSYSTEM={}", device.bus()->name());
    else if (!device.class_name().empty())
        fmt::print(out, "\nSUBSYSTEM={}", device.class_name());
    fmt::print(out, "\n{}", extra);
    write_uevent(device, out);
    fmt::print(out, "SEQNUM={}\n", number);
    for (usize i = 0; i < out.text().size(); ++i)
        if (text[i] == '\n') text[i] = '\0';
    // A part of it would be taken for the whole: as without memory.
    const auto whole = out.truncated() ? std::string_view{} : out.text();
    for (Listener* l = listeners; l != nullptr; l = l->next) tell(*l, event, device, whole);
    ::operator delete(text);
}

u64 uevent_sequence() {
    return g_sequence.load(std::memory_order_relaxed) - 1;
}

void emit_uevent(Device& device, std::string_view action, std::string_view extra) {
    Tree& t = tree();
    sync::MutexGuard events(t.events);
    t.notify(Event::changed, device, action, extra);
}

void add_listener(Listener& listener) {
    Tree& t = tree();
    sync::MutexGuard events(t.events);
    listener.next = t.listeners;
    t.listeners = &listener;
    // None comes or goes now, but the tree is not held while the listener runs.
    u64 last = 0;
    while (Ref<Device> next = t.next_device(last, [](Device&) { return true; })) {
        last = next->id();
        tell(listener, Event::added, *next, {});
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
    explicit Request(Device& d) : device(&d) {}
    Request* next = nullptr;
    Ref<Device> device;
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
        Device& device = *request->device;
        const auto done = module::request_module(device.modalias());
        {
            sync::MutexGuard guard(tree().mutex);
            Tree::asked(device, Tree::Asked::answered, done ? Error::none : done.error());
        }
        delete request;
        {
            sync::SpinGuard guard(g_lock);
            --g_pending;
        }
        g_settled.wake_all();
    }
}

}  // namespace

void request_driver(Device& device) {
    auto* request = new (std::nothrow) Request(device);
    if (request == nullptr) return;
    {
        sync::MutexGuard guard(tree().mutex);
        Tree::asked(device, Tree::Asked::waiting, Error::none);
    }
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
