#include "enumerate.h"

#include <tenon/module/module.h>

#include "resources.h"

namespace tenon::pci {

namespace {

PciBus* g_bus = nullptr;  // the instance's
Enumerator* g_enumerator = nullptr;
constexpr u32 kMaxDepth = 16;
constexpr u16 kSecondaryBus = 0x19;

}  // namespace

void set_bus(PciBus* bus, Enumerator* enumerator) {
    g_bus = bus;
    g_enumerator = enumerator;
}

device::Bus& bus() {
    return *g_bus;
}

Result<void> PciBus::rescan() {
    return enumerator_.run();
}
Result<void> PciBus::remove(device::Device& device) {
    return enumerator_.remove(device);
}
Result<void> PciBus::silence(device::Device& device) {
    Function& f = *static_cast<Function*>(device.bus_data());
    if (f.is_bridge() || !f.is_present()) return {};
    f.set_bus_master(false);
    // All ones: it is not there any more.
    const u16 command = f.read16(kCommand);
    return command == 0xffff || (command & kCommandMaster) == 0 ? Result<void>{} : Err(Error::io);
}
Result<u32> scan_below(Function& bridge) {
    return g_enumerator->scan_below(bridge);
}
bool answers_below(Function& bridge) {
    const u32 id = config_read({bridge.segment, bridge.read8(kSecondaryBus), 0, 0}, kVendorId, 4);
    // Vendor 1 is "ask again": configuration request retry.
    return (id & 0xffff) != 0xffff && (id & 0xffff) != 1 && id != 0;
}
void remove_below(Function& bridge, bool gone) {
    g_enumerator->remove_below(bridge, gone);
}

Enumerator::~Enumerator() {
    // Bridges were found before what is behind them: the newest goes first.
    while (functions_ != nullptr) end(functions_);
}

Result<void> Enumerator::run() {
    sync::MutexGuard guard(lock_);
    for (usize i = 0; i < segment_count() && i < 8; ++i) {
        const Segment s = segment(i);
        if (!roots_[i].device) {
            fmt::Line<24> name("pci{:04x}:{:02x}", s.number, s.first_bus);
            TRY_ASSIGN(roots_[i].device, device::Device::create({.name = name.view()}));
            TRY_ASSIGN(roots_[i].held, context_.add_device(roots_[i].device, nullptr, nullptr));
        }
        TRY(scan_bus(s, s.first_bus, nullptr, roots_[i].device.get(), 0));
    }
    return {};
}

Result<u32> Enumerator::scan_below(Function& bridge) {
    sync::MutexGuard guard(lock_);
    if (bridge.remover_ != nullptr) return Err(Error::nodev);
    bridge.closed_ = false;
    const u32 before = count_;
    for (usize i = 0; i < segment_count(); ++i)
        if (const Segment s = segment(i); s.number == bridge.segment) {
            TRY(scan_bus(s, bridge.read8(kSecondaryBus), &bridge, &bridge.core_device(), 1));
        }
    return count_ - before;
}

// First all of a bus are found, then they get addresses, then they are shown: a driver sees its
// neighbours whole.
Result<void> Enumerator::scan_bus(const Segment& segment, u8 bus, Function* parent,
                                  device::Device* device, u32 depth) {
    if (depth > kMaxDepth) return {};
    for (u8 slot = 0; slot < 32; ++slot) TRY(look_at_slot(segment, bus, slot, parent));
    for (Function* f = functions_; f != nullptr; f = f->next_)
        if (f->parent_ == parent && f->segment == segment.number && f->bus == bus && !f->device_)
            Resources(functions_).assign_bars(*f);
    // By address, each looked up anew: the list is newest first, and what is behind a bridge is
    // added on the way.
    for (u32 place = 0; place < 256; ++place) {
        Function* f =
            find({segment.number, bus, static_cast<u8>(place >> 3), static_cast<u8>(place & 7)});
        if (f == nullptr || f->parent_ != parent) continue;
        const bool leads_on = f->is_bridge() && Resources(functions_).assign_bridge(*f, segment);
        if (!f->device_) {
            TRY(publish(*f, device));
            if (f->is_bridge() && !leads_on)
                log::warn("pci: {}: no bus number is left for what is behind it",
                          f->core_device().name());
        }
        if (!leads_on || f->closed_ || f->remover_ != nullptr) continue;
        const u8 secondary = f->read8(kSecondaryBus);
        if (secondary > bus && secondary <= segment.last_bus)
            TRY(scan_bus(segment, secondary, f, &f->core_device(), depth + 1));
    }
    return {};
}

Result<void> Enumerator::look_at_slot(const Segment& segment, u8 bus, u8 slot, Function* parent) {
    u8 functions = 1;
    for (u8 n = 0; n < functions; ++n) {
        const Address a{segment.number, bus, slot, n};
        const u32 id = config_read(a, kVendorId, 4);
        if ((id & 0xffff) == 0xffff || id == 0) continue;
        if (find(a) == nullptr) TRY(make(a, parent));
        if (n == 0 && (config_read(a, 0x0e, 1) & 0x80)) functions = 8;
    }
    return {};
}

Function* Enumerator::find(const Address& a) const {
    for (Function* f = functions_; f != nullptr; f = f->next_)
        if (f->segment == a.segment && f->bus == a.bus && f->slot == a.slot &&
            f->function == a.function)
            return f;
    return nullptr;
}

Result<void> Enumerator::make(const Address& a, Function* parent) {
    Function* f = new (std::nothrow) Function;
    if (f == nullptr) return Err(Error::nomem);
    f->segment = a.segment;
    f->bus = a.bus;
    f->slot = a.slot;
    f->function = a.function;
    f->parent_ = parent;
    f->vendor = f->read16(kVendorId);
    f->device = f->read16(kDeviceId);
    f->revision = f->read8(0x08);
    f->class_code = f->read32(0x08) >> 8;
    f->header_type = f->read8(0x0e);
    if ((f->header_type & 0x7f) == 0) {
        f->subsystem_vendor = f->read16(0x2c);
        f->subsystem_device = f->read16(0x2e);
    }
    f->interrupt_line = f->read8(0x3c);
    f->interrupt_pin = f->read8(0x3d);
    if ((f->header_type & 0x7f) <= 1) f->read_bars();
    // What no driver serves reaches no memory, whatever firmware or a dead instance of ours left.
    if (!f->is_bridge()) f->set_bus_master(false);
    f->next_ = functions_;
    functions_ = f;
    return {};
}

Result<void> Enumerator::publish(Function& f, device::Device* parent) {
    char alias[80];
    fmt::BufferSink sink(alias);
    f.write_modalias(sink);
    fmt::Line<24> name("{:04x}:{:02x}:{:02x}.{}", f.segment, f.bus, f.slot, f.function);
    auto ops = module::Gated<device::DeviceOps>::borrow(&function_ops(), &context_.gate());
    TRY_ASSIGN(
        auto device,
        device::Device::create(
            {.name = name.view(), .modalias = sink.text(), .ops = std::move(ops), .bus_data = &f}));
    f.device_ = device.get();
    ++count_;
    auto held = context_.add_device(std::move(device), parent, g_bus);
    if (!held) {
        f.device_ = nullptr;
        --count_;
        unlink(f);
        delete &f;
        return Err(held.error());
    }
    f.held_ = std::move(*held);
    return {};
}

void Enumerator::unlink(Function& function) {
    for (Function** at = &functions_; *at != nullptr; at = &(*at)->next_)
        if (*at == &function) {
            *at = function.next_;
            return;
        }
}

// Its driver lets go of it; then it is forgotten.
void Enumerator::end(Function* f) {
    f->held_.release();
    {
        sync::MutexGuard guard(lock_);
        unlink(*f);
        --count_;
    }
    delete f;
    departures_.fetch_add(1, std::memory_order_release);
    departed_.wake_all();
}

void Enumerator::remove_below(Function& bridge, bool gone) {
    const u8 me = 0;  // by its address
    for (;;) {
        const u32 departures = departures_.load(std::memory_order_acquire);
        Function* newest = nullptr;
        bool is_mine = false;
        {
            sync::MutexGuard guard(lock_);
            bridge.closed_ = true;
            // The newest is behind no other bridge that is behind this one, or is it that bridge.
            for (Function* f = functions_; f != nullptr; f = f->next_) {
                const Function* up = f->parent_;
                while (up != nullptr && up != &bridge) up = up->parent_;
                if (up == nullptr) continue;
                // All are marked at once, so that no driver waits for one that does not answer.
                if (gone) f->gone_.store(true, std::memory_order_relaxed);
                if (f->remover_ == nullptr) f->remover_ = &me;
                if (newest == nullptr) newest = f;
            }
            if (newest == nullptr) return;
            is_mine = newest->remover_ == &me;
        }
        if (is_mine)
            end(newest);
        else
            (void)departed_.wait(
                [&] { return departures_.load(std::memory_order_acquire) != departures; },
                sync::WaitMode::uninterruptible);
    }
}

Result<void> Enumerator::remove(device::Device& device) {
    Function* found = nullptr;
    {
        sync::MutexGuard guard(lock_);
        for (Function* f = functions_; f != nullptr; f = f->next_)
            if (f->device_ == &device) found = f;
        if (found == nullptr || found->remover_ != nullptr) return Err(Error::nodev);
        found->remover_ = &device;
    }
    if (found->is_bridge()) remove_below(*found, false);
    end(found);
    return {};
}

}  // namespace tenon::pci
