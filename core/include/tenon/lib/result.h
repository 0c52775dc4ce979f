// Result<T> and TRY: how everything that can fail says so.
//
//     TRY(check(x));                        // leave with the error, or go on
//     TRY_ASSIGN(auto page, alloc_page());  // ... or take the value
//
// Both are statements. Inside braces or call arguments they would leak, so they cannot go there.
#pragma once

#include <tenon/lib/error.h>

#include <expected>
#include <utility>

namespace tenon {

template <typename T = void>
using Result = std::expected<T, Error>;

using Err = std::unexpected<Error>;

#define TENON_CONCAT_(a, b) a##b
#define TENON_CONCAT(a, b) TENON_CONCAT_(a, b)

#define TRY(...)                                                         \
    do {                                                                 \
        if (auto try_result_ = (__VA_ARGS__); !try_result_) [[unlikely]] \
            return ::tenon::Err(try_result_.error());                    \
    } while (0)

#define TRY_ASSIGN_(temp, decl, ...)       \
    auto temp = (__VA_ARGS__);             \
    if (!temp) [[unlikely]]                \
        return ::tenon::Err(temp.error()); \
    decl = std::move(*temp)
#define TRY_ASSIGN(decl, ...) TRY_ASSIGN_(TENON_CONCAT(try_value_, __COUNTER__), decl, __VA_ARGS__)

}  // namespace tenon
