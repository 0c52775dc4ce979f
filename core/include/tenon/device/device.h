// Buses, devices, drivers: matched by modalias or ids, bound by probe, shown in sysfs, nodes in
// /dev.
//
// Theory. A Device is a core object: it lives as long as anybody refers to it, whatever becomes of
// the module that made it, whose own part (DeviceOps, Binding) is reached through gates only.
// Devices form a tree. A bus matches its devices to its drivers; what a driver acquires in probe()
// lives in the Binding that it returns, whose destructor is the removal. One mutex guards the tree;
// it is not held while a probe or a Binding's destructor runs, so that both may add and remove
// devices. A device that nobody binds asks for a module by its modalias, in a worker.
#pragma once

#include <tenon/lib/format.h>
#include <tenon/lib/intrusive.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/module/gate.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/revocation.h>

#include <memory>
#include <span>

namespace tenon::device {

class Device;
class Driver;
class Bus;
struct DriverRecord;

using sync::Revocation;

// A text attribute: a file in the device's folder in sysfs.
struct AttributeInfo {
    std::string_view name;
    u32 mode = 0444;
};

// What the maker of a device answers about it. All calls in thread context, through the gate.
class DeviceOps {
  public:
    virtual ~DeviceOps() = default;
    virtual void uevent(Device& device, fmt::Sink& out) {}  // "KEY=value" lines, each with '\n'
    virtual std::span<const AttributeInfo> attributes(Device& device) { return {}; }
    virtual Result<void> show(Device& device, usize attribute, fmt::Sink& out) {
        return Err(Error::io);
    }
    virtual Result<void> store(Device& device, usize attribute, std::string_view text) {
        return Err(Error::io);
    }
    // The binary file "config", where there is one: bytes at `offset`.
    virtual usize config_size(Device& device) { return 0; }
    virtual Result<usize> read_config(Device& device, usize offset, std::span<u8> out) {
        return Err(Error::io);
    }
    virtual Result<usize> write_config(Device& device, usize offset, std::span<const u8> bytes) {
        return Err(Error::io);
    }
};

// What a bound driver holds. Destroyed at unbind.
class Binding {
  public:
    virtual ~Binding() = default;
    virtual void shutdown() {}  // power-off
};

// A node in /dev: character (or block) device number.
struct Node {
    u32 major = 0, minor = 0;  // major 0: no node
    u32 mode = 0600;
    bool is_block = false;
    std::string_view name = {};  // below /dev, may hold '/'; empty: the device's name
};

struct DeviceOptions {
    std::string_view name;
    std::string_view class_name = {};  // "tty", "misc": listed in /sys/class; empty: none
    std::string_view modalias = {};    // what module aliases match: "pci:v00001234d..."
    Node node = {};
    module::Gated<DeviceOps> ops = {};
    void* bus_data = nullptr;  // the bus's own object for the device
};

class Device final : public RefCounted<Device> {
  public:
    TENON_API static Result<Ref<Device>> create(DeviceOptions options);
    TENON_API ~Device();

    std::string_view name() const { return name_; }
    std::string_view class_name() const { return class_name_; }
    std::string_view modalias() const { return modalias_; }
    const Node& node() const { return node_; }
    const module::Gated<DeviceOps>& ops() const { return ops_; }
    // Asks its maker: d.call(&DeviceOps::show, d, index, out). Error::nodev, or a zero value, when
    // there is none or it has gone.
    template <typename R, typename... P, typename... A>
    R call(R (DeviceOps::*method)(P...), A&&... arguments) {
        if constexpr (std::is_void_v<R>) {
            (void)in_maker([&] { (ops_.object()->*method)(std::forward<A>(arguments)...); });
        } else {
            R answer = module::detail::DeadAnswer<R>::value();
            const bool answered = in_maker([&] {
                answer = (ops_.object()->*method)(std::forward<A>(arguments)...);
                if (module::detail::sound(answer, ops_.gate())) return;
                module::detail::reject_answer(*ops_.gate());
                answer = module::detail::DeadAnswer<R>::value();
            });
            return answered ? answer : module::detail::DeadAnswer<R>::value();
        }
    }
    void* bus_data() const { return bus_data_; }
    // Stable while the device is registered.
    Device* parent() const { return parent_.get(); }
    Bus* bus() const { return bus_; }
    bool is_registered() const { return registered_; }
    u64 id() const { return id_; }  // never used twice; an inode number for sysfs

