// Fields of tables that firmware and boot loaders left: unaligned, zero beyond the end.
#pragma once

#include <tenon/lib/types.h>

#include <cstring>
#include <span>

namespace tenon {

template <typename T>
T get(std::span<const u8> bytes, usize offset) {
    T value{};
    if (offset <= bytes.size() && sizeof(T) <= bytes.size() - offset)
        std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

}  // namespace tenon
