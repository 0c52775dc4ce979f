// Fixed-width integers and the address types every other header speaks.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace tenon {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using usize = std::size_t;
using isize = std::ptrdiff_t;
using uptr = std::uintptr_t;

inline constexpr usize kPageShift = 12;
inline constexpr usize kPageSize = usize{1} << kPageShift;

constexpr u64 align_down(u64 value, u64 alignment) {
    return value & ~(alignment - 1);
}
constexpr u64 align_up(u64 value, u64 alignment) {
    return align_down(value + alignment - 1, alignment);
}
constexpr bool is_aligned(u64 value, u64 alignment) {
    return (value & (alignment - 1)) == 0;
}

// A physical address, in bytes.
struct PhysAddr {
    u64 value = 0;
    constexpr auto operator<=>(const PhysAddr&) const = default;
    constexpr PhysAddr operator+(u64 offset_bytes) const { return {value + offset_bytes}; }
};

// A page frame number: physical address >> kPageShift.
struct Pfn {
    u64 value = 0;
    constexpr auto operator<=>(const Pfn&) const = default;
    constexpr PhysAddr phys() const { return {value << kPageShift}; }
    static constexpr Pfn of(PhysAddr pa) { return {pa.value >> kPageShift}; }
};

// An address in user space. Never dereferenced: only user_copy.h touches what it names, so a
// kernel pointer cannot be passed for one.
struct UserAddr {
    u64 value = 0;
    constexpr auto operator<=>(const UserAddr&) const = default;
    constexpr UserAddr operator+(u64 offset_bytes) const { return {value + offset_bytes}; }
    constexpr bool is_null() const { return value == 0; }
};

// Half-open range [start, end) of user addresses.
struct UserRange {
    u64 start = 0;
    u64 end = 0;
    constexpr u64 size() const { return end - start; }
    constexpr bool empty() const { return start >= end; }
};

// Marks what a module may link against: default visibility puts the symbol in the export table,
// everything else is hidden.
#define TENON_API __attribute__((visibility("default")))

#define TENON_NONCOPYABLE(T) \
    T(const T&) = delete;    \
    T& operator=(const T&) = delete

template <typename T>
constexpr T* container_of_offset(void* member, usize offset_bytes) {
    return reinterpret_cast<T*>(static_cast<u8*>(member) - offset_bytes);
}

}  // namespace tenon
