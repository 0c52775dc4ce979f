// PCI for drivers.
//
//     class Edu final : public device::Binding {
//       public:
//         static constexpr std::string_view kName = "edu";
//         static constexpr pci::Id kIds[] = {{.vendor = 0x1234, .device = 0x11e8}};
//         static Result<std::unique_ptr<Edu>> create(module::Context& context, pci::Function& f);
//     };
//     TENON_MODULE(pci::DriverModule<Edu>, {...});
#pragma once

#include <tenon/device/device.h>
#include <tenon/module/context.h>

#include <atomic>
#include <bit>
#include <span>

namespace tenon::pci {

inline constexpr u32 kAny = ~u32{0};

// What a driver serves; kAny matches everything. `class_code` is 24 bits under `class_mask`.
struct Id {
    u32 vendor = kAny, device = kAny;
    u32 subsystem_vendor = kAny, subsystem_device = kAny;
    u32 class_code = 0, class_mask = 0;
};

struct Bar {
    PhysAddr address;    // 0: absent or not assigned
    u64 size_bytes = 0;  // 0: absent
    bool is_io = false;  // `address` is a port
    bool is_64bit = false;
    bool prefetchable = false;
};

enum : u8 {
    kCapabilityPowerManagement = 0x01,
    kCapabilityMsi = 0x05,
    kCapabilityVendor = 0x09,
    kCapabilityExpress = 0x10,
    kCapabilityMsix = 0x11,
};
enum : u16 { kVendorId = 0x00, kDeviceId = 0x02, kCommand = 0x04, kStatus = 0x06 };
enum : u16 { kCommandIo = 1, kCommandMemory = 2, kCommandMaster = 4, kCommandNoIntx = 0x400 };

// One function of a device. Owned by this module; valid in probe() and while its Binding lives.
// Configuration accesses from several threads to one function are the driver's to order.
class Function {
  public:
    u16 segment = 0;
    u8 bus = 0, slot = 0, function = 0;
    u16 vendor = 0, device = 0, subsystem_vendor = 0, subsystem_device = 0;
    u32 class_code = 0;  // base class, sub class, interface: 24 bits
    u8 revision = 0, header_type = 0, interrupt_line = 0, interrupt_pin = 0;

    // `offset` is aligned; all ones from a function that is gone.
    TENON_API u8 read8(u16 offset);
    TENON_API u16 read16(u16 offset);
    TENON_API u32 read32(u16 offset);
    TENON_API void write8(u16 offset, u8 value);
    TENON_API void write16(u16 offset, u16 value);
    TENON_API void write32(u16 offset, u32 value);

    TENON_API const Bar& bar(u32 index) const;  // 0..5
    // Maps memory BAR `index`; Error::nodev when there is none.
    TENON_API Result<module::Mmio> map_bar(module::Context& context, u32 index);
    TENON_API void enable_memory();
    // Lets the device read and write memory. Off again when the driver is unbound.
    TENON_API void set_bus_master(bool on);
    // Offset of the capability, the first behind `after`; 0 if there is none.
    TENON_API u16 find_capability(u8 id, u16 after = 0);

    // False once it is known to be gone: what is read of it is all ones.
    bool is_present() const { return !gone_.load(std::memory_order_relaxed); }
    bool is_bridge() const { return (header_type & 0x7f) == 1; }

    // Power states of the specification; unknown: the function has no power management.
    enum class Power : u8 { d0, d1, d2, d3hot, unknown };
    // The state it is in now.
    TENON_API Power power();
    // May sleep. To D0, registers that the sleep may have lost are written again.
    TENON_API void set_power(Power state);

    device::Device& core_device() { return *device_; }

  private:
    friend class Enumerator;
    friend class Resources;
    void read_bars();
    void write_bar(u32 index);
    void write_modalias(fmt::Sink& out) const;
    Bar bars_[6];
    device::Device* device_ = nullptr;
    Function* parent_ = nullptr;  // the bridge that it is behind; null: on a root bus
    Function* next_ = nullptr;
    std::atomic<bool> gone_{false};
    // Guarded by the enumerator's lock. Who removes it, the first who came; and (a bridge) what is
    // behind it is being removed: nobody looks there until scan_below() is asked for.
    const void* remover_ = nullptr;
    bool closed_ = false;
    module::Held held_;
};

// --- For who serves a slot. All may sleep.
// Finds, gives addresses to and adds what is behind the bridge and not known yet; how many.
TENON_API Result<u32> scan_below(Function& bridge);
// Whether the first device behind the bridge answers yet.
TENON_API bool answers_below(Function& bridge);
// Removes all that is behind the bridge. `gone`: it does not answer any more.
TENON_API void remove_below(Function& bridge, bool gone);

// Message-signalled interrupts of one function, in use: dropping it masks and frees them.
class [[nodiscard]] Interrupt {
  public:
    Interrupt() = default;
    Interrupt(Interrupt&& o) noexcept
        : function_(std::exchange(o.function_, nullptr)),
          line_(std::move(o.line_)),
          table_(std::move(o.table_)),
          index_(o.index_) {}
    Interrupt& operator=(Interrupt&& o) noexcept {
        if (this != &o) {
            release();
            function_ = std::exchange(o.function_, nullptr);
            line_ = std::move(o.line_);
            table_ = std::move(o.table_);
            index_ = o.index_;
        }
        return *this;
    }
    ~Interrupt() { release(); }
    TENON_API void release();
    explicit operator bool() const { return function_ != nullptr; }

