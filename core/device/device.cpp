#include <tenon/device/device.h>
#include <tenon/trace/log.h>

#include <cstring>

#include "core/device/tree.h"
#include "core/module/crossing.h"

namespace tenon::device {

namespace {
Tree g_tree;

template <usize N>
bool copy_name(char (&to)[N], std::string_view from) {
    if (from.size() >= N) return false;
    std::memcpy(to, from.data(), from.size());
    to[from.size()] = '\0';
    return true;
}
}  // namespace

Tree& tree() {
    return g_tree;
}

void init() {
    // Boost lists have no constexpr constructor: made here, never destroyed.
    alignas(8) static u8 devices[sizeof(*Tree::devices)];
    alignas(8) static u8 drivers[sizeof(*Tree::drivers)];
    alignas(8) static u8 buses[sizeof(*Tree::buses)];
    g_tree.devices = new (devices) std::remove_pointer_t<decltype(Tree::devices)>;
    g_tree.drivers = new (drivers) std::remove_pointer_t<decltype(Tree::drivers)>;
    g_tree.buses = new (buses) std::remove_pointer_t<decltype(Tree::buses)>;
}

Result<Ref<Device>> Tree::make(DeviceOptions& o) {
    Ref<Device> device = adopt_ref(new (std::nothrow) Device);
    if (!device) return Err(Error::nomem);
    Device& d = *device;
    if (o.name.empty() || !copy_name(d.name_, o.name) || !copy_name(d.class_name_, o.class_name) ||
        !copy_name(d.node_name_, o.node.name))
        return Err(Error::nametoolong);
    if (!o.modalias.empty()) {
        d.modalias_text_.reset(new (std::nothrow) char[o.modalias.size()]);
        if (!d.modalias_text_) return Err(Error::nomem);
        std::memcpy(d.modalias_text_.get(), o.modalias.data(), o.modalias.size());
        d.modalias_ = {d.modalias_text_.get(), o.modalias.size()};
    }
    d.node_ = o.node;
    d.node_.name = d.node_name_[0] != '\0' ? d.node_name_ : d.name_;
    d.ops_ = std::move(o.ops);
    d.bus_data_ = o.bus_data;
    return device;
}

Result<Ref<Device>> Device::create(DeviceOptions options) {
    return Tree::make(options);
}

Device::~Device() = default;

bool Device::call_maker(void (*function)(void*), void* argument) {
    const module::Uncut counted;
    const Revocation::Call call(calls_);
    return call && ops_ && module::cross(ops_.gate(), function, argument);
}

Result<void> add(Ref<Device> device, Device* parent, Bus* bus) {
    Device& d = *device;
    {
        sync::MutexGuard events(g_tree.events);
        {
            sync::MutexGuard guard(g_tree.mutex);
            if (Tree::registered(d)) return Err(Error::busy);
            if (parent != nullptr && !parent->is_registered()) return Err(Error::nodev);
            // Names are unique among siblings; at the top, within a class.
            for (Device& other : *g_tree.devices)
                if (other.parent() == parent && other.name() == d.name() &&
                    other.class_name() == d.class_name())
                    return Err(Error::exist);
            Tree::parent(d) = Ref<Device>(parent);
            Tree::bus(d) = bus;
            Tree::registered(d) = true;
            Tree::id(d) = g_tree.next_id++;
            d.ref();  // the tree's
            g_tree.devices->push_back(d);
        }
        g_tree.notify(Event::added, d, "add");
    }
    if (bus != nullptr) g_tree.bind_any(d);
    return {};
}

void remove(Device& device) {
    Ref<Device> keep(&device);
    // What hangs below goes first, the youngest before the older.
    for (;;) {
        Ref<Device> child;
        {
            sync::MutexGuard guard(g_tree.mutex);
            for (Device& d : *g_tree.devices)
                if (d.parent() == &device) child = Ref<Device>(&d);
        }
        if (!child) break;
        remove(*child);
    }
    (void)g_tree.unbind(device);
    {
        sync::MutexGuard events(g_tree.events);
        {
            sync::MutexGuard guard(g_tree.mutex);
            if (!Tree::registered(device)) return;
            Tree::registered(device) = false;
            g_tree.devices->erase(g_tree.devices->iterator_to(device));
        }
        g_tree.notify(Event::removed, device, "remove");
    }
    // Its maker may go now; attributes that are still open answer nodev.
    Tree::end_ops(device);
    device.unref();
}

Result<void> register_bus(Bus& bus) {
    sync::MutexGuard guard(g_tree.mutex);
    for (Bus& other : *g_tree.buses)
        if (other.name() == bus.name()) return Err(Error::busy);
    bus.gate = Ref<module::Gate>(module::current_gate());
    g_tree.buses->push_back(bus);
    return {};
}

void unregister_bus(Bus& bus) {
    for (;;) {
        Ref<Device> left;
        {
            sync::MutexGuard guard(g_tree.mutex);
            for (Device& d : *g_tree.devices)
                if (d.bus() == &bus) left = Ref<Device>(&d);
            if (!left) {
                g_tree.buses->erase(g_tree.buses->iterator_to(bus));
                break;
            }
        }
        log::warn("bus {}: device {} is still there when it goes", bus.name(), left->name());
        remove(*left);
    }
    // The object is the module's, and may go without a destructor.
    bus.gate = nullptr;
}

// --- Listing

void for_each_device(void (*visit)(Device&, void*), void* context) {
    sync::MutexGuard guard(g_tree.mutex);
    for (Device& d : *g_tree.devices) visit(d, context);
}

void for_each_bus(void (*visit)(Bus&, void*), void* context) {
    sync::MutexGuard guard(g_tree.mutex);
    for (Bus& b : *g_tree.buses) visit(b, context);
}

void for_each_driver(Bus& bus, void (*visit)(std::string_view name, std::string_view module, void*),
                     void* context) {
    sync::MutexGuard guard(g_tree.mutex);
    for (DriverRecord& r : *g_tree.drivers)
        if (r.bus == &bus) {
            const module::Gate* gate = r.driver.gate();
            visit(r.name, gate != nullptr ? gate->owner_name() : std::string_view{}, context);
        }
}

std::string_view driver_name(Device& device) {
    const DriverRecord* record = Tree::driver(device);
    return record != nullptr ? std::string_view(record->name) : std::string_view{};
}

void write_path(Device& device, fmt::Sink& out) {
    const Device* chain[16];
    usize n = 0;
    for (const Device* d = &device; d != nullptr && n < 16; d = d->parent()) chain[n++] = d;
    out.write("/devices");
    if (chain[n - 1]->bus() == nullptr && !chain[n - 1]->class_name().empty())
        fmt::print(out, "/virtual/{}", chain[n - 1]->class_name());
    for (usize i = n; i-- > 0;) {
        if (i + 1 < n && !chain[i]->class_name().empty())
            fmt::print(out, "/{}", chain[i]->class_name());
        fmt::print(out, "/{}", chain[i]->name());
    }
}

}  // namespace tenon::device
