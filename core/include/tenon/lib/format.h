// Type-safe text formatting without allocation: `{}`, `{:x}`, `{:#x}`, `{:08x}`, `{:5}`, `{:<5}`,
// `{{`.
//
// Arguments are integers, bool, char, strings, pointers, Error, PhysAddr, UserAddr and enums.
#pragma once

#include <tenon/lib/error.h>
#include <tenon/lib/types.h>

#include <concepts>
#include <span>
#include <string_view>
#include <type_traits>

namespace tenon::fmt {

struct Arg {
    enum class Kind : u8 { signed_int, unsigned_int, boolean, character, string, pointer } kind;
    u64 value = 0;
    usize length = 0;  // for strings
};

template <typename T>
constexpr Arg make_arg(const T& v) {
    using D = std::decay_t<T>;
    if constexpr (std::same_as<D, bool>)
        return {Arg::Kind::boolean, v};
    else if constexpr (std::same_as<D, char>)
        return {Arg::Kind::character, static_cast<u8>(v)};
    else if constexpr (std::same_as<D, Error>) {
        std::string_view s = error_name(v);
        return {Arg::Kind::string, reinterpret_cast<u64>(s.data()), s.size()};
    } else if constexpr (std::is_enum_v<D>)
        return {Arg::Kind::signed_int, static_cast<u64>(v)};
    else if constexpr (std::signed_integral<D>)
        return {Arg::Kind::signed_int, static_cast<u64>(static_cast<i64>(v))};
    else if constexpr (std::unsigned_integral<D>)
        return {Arg::Kind::unsigned_int, v};
    else if constexpr (std::same_as<D, PhysAddr> || std::same_as<D, UserAddr>)
        return {Arg::Kind::pointer, v.value};
    else if constexpr (std::convertible_to<const T&, std::string_view>) {
        std::string_view s = v;
        return {Arg::Kind::string, reinterpret_cast<u64>(s.data()), s.size()};
    } else if constexpr (std::is_pointer_v<D>)
        return {Arg::Kind::pointer, reinterpret_cast<u64>(v)};
    else
        static_assert(sizeof(T) == 0, "no formatting for this type");
}

// Where formatted text goes. `write` may be called several times for one line.
class Sink {
  public:
    virtual void write(std::string_view text) = 0;

  protected:
    ~Sink() = default;
};

// Fills a caller's buffer, truncating; `text()` is what fits. Always leaves room for a NUL.
class TENON_API BufferSink final : public Sink {
  public:
    explicit BufferSink(std::span<char> buffer) : buffer_(buffer) {}
    TENON_API void write(std::string_view text) override;
    std::string_view text() const { return {buffer_.data(), used_}; }
    bool truncated() const { return truncated_; }
    const char* c_str() {
        buffer_[used_] = '\0';
        return buffer_.data();
    }

  private:
    std::span<char> buffer_;
    usize used_ = 0;
    bool truncated_ = false;
};

TENON_API void vprint(Sink& sink, std::string_view format, std::span<const Arg> args);

template <typename... Args>
void print(Sink& sink, std::string_view format, const Args&... args) {
    const Arg list[] = {make_arg(args)..., Arg{}};
    vprint(sink, format, std::span<const Arg>(list, sizeof...(Args)));
}

// A line on the stack: `fmt::Line<64> name("tty{}", n); name.view()`.
template <usize N>
class Line {
  public:
    template <typename... Args>
    explicit Line(std::string_view format, const Args&... args) : sink_({static_cast<char*>(buffer_), N}) {
        print(sink_, format, args...);
        buffer_[sink_.text().size()] = '\0';
    }
    TENON_NONCOPYABLE(Line);
    std::string_view view() const { return sink_.text(); }
    const char* c_str() const { return buffer_; }

  private:
    char buffer_[N];
    BufferSink sink_;
};

}  // namespace tenon::fmt
