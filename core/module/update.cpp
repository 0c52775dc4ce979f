// Hot update: another version of a module in the place of one that runs.
#include <tenon/arch/relocate.h>
#include <tenon/module/loader.h>
#include <tenon/sched/kthread.h>
#include <tenon/time/clock.h>
#include <tenon/trace/log.h>

#include <algorithm>
#include <cstring>

#include "core/module/crossing.h"
#include "core/module/module.h"

namespace tenon::module {

namespace {

constexpr usize kMaxImageBytes = usize{256} << 20;
constexpr usize kMaxStateBytes = usize{256} << 10;

u32 state_version(const Module& module) {
    u32 version = 0;
    for (char c : module.modinfo.get("stateversion"))
        version = version * 10 + static_cast<u32>(c - '0');
    return version;
}

// What the instance leaves for its successor; nothing is fine.
Result<Saved> save_state(Module& module) {
    Saved saved;
    saved.data.reset(new (std::nothrow) u8[kMaxStateBytes]);
    if (!saved.data) return Err(Error::nomem);
    Result<usize> n = Err(Error::io);
    (void)cross(
        module.gate.get(),
        [&] {
            n = module.instance->save({saved.data.get(), kMaxStateBytes});
        },
        Entry::resident);
    if (!n && n.error() != Error::opnotsupp) return Err(n.error());
    saved.size_bytes = n ? std::min(*n, kMaxStateBytes) : 0;
    saved.version = state_version(module);
    return saved;
}

// The loaded module of this name, stopped: nobody is inside, new calls are refused.
Result<Module*> stop(std::string_view name) {
    Module* module = nullptr;
    {
        sync::MutexGuard guard(registry().mutex);
        module = registry().find(name);
        if (module == nullptr) return Err(Error::noent);
        if (module->gate->trusted()) return Err(Error::opnotsupp);
        if (module->state != State::live) return Err(Error::busy);
        if (module->holder_count != 0) {
            log::notice("module {}: not updated: {} modules hold it", name, module->holder_count);
            return Err(Error::again);
        }
        module->state = State::going;
    }
    module->gate->expect_successor(true);
    auto rest = bring_to_rest(*module);
    if (!rest) {
        module->gate->expect_successor(false);
        return Err(rest.error());
    }
    return module;
}

Result<void> update_now(std::string_view path) {
    TRY_ASSIGN(const auto file, read_whole_file(path, kMaxImageBytes));
    char reason[200];
    fmt::BufferSink why(reason);
    char name[56] = {};
    {
        auto image = ElfImage::parse(file.bytes(), arch::elf_machine(), why);
        if (!image) {
            log::err("update from {}: {}", path, why.text());
            return Err(image.error());
        }
        const auto text = image->bytes(image->find_section(".modinfo"));
        const Modinfo info({reinterpret_cast<const char*>(text.data()), text.size()});
        const std::string_view own = info.get("name");
        if (own.empty() || own.size() >= sizeof name) return Err(Error::noexec);
        std::memcpy(name, own.data(), own.size());
    }
    const u64 began = time::monotonic_ns();
    TRY_ASSIGN(Module* const old, stop(name));
    auto saved = save_state(*old);
    if (!saved) {
        log::err("module {}: not updated: its save() answered {}", std::string_view(name),
                 saved.error());
        old->gate->expect_successor(false);
        revive(*old);
        return Err(saved.error());
    }
    char from[24] = {};
    fmt::BufferSink(from).write(old->modinfo.get("version"));
    const Image image = std::move(old->image);
    const auto parameters = std::move(old->parameter_text);
    dispose(old);

    auto done = load_saved(file.bytes(), parameters.get(), 0, &*saved);
    const u64 pause_us = (time::monotonic_ns() - began) / 1000;
    if (done) {
        log::notice("module {}: updated from version {}, {} bytes of state, paused {} us",
                    std::string_view(name), std::string_view(from), saved->size_bytes, pause_us);
        return {};
    }
    log::err("module {}: the new version does not take over ({}): back to {}",
             std::string_view(name), done.error(), std::string_view(from));
    if (auto back = load_saved(image.bytes(), parameters.get(), 0, &*saved); !back)
        log::err("module {}: the old version does not come back: {}", std::string_view(name),
                 back.error());
    return done;
}

}  // namespace

// In a thread of its own: an update takes its time, and the call of the module that asks for it is
// watched.
Result<void> update_module(std::string_view path) {
    struct Order {
        std::string_view path;
        Result<void> result;
        sync::Completion done;
    } order{path, {}, {}};
    const Uncut while_it_lies_here;
    TRY_ASSIGN(auto* const thread, sched::KThread::start(
                                       "module-update",
                                       [](void* argument) {
                                           auto& o = *static_cast<Order*>(argument);
                                           o.result = update_now(o.path);
                                           o.done.complete();
                                       },
                                       &order));
    (void)order.done.wait();
    sched::KThread::stop(thread);
    return order.result;
}

}  // namespace tenon::module
