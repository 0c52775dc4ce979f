// What procfs, sysfs and tools ask.
#include <tenon/module/parameter.h>

#include "core/module/module.h"

namespace tenon::module {

namespace {

ModuleInfo info_of(Module& m) {
    return {.name = m.name(),
            .version = m.modinfo.get("version"),
            .vermagic = m.modinfo.get("vermagic"),
            .src_checksum = m.modinfo.get("srcversion"),
            .state = m.state,
            .base_address = reinterpret_cast<u64>(m.base),
            .size_bytes = m.layout.kept_bytes,
            .init_bytes = m.init_base != nullptr ? m.layout.total_bytes - m.layout.kept_bytes : 0,
            .references = m.references(),
            .in_flight = m.gate->in_flight(),
            .trusted = m.gate->trusted(),
            .grants = m.ledger.count(),
            .taint_flags = 0};
}

}  // namespace

void for_each_module(void (*visit)(Module&, const ModuleInfo&, void*), void* context) {
    sync::MutexGuard guard(registry().mutex);
    if (registry().modules == nullptr) return;
    for (Module& m : *registry().modules) visit(m, info_of(m), context);
}

bool with_module(std::string_view name, void (*visit)(Module&, const ModuleInfo&, void*),
                 void* context) {
    sync::MutexGuard guard(registry().mutex);
    Module* m = registry().find(name);
    if (m == nullptr) return false;
    visit(*m, info_of(*m), context);
    return true;
}

// These four are for visitors: the mutex is held.
void for_each_holder(Module& module, void (*visit)(std::string_view holder, void*), void* context) {
    for (const Module& other : *registry().modules)
        for (u32 i = 0; i < other.provider_count; ++i)
            if (other.providers[i] == &module) visit(other.name(), context);
}

void for_each_parameter(Module& module, void (*visit)(ParameterBase&, void*), void* context) {
    for (u32 i = 0; i < module.parameter_count; ++i) visit(*module.parameters[i], context);
}

void for_each_section(Module& module, void (*visit)(std::string_view name, u64 address, void*),
                      void* context) {
    for (u32 i = 0; i < module.section_count; ++i)
        visit(module.sections[i].name, module.sections[i].address, context);
}

std::string_view modinfo_value(Module& module, std::string_view key) {
    return module.modinfo.get(key);
}

void write_ledger(Module& module, fmt::Sink& out) {
    module.ledger.write(out);
}

u32 list_generation() {
    return registry().generation;
}

}  // namespace tenon::module
