// Devices and drivers, matched and bound as in core/device, without uevents and autoload.
#include <algorithm>
#include <cstring>

#include "world.h"

namespace tenon::device {

// The door that Device leaves open.
struct Tree {
    static Result<Ref<Device>> make(DeviceOptions& o) {
        Ref<Device> d = adopt_ref(new (std::nothrow) Device);
        if (!d) return Err(Error::nomem);
        const auto copy = [](auto& to, std::string_view from) {
            if (from.size() >= sizeof to) return false;
            std::copy(from.begin(), from.end(), to);
            return true;
        };
        if (o.name.empty() || !copy(d->name_, o.name) || !copy(d->class_name_, o.class_name) ||
            !copy(d->node_name_, o.node.name))
            return Err(Error::nametoolong);
        d->node_ = o.node;
        d->node_.name = d->node_name_[0] != '\0' ? d->node_name_ : d->name_;
        d->ops_ = std::move(o.ops);
        d->bus_data_ = o.bus_data;
        if (!o.modalias.empty()) {
            d->modalias_text_.reset(new (std::nothrow) char[o.modalias.size()]);
            if (!d->modalias_text_) return Err(Error::nomem);
            std::memcpy(d->modalias_text_.get(), o.modalias.data(), o.modalias.size());
            d->modalias_ = {d->modalias_text_.get(), o.modalias.size()};
        }
        return d;
    }
    static void place(Device& d, Device* parent, Bus* bus, bool registered) {
        d.parent_ = Ref<Device>(parent);
        d.bus_ = bus;
        d.registered_ = registered;
    }
    static module::Gated<Binding>& binding(Device& d) { return d.binding_; }
};

namespace {

struct Entry {
    Bus* bus;
    std::string name;
    module::Gated<Driver> driver;
};
struct State {
    std::vector<Ref<Device>> devices;
    std::vector<std::unique_ptr<Entry>> drivers;
    std::vector<Bus*> buses;
    std::map<Device*, std::string> bound;
};
State& state() {
    static State* s = new State;
    return *s;
}

Result<void> probe(Device& d, Entry& e) {
    if (!e.driver.call(&Driver::match, d)) return Err(Error::nodev);
    TRY_ASSIGN(
        auto binding,
        e.driver.call(
            static_cast<Result<std::unique_ptr<Binding>> (Driver::*)(Device&)>(&Driver::probe), d));
    if (!binding) return Err(Error::nodev);
    Tree::binding(d) = module::Gated<Binding>::own(std::move(binding), e.driver.gate());
    module::GateAttribution core(nullptr);
    state().bound[&d] = e.name;
    return {};
}

}  // namespace

Result<Ref<Device>> Device::create(DeviceOptions options) {
    return Tree::make(options);
}
Device::~Device() = default;

Result<void> register_bus(Bus& bus) {
    for (Bus* b : state().buses)
        if (b->name() == bus.name()) return Err(Error::busy);
    state().buses.push_back(&bus);
    return {};
}
void unregister_bus(Bus& bus) {
    std::erase(state().buses, &bus);
}
Result<void> register_driver(Bus& bus, module::Gated<Driver> driver) {
    module::GateAttribution core(nullptr);
    const std::string name(driver.object()->name());
    for (auto& e : state().drivers)
        if (e->bus == &bus && e->name == name) return Err(Error::busy);
    state().drivers.push_back(std::make_unique<Entry>(&bus, name, std::move(driver)));
    Entry& e = *state().drivers.back();
    const auto devices = state().devices;
    for (const auto& d : devices)
        if (d->bus() == &bus && !state().bound.contains(d.get())) (void)probe(*d, e);
    return {};
}
void unregister_driver(Bus& bus, std::string_view name) {
    const auto devices = state().devices;
    for (const auto& d : devices)
        if (d->bus() == &bus && driver_name(*d) == name) (void)unbind(*d);
    std::erase_if(state().drivers, [&](auto& e) { return e->bus == &bus && e->name == name; });
}
Result<void> add(Ref<Device> device, Device* parent, Bus* bus) {
    module::GateAttribution core(nullptr);
    for (const auto& d : state().devices)
        if (d->parent() == parent && d->name() == device->name() &&
            d->class_name() == device->class_name())
            return Err(Error::exist);
    Tree::place(*device, parent, bus, true);
    state().devices.push_back(device);
    (void)attach(*device);
    return {};
}
void remove(Device& device) {
    if (!device.is_registered()) return;
    const auto devices = state().devices;
    for (const auto& d : devices)
        if (d->parent() == &device) remove(*d);
    (void)unbind(device);
    Tree::place(device, nullptr, nullptr, false);
    std::erase_if(state().devices, [&](auto& d) { return d.get() == &device; });
}
Result<void> attach(Device& device) {
    if (device.bus() == nullptr || state().bound.contains(&device)) return {};
    for (auto& e : state().drivers)
        if (e->bus == device.bus() && probe(device, *e)) return {};
    return Err(Error::nodev);
}
Result<void> bind(Device& device, std::string_view driver_name) {
    if (state().bound.contains(&device)) return Err(Error::busy);
    for (auto& e : state().drivers)
        if (e->bus == device.bus() && e->name == driver_name) return probe(device, *e);
    return Err(Error::nodev);
}
Result<void> unbind(Device& device) {
    if (state().bound.erase(&device) == 0) return Err(Error::nodev);
    Tree::binding(device).reset();
    return {};
}
std::string_view driver_name(Device& device) {
    const auto at = state().bound.find(&device);
    return at == state().bound.end() ? std::string_view{} : at->second;
}
void emit_uevent(Device&, std::string_view, std::string_view) {}
void settle() {}

}  // namespace tenon::device

namespace tenon::mock {

device::Device* find_device(std::string_view name) {
    for (const auto& d : device::state().devices)
        if (d->node().major != 0 && d->node().name == name) return d.get();
    return nullptr;
}
void reset_devices() {
    auto& s = device::state();
    s.devices.clear();
    s.drivers.clear();
}

}  // namespace tenon::mock
