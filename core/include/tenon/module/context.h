// What a module gets from the core, and through which it acquires everything: each grant stands in
// the module's ledger with the place that asked for it, until its handle is dropped.
//
//     auto irq = context.request_msi<&Edu::on_interrupt>(this, message);   // RAII: Held
//
// Rules: acquire in create() (or probe()), keep the handles as members, publish last. An early
// return rolls back by itself. There is no exit function: the Instance's destructor is it. What is
// still in the ledger after it is swept and reported by name and call site.
#pragma once

#include <tenon/irq/irq.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/module/gate.h>
#include <tenon/sync/wait_queue.h>

#include <memory>
#include <span>

namespace tenon::vfs {
class DeviceOpener;
class FileSystemType;
}  // namespace tenon::vfs
namespace tenon::device {
class Bus;
class Driver;
class Device;
class Listener;
class LentNode;
}  // namespace tenon::device
namespace tenon::process {
class Personality;
}
namespace tenon::metrics {
class Metric;
}
namespace tenon::log {
class Console;
}

namespace tenon::module {

class Module;
class Service;
struct Grant;

// The module itself, made by the class's `static Result<std::unique_ptr<T>> create(Context&)`.
class Instance {
  public:
    virtual ~Instance() = default;
    // Asked before an unload: stop taking work, end what is in flight. An error (Error::busy, past
    // the deadline Error::timedout) refuses the unload and must leave the module working.
    virtual Result<void> quiesce(sync::Deadline deadline) { return {}; }
    // State across a restart or an update: a blob that restore() of the next instance takes.
    // Error::opnotsupp: nothing to keep.
    virtual Result<usize> save(std::span<u8> out) { return Err(Error::opnotsupp); }
    virtual Result<void> restore(std::span<const u8> saved, u32 from_version) {
        return Err(Error::opnotsupp);
    }
};

enum class GrantKind : u8 {
    irq,
    timer,
    work,
    kthread,
    mmio,
    dma,
    char_device,
    file_system,
    bus,
    driver,
    device,
    personality,
    metric,
    module_reference,
    other,
};

// A handle on one grant. Dropping it gives the resource back (may sleep).
class [[nodiscard]] Held {
  public:
    Held() = default;
    Held(Held&& o) noexcept : grant_(std::exchange(o.grant_, nullptr)) {}
    Held& operator=(Held&& o) noexcept {
        if (this != &o) {
            release();
            grant_ = std::exchange(o.grant_, nullptr);
        }
        return *this;
    }
    ~Held() { release(); }
    void release() {
        if (grant_ != nullptr) give_back(std::exchange(grant_, nullptr));
    }
    explicit operator bool() const { return grant_ != nullptr; }

  protected:
    friend class Context;
    explicit Held(Grant* grant) : grant_(grant) {}
    Grant* grant() const { return grant_; }

  private:
    TENON_API static void give_back(Grant* grant);
    Grant* grant_ = nullptr;
};

// A window of device registers. Offsets are in bytes and not checked in release builds.
class [[nodiscard]] Mmio : public Held {
  public:
    Mmio() = default;
    usize size_bytes() const { return size_bytes_; }
    volatile u8* base() const { return base_; }
    u8 read8(usize offset) const { return at<u8>(offset); }
    u16 read16(usize offset) const { return at<u16>(offset); }
    u32 read32(usize offset) const { return at<u32>(offset); }
    u64 read64(usize offset) const { return at<u64>(offset); }
    void write8(usize offset, u8 v) const { at<u8>(offset) = v; }
    void write16(usize offset, u16 v) const { at<u16>(offset) = v; }
    void write32(usize offset, u32 v) const { at<u32>(offset) = v; }
    void write64(usize offset, u64 v) const { at<u64>(offset) = v; }

  private:
    friend class Context;
    Mmio(Grant* grant, volatile u8* base, usize size_bytes)
        : Held(grant), base_(base), size_bytes_(size_bytes) {}
    template <typename T>
    volatile T& at(usize offset) const {
        TENON_DEBUG_ASSERT(offset + sizeof(T) <= size_bytes_);
        return *reinterpret_cast<volatile T*>(base_ + offset);
    }
    volatile u8* base_ = nullptr;
    usize size_bytes_ = 0;
};

// Physically contiguous memory that a device may read and write.
class [[nodiscard]] DmaBuffer : public Held {
  public:
    DmaBuffer() = default;
    u8* data() const { return data_; }
    PhysAddr address() const { return address_; }  // as the device sees it
    usize size_bytes() const { return size_bytes_; }

  private:
    friend class Context;
    DmaBuffer(Grant* grant, u8* data, PhysAddr address, usize size_bytes)
        : Held(grant), data_(data), address_(address), size_bytes_(size_bytes) {}
    u8* data_ = nullptr;
    PhysAddr address_{};
    usize size_bytes_ = 0;
};

// A one-shot timer; the callback runs in irq context.
class [[nodiscard]] TimerHandle : public Held {
  public:
    TimerHandle() = default;
    TENON_API void arm_at(u64 deadline_ns);
    TENON_API bool cancel();  // waits for a running callback

