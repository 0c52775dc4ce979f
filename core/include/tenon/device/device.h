// Buses, devices, drivers: matched by modalias, bound by probe, shown in sysfs.
//
// Devices form a tree. A Bus matches devices to drivers. Everything a driver acquires in probe
// lives in the Binding it returns: its destructor is the removal. Locks: the device tree mutex
// (sleeping); probe and the Binding's destructor run under the device's own.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/lib/intrusive.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/module/gate.h>
#include <tenon/sync/mutex.h>

#include <memory>

namespace tenon::device {

class Device;
class Driver;
class Bus;

// A text attribute of a device, driver or bus: a file in sysfs.
class Attribute {
  public:
    virtual ~Attribute() = default;
    virtual std::string_view name() const = 0;
    virtual u32 mode() const { return 0444; }
    virtual Result<void> show(Device& device, fmt::Sink& out) { return Err(Error::io); }
    virtual Result<void> store(Device& device, std::string_view text) { return Err(Error::io); }
};

// What a bound driver holds. Destroyed at unbind, with the device's calls quiesced.
class Binding {
  public:
    virtual ~Binding() = default;
    virtual void shutdown() {}  // power-off
};

class Device : public RefCounted<Device> {
  public:
    TENON_API explicit Device(std::string_view name);
    TENON_API virtual ~Device();
    std::string_view name() const { return name_; }
    Device* parent() const { return parent_.get(); }
    Bus* bus() const { return bus_; }
    // "pci:v00001234d000011E8sv...": what module aliases match.
    virtual void modalias(fmt::Sink& out) const {}
    virtual void uevent(fmt::Sink& out) const {}                // KEY=value lines with NULs
    virtual std::string_view class_name() const { return {}; }  // "tty", "misc"; empty: none
    TENON_API void add_attribute(Attribute& attribute);
    Driver* driver() const { return driver_; }
    u32 major = 0, minor = 0;  // a device node, if major != 0
    u32 node_mode = 0600;
    bool is_block = false;
    char node_name[48] = {};  // in /dev, default the name
    void on_last_ref();

  private:
    friend class DeviceTree;
    char name_[48];
    Ref<Device> parent_;
    Bus* bus_ = nullptr;
    Driver* driver_ = nullptr;
    std::unique_ptr<Binding> binding_;
    module::Gated<Binding> gated_binding_;
    struct Children;
    Children* children_ = nullptr;
    void* attributes_ = nullptr;
    bool registered_ = false;

  public:
    ListHook sibling_hook, bus_hook;
};

class Driver {
  public:
    virtual ~Driver() = default;
    virtual std::string_view name() const = 0;
    // True if this driver serves the device (its ids match). Default: by the module's aliases.
    virtual bool match(Device& device) = 0;
    virtual Result<module::Gated<Binding>> probe(Device& device) = 0;
    ListHook hook;
};

class Bus {
  public:
    virtual ~Bus() = default;
    virtual std::string_view name() const = 0;
    ListHook hook;
};

TENON_API Result<void> register_bus(Bus& bus);
TENON_API void unregister_bus(Bus& bus);
// Binds to every unbound device that matches.
TENON_API Result<void> register_driver(Bus& bus, module::Gated<Driver> driver);
// Unbinds everywhere first, waiting for calls in flight.
TENON_API void unregister_driver(Bus& bus, std::string_view name);
// Adds to the tree below `parent` (null: top), emits a uevent, binds or asks for a module by
// modalias.
TENON_API Result<void> add(Ref<Device> device, Device* parent, Bus* bus);
TENON_API void remove(Device& device);
TENON_API Result<void> bind(Device& device, std::string_view driver_name);
TENON_API Result<void> unbind(Device& device);

}  // namespace tenon::device
