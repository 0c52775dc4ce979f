#pragma once

#include <tenon/lib/types.h>

#include <string>
#include <vector>

namespace tenon::test {

inline std::vector<u8> from_hex(const std::string& text) {
    std::vector<u8> out;
    for (usize i = 0; i + 1 < text.size(); i += 2)
        out.push_back(static_cast<u8>(std::stoul(text.substr(i, 2), nullptr, 16)));
    return out;
}

inline std::string to_hex(const u8* bytes, usize size) {
    static const char* kDigits = "0123456789abcdef";
    std::string out;
    for (usize i = 0; i < size; ++i) {
        out += kDigits[bytes[i] >> 4];
        out += kDigits[bytes[i] & 15];
    }
    return out;
}

}  // namespace tenon::test
