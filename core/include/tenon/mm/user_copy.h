// User memory, by typed pointers with a direction. Error::fault when any byte is out of reach. May
// sleep.
#pragma once

#include <tenon/arch/user_copy.h>
#include <tenon/lib/result.h>

#include <cstring>
#include <span>
#include <type_traits>

namespace tenon::mm {

inline Result<void> copy_from_user(void* to, UserAddr from, usize length_bytes) {
    if (arch::copy_from_user_raw(to, from.value, length_bytes) != 0) return Err(Error::fault);
    return {};
}
inline Result<void> copy_to_user(UserAddr to, const void* from, usize length_bytes) {
    if (arch::copy_to_user_raw(to.value, from, length_bytes) != 0) return Err(Error::fault);
    return {};
}
inline Result<void> clear_user(UserAddr to, usize length_bytes) {
    if (arch::clear_user_raw(to.value, length_bytes) != 0) return Err(Error::fault);
    return {};
}

namespace detail {
template <typename T>
constexpr bool kOneWord =
    std::is_integral_v<T> && (sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8);
}  // namespace detail

// A pointer to T in user space that is only read, or only written.
template <typename T>
class UserIn {
  public:
    explicit UserIn(u64 address) : address_{address} {}
    bool is_null() const { return address_.is_null(); }
    UserAddr address() const { return address_; }
    Result<T> read(usize index = 0) const {
        if constexpr (detail::kOneWord<T>) {
            u64 word;
            if (!arch::user_load(address_.value + index * sizeof(T), word, sizeof(T)))
                return Err(Error::fault);
            return static_cast<T>(word);
        }
        T value;
        TRY(copy_from_user(&value, address_ + index * sizeof(T), sizeof(T)));
        return value;
    }

  private:
    UserAddr address_;
};
template <typename T>
class UserOut {
  public:
    explicit UserOut(u64 address) : address_{address} {}
    bool is_null() const { return address_.is_null(); }
    UserAddr address() const { return address_; }
    Result<void> write(const T& value, usize index = 0) const {
        if constexpr (detail::kOneWord<T>) {
            if (!arch::user_store(address_.value + index * sizeof(T), static_cast<u64>(value),
                                  sizeof(T)))
                return Err(Error::fault);
            return {};
        }
        return copy_to_user(address_ + index * sizeof(T), &value, sizeof(T));
    }

  private:
    UserAddr address_;
};

// A NUL-terminated string into `to` (NUL included). Returns its length. Error::fault, or `too_long`
// if it does not fit.
TENON_API Result<usize> copy_string_from_user(std::span<char> to, UserAddr from,
                                              Error too_long = Error::nametoolong);

}  // namespace tenon::mm
