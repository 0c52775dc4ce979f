// Loading in two halves: link_image() checks and links, activate() runs create().
//
// Theory. Linking (build.cpp) is done under the loader's mutex and changes nothing that others see
// but its own entry in the list, `coming`. Modules of one batch (a plan of the resolver) are linked
// against each other before any of them runs, so that whatever can be refused is refused before
// there is something to take back. create() runs without the mutex, for it may add devices and so
// load other modules. Only when it succeeded is the module `live`: others can import from it.
#include <tenon/arch/relocate.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/module/loader.h>
#include <tenon/module/version.h>
#include <tenon/process/task.h>
#include <tenon/sync/rcu.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>
#include <tenon/trace/log.h>
#include <tenon/trace/symbols.h>

#include <cstring>

#include "core/device/tree.h"
#include "core/mm/page_alloc.h"
#include "core/module/contain.h"
#include "core/module/crossing.h"
#include "core/module/module.h"
#include "core/module/text.h"
#include "core/module/trust.h"

namespace tenon::module {

namespace {

Registry g_registry;

Result<void> check_needs(const Modinfo& info, const Batch& batch, fmt::Sink& why) {
    Result<void> result;
    info.for_each("requires", [&](std::string_view text) {
        const Need need = Need::parse(text);
        const Module* there = g_registry.find(need.name);
        if (there == nullptr || !there->importable(batch)) {
            fmt::print(why, "needs {}, which is not {}: modprobe loads what a module needs", text,
                       there == nullptr ? "loaded" : "active");
            result = Err(batch.planned      ? Error::again
                         : there == nullptr ? Error::noent
                                            : Error::busy);
        } else if (const auto version = there->modinfo.get("version"); !need.accepts(version)) {
            fmt::print(why, "needs {}; loaded {} is version {}: unload it and load one that fits",
                       text, there->name(), version);
            result = Err(Error::inval);
        }
        return result.has_value();
    });
    return result;
}

Result<void> check_origin(const Modinfo& info, u32 flags, fmt::Sink& why) {
    const std::string_view vermagic = info.get("vermagic");
    if (vermagic != TENON_VERMAGIC && (flags & kLoadIgnoreVermagic) == 0) {
        fmt::print(why, "built for '{}', this kernel is '{}': rebuild it with this kernel's SDK",
                   vermagic, TENON_VERMAGIC);
        return Err(Error::noexec);
    }
    return {};
}

// Inline bodies and constants: asked after the symbols, which say more exactly what differs.
Result<void> check_headers(const ElfImage& image, u32 flags, fmt::Sink& why) {
    if ((flags & kLoadIgnoreVersions) != 0) return {};
    const auto abi = image.bytes(image.find_section(".tenon.abi"));
    u32 built_for = 0;
    if (abi.size() >= sizeof built_for) std::memcpy(&built_for, abi.data(), sizeof built_for);
    if (built_for != core_api_checksum()) {
        fmt::print(why,
                   "built with SDK headers {:08x}, this kernel's are {:08x}: rebuild it with "
                   "this kernel's SDK",
                   built_for, core_api_checksum());
        return Err(Error::noexec);
    }
    return {};
}

bool valid_name(std::string_view name) {
    if (name.empty() || name.size() >= sizeof(Module::name_text)) return false;
    for (char c : name)
        if (c <= ' ' || c > '~' || c == '/') return false;
    return true;
}

// The module's own requires hold their targets, imported symbol or not.
Result<void> hold_needs(Module& module) {
    Result<void> result;
    module.modinfo.for_each("requires", [&](std::string_view text) {
        Module* there = g_registry.find(Need::parse(text).name);
        result = hold_provider(module, there);
        return result.has_value();
    });
    return result;
}

Result<void> create_instance(Module& module, const Saved* saved, fmt::Sink& why) {
    TRY(protect_module(module));
    Result<std::unique_ptr<Instance>> made = Err(Error::io);
    if (!cross(module.gate.get(), [&] { made = module.descriptor->create(module.context); })) {
        why.write("a fault ended its create()");
        return Err(Error::io);
    }
    if (!made) {
        fmt::print(why, "its create() answered {}", made.error());
        return Err(made.error());
    }
    module.instance = made->release();
    if (module.instance == nullptr) {
        why.write("its create() made nothing");
        return Err(Error::nomem);
    }
    if (saved == nullptr || saved->size_bytes == 0) return {};
    Result<void> restored = Err(Error::io);
    (void)cross(module.gate.get(),
                [&] { restored = module.instance->restore(saved->bytes(), saved->version); });
    if (!restored)
        fmt::print(why, "its restore() of {} bytes of version {} answered {}", saved->size_bytes,
                   saved->version, restored.error());
    return restored;
}

// What a restart and an update start from.
Result<void> keep_origin(Module& module, std::span<const u8> bytes, std::string_view parameters) {
    if (module.gate->trusted()) return {};
    TRY_ASSIGN(module.image, Image::copy(bytes));
    module.parameter_text.reset(new (std::nothrow) char[parameters.size() + 1]);
    if (!module.parameter_text) return Err(Error::nomem);
    std::memcpy(module.parameter_text.get(), parameters.data(), parameters.size());
    module.parameter_text[parameters.size()] = '\0';
    return {};
}

// Says why a load failed.
Err refused(std::string_view name, const fmt::BufferSink& why, Error error) {
    if (!why.text().empty())
        log::err("module {}: {}", name, why.text());
    else
        log::err("module {}: {}", name, error);
    return Err(error);
}

}  // namespace

Registry& registry() {
    return g_registry;
}

Module* Registry::find(std::string_view name) {
    if (modules == nullptr) return nullptr;
    for (Module& m : *modules)
        if (same_name(m.name(), name)) return &m;
    return nullptr;
}

void init() {
    // Boost lists have no constexpr constructor: made here, never destroyed.
    alignas(ModuleList) static u8 storage[sizeof(ModuleList)];
    g_registry.modules = new (storage) ModuleList;
    init_trust();
    trace::set_module_namer([](u64 address, fmt::Sink& sink) {
        char names[160];
        SymbolAt at;
        if (!find_symbol_at(address, at, names)) return false;
        fmt::print(sink, "{}+{:#x} [{}]", at.name, at.offset, at.module);
        return true;
    });
}

Result<Module*> link_image(std::span<const u8> bytes, std::string_view parameters, u32 flags,
                           const Batch& batch) {
    char reason[400];
    fmt::BufferSink why(reason);
    const SignedFile file = SignedFile::split(bytes);
    auto image = ElfImage::parse(file.content, arch::elf_machine(), why);
    if (!image) return refused("?", why, image.error());
    const auto info_bytes = image->bytes(image->find_section(".modinfo"));
    const Modinfo info({reinterpret_cast<const char*>(info_bytes.data()), info_bytes.size()});
    const std::string_view name = info.get("name");
    if (!valid_name(name)) {
        why.write("no name in .modinfo: not a module");
        return refused("?", why, Error::noexec);
    }
    if (auto r = check_signature(file, name, why); !r) return refused(name, why, r.error());
    if (auto r = check_origin(info, flags, why); !r) return refused(name, why, r.error());

    sync::MutexGuard guard(g_registry.mutex);
    if (g_registry.find(name) != nullptr) return Err(Error::exist);
    const auto link = [&]() -> Result<std::unique_ptr<Module>> {
        TRY(check_needs(info, batch, why));
        TRY_ASSIGN(auto module, build_module(*image, name, flags, batch, why));
        TRY(check_headers(*image, flags, why));
        TRY(hold_needs(*module));
        TRY(set_parameters(*module, parameters, why));
        TRY(keep_origin(*module, bytes, parameters));
        TRY(list_exports(*module, why));
        return module;
    };
    auto linked = link();
    if (!linked && linked.error() == Error::again) return Err(Error::again);
    if (!linked) return refused(name, why, linked.error());
    Module* module = linked->release();
    module->batch = &batch;
    g_registry.modules->push_front(*module);
    publish_for_traces(*module);
    return module;
}

Image::~Image() {
    if (data != nullptr) mm::vfree(data);
}

Result<Image> Image::copy(std::span<const u8> bytes) {
    Image image;
    TRY_ASSIGN(void* at, mm::vmalloc(bytes.size()));
    image.data = static_cast<u8*>(at);
    image.size_bytes = bytes.size();
    std::memcpy(at, bytes.data(), bytes.size());
    arch::set_core_only(at, bytes.size(), true);
    return image;
}

Result<void> activate(Module& module, const Saved* saved) {
    char reason[200];
    fmt::BufferSink why(reason);
    if (auto r = create_instance(module, saved, why); !r)
        return refused(module.name(), why, r.error());
    {
        sync::MutexGuard guard(g_registry.mutex);
        module.state = State::live;
        module.batch = nullptr;
        free_init_memory(module);
    }
    g_registry.changed.wake_all();
    return {};
}

Result<void> load_saved(std::span<const u8> bytes, std::string_view parameters, u32 flags,
                        const Saved* saved) {
    const Batch batch{current()};
    TRY_ASSIGN(Module* const module, link_image(bytes, parameters, flags, batch));
    auto result = activate(*module, saved);
    if (!result) {
        // Another instance will be tried with the state: what this one served waits for it.
        if (saved != nullptr) module->gate->expect_successor(true);
        dispose(module);
    }
    return result;
}

Result<void> load_image(std::span<const u8> bytes, std::string_view parameters, u32 flags) {
    return load_saved(bytes, parameters, flags, nullptr);
}

// Unload: refuse while held, ask, close the gate, wait for calls in flight, destroy, sweep, unmap.

namespace {

constexpr u64 kQuiesceNs = 5'000'000'000;

// "a, b" of the modules that hold `module`. Mutex held.
void write_holders(const Module& module, fmt::Sink& out) {
    bool first = true;
    for (const Module& other : *registry().modules)
        for (u32 i = 0; i < other.provider_count; ++i)
            if (other.providers[i] == &module) {
                fmt::print(out, "{}{}", first ? "" : ", ", other.name());
                first = false;
            }
}

Result<void> check_unused(const Module& module, u32 flags) {
    char text[200];
    fmt::BufferSink holders(text);
    if (module.holder_count != 0) {
        write_holders(module, holders);
        if (holders.text().empty()) holders.write("a module that is going");
        log::notice("module {}: not unloaded: held by {}: unload that first", module.name(),
                    holders.text());
        return Err(Error::again);
    }
    if (const u32 pins = module.gate->pins(); pins != 0 && (flags & kUnloadForce) == 0) {
        log::notice("module {}: not unloaded: {} open files or mounts use it: close them first",
                    module.name(), pins);
        return Err(Error::again);
    }
    return {};
}

// Ends a module's destruction that takes too long: it fails then, as by a fault.
class EndInTime {
  public:
    explicit EndInTime(Gate& gate) : gate_(gate) {
        timer_.arm_at(time::monotonic_ns() + kQuiesceNs);
    }
    ~EndInTime() { timer_.cancel_sync(); }
    TENON_NONCOPYABLE(EndInTime);

