// The device tree's own view of buses, drivers and devices. See tenon/device/device.h for the
// theory.
#pragma once

#include <tenon/device/device.h>
#include <tenon/sync/wait_queue.h>

namespace tenon::device {

struct DriverRecord : RefCounted<DriverRecord> {
    Bus* bus = nullptr;
    char name[48] = {};
    module::Gated<Driver> driver;
    bool leaving = false;  // no new binding
    Revocation calls;      // of match()
    ListHook hook;
};

// Guarded by `mutex`, which is not held while a module's code runs. A device appears and disappears
// under `events`, so that listeners hear of it in order.
struct Tree {
    sync::Mutex events{sync::LockRank::device_events};
    sync::Mutex mutex{sync::LockRank::device_tree};
    sync::WaitQueue settled;  // a bind or unbind ended
    List<Device, &Device::tree_hook>* devices = nullptr;
    List<DriverRecord, &DriverRecord::hook>* drivers = nullptr;
    List<Bus, &Bus::hook>* buses = nullptr;
    Listener* listeners = nullptr;  // guarded by `events`
    u64 next_id = 1;

    using BindState = Device::BindState;
    using Asked = Device::Asked;
    static BindState& state(Device& d) { return d.bind_state_; }

    // --- bind.cpp
    // Offers an unbound device to drivers, in order. Takes and drops the mutex.
    void bind_any(Device& device);
    Result<void> bind_to(Device& device, DriverRecord& record, bool must_match);
    // Ends a binding; waits for one that is under way. Takes and drops the mutex.
    Result<void> unbind(Device& device);

    // Whether the driver says that it serves the device; no, when one of them goes.
    static bool matches(Device& device, DriverRecord& record);
    // The first device behind the one of id `last` that is wanted: the list, which is in the order
    // of ids, may change between two calls. `wanted` is asked under the mutex.
    template <typename Wanted>
    Ref<Device> next_device(u64 last, Wanted&& wanted) {
        sync::MutexGuard guard(mutex);
        for (Device& d : *devices)
            if (d.id() > last && wanted(d)) return Ref<Device>(&d);
        return {};
    }

    DriverRecord* find_driver(const Bus* bus, std::string_view name);
    // The drivers of a bus one by one, for the list may change meanwhile; null behind the last.
    Ref<DriverRecord> nth_driver(const Bus* bus, u32 position);
    // Tells the listeners. With `events` held, not the mutex.
    void notify(Event event, Device& device, std::string_view action, std::string_view extra = {});

    static Ref<Device>& parent(Device& d) { return d.parent_; }
    static Bus*& bus(Device& d) { return d.bus_; }
    static DriverRecord*& driver(Device& d) { return d.driver_; }
    static bool& registered(Device& d) { return d.registered_; }
    static u64& id(Device& d) { return d.id_; }
    static char* driver_override(Device& d) { return d.driver_override_; }
    static usize override_size() { return sizeof(Device::driver_override_); }
    static Result<Ref<Device>> make(DeviceOptions& options);
    // Waits for calls to the maker that are in flight, then lets go of it.
    static void end_ops(Device& d) {
        d.calls_.revoke();
        d.ops_.reset();
    }
    static void tried(Device& d, std::string_view driver, Error error);
    static void asked(Device& d, Asked state, Error error) {
        d.asked_ = state;
        d.asked_error_ = error;
    }
    void write_bind_log(Device& device, fmt::Sink& out);
    static Result<void> silence(Device& device);
    // When its driver failed: the bus does what the driver did not.
    static void silence_failed(Device& device, module::Gate* gate);
};
Tree& tree();

// uevent.cpp: asks for a module by the device's modalias in a worker.
void request_driver(Device& device);

// The devices that a failed module's drivers serve access memory no more; false: one may go on. No
// call is in the module. May sleep.
bool silence_devices(module::Gate& gate);

}  // namespace tenon::device
