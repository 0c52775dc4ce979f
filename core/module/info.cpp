// What procfs, sysfs and tools ask.
#include <tenon/module/parameter.h>
#include <tenon/trace/log.h>

#include "core/module/module.h"
#include "core/module/text.h"

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

// These are for visitors: the mutex is held.
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

void write_ledger(Module& module, fmt::Sink& out) {
    module.ledger.write(out);
}

Result<void> write_parameter(Module& module, ParameterBase& parameter, std::string_view text) {
    if ((parameter.mode() & 0222) == 0) return Err(Error::perm);
    if (module.state != State::live) return Err(Error::nodev);
    Result<void> answer = Err(Error::nodev);
    (void)cross(module.gate.get(), [&] { answer = parameter.set(text); });
    return answer;
}

Result<void> set_parameters(Module& module, std::string_view text, fmt::Sink& why) {
    for (;;) {
        ParameterText p;
        auto more = next_parameter(text, p);
        if (!more) {
            fmt::print(why, "the parameters have an open quote: close it");
            return Err(more.error());
        }
        if (!*more) return {};
        ParameterBase* found = nullptr;
        for (u32 i = 0; i < module.parameter_count; ++i)
            if (same_name(module.parameters[i]->name(), p.name)) found = module.parameters[i];
        if (found == nullptr) {
            // As Linux: said, not refused, so that a parameter of another version does no harm.
            log::warn("module {}: unknown parameter '{}' ignored", module.name(), p.name);
            continue;
        }
        if (auto r = found->set(p.value, p.has_value); !r) {
            fmt::print(why, "parameter {}: '{}' is not ", p.name, p.value);
            found->write_wanted(why);
            return r;
        }
    }
}

}  // namespace tenon::module