  private:
    static constexpr u64 kAgainNs = 100'000'000;
    static void fired(time::Timer& timer) {
        auto& self = *container_of_offset<EndInTime>(&timer, offsetof(EndInTime, timer_));
        const bool first = self.gate_.fail("its end took too long");
        wake_revoked(!first);
        timer.arm_at(time::monotonic_ns() + kAgainNs);
    }
    Gate& gate_;
    time::Timer timer_{fired};
};

// Takes it out of every list, and frees it.
void unlink_and_free(Module* module) {
    {
        sync::MutexGuard guard(registry().mutex);
        unlist_exports(*module);
        withdraw_from_traces(*module);
        registry().modules->erase(registry().modules->iterator_to(*module));
    }
    // Nobody walks the trace list over it any more; no callback of it is queued since the barrier.
    sync::rcu_synchronize();
    {
        sync::MutexGuard guard(registry().mutex);
        delete module;  // drops its hold on others
    }
    registry().changed.wake_all();
}

}  // namespace

// Puts a module that refused, or whose update did, back to work.
void revive(Module& module) {
    module.gate->open();
    sync::MutexGuard guard(registry().mutex);
    module.state = State::live;
}

u32 Module::references() const {
    return holder_count + gate->pins();
}

void dispose(Module* module) {
    Gate* gate = module->gate.get();
    gate->close();
    if (auto quiet = gate->quiesce(sync::Deadline::after_ns(kQuiesceNs).ns); !quiet) {
        // Only a create() that failed after it had published gets here: its memory must stay.
        log::err("module {}: {} calls do not return; its memory is given up", module->name(),
                 gate->in_flight());
        module->state = State::failed;
        return;
    }
    // The destructor may call the core, which may call back: as the module itself.
    auto destroy = [instance = std::exchange(module->instance, nullptr)] { delete instance; };
    bool ended = false;
    if (!gate->failed()) {
        const EndInTime in_time(*gate);
        ended = cross(gate, destroy, Entry::resident);
    }
    if (!ended) {
        note_fault(*module);
        if (end_calls(*module)) {
            dispose_failed(module);
            return;
        }
        log::err("module {}: its threads do not end; its memory is given up", module->name());
        module->state = State::failed;
        return;
    }
    {
        GateAttribution attribution(gate);
        module->ledger.sweep(module->name());
    }
    gate->end_watches();
    sync::rcu_barrier();  // what it gave back by RCU is back
    Ledger::report_memory(module->name(), reinterpret_cast<uptr>(module->base),
                          module->layout.kept_bytes);
    unlink_and_free(module);
}

void dispose_failed(Module* module) {
    const bool is_silent = device::silence_devices(*module->gate);
    const u32 swept = module->ledger.sweep_failed(reinterpret_cast<uptr>(module->base),
                                                  module->layout.kept_bytes, is_silent);
    module->gate->end_watches();
    sync::rcu_barrier();
    const u64 bytes =
        mm::free_left_by(reinterpret_cast<uptr>(module->base), module->layout.kept_bytes);
    log::notice("module {}: swept {} grants and {} bytes of memory", module->name(), swept, bytes);
    unlink_and_free(module);
}

Result<void> bring_to_rest(Module& module) {
    const sync::Deadline deadline = sync::Deadline::after_ns(kQuiesceNs);
    Result<void> asked = Err(Error::nodev);
    (void)cross(module.gate.get(), [&] { asked = module.instance->quiesce(deadline); });
    if (!asked) {
        log::notice("module {}: refuses to stop: {}", module.name(), asked.error());
    } else {
        module.gate->close();
        asked = module.gate->quiesce(deadline.ns);
        if (!asked)
            log::warn("module {}: not stopped: {} calls are still inside after {} s", module.name(),
                      module.gate->in_flight(), kQuiesceNs / 1'000'000'000);
    }
    if (asked) return {};
    if (!module.gate->failed()) revive(module);
    return Err(asked.error() == Error::timedout ? Error::busy : asked.error());
}

Result<void> unload(std::string_view name, u32 flags) {
    Module* module = nullptr;
    {
        sync::MutexGuard guard(registry().mutex);
        module = registry().find(name);
        if (module == nullptr) return Err(Error::noent);
        if (module->holder_count != 0) return check_unused(*module, flags);
        if (module->state != State::live) return Err(Error::busy);
        TRY(check_unused(*module, flags));
        module->state = State::going;
    }
    TRY(bring_to_rest(*module));
    dispose(module);
    return {};
}

}  // namespace tenon::module