  private:
    friend class Context;
    explicit TimerHandle(Grant* grant) : Held(grant) {}
};

// Work on the system work queue; the callback may sleep.
class [[nodiscard]] WorkHandle : public Held {
  public:
    WorkHandle() = default;
    TENON_API bool queue();  // false: queued already. Any context
    TENON_API void flush();

  private:
    friend class Context;
    explicit WorkHandle(Grant* grant) : Held(grant) {}
};

class [[nodiscard]] CharDevice : public Held {
  public:
    CharDevice() = default;
    u32 major() const { return major_; }

  private:
    friend class Context;
    CharDevice(Grant* grant, u32 major) : Held(grant), major_(major) {}
    u32 major_ = 0;
};

using Callback = void (*)(void* context);

// Lives as long as the module. All functions may sleep.
class Context {
  public:
    TENON_NONCOPYABLE(Context);
    TENON_API std::string_view name() const;
    TENON_API Gate& gate() const;

    // --- Interrupts. Handlers run in irq context, irqs off; `thread` (may be null) in a thread.
    TENON_API Result<Held> request_irq(u32 gsi, arch::IrqTrigger trigger, irq::Handler handler,
                                       irq::ThreadHandler thread, void* context);
    TENON_API Result<Held> request_isa_irq(u32 isa_irq, irq::Handler handler,
                                           irq::ThreadHandler thread, void* context);
    // `message` is what to program into the device.
    TENON_API Result<Held> request_msi(irq::Handler handler, irq::ThreadHandler thread,
                                       void* context, arch::MsiMessage& message);
    // With a member function: context.request_msi<&Nic::on_interrupt>(this, message).
    template <auto Method, typename T>
    Result<Held> request_msi(T* object, arch::MsiMessage& message) {
        return request_msi(&irq_thunk<Method, T>, nullptr, object, message);
    }

    // --- Time, work, threads
    TENON_API Result<TimerHandle> make_timer(Callback callback, void* context);
    TENON_API Result<WorkHandle> make_work(Callback callback, void* context);
    template <auto Method, typename T>
    Result<TimerHandle> make_timer(T* object) {
        return make_timer(&thunk<Method, T>, object);
    }
    template <auto Method, typename T>
    Result<WorkHandle> make_work(T* object) {
        return make_work(&thunk<Method, T>, object);
    }
    // The entry must return soon after sched::KThread::should_stop() says so.
    TENON_API Result<Held> start_thread(std::string_view name, Callback entry, void* context);

    // --- Memory of devices. Ordinary memory is `new` and kmalloc, charged to the module by its
    // tag.
    TENON_API Result<Mmio> map_mmio(PhysAddr start, usize length_bytes,
                                    arch::PageFlags cache = arch::PageFlags::uncached);
    TENON_API Result<DmaBuffer> alloc_dma(usize length_bytes,
                                          mm::Alloc flags = mm::Alloc::dma32 | mm::Alloc::zero);

    // --- Registrations. Objects given by unique_ptr are owned by the core from then on and
    // destroyed through the gate; those given by reference must outlive the handle.
    TENON_API Result<CharDevice> register_char_device(u32 major, u32 first_minor, u32 count,
                                                      std::string_view name,
                                                      std::unique_ptr<vfs::DeviceOpener> opener);
    TENON_API Result<Held> register_file_system(std::unique_ptr<vfs::FileSystemType> type);
    TENON_API Result<Held> register_bus(device::Bus& bus);
    TENON_API Result<Held> register_driver(device::Bus& bus,
                                           std::unique_ptr<device::Driver> driver);
    TENON_API Result<Held> add_device(Ref<device::Device> device, device::Device* parent,
                                      device::Bus* bus);
    TENON_API Result<Held> register_personality(process::Personality& personality);
    TENON_API Result<Held> add_metric(metrics::Metric& metric);
    // Reports every device that is there as added, then what changes.
    TENON_API Result<Held> add_listener(device::Listener& listener);
    // See module/service.h: offer(). Error::exist, nametoolong (from 32 bytes on).
    TENON_API Result<Held> offer_service(std::string_view name, u32 interface_version,
                                         std::unique_ptr<Service> service);
    // Writes the log so far to it, then what comes.
    TENON_API Result<Held> add_console(log::Console& console);

    // Anything else with a release function: listed in the ledger under `what` (a literal).
    TENON_API Result<Held> hold(const char* what, Callback release, void* context);

    // [core]
    explicit Context(Module& module) : module_(module) {}
    Module& module() const { return module_; }

  private:
    friend class device::LentNode;
    // Opens files by what need not be the module's own.
    Result<CharDevice> add_numbers(u32 major, u32 first_minor, u32 count, std::string_view name,
                                   Gated<vfs::DeviceOpener> opener, uptr returns_to);
    template <auto Method, typename T>
    static irq::Handled irq_thunk(void* object) {
        return (static_cast<T*>(object)->*Method)();
    }
    template <auto Method, typename T>
    static void thunk(void* object) {
        (static_cast<T*>(object)->*Method)();
    }
    Module& module_;
};

}  // namespace tenon::module
