// All that the source of a module needs to be one.
#pragma once

#include <tenon/module/context.h>    // IWYU pragma: export
#include <tenon/module/manifest.h>   // IWYU pragma: export
#include <tenon/module/parameter.h>  // IWYU pragma: export
#include <tenon/trace/log.h>         // IWYU pragma: export

#include <cstring>
#include <type_traits>

namespace tenon::module {

// For Instance::save() and restore() of a state that is one plain struct. Errors: nospc, inval.
template <typename T>
requires std::is_trivially_copyable_v<T> Result<usize> put_state(std::span<u8> out,
                                                                 const T& state) {
    if (out.size() < sizeof state) return Err(Error::nospc);
    std::memcpy(out.data(), &state, sizeof state);
    return sizeof state;
}
template <typename T>
requires std::is_trivially_copyable_v<T> Result<T> get_state(std::span<const u8> from) {
    T state;
    if (from.size() < sizeof state) return Err(Error::inval);
    std::memcpy(&state, from.data(), sizeof state);
    return state;
}

}  // namespace tenon::module
