#include "text.h"

#include <tenon/mm/slab.h>

#include <algorithm>
#include <cstring>

namespace tenon::procfs {

Text::~Text() {
    mm::kfree(data_);
}

void Text::write(std::string_view text) {
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

}  // namespace tenon::procfs
