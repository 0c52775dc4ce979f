// Unload: refuse while held, ask, close the gate, wait for calls in flight, destroy, sweep, unmap.
#include <tenon/module/loader.h>
#include <tenon/sync/rcu.h>
#include <tenon/time/clock.h>
#include <tenon/trace/log.h>

#include "core/module/module.h"

namespace tenon::module {

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
        log::notice("module {}: not unloaded: held by {}", module.name(), holders.text());
        return Err(Error::again);
    }
    if (const u32 pins = module.gate->pins(); pins != 0 && (flags & kUnloadForce) == 0) {
        log::notice("module {}: not unloaded: {} open files or mounts use it", module.name(), pins);
        return Err(Error::again);
    }
    return {};
}

// Puts a module that refused back to work.
void revive(Module& module) {
    module.gate->open();
    sync::MutexGuard guard(registry().mutex);
    module.state = State::live;
}

}  // namespace

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
    {
        // The destructor may call the core, which may call back: as the module itself.
        GateAttribution attribution(gate);
        delete std::exchange(module->instance, nullptr);
        module->ledger.sweep(module->name());
    }
    {
        sync::MutexGuard guard(registry().mutex);
        unlist_exports(*module);
        withdraw_from_traces(*module);
        registry().modules->erase(registry().modules->iterator_to(*module));
        ++registry().generation;
    }
    // Nobody walks the trace list over it any more, and no callback of it is queued.
    sync::rcu_barrier();
    sync::rcu_synchronize();
    {
        sync::MutexGuard guard(registry().mutex);
        delete module;  // drops its hold on others
    }
    registry().changed.wake_all();
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
    const sync::Deadline deadline = sync::Deadline::after_ns(kQuiesceNs);
    auto asked = [&] {
        GateScope scope(module->gate.get());
        return module->instance->quiesce(deadline);
    }();
    if (!asked) {
        log::notice("module {}: refuses to be unloaded: {}", module->name(), asked.error());
        revive(*module);
        return asked;
    }
    module->gate->close();
    if (auto quiet = module->gate->quiesce(deadline.ns); !quiet) {
        log::warn("module {}: not unloaded: {} calls are still inside after {} s", module->name(),
                  module->gate->in_flight(), kQuiesceNs / 1'000'000'000);
        revive(*module);
        return Err(Error::busy);
    }
    dispose(module);
    return {};
}

}  // namespace tenon::module
