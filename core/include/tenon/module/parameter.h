// Typed module parameters with ranges: `insmod foo.ko depth=8`, /sys/module/foo/parameters/depth.
//
//     TENON_PARAMETER(u32, depth, {.value = 4, .min = 1, .max = 64, .mode = 0644,
//                                  .description = "requests in flight"});
//     ... depth.get() ...
#pragma once

#include <tenon/lib/format.h>
#include <tenon/lib/result.h>
#include <tenon/module/manifest.h>

#include <atomic>
#include <initializer_list>
#include <limits>

namespace tenon::module {

enum class ParameterType : u8 { boolean, i32, u32, i64, u64, text };

// The part that the loader and sysfs see. Values are words that are read and written atomically.
class ParameterBase {
  public:
    static constexpr usize kMaxText = 64;

    constexpr ParameterBase(const char* name, ParameterType type, u32 mode, i64 min, u64 max,
                            u64 word)
        : name_(name), min_(min), max_(max), word_(word), mode_(mode), type_(type) {}
    TENON_NONCOPYABLE(ParameterBase);
    const char* name() const { return name_; }
    u32 mode() const { return mode_; }  // of the file in sysfs; 0: no file
    ParameterType type() const { return type_; }
    // Parses, checks type and range, stores; after an error the old value stands. Error::inval (no
    // such value, or not in the range), Error::range (beyond the type), Error::nospc (text too
    // long). A bare name (no '=') is true for a boolean.
    TENON_API Result<void> set(std::string_view text, bool has_value = true);
    TENON_API void show(fmt::Sink& out) const;
    // "a number from 1 to 64"
    TENON_API void write_wanted(fmt::Sink& out) const;

  protected:
    const char* name_;
    i64 min_;
    u64 max_;
    std::atomic<u64> word_;
    char text_[kMaxText] = {};
    u32 mode_;
    ParameterType type_;
};

template <typename T>
struct ParameterOptions {
    T value = {};
    T min = std::numeric_limits<T>::min();
    T max = std::numeric_limits<T>::max();
    u32 mode = 0444;
    std::string_view description = {};
};
template <>
struct ParameterOptions<bool> {
    bool value = false;
    u32 mode = 0444;
    std::string_view description = {};
};
template <>
struct ParameterOptions<std::string_view> {
    std::string_view value = {};
    u32 mode = 0444;
    std::string_view description = {};
};

namespace detail {
// Not constexpr: to come here is an error of the compilation.
void a_text_is_set_when_the_module_is_loaded_and_not_written_later();

template <typename T>
constexpr ParameterType parameter_type() {
    if constexpr (std::same_as<T, bool>)
        return ParameterType::boolean;
    else if constexpr (std::same_as<T, tenon::i32>)
        return ParameterType::i32;
    else if constexpr (std::same_as<T, tenon::u32>)
        return ParameterType::u32;
    else if constexpr (std::same_as<T, tenon::i64>)
        return ParameterType::i64;
    else if constexpr (std::same_as<T, tenon::u64>)
        return ParameterType::u64;
    else {
        static_assert(std::same_as<T, std::string_view>, "no such parameter type");
        return ParameterType::text;
    }
}
// As modinfo prints it.
template <typename T>
constexpr std::string_view parameter_type_name() {
    constexpr std::string_view names[] = {"bool", "int", "uint", "long", "ulong", "charp"};
    return names[static_cast<u8>(parameter_type<T>())];
}
}  // namespace detail

template <typename T>
class Parameter final : public ParameterBase {
  public:
    constexpr Parameter(const char* name, const ParameterOptions<T>& o)
        : ParameterBase(name, detail::parameter_type<T>(), o.mode, low(o), high(o), word(o)) {
        if constexpr (std::same_as<T, std::string_view>) {
            // Whoever holds what get() gave would read it half written.
            if ((o.mode & 0222) != 0)
                detail::a_text_is_set_when_the_module_is_loaded_and_not_written_later();
            for (usize i = 0; i < o.value.size() && i + 1 < kMaxText; ++i) text_[i] = o.value[i];
        }
    }
    T get() const {
        if constexpr (std::same_as<T, std::string_view>)
            return text_;
        else
            return static_cast<T>(word_.load(std::memory_order_relaxed));
    }
    operator T() const { return get(); }

  private:
    static constexpr u64 word(const ParameterOptions<T>& o) {
        if constexpr (std::same_as<T, std::string_view>)
            return 0;
        else
            return static_cast<u64>(o.value);
    }
    static constexpr i64 low(const ParameterOptions<T>& o) {
        if constexpr (std::signed_integral<T>)
            return o.min;
        else if constexpr (std::unsigned_integral<T> && !std::same_as<T, bool>)
            return static_cast<i64>(o.min);
        else
            return 0;
    }
    static constexpr u64 high(const ParameterOptions<T>& o) {
        if constexpr (std::integral<T> && !std::same_as<T, bool>)
            return static_cast<u64>(o.max);
        else
            return 1;
    }
};

namespace detail {
template <typename T>
constexpr void write_parameter(ModinfoWriter& w, std::string_view name,
                               const ParameterOptions<T>& o) {
    w.text("parmtype=");
    w.text(name);
    w.put(':');
    w.text(parameter_type_name<T>());
    w.put('\0');
    w.text("parm=");
    w.text(name);
    w.put(':');
    w.text(o.description);
    if constexpr (std::integral<T> && !std::same_as<T, bool>) {
        if (o.min != std::numeric_limits<T>::min() || o.max != std::numeric_limits<T>::max()) {
            w.text(" [");
            if (o.min < 0) w.put('-');
            w.number(o.min < 0 ? 0 - static_cast<u64>(o.min) : static_cast<u64>(o.min));
            w.text("..");
            w.number(static_cast<u64>(o.max));
            w.put(']');
        }
    }
    w.put('\0');
}
template <typename Options>
consteval auto parameter_modinfo() {
    constexpr usize size = [] {
        ModinfoWriter w;
        write_parameter(w, Options::name, Options::value);
        return w.used;
    }();
    Text<size> text{};
    ModinfoWriter w{text.bytes};
    write_parameter(w, Options::name, Options::value);
    return text;
}
}  // namespace detail

// A text that is one of `names`, as the enumerator of its place: `choice<Mode>(mode, {"a", "b"})`.
// Error::inval.
template <typename E>
Result<E> choice(std::string_view text, std::initializer_list<std::string_view> names) {
    for (const std::string_view& name : names)
        if (name == text) return static_cast<E>(&name - names.begin());
    return Err(Error::inval);
}

}  // namespace tenon::module

#define TENON_PARAMETER(type, id, ...)                                                             \
    struct tenon_parameter_##id {                                                                  \
        static constexpr std::string_view name = #id;                                              \
        static constexpr ::tenon::module::ParameterOptions<type> value = __VA_ARGS__;              \
    };                                                                                             \
    static constinit ::tenon::module::Parameter<type> id{#id, tenon_parameter_##id::value};        \
    [[gnu::section(".tenon.parameters"),                                                           \
      gnu::used]] static constinit ::tenon::module::ParameterBase* const tenon_parameter_at_##id = \
        &id;                                                                                       \
    [[gnu::section(".modinfo"), gnu::used,                                                         \
      gnu::aligned(1)]] static constinit const auto tenon_parameter_info_##id =                    \
        ::tenon::module::detail::parameter_modinfo<tenon_parameter_##id>()
