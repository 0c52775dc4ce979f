// The interfaces, and what a driver calls to have one.
#include <tenon/trace/log.h>

#include <algorithm>
#include <cstring>

#include "netdev.h"

namespace tenon::net {

namespace {

struct Table {
    sync::Mutex lock{sync::LockRank::sleeping_leaf};
    // By place, not by index: an index is never used twice. Each holds a reference; read under RCU.
    std::atomic<NetDevice*> devices[kMaxInterfaces] = {};
    u32 last_index = 0;
};
constinit Table g_table;

template <typename Want>
Ref<NetDevice> find_locked(Want&& want) {
    for (auto& place : g_table.devices) {
        NetDevice* d = place.load(std::memory_order_relaxed);
        if (d != nullptr && want(*d)) return Ref<NetDevice>(d);
    }
    return {};
}

bool valid(const DeviceOptions& o) {
    const auto plain = [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':'; };
    return !o.name.empty() && o.name.size() < kInterfaceNameBytes && o.name != "." &&
           o.name != ".." && std::ranges::all_of(o.name, plain) && o.queues >= 1 &&
           o.queues <= kMaxDeviceQueues && o.transmit_ring >= 1 && o.transmit_ring <= kMaxRing &&
           o.receive_ring <= kMaxRing && o.min_mtu <= o.mtu &&
           (o.max_mtu == 0 || o.mtu <= o.max_mtu) && o.max_mtu <= kMaxPacketBytes &&
           !o.address.is_group();
}

// "eth%d" with the first number that is free.
Result<void> choose_name(std::string_view wanted, char (&out)[kInterfaceNameBytes]) {
    const usize mark = wanted.find("%d");
    for (u32 i = 0; i < kMaxInterfaces; ++i) {
        fmt::BufferSink text(out);
        text.write(wanted.substr(0, mark));
        if (mark != wanted.npos) {
            fmt::print(text, "{}", i);
            text.write(wanted.substr(mark + 2));
        }
        const std::string_view name = text.text();
        if (name.size() >= kInterfaceNameBytes) return Err(Error::inval);
        out[name.size()] = 0;
        if (!find_locked([&](NetDevice& d) { return d.name() == name; })) return {};
        if (mark == wanted.npos) return Err(Error::exist);
    }
    return Err(Error::nospc);
}

Result<Ref<NetDevice>> add_device(const DeviceOptions& options, std::string_view module_name) {
    sync::MutexGuard guard(g_table.lock);
    char name[kInterfaceNameBytes];
    TRY(choose_name(options.name, name));
    for (u32 i = 0; i < kMaxInterfaces; ++i) {
        if (g_table.devices[i].load(std::memory_order_relaxed) != nullptr) continue;
        TRY_ASSIGN(Ref<NetDevice> device,
                   NetDevice::create(options, name, i, g_table.last_index + 1, module_name));
        ++g_table.last_index;
        device->ref();
        g_table.devices[i].store(device.get(), std::memory_order_release);
        return device;
    }
    return Err(Error::nospc);
}

void let_go(void* context) {
    const Ref<NetDevice> device(static_cast<NetDevice*>(context), kAdoptRef);
    device->detach();
}

// The driver's handle on it.
Result<module::Held> hold(module::Context& context, NetDevice& device) {
    device.ref();
    auto held = context.hold("network interface", &let_go, &device);
    if (!held) device.unref();
    return held;
}

}  // namespace

NetDevice* device_of(Port port) {
    NetDevice* device =
        g_table.devices[port.value % kMaxInterfaces].load(std::memory_order_acquire);
    return device != nullptr && device->is_port(port) ? device : nullptr;
}

void forget_device(NetDevice& device) {
    {
        sync::MutexGuard guard(g_table.lock);
        auto& place = g_table.devices[device.place()];
        if (place.load(std::memory_order_relaxed) != &device) return;
        place.store(nullptr, std::memory_order_release);
    }
    device.unref();
}

Result<module::Held> register_device(module::Context& context, const DeviceOptions& options,
                                     std::unique_ptr<NetDeviceOps> ops, Port& port) {
    if (!ops) return Err(Error::nomem);
    if (!valid(options)) return Err(Error::inval);
    TRY(start_poll_threads());
    // What is made here is the network layer's, not the driver's.
    module::GateAttribution attribution(core_gate());
    Ref<NetDevice> device;
    Ref<NetDevice> other;
    {
        const auto is_ours = [&](NetDevice& d) {
            return d.is_held() && d.wanted_name() == options.name &&
                   d.module_name() == context.name();
        };
        sync::MutexGuard guard(g_table.lock);
        device = find_locked(
            [&](NetDevice& d) { return is_ours(d) && d.same_device(options) && d.claim(); });
        if (!device) other = find_locked(is_ours);
    }
    if (device) {
        auto held = hold(context, *device);
        if (held)
            device->attach(std::move(ops), context.gate(), options, port);
        else
            device->unclaim();
        return held;
    }
    if (other && other->give_up())
        log::err("{}: {} comes back as another device: the interface is gone", other->name(),
                 context.name());
    TRY_ASSIGN(device, add_device(options, context.name()));
    auto held = hold(context, *device);
    if (!held) {
        forget_device(*device);
        return held;
    }
    device->attach(std::move(ops), context.gate(), options, port);
    // From here on the handle takes it away again.
    TRY(device->publish(options.parent));
    log::info("{}: interface {}, {} queues, by {}", device->name(), device->index(), options.queues,
              context.name());
    Handlers::event(InterfaceEvent::added, *device);
    return held;
}

Ref<Interface> find_interface(u32 index) {
    sync::MutexGuard guard(g_table.lock);
    return find_locked([&](NetDevice& d) { return d.index() == index && d.is_there(); });
}

Ref<Interface> find_interface(std::string_view name) {
    sync::MutexGuard guard(g_table.lock);
    return find_locked([&](NetDevice& d) { return d.name() == name && d.is_there(); });
}

void for_each_interface(void (*visit)(Interface&, void*), void* context) {
    for (u32 last = 0;;) {
        Ref<NetDevice> next;
        {
            sync::MutexGuard guard(g_table.lock);
            for (auto& place : g_table.devices) {
                NetDevice* d = place.load(std::memory_order_relaxed);
                if (d == nullptr || !d->is_there() || d->index() <= last) continue;
                if (!next || d->index() < next->index()) next = Ref<NetDevice>(d);
            }
        }
        if (!next) return;
        last = next->index();
        visit(*next, context);
    }
}

// No driver is left; held interfaces may be.
void stop_table() {
    for (auto& place : g_table.devices) {
        Ref<NetDevice> device;
        {
            sync::MutexGuard guard(g_table.lock);
            device = Ref<NetDevice>(place.load(std::memory_order_relaxed));
        }
        if (device) device->kill();
    }
}

}  // namespace tenon::net
