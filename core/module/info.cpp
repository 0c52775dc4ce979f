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
    const u32 bits = (type_ == ParameterType::i32 || type_ == ParameterType::u32 ? 32 : 64) -
                     (is_signed ? 1 : 0);
    // Beyond the type is one error, beyond what the module allows another, as with Linux's.
    const u64 most = ~u64{0} >> (64 - bits);
    if (number.magnitude > most + (is_signed && number.negative ? 1 : 0)) return Err(Error::range);
    if (!is_signed && number.negative && number.magnitude != 0) return Err(Error::inval);
    const u64 value = number.negative ? 0 - number.magnitude : number.magnitude;
    const bool fits = is_signed ? static_cast<i64>(value) >= min_ &&
                                      static_cast<i64>(value) <= static_cast<i64>(max_)
                                : value >= static_cast<u64>(min_) && value <= max_;
    if (!fits) return Err(Error::inval);
    word_.store(value, std::memory_order_relaxed);
    return {};
}

void ParameterBase::write_wanted(fmt::Sink& out) const {
    switch (type_) {
        case ParameterType::boolean:
            return out.write("Y or N");
        case ParameterType::text:
            return fmt::print(out, "a text of less than {} characters", kMaxText);
        case ParameterType::i32:
        case ParameterType::i64:
            return fmt::print(out, "a number from {} to {}", min_, static_cast<i64>(max_));
        case ParameterType::u32:
        case ParameterType::u64:
            return fmt::print(out, "a number from {} to {}", static_cast<u64>(min_), max_);
    }
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
