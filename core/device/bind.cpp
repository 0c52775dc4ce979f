// Binding devices and drivers.
//
// A device is unbound, busy or bound. Who finds it unbound makes it busy under the tree's mutex and
// then owns the transition: probe() and the Binding's destructor run without the mutex. Who finds
// it busy waits. A driver that leaves is marked first, so that nothing binds to it behind its back.
#include <tenon/trace/log.h>

#include <cstring>

#include "core/device/tree.h"
#include "core/module/crossing.h"

namespace tenon::device {

namespace {

void wait_while_busy(Device& device) {
    (void)tree().settled.wait(
        [&] {
            sync::MutexGuard guard(tree().mutex);
            return Tree::state(device) != Tree::BindState::busy;
        },
        sync::WaitMode::uninterruptible);
}

void end_transition(Device& device, Tree::BindState state) {
    {
        sync::MutexGuard guard(tree().mutex);
        Tree::state(device) = state;
    }
    tree().settled.wake_all();
}

}  // namespace

DriverRecord* Tree::find_driver(const Bus* bus, std::string_view name) {
    for (DriverRecord& r : *drivers)
        if (r.bus == bus && name == r.name && !r.leaving) return &r;
    return nullptr;
}

Result<void> Tree::bind_to(Device& device, DriverRecord& record, bool must_match) {
    if (must_match && !matches(device, record)) return Err(Error::nodev);
    {
        sync::MutexGuard guard(mutex);
        if (!device.registered_ || record.leaving) return Err(Error::nodev);
        if (device.bind_state_ != BindState::unbound) return Err(Error::busy);
        device.bind_state_ = BindState::busy;
        device.driver_ = &record;
    }
    const module::Uncut others_wait_for_its_end;
    auto made = record.driver.call(&Driver::probe, device);
    if (!made) {
        silence_failed(device, record.driver.gate());
        {
            sync::MutexGuard guard(mutex);
            device.driver_ = nullptr;
            tried(device, record.name, made.error());
        }
        end_transition(device, BindState::unbound);
        // "Not mine" is an answer, not a failure.
        if (made.error() != Error::nodev && made.error() != Error::nxio)
            log::warn("{}: driver {}: probe failed: {}", device.name(), record.name, made.error());
        return Err(made.error());
    }
    device.binding_ = module::Gated<Binding>::own(std::move(*made), record.driver.gate());
    {
        sync::MutexGuard guard(mutex);
        tried(device, record.name, Error::none);
    }
    // While it is busy: nobody hears of its end first.
    emit_uevent(device, "bind");
    end_transition(device, BindState::bound);
    return {};
}

bool Tree::matches(Device& device, DriverRecord& record) {
    const module::Uncut counted;
    const Revocation::Call driver_stays(record.calls), device_stays(device.calls_);
    return driver_stays && device_stays && record.driver.call(&Driver::match, device);
}

Result<void> Tree::silence(Device& device) {
    Bus* bus = device.bus_;
    return module::Gated<Bus>::borrow(bus, bus->gate.get()).call(&Bus::silence, device);
}

// Before it is nobody's device: the warden looks for those of the failed module.
void Tree::silence_failed(Device& device, module::Gate* gate) {
    if (gate == nullptr || !gate->failed()) return;
    if (auto done = silence(device); !done) {
        log::err("{}: cannot be kept from memory: {}", device.name(), done.error());
        gate->left_unsilenced.store(true, std::memory_order_relaxed);
    }
}

bool silence_devices(module::Gate& gate) {
    const auto is_theirs = [&](Device& d) {
        return Tree::driver(d) != nullptr && Tree::driver(d)->driver.gate() == &gate;
    };
    u64 last = 0;
    while (Ref<Device> next = tree().next_device(last, is_theirs)) {
        last = next->id();
        Tree::silence_failed(*next, &gate);
    }
    return !gate.left_unsilenced.load(std::memory_order_relaxed);
}

void Tree::tried(Device& d, std::string_view driver, Error error) {
    std::memset(d.tried_driver_, 0, sizeof d.tried_driver_);
    std::memcpy(d.tried_driver_, driver.data(), driver.size());
    d.tried_error_ = error;
}

void Tree::write_bind_log(Device& device, fmt::Sink& out) {
    char matching[256];
    fmt::BufferSink names(matching);
    for (u32 position = 0;; ++position) {
        Ref<DriverRecord> record = nth_driver(device.bus_, position);
        if (!record) break;
        if (matches(device, *record)) fmt::print(names, " {}", record->name);
    }
    sync::MutexGuard guard(mutex);
    const auto text = [](std::string_view s) { return s.empty() ? std::string_view("-") : s; };
    fmt::print(out, "driver: {}\n", text(driver_name(device)));
    fmt::print(out, "override: {}\n", text(device.driver_override_));
    fmt::print(out, "matching:{}\n", names.text().empty() ? std::string_view(" -") : names.text());
    fmt::print(out, "last probe: {}", text(device.tried_driver_));
    if (device.tried_driver_[0] != '\0')
        fmt::print(out, " {}",
                   device.tried_error_ == Error::none
                       ? std::string_view("ok")
                       : std::string_view(error_name(device.tried_error_)));
    fmt::print(out, "\nmodule asked for: {}\n",
               device.asked_ == Device::Asked::no        ? std::string_view("-")
               : device.asked_ == Device::Asked::waiting ? std::string_view("under way")
               : device.asked_error_ == Error::none      ? std::string_view("loaded")
               : device.asked_error_ == Error::noent
                   ? std::string_view("none serves it")
                   : std::string_view(error_name(device.asked_error_)));
}

void write_bind_log(Device& device, fmt::Sink& out) {
    tree().write_bind_log(device, out);
}

Ref<DriverRecord> Tree::nth_driver(const Bus* bus, u32 position) {
    sync::MutexGuard guard(mutex);
    for (DriverRecord& r : *drivers)
        if (r.bus == bus && !r.leaving && position-- == 0) return Ref<DriverRecord>(&r);
    return {};
}

void Tree::bind_any(Device& device) {
    char wanted[sizeof(device.driver_override_)];
    {
        sync::MutexGuard guard(mutex);
        std::memcpy(wanted, device.driver_override_, sizeof wanted);
    }
    // Each driver once: by position, for the list may change while a probe runs.
    for (u32 position = 0;; ++position) {
        Ref<DriverRecord> record = nth_driver(device.bus_, position);
        if (!record) break;
        const bool forced = wanted[0] != '\0';
        if (forced && std::string_view(wanted) != record->name) continue;
        auto bound = bind_to(device, *record, !forced);
        if (bound || bound.error() == Error::busy) return;
    }
    if (!device.modalias().empty()) request_driver(device);
}

Result<void> Tree::unbind(Device& device) {
    for (;;) {
        wait_while_busy(device);
        sync::MutexGuard guard(mutex);
        if (device.bind_state_ == BindState::busy) continue;
        if (device.bind_state_ == BindState::unbound) return Err(Error::nodev);
        device.bind_state_ = BindState::busy;
        break;
    }
    const module::Uncut others_wait_for_its_end;
    // The Binding's destructor is the driver's removal; children that it left are removed after.
    device.binding_.reset();
    silence_failed(device, device.driver_->driver.gate());
    for (;;) {
        Ref<Device> child;
        {
            sync::MutexGuard guard(mutex);
            for (Device& d : *devices)
                if (d.parent() == &device && d.ops().gate() == device.driver_->driver.gate() &&
                    d.ops().gate() != nullptr)
                    child = Ref<Device>(&d);
        }
        if (!child) break;
        remove(*child);
    }
    {
        sync::MutexGuard guard(mutex);
        device.driver_ = nullptr;
    }
    if (device.is_registered()) emit_uevent(device, "unbind");
    end_transition(device, BindState::unbound);
    return {};
}

Result<void> register_driver(Bus& bus, module::Gated<Driver> driver) {
    Ref<DriverRecord> record = adopt_ref(new (std::nothrow) DriverRecord);
    if (!record) return Err(Error::nomem);
    const std::string_view name = driver.object()->name();
    if (name.empty() || name.size() >= sizeof record->name) return Err(Error::nametoolong);
    std::memcpy(record->name, name.data(), name.size());
    record->bus = &bus;
    record->driver = std::move(driver);
    Tree& t = tree();
    {
        sync::MutexGuard guard(t.mutex);
        if (t.find_driver(&bus, name) != nullptr) return Err(Error::busy);
        record->ref();
        t.drivers->push_back(*record);
    }
    // The devices that are there.
    bool forced = false;
    const auto may_be_ours = [&](Device& d) {
        const std::string_view wanted = Tree::driver_override(d);
        forced = !wanted.empty();
        return d.bus() == &bus && Tree::state(d) == Tree::BindState::unbound &&
               (!forced || wanted == record->name);
    };
    u64 last = 0;
    while (Ref<Device> next = t.next_device(last, may_be_ours)) {
        last = next->id();
        (void)t.bind_to(*next, *record, !forced);
    }
    return {};
}

void unregister_driver(Bus& bus, std::string_view name) {
    Tree& t = tree();
    Ref<DriverRecord> record;
    {
        sync::MutexGuard guard(t.mutex);
        DriverRecord* found = t.find_driver(&bus, name);
        if (found == nullptr) return;
        found->leaving = true;
        record = Ref<DriverRecord>(found);
    }
    for (;;) {
        Ref<Device> bound;
        {
            sync::MutexGuard guard(t.mutex);
            for (Device& d : *t.devices)
                if (Tree::driver(d) == record.get()) bound = Ref<Device>(&d);
        }
        if (!bound) break;
        (void)t.unbind(*bound);
    }
    {
        sync::MutexGuard guard(t.mutex);
        t.drivers->erase(t.drivers->iterator_to(*record));
    }
    record->calls.revoke();
    record->driver.reset();
    record->unref();
}

Result<void> bind(Device& device, std::string_view name) {
    Tree& t = tree();
    Ref<DriverRecord> record;
    {
        sync::MutexGuard guard(t.mutex);
        DriverRecord* found = t.find_driver(device.bus(), name);
        if (found == nullptr) return Err(Error::nodev);
        record = Ref<DriverRecord>(found);
    }
    const std::string_view wanted = driver_override(device);
    if (!wanted.empty() && wanted != name) return Err(Error::nodev);
    return t.bind_to(device, *record, wanted.empty());
}

Result<void> unbind(Device& device) {
    return tree().unbind(device);
}

Result<void> set_driver_override(Device& device, std::string_view name) {
    sync::MutexGuard guard(tree().mutex);
    if (name.size() >= Tree::override_size()) return Err(Error::inval);
    char* to = Tree::driver_override(device);
    std::memcpy(to, name.data(), name.size());
    to[name.size()] = '\0';
    return {};
}

std::string_view driver_override(Device& device) {
    return Tree::driver_override(device);
}

Result<void> attach(Device& device) {
    tree().bind_any(device);
    if (Tree::state(device) != Tree::BindState::bound) return Err(Error::nodev);
    return {};
}

}  // namespace tenon::device