    // MSI-X vector `index` where the function has it, else MSI (index 0 only). Error::nodev when it
    // has neither, Error::inval when there is no such vector.
    TENON_API static Result<Interrupt> request(module::Context& context, Function& function,
                                               u32 index, irq::Handler handler, void* object);
    template <auto Method, typename T>
    static Result<Interrupt> request(module::Context& context, Function& function, u32 index,
                                     T* object) {
        return request(
            context, function, index, [](void* o) { return (static_cast<T*>(o)->*Method)(); },
            object);
    }

  private:
    Function* function_ = nullptr;
    module::Held line_;
    module::Mmio table_;  // MSI-X: the page with the entry
    u32 index_ = 0;
};
// How many vectors Interrupt::request takes.
TENON_API u32 interrupt_count(Function& function);

class Driver : public device::Driver {
  public:
    Driver(std::string_view name, std::span<const Id> ids) : name_(name), ids_(ids) {}
    std::string_view name() const override { return name_; }
    bool match(device::Device& device) override;
    Result<std::unique_ptr<device::Binding>> probe(device::Device& device) override;
    virtual Result<std::unique_ptr<device::Binding>> probe(Function& function) = 0;

  private:
    std::string_view name_;
    std::span<const Id> ids_;
};

// Around a driver's own binding: the function is awake while it is there, then asleep and unable
// to reach memory.
class BoundFunction final : public device::Binding {
  public:
    explicit BoundFunction(Function& function) : function_(function) {
        function_.set_power(Function::Power::d0);
    }
    ~BoundFunction() override {
        inner_.reset();
        if (function_.is_bridge() || !function_.is_present()) return;
        function_.set_bus_master(false);
        function_.set_power(Function::Power::d3hot);
    }
    void shutdown() override {
        if (inner_) inner_->shutdown();
    }
    void set(std::unique_ptr<device::Binding> inner) { inner_ = std::move(inner); }

  private:
    Function& function_;
    std::unique_ptr<device::Binding> inner_;
};

inline Result<std::unique_ptr<device::Binding>> Driver::probe(device::Device& device) {
    Function& function = *static_cast<Function*>(device.bus_data());
    std::unique_ptr<BoundFunction> bound(new (std::nothrow) BoundFunction(function));
    if (!bound) return Err(Error::nomem);
    TRY_ASSIGN(auto inner, probe(function));
    bound->set(std::move(inner));
    return std::unique_ptr<device::Binding>(std::move(bound));
}

inline bool Driver::match(device::Device& device) {
    const auto& f = *static_cast<const Function*>(device.bus_data());
    for (const Id& id : ids_) {
        const auto is = [](u32 wanted, u32 value) { return wanted == kAny || wanted == value; };
        if (is(id.vendor, f.vendor) && is(id.device, f.device) &&
            is(id.subsystem_vendor, f.subsystem_vendor) &&
            is(id.subsystem_device, f.subsystem_device) &&
            (f.class_code & id.class_mask) == id.class_code)
            return true;
    }
    return false;
}

TENON_API device::Bus& bus();
inline Result<module::Held> register_driver(module::Context& context,
                                            std::unique_ptr<Driver> driver) {
    return context.register_driver(bus(), std::move(driver));
}

// A module that is one driver. All of it is T: kName, kIds and create(context, function), which
// makes the binding of one function.
template <typename T>
class DriverModule final : public module::Instance {
  public:
    // For TENON_MODULE. Error::nomem.
    static Result<std::unique_ptr<DriverModule>> create(module::Context& context) {
        std::unique_ptr<DriverModule> self(new (std::nothrow) DriverModule);
        std::unique_ptr<Of> driver(new (std::nothrow) Of(context));
        if (!self || !driver) return Err(Error::nomem);
        TRY_ASSIGN(self->driver_, register_driver(context, std::move(driver)));
        return self;
    }

  private:
    class Of final : public Driver {
      public:
        explicit Of(module::Context& context) : Driver(T::kName, T::kIds), context_(context) {}
        Result<std::unique_ptr<device::Binding>> probe(Function& function) override {
            TRY_ASSIGN(auto binding, T::create(context_, function));
            return std::unique_ptr<device::Binding>(std::move(binding));
        }

      private:
        module::Context& context_;
    };
    module::Held driver_;
};

// Which of a driver's devices this is: the lowest number that none of them has, while it lives.
class DeviceNumber {
  public:
    DeviceNumber() = default;
    TENON_NONCOPYABLE(DeviceNumber);
    ~DeviceNumber() {
        if (used_ != nullptr) used_->fetch_and(~(u64{1} << number_));
    }
    // Of `used`, the driver's, a bit for each device. Error::nospc: there are 64.
    Result<u32> take(std::atomic<u64>& used) {
        u64 now = used.load(std::memory_order_relaxed);
        do {
            if (now == ~u64{0}) return Err(Error::nospc);
            number_ = static_cast<u32>(std::countr_one(now));
        } while (!used.compare_exchange_weak(now, now | u64{1} << number_));
        used_ = &used;
        return number_;
    }

  private:
    std::atomic<u64>* used_ = nullptr;
    u32 number_ = 0;
};

}  // namespace tenon::pci
