// Context: each function acquires from the core, wraps what calls back into the module with its
// gate, and enters a Grant into the ledger. The grant is allocated first, so that nothing can fail
// after the resource is there; and a cut (see Uncut) comes before both or after both.
#include <tenon/device/device.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/module/context.h>
#include <tenon/process/personality.h>
#include <tenon/sched/kthread.h>
#include <tenon/time/timer.h>
#include <tenon/trace/log.h>
#include <tenon/trace/metrics.h>
#include <tenon/vfs/char_device.h>
#include <tenon/vfs/super_block.h>

#include <algorithm>
#include <cstring>

#include "core/module/crossing.h"
#include "core/module/module.h"
#include "core/module/service_list.h"

namespace tenon::module {

namespace {

#define CALL_SITE() call_site(reinterpret_cast<uptr>(__builtin_return_address(0)))

// A grant whose release is a function object made where it was acquired.
template <typename Release>
struct ReleaseGrant final : Grant {
    ReleaseGrant(Module& m, GrantKind k, const char* w, uptr s, Release r)
        : Grant(m, k, w, s), release_(r) {}
    void release() override { release_(); }
    Release release_;
};

template <typename Release>
Grant* make_grant(Module& m, GrantKind kind, const char* what, uptr site, Release release) {
    return new (std::nothrow) ReleaseGrant<Release>(m, kind, what, site, release);
}

// A name that the module's own code tells, for a release that must not run any.
struct KeptName {
    char text[48] = {};
    void take(std::string_view name) {
        std::memcpy(text, name.data(), std::min(name.size(), sizeof text - 1));
    }
};

struct IrqGrant final : Grant {
    using Grant::Grant;
    irq::Line* line = nullptr;
    irq::Handler handler = nullptr;
    irq::ThreadHandler thread = nullptr;
    void* context = nullptr;

    void release() override { irq::release(line); }
    static irq::Handled on_irq(void* self) {
        auto& g = *static_cast<IrqGrant*>(self);
        auto answer = irq::Handled::no;
        (void)cross(g.owner.gate.get(), [&] { answer = g.handler(g.context); });
        return answer;
    }
    static void on_thread(void* self) {
        auto& g = *static_cast<IrqGrant*>(self);
        (void)cross(g.owner.gate.get(), [&] { g.thread(g.context); });
    }
};

struct TimerGrant final : Grant {
    TimerGrant(Module& m, Callback c, void* x, uptr s)
        : Grant(m, GrantKind::timer, "", s), callback(c), context(x) {}
    time::Timer timer{on_timer};
    Callback callback;
    void* context;

    void release() override { timer.cancel_sync(); }
    static void on_timer(time::Timer& timer) {
        auto& g = *container_of_offset<TimerGrant>(&timer, __builtin_offsetof(TimerGrant, timer));
        (void)cross(g.owner.gate.get(), [&] { g.callback(g.context); });
    }
};

struct WorkGrant final : Grant {
    WorkGrant(Module& m, Callback c, void* x, uptr s)
        : Grant(m, GrantKind::work, "", s), callback(c), context(x) {}
    sched::Work work{on_work};
    Callback callback;
    void* context;

    void release() override { sched::WorkQueue::system().flush(work); }
    static void on_work(sched::Work& work) {
        auto& g = *container_of_offset<WorkGrant>(&work, __builtin_offsetof(WorkGrant, work));
        (void)cross(g.owner.gate.get(), [&] { g.callback(g.context); });
    }
};

struct ThreadGrant final : Grant {
    ThreadGrant(Module& m, Callback e, void* x, uptr s)
        : Grant(m, GrantKind::kthread, "", s), entry(e), context(x) {}
    sched::KThread* thread = nullptr;
    Callback entry;
    void* context;

