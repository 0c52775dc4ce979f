// What stands in one place of a screen.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::vt {

// A Unicode character and an attribute as the VGA text mode has it: foreground in bits 0-3,
// background in bits 4-6, blink in bit 7.
struct Cell {
    u32 bits = ' ' | 0x07u << 24;  // the character in bits 0-20, the attribute in 24-31
    constexpr Cell() = default;
    constexpr Cell(u32 character, u8 attribute) : bits(character | u32{attribute} << 24) {}
    // The Unicode code point.
    constexpr u32 character() const { return bits & 0x1fffff; }
    // As the VGA has it.
    constexpr u8 attribute() const { return static_cast<u8>(bits >> 24); }
    constexpr bool operator==(const Cell&) const = default;
};

}  // namespace tenon::vt