  private:
    friend struct Tree;
    Device() = default;
    // Runs function(argument) inside the maker, as cross(); also false when it has gone. What
    // counts the call lies in a frame of the core: the caller may be a module that is ended
    // meanwhile.
    TENON_API bool call_maker(void (*function)(void*), void* argument);
    template <typename F>
    bool in_maker(F&& function) {
        return call_maker([](void* f) { (*static_cast<std::remove_reference_t<F>*>(f))(); },
                          &function);
    }
    char name_[48] = {};
    char class_name_[24] = {};
    char node_name_[48] = {};
    std::unique_ptr<char[]> modalias_text_;
    std::string_view modalias_;
    Node node_;
    module::Gated<DeviceOps> ops_;
    Revocation calls_;  // into ops_
    void* bus_data_ = nullptr;
    u64 id_ = 0;
    // Guarded by the tree's mutex.
    Ref<Device> parent_;
    Bus* bus_ = nullptr;
    DriverRecord* driver_ = nullptr;
    module::Gated<Binding> binding_;
    enum class BindState : u8 { unbound, busy, bound } bind_state_ = BindState::unbound;
    bool registered_ = false;
    char driver_override_[48] = {};
    // What became of the last attempts, for who asks why it is not bound.
    char tried_driver_[48] = {};
    Error tried_error_ = Error::none;
    enum class Asked : u8 { no, waiting, answered } asked_ = Asked::no;
    Error asked_error_ = Error::none;

  public:
    ListHook tree_hook;  // all devices, parents before children
};

class Driver {
  public:
    virtual ~Driver() = default;
    virtual std::string_view name() const = 0;
    // True if this driver serves the device (its ids match).
    virtual bool match(Device& device) = 0;
    virtual Result<std::unique_ptr<Binding>> probe(Device& device) = 0;
};

class Bus {
  public:
    virtual ~Bus() = default;
    virtual std::string_view name() const = 0;
    // For a bus whose devices come and go; called behind `gate`. Error::opnotsupp: it is none.
    virtual bool is_dynamic() const { return false; }
    virtual Result<void> rescan() { return Err(Error::opnotsupp); }
    virtual Result<void> remove(Device& device) { return Err(Error::opnotsupp); }
    // Its driver failed and will not do it: ends the device's own accesses to memory. An error:
    // they may go on, and what the driver gave it to access is given up.
    virtual Result<void> silence(Device& device) { return {}; }
    ListHook hook;
    Ref<module::Gate> gate;  // its module's; set when it is registered
};

// Buses outlive their devices and drivers: Error::busy on a name twice.
TENON_API Result<void> register_bus(Bus& bus);
TENON_API void unregister_bus(Bus& bus);
// Binds to every unbound device that matches, before it returns.
TENON_API Result<void> register_driver(Bus& bus, module::Gated<Driver> driver);
// Unbinds everywhere first, waiting for calls in flight.
TENON_API void unregister_driver(Bus& bus, std::string_view name);
// Adds below `parent` (null: top), emits an uevent, binds or asks for a module by modalias.
// Error::exist when the parent has a child of that name.
TENON_API Result<void> add(Ref<Device> device, Device* parent, Bus* bus);
// Unbinds, removes with everything below it, emits uevents.
TENON_API void remove(Device& device);
TENON_API Result<void> bind(Device& device, std::string_view driver_name);
TENON_API Result<void> unbind(Device& device);
// Only the driver of that name binds from now on; empty: any.
TENON_API Result<void> set_driver_override(Device& device, std::string_view driver_name);
TENON_API std::string_view driver_override(Device& device);
// Offers an unbound device to the drivers again. Error::nodev when none took it.
TENON_API Result<void> attach(Device& device);
TENON_API u64 uevent_sequence();  // of the last one
// Emits an uevent by hand ("add", "change", "remove"). `extra`: KEY=value lines, each with '\n'.
TENON_API void emit_uevent(Device& device, std::string_view action, std::string_view extra = {});
// The lines that describe the device, as its file `uevent` has them: KEY=value, each with '\n'.
TENON_API void write_uevent(Device& device, fmt::Sink& out);
// Why it is bound or is not, as lines "key: value": see modules/fs/sysfs/README.md.
TENON_API void write_bind_log(Device& device, fmt::Sink& out);
// Waits until no autoload is under way (end of boot).
TENON_API void settle();

// --- What sysfs, devfs and netlink see. Visitors run with the tree held: they may allocate, not
// add or remove devices.
TENON_API void for_each_device(void (*visit)(Device&, void*), void* context);
TENON_API void for_each_bus(void (*visit)(Bus&, void*), void* context);
TENON_API void for_each_driver(Bus& bus,
                               void (*visit)(std::string_view name, std::string_view module, void*),
                               void* context);
// The name of the driver bound to it, or empty; valid while the tree is held.
TENON_API std::string_view driver_name(Device& device);
// "/devices/pci0000:00/0000:00:03.0" (without /sys).
TENON_API void write_path(Device& device, fmt::Sink& out);
enum class Event : u8 { added, changed, removed };
class Listener {
  public:
    // `text` is the uevent: KEY=value strings, each with its NUL, after "add@/devices/...\0".
    // Called in thread context, one event at a time and in their order; it may use the VFS and look
    // at the tree, but not add or remove devices.
    virtual void event(Event event, Device& device, std::string_view text) = 0;
    Listener* next = nullptr;
    module::Gate* gate = nullptr;  // of the module that it belongs to

  protected:
    ~Listener() = default;
};
// Modules use Context::add_listener().
void add_listener(Listener& listener);
void remove_listener(Listener& listener);

// [core] Boot.
void init();

}  // namespace tenon::device
