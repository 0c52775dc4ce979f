// Result<T>: a value, or a sentence that a person can act on.
//
// pkg talks to people, so an error is text from the start: what was being done, to which file, and
// what was wrong. Callers add context with `in()`; nobody parses the text.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace tenon::pkg {

struct [[nodiscard]] Error {
    std::string text;
    int code = 0;  // errno where a system call failed, else 0

    // "FILE: what went wrong": the outer name goes in front.
    Error in(const std::string& where) && { return Error{where + ": " + text, code}; }
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

__attribute__((format(printf, 1, 2))) std::string format(const char* fmt, ...);
__attribute__((format(printf, 1, 2))) std::unexpected<Error> fail(const char* fmt, ...);
// As fail(), with ": " and the text of errno behind it. Reads errno first.
__attribute__((format(printf, 1, 2))) std::unexpected<Error> fail_errno(const char* fmt, ...);

}  // namespace tenon::pkg

// Statement form only: inside braces or call arguments a macro with a return in it leaks.
#define TRY(...)                                                    \
    do {                                                            \
        if (auto try_result_ = (__VA_ARGS__); !try_result_)         \
            return std::unexpected(std::move(try_result_).error()); \
    } while (0)
#define TENON_PKG_CAT2(a, b) a##b
#define TENON_PKG_CAT(a, b) TENON_PKG_CAT2(a, b)
#define TRY_SET_IMPL(tmp, lhs, ...)                           \
    auto tmp = (__VA_ARGS__);                                 \
    if (!tmp) return std::unexpected(std::move(tmp).error()); \
    lhs = std::move(*tmp)
// TRY_SET(auto x, f()): declares or assigns, returns the error otherwise.
#define TRY_SET(lhs, ...) TRY_SET_IMPL(TENON_PKG_CAT(try_set_, __COUNTER__), lhs, __VA_ARGS__)
