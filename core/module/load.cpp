// load_image(): check, link, activate; all or nothing.
//
// Theory. Linking (build.cpp) is done under the loader's mutex and changes nothing that others see
// but its own entry in the list, `coming`. create() then runs without the mutex, for it may add
// devices and so load other modules. Only when it succeeded is the module `live`: its exports can
// be imported.
#include <tenon/arch/relocate.h>
#include <tenon/module/loader.h>
#include <tenon/module/version.h>
#include <tenon/trace/log.h>
#include <tenon/trace/symbols.h>

#include <cstring>

#include "core/module/module.h"
#include "core/module/text.h"

namespace tenon::module {

namespace {

Registry g_registry;

Result<void> check_needs(const Modinfo& info, fmt::Sink& why) {
    Result<void> result;
    info.for_each("requires", [&](std::string_view text) {
        const Need need = Need::parse(text);
        const Module* there = g_registry.find(need.name);
        if (there == nullptr || there->state != State::live) {
            fmt::print(why, "needs {}, which is not loaded", text);
            result = Err(Error::noent);
        } else if (const auto version = there->modinfo.get("version"); !need.accepts(version)) {
            fmt::print(why, "needs {}; loaded {} is version {}", text, need.name, version);
            result = Err(Error::inval);
        }
        return result.has_value();
    });
    return result;
}

Result<void> check_origin(const ElfImage& image, const Modinfo& info, u32 flags, fmt::Sink& why) {
    const std::string_view vermagic = info.get("vermagic");
    if (vermagic != TENON_VERMAGIC && (flags & kLoadIgnoreVermagic) == 0) {
        fmt::print(why, "version magic '{}', this kernel's is '{}'", vermagic, TENON_VERMAGIC);
        return Err(Error::noexec);
    }
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

Result<void> activate(Module& module, fmt::Sink& why) {
    TRY(protect_module(module));
    auto made = [&] {
        GateScope scope(module.gate.get());
        return module.descriptor->create(module.context);
    }();
    if (!made) {
        fmt::print(why, "its create() answered {}", made.error());
        return Err(made.error());
    }
    module.instance = made->release();
    if (module.instance == nullptr) {
        why.write("its create() made nothing");
        return Err(Error::nomem);
    }
    return {};
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
    trace::set_module_namer([](u64 address, fmt::Sink& sink) {
        char names[160];
        SymbolAt at;
        if (!find_symbol_at(address, at, names)) return false;
        fmt::print(sink, "{}+{:#x} [{}]", at.name, at.offset, at.module);
        return true;
    });
}

Result<void> load_image(std::span<const u8> bytes, std::string_view parameters, u32 flags) {
    char reason[400];
    fmt::BufferSink why(reason);
    std::string_view name = "?";
    const auto failed = [&](Error error) -> Result<void> {
        if (!why.text().empty())
            log::err("module {}: {}", name, why.text());
        else
            log::err("module {}: {}", name, error);
        return Err(error);
    };

    auto image = ElfImage::parse(bytes, arch::elf_machine(), why);
    if (!image) return failed(image.error());
    const auto info_bytes = image->bytes(image->find_section(".modinfo"));
    const Modinfo info({reinterpret_cast<const char*>(info_bytes.data()), info_bytes.size()});
    if (!valid_name(info.get("name"))) {
        why.write("no name in .modinfo: not a module");
        return failed(Error::noexec);
    }
    name = info.get("name");
    if (auto r = check_origin(*image, info, flags, why); !r) return failed(r.error());

    Module* module = nullptr;
    {
        sync::MutexGuard guard(g_registry.mutex);
        if (g_registry.find(name) != nullptr) return Err(Error::exist);
        if (auto r = check_needs(info, why); !r) return failed(r.error());
        auto built = build_module(*image, name, flags, why);
        if (!built) return failed(built.error());
        if (auto r = hold_needs(**built); !r) return failed(r.error());
        if (auto r = set_parameters(**built, parameters, why); !r) return failed(r.error());
        if (auto r = list_exports(**built, why); !r) return failed(r.error());
        module = built->release();
        g_registry.modules->push_front(*module);
        publish_for_traces(*module);
        ++g_registry.generation;
    }

    const auto activated = activate(*module, why);
    if (!activated) {
        // The name lies in the caller's bytes; the module goes.
        dispose(module);
        return failed(activated.error());
    }
    {
        sync::MutexGuard guard(g_registry.mutex);
        module->state = State::live;
        free_init_memory(*module);
        ++g_registry.generation;
    }
    g_registry.changed.wake_all();
    return {};
}

}  // namespace tenon::module
