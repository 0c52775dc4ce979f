#include "text.h"

#include <tenon/mm/slab.h>
#include <tenon/process/signal.h>

#include <algorithm>
#include <cstring>

namespace tenon::procfs {

Text::~Text() {
    mm::kfree(data_);
}

void Text::write(std::string_view text) {
    // A long list ends with its reader, and is no runaway while it grows.
    if (process::fatal_signal_pending()) failed_ = true;
    if (failed_) return;
    if (room_ - size_ < text.size()) {
        const usize wanted = std::max<usize>({256, room_ * 2, size_ + text.size()});
        auto* grown = static_cast<char*>(mm::krealloc(data_, wanted));
        if (grown == nullptr) {
            failed_ = true;
            return;
        }
        data_ = grown;
        room_ = wanted;
    }
    std::memcpy(data_ + size_, text.data(), text.size());
    size_ += text.size();
}

void Text::pad(char c, usize n) {
    for (; n != 0; --n) write({&c, 1});
}

Result<i64> parse_number(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\0'))
        text.remove_suffix(1);
    const bool negative = !text.empty() && text.front() == '-';
    if (negative) text.remove_prefix(1);
    if (text.empty()) return Err(Error::inval);
    i64 value = 0;
    for (char c : text) {
        if (c < '0' || c > '9' || value > (i64{1} << 58)) return Err(Error::inval);
        value = value * 10 + (c - '0');
    }
    return negative ? -value : value;
}

Result<i64> take_number(std::string_view& text) {
    const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    const bool negative = text.size() > 1 && text.front() == '-';
    if (negative) text.remove_prefix(1);
    if (text.empty() || text.front() < '0' || text.front() > '9') return Err(Error::inval);
    u64 base = 10;
    if (text.front() == '0') {
        base = text.size() > 2 && (text[1] | 0x20) == 'x' ? 16 : 8;
        if (base == 16) text.remove_prefix(2);
    }
    u64 value = 0;
    while (!text.empty()) {
        const char c = text.front(), lower = static_cast<char>(c | 0x20);
        const u64 digit = c >= '0' && c <= '9'           ? static_cast<u64>(c - '0')
                          : lower >= 'a' && lower <= 'f' ? static_cast<u64>(lower - 'a' + 10)
                                                         : 16;
        if (digit >= base) break;
        if (value > (u64{1} << 59)) return Err(Error::inval);
        value = value * base + digit;
        text.remove_prefix(1);
    }
    if (!text.empty() && text.front() != '\0' && !is_space(text.front())) return Err(Error::inval);
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    return negative ? -static_cast<i64>(value) : static_cast<i64>(value);
}

}  // namespace tenon::procfs
