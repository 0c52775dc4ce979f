// What the compiler and the header-only standard library expect to link against. operator new and
// delete are mm's (core/mm/new.cpp).
#include <tenon/lib/assert.h>

#include <cstring>

using tenon::usize;

extern "C" [[noreturn]] TENON_API void __cxa_pure_virtual() {
    tenon::panic("a pure virtual function was called");
}

namespace std {
[[noreturn]] TENON_API void __throw_length_error(const char* what) {
    tenon::panic(what);
}
[[noreturn]] TENON_API void __throw_logic_error(const char* what) {
    tenon::panic(what);
}
[[noreturn]] TENON_API void __throw_out_of_range(const char* what) {
    tenon::panic(what);
}
[[noreturn]] TENON_API void __throw_out_of_range_fmt(const char* what, ...) {
    tenon::panic(what);
}
[[noreturn]] TENON_API void __throw_invalid_argument(const char* what) {
    tenon::panic(what);
}
[[noreturn]] TENON_API void __throw_bad_alloc() {
    tenon::panic("std::bad_alloc");
}
[[noreturn]] TENON_API void __throw_bad_array_new_length() {
    tenon::panic("std::bad_array_new_length");
}
[[noreturn]] TENON_API void __throw_bad_function_call() {
    tenon::panic("std::bad_function_call");
}
[[noreturn]] TENON_API void __throw_bad_optional_access() {
    tenon::panic("std::bad_optional_access");
}
[[noreturn]] TENON_API void __throw_bad_variant_access(const char* what) {
    tenon::panic(what);
}
}  // namespace std

// boost/assert.hpp declares them, for the debug preset.
namespace boost {
[[noreturn]] TENON_API void assertion_failed(const char* expression, const char*, const char* file,
                                             long line) {
    tenon::assertion_failed(expression, file, static_cast<tenon::u32>(line));
}
[[noreturn]] TENON_API void assertion_failed_msg(const char* expression, const char*, const char*,
                                                 const char* file, long line) {
    tenon::assertion_failed(expression, file, static_cast<tenon::u32>(line));
}
}  // namespace boost

// SAFETY: built without the loop-to-call transformation, or these would call themselves.
extern "C" {
[[gnu::optimize("no-tree-loop-distribute-patterns"), gnu::no_sanitize_address]] TENON_API usize
strlen(const char* s) {
    const char* p = s;
    // A whole aligned word never crosses into an unmapped page; it may reach past the object.
    while ((reinterpret_cast<tenon::uptr>(p) & 7) != 0) {
        if (*p == '\0') return static_cast<usize>(p - s);
        ++p;
    }
    constexpr tenon::u64 kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
    for (;; p += 8) {
        tenon::u64 w = 0;
        __builtin_memcpy(&w, p, 8);
        const tenon::u64 zero = (w - kOnes) & ~w & kTops;
        if (zero != 0)
            return static_cast<usize>(p - s) + static_cast<usize>(__builtin_ctzll(zero)) / 8;
    }
}
TENON_API int strcmp(const char* a, const char* b) {
    while (*a != '\0' && *a == *b) ++a, ++b;
    return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}
TENON_API int strncmp(const char* a, const char* b, usize n) {
    for (; n != 0; --n, ++a, ++b) {
        if (*a != *b) return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
        if (*a == '\0') break;
    }
    return 0;
}
// -march=x86-64 has no POPCNT; the compiler then calls this.
TENON_API int __popcountdi2(long value) {
    auto v = static_cast<tenon::u64>(value);
    v -= (v >> 1) & 0x5555555555555555;
    v = (v & 0x3333333333333333) + ((v >> 2) & 0x3333333333333333);
    v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return static_cast<int>((v * 0x0101010101010101) >> 56);
}
}
