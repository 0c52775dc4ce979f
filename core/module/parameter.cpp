// The values of module parameters. Pure: the SDK's mock core has this very file.
#include <tenon/module/parameter.h>

#include <cstring>

#include "core/module/text.h"

namespace tenon::module {

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

}  // namespace tenon::module
