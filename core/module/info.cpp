// What procfs, sysfs and tools ask.
#include <tenon/module/parameter.h>
#include <tenon/trace/log.h>

#include <cstring>

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

void write_ledger(Module& module, fmt::Sink& out) {
    module.ledger.write(out);
}

namespace {

Result<bool> parse_bool(std::string_view text) {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    if (text == "1" || text == "y" || text == "Y" || text == "on" || text == "true") return true;
    if (text == "0" || text == "n" || text == "N" || text == "off" || text == "false") return false;
    return Err(Error::inval);
}

}  // namespace

Result<void> ParameterBase::set(std::string_view text, bool has_value) {
    if (type_ == ParameterType::boolean) {
        if (!has_value) {
            word_.store(1, std::memory_order_relaxed);
            return {};
        }
        TRY_ASSIGN(bool value, parse_bool(text));
        word_.store(value, std::memory_order_relaxed);
        return {};
    }
    if (!has_value) return Err(Error::inval);
    if (type_ == ParameterType::text) {
        while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
        if (text.size() >= kMaxText) return Err(Error::nospc);
        std::memcpy(text_, text.data(), text.size());
        text_[text.size()] = '\0';
        return {};
    }
    TRY_ASSIGN(Number number, parse_number(text));
    const bool is_signed = type_ == ParameterType::i32 || type_ == ParameterType::i64;
    if (!is_signed) {
        if (number.negative && number.magnitude != 0) return Err(Error::range);
        if (number.magnitude < static_cast<u64>(min_) || number.magnitude > max_)
            return Err(Error::range);
        word_.store(number.magnitude, std::memory_order_relaxed);
        return {};
    }
    const u64 limit = (u64{1} << 63) - (number.negative ? 0 : 1);
    if (number.magnitude > limit) return Err(Error::range);
    const i64 value = static_cast<i64>(number.negative ? 0 - number.magnitude : number.magnitude);
    if (value < min_ || value > static_cast<i64>(max_)) return Err(Error::range);
    word_.store(static_cast<u64>(value), std::memory_order_relaxed);
    return {};
}

void ParameterBase::show(fmt::Sink& out) const {
    const u64 word = word_.load(std::memory_order_relaxed);
    switch (type_) {
        case ParameterType::boolean:
            out.write(word != 0 ? "Y" : "N");
            break;
        case ParameterType::i32:
        case ParameterType::i64:
            fmt::print(out, "{}", static_cast<i64>(word));
            break;
        case ParameterType::u32:
        case ParameterType::u64:
            fmt::print(out, "{}", word);
            break;
        case ParameterType::text:
            out.write(text_);
            break;
    }
}

Result<void> set_parameters(Module& module, std::string_view text, fmt::Sink& why) {
    for (;;) {
        ParameterText p;
        auto more = next_parameter(text, p);
        if (!more) {
            fmt::print(why, "the parameter string has an open quote");
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
            fmt::print(why, "parameter {}: '{}' is {}", p.name, p.value,
                       r.error() == Error::range   ? "out of its range"
                       : r.error() == Error::nospc ? "too long"
                                                   : "not a value of its type");
            return r;
        }
    }
}

}  // namespace tenon::module