    void release() override { sched::KThread::stop(thread); }
    // A thread lives inside the module: it is charged to it, but not a call that unload waits for;
    // unload stops it.
    static void main(void* self) {
        auto& g = *static_cast<ThreadGrant*>(self);
        (void)cross(
            g.owner.gate.get(), [&] { g.entry(g.context); }, Entry::resident);
    }
};

}  // namespace

std::string_view Context::name() const {
    return module_.name();
}

Gate& Context::gate() const {
    return *module_.gate;
}

namespace {

template <typename Request>
Result<Grant*> request_line(Module& m, const char* what, uptr site, irq::Handler handler,
                            irq::ThreadHandler thread, void* context, Request request) {
    std::unique_ptr<IrqGrant> grant(new (std::nothrow) IrqGrant(m, GrantKind::irq, what, site));
    if (!grant) return Err(Error::nomem);
    grant->handler = handler;
    grant->thread = thread;
    grant->context = context;
    const Uncut whole;
    TRY_ASSIGN(grant->line, request(handler != nullptr ? &IrqGrant::on_irq : nullptr,
                                    thread != nullptr ? &IrqGrant::on_thread : nullptr, grant.get(),
                                    m.name_text));
    m.ledger.add(*grant);
    return grant.release();
}

}  // namespace

Result<Held> Context::request_irq(u32 gsi, arch::IrqTrigger trigger, irq::Handler handler,
                                  irq::ThreadHandler thread, void* context) {
    TRY_ASSIGN(Grant * grant, request_line(module_, "gsi", CALL_SITE(), handler, thread, context,
                                           [&](auto h, auto t, void* c, const char* owner) {
                                               return irq::request_gsi(gsi, trigger, h, t, c,
                                                                       owner);
                                           }));
    grant->detail = gsi;
    return Held(grant);
}

Result<Held> Context::request_isa_irq(u32 isa_irq, irq::Handler handler, irq::ThreadHandler thread,
                                      void* context) {
    TRY_ASSIGN(Grant * grant, request_line(module_, "isa", CALL_SITE(), handler, thread, context,
                                           [&](auto h, auto t, void* c, const char* owner) {
                                               return irq::request_isa(isa_irq, h, t, c, owner);
                                           }));
    grant->detail = isa_irq;
    return Held(grant);
}

Result<Held> Context::request_msi(irq::Handler handler, irq::ThreadHandler thread, void* context,
                                  arch::MsiMessage& message) {
    TRY_ASSIGN(Grant * grant, request_line(module_, "msi", CALL_SITE(), handler, thread, context,
                                           [&](auto h, auto t, void* c, const char* owner) {
                                               return irq::request_msi(h, t, c, owner, message);
                                           }));
    grant->detail = message.data;
    return Held(grant);
}

Result<TimerHandle> Context::make_timer(Callback callback, void* context) {
    auto* grant = new (std::nothrow) TimerGrant(module_, callback, context, CALL_SITE());
    if (grant == nullptr) return Err(Error::nomem);
    module_.ledger.add(*grant);
    return TimerHandle(grant);
}

void TimerHandle::arm_at(u64 deadline_ns) {
    static_cast<TimerGrant*>(grant())->timer.arm_at(deadline_ns);
}
bool TimerHandle::cancel() {
    return static_cast<TimerGrant*>(grant())->timer.cancel_sync();
}

Result<WorkHandle> Context::make_work(Callback callback, void* context) {
    auto* grant = new (std::nothrow) WorkGrant(module_, callback, context, CALL_SITE());
    if (grant == nullptr) return Err(Error::nomem);
    module_.ledger.add(*grant);
    return WorkHandle(grant);
}

bool WorkHandle::queue() {
    return sched::WorkQueue::system().queue(static_cast<WorkGrant*>(grant())->work);
}
void WorkHandle::flush() {
    sched::WorkQueue::system().flush(static_cast<WorkGrant*>(grant())->work);
}

Result<Held> Context::start_thread(std::string_view name, Callback entry, void* context) {
    std::unique_ptr<ThreadGrant> grant(new (std::nothrow)
                                           ThreadGrant(module_, entry, context, CALL_SITE()));
    if (!grant) return Err(Error::nomem);
    const Uncut whole;
    TRY_ASSIGN(grant->thread, sched::KThread::start(name, &ThreadGrant::main, grant.get()));
    module_.ledger.add(*grant);
    return Held(grant.release());
}

Result<Mmio> Context::map_mmio(PhysAddr start, usize length_bytes, arch::PageFlags cache) {
    const uptr site = CALL_SITE();
    const Uncut whole;
    TRY_ASSIGN(volatile void* window, mm::map_mmio(start, length_bytes, cache));
    Grant* grant =
        make_grant(module_, GrantKind::mmio, "window", site, [window] { mm::unmap_mmio(window); });
    if (grant == nullptr) {
        mm::unmap_mmio(window);
        return Err(Error::nomem);
    }
    grant->detail = start.value;
    module_.ledger.add(*grant);
    return Mmio(grant, static_cast<volatile u8*>(window), length_bytes);
}

Result<DmaBuffer> Context::alloc_dma(usize length_bytes, mm::Alloc flags) {
    const uptr site = CALL_SITE();
    if (length_bytes == 0) return Err(Error::inval);
    u32 order = 0;
    while ((kPageSize << order) < length_bytes) ++order;
    const Uncut whole;
    TRY_ASSIGN(mm::Page * page, mm::alloc_pages(order, flags));
    Grant* grant = make_grant(module_, GrantKind::dma, "buffer", site,
                              [page, order] { mm::free_pages(page, order); });
    if (grant == nullptr) {
        mm::free_pages(page, order);
        return Err(Error::nomem);
    }
    const PhysAddr address = mm::pfn_of(page).phys();
    grant->detail = address.value;
    module_.ledger.add(*grant);
    return DmaBuffer(grant, static_cast<u8*>(mm::page_address(page)), address, length_bytes);
}

namespace {

template <typename Register, typename Release>
Result<Grant*> register_with(Module& m, GrantKind kind, const char* what, uptr site,
                             Register do_register, Release release) {
    std::unique_ptr<Grant> grant(make_grant(m, kind, what, site, release));
    if (!grant) return Err(Error::nomem);
    const Uncut whole;
    TRY(do_register());
    m.ledger.add(*grant);
    return grant.release();
}

}  // namespace

Result<CharDevice> Context::register_char_device(u32 major, u32 first_minor, u32 count,
                                                 std::string_view name,
                                                 std::unique_ptr<vfs::DeviceOpener> opener) {
    return add_numbers(major, first_minor, count, name,
                       Gated<vfs::DeviceOpener>::own(std::move(opener), module_.gate.get()),
                       reinterpret_cast<uptr>(__builtin_return_address(0)));
}

Result<CharDevice> Context::add_numbers(u32 major, u32 first_minor, u32 count,
                                        std::string_view name, Gated<vfs::DeviceOpener> opener,
                                        uptr returns_to) {
    const uptr site = call_site(returns_to);
    std::unique_ptr<u32> number(new (std::nothrow) u32(major));
    if (!number) return Err(Error::nomem);
    u32* at = number.get();
    TRY_ASSIGN(Grant * grant, register_with(
                                  module_, GrantKind::char_device, "device numbers", site,
                                  [&]() -> Result<void> {
                                      TRY_ASSIGN(
                                          *at, vfs::register_char_device(major, first_minor, count,
                                                                         name, std::move(opener)));
                                      return {};
                                  },
                                  [at, first_minor, count] {
                                      vfs::unregister_char_device(*at, first_minor, count);
                                      delete at;
                                  }));
    grant->detail = *number.release();
    return CharDevice(grant, static_cast<u32>(grant->detail));
}

Result<Held> Context::register_file_system(std::unique_ptr<vfs::FileSystemType> type) {
    KeptName name;
    (void)cross(module_.gate.get(), [&] { name.take(type->name()); });
    TRY_ASSIGN(Grant * grant,
               register_with(
                   module_, GrantKind::file_system, "type", CALL_SITE(),
                   [&] {
                       return vfs::register_file_system(
                           Gated<vfs::FileSystemType>::own(std::move(type), module_.gate.get()));
                   },
                   [name] { vfs::unregister_file_system(name.text); }));
    // It is entered: a failure while its mounts come back takes the registration with it.
    vfs::mount_again(name.text);
    return Held(grant);
}

Result<Held> Context::register_bus(device::Bus& bus) {
    TRY_ASSIGN(Grant * grant, register_with(
                                  module_, GrantKind::bus, "bus", CALL_SITE(),
                                  [&] { return device::register_bus(bus); },
                                  [&bus] { device::unregister_bus(bus); }));
    return Held(grant);
}

Result<Held> Context::register_driver(device::Bus& bus, std::unique_ptr<device::Driver> driver) {
    KeptName name;
    (void)cross(module_.gate.get(), [&] { name.take(driver->name()); });
    TRY_ASSIGN(Grant * grant,
               register_with(
                   module_, GrantKind::driver, "driver", CALL_SITE(),
                   [&] {
                       return device::register_driver(
                           bus, Gated<device::Driver>::own(std::move(driver), module_.gate.get()));
                   },
                   [name, &bus] { device::unregister_driver(bus, name.text); }));
    return Held(grant);
}

Result<Held> Context::add_device(Ref<device::Device> device, device::Device* parent,
                                 device::Bus* bus) {
    device::Device* raw = device.get();
    raw->ref();  // the grant's
    auto grant = register_with(
        module_, GrantKind::device, "device", CALL_SITE(),
        [&] { return device::add(std::move(device), parent, bus); },
        [raw] {
            device::remove(*raw);
            raw->unref();
        });
    if (!grant) {
        raw->unref();
        return Err(grant.error());
    }
    return Held(*grant);
}

Result<Held> Context::register_personality(process::Personality& personality) {
    TRY_ASSIGN(Grant * grant, register_with(
                                  module_, GrantKind::personality, "personality", CALL_SITE(),
                                  [&] { return process::register_personality(personality); },
                                  [&personality] {
                                      if (auto r = process::unregister_personality(personality); !r)
                                          log::err(
                                              "a personality is taken down while it has tasks: {}",
                                              r.error());
                                  }));
    return Held(grant);
}

Result<Held> Context::add_metric(metrics::Metric& metric) {
    TRY_ASSIGN(Grant * grant, register_with(
                                  module_, GrantKind::metric, metric.name(), CALL_SITE(),
                                  [&]() -> Result<void> {
                                      metrics::add_metric(metric);
                                      return {};
                                  },
                                  [&metric] { metrics::remove_metric(metric); }));
    return Held(grant);
}

Result<Held> Context::offer_service(std::string_view name, u32 interface_version,
                                    std::unique_ptr<Service> service) {
    if (!service) return Err(Error::nomem);
    std::unique_ptr<OfferedService> offered(new (std::nothrow) OfferedService);
    if (!offered) return Err(Error::nomem);
    if (name.empty() || name.size() >= sizeof offered->name) return Err(Error::nametoolong);
    std::memcpy(offered->name, name.data(), name.size());
    offered->interface_version = interface_version;
    offered->object = Gated<Service>::own(std::move(service), module_.gate.get());
    OfferedService* raw = offered.get();
    TRY_ASSIGN(Grant * grant, register_with(
                                  module_, GrantKind::other, "service", CALL_SITE(),
                                  [&] { return add_service(*raw); },
                                  [raw] {
                                      remove_service(*raw);
                                      delete raw;
                                  }));
    (void)offered.release();
    return Held(grant);
}

Result<Held> Context::add_listener(device::Listener& listener) {
    listener.gate = module_.gate.get();
    TRY_ASSIGN(Grant * grant, register_with(
                                  module_, GrantKind::other, "device listener", CALL_SITE(),
                                  [&]() -> Result<void> {
                                      device::add_listener(listener);
                                      return {};
                                  },
                                  [&listener] { device::remove_listener(listener); }));
    return Held(grant);
}

Result<Held> Context::add_console(log::Console& console) {
    console.gate = module_.gate.get();
    TRY_ASSIGN(Grant * grant, register_with(
                                  module_, GrantKind::other, "console", CALL_SITE(),
                                  [&]() -> Result<void> {
                                      log::add_console(console);
                                      return {};
                                  },
                                  [&console] { log::remove_console(console); }));
    return Held(grant);
}

namespace {

struct CallbackGrant final : Grant {
    CallbackGrant(Module& m, const char* w, uptr s, Callback r, void* x)
        : Grant(m, GrantKind::other, w, s), callback(r), context(x) {}
    Callback callback;
    void* context;
    // Of a module that failed as well, none of whose code runs any more, it is not called.
    void release() override {
        {
            const sync::RcuGuard guard;
            const Module* m = find_module_at(release_text());
            if (m != nullptr && m != &owner && m->gate->failed()) return;
        }
        callback(context);
    }
    uptr release_text() const override { return reinterpret_cast<uptr>(callback); }
};

}  // namespace

Result<Held> Context::hold(const char* what, Callback release, void* context) {
    Grant* grant = new (std::nothrow) CallbackGrant(module_, what, CALL_SITE(), release, context);
    if (grant == nullptr) return Err(Error::nomem);
    module_.ledger.add(*grant);
    return Held(grant);
}

}  // namespace tenon::module
