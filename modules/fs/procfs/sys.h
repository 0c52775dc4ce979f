// Kinds of entries below /proc/sys.
//
// A number is read as Linux's proc_dointvec() reads it (take_number()): what follows it is ignored.
// Spec: Linux kernel/sysctl.c; Documentation/admin-guide/sysctl/.
#pragma once

#include <tenon/linux/settings.h>

#include "files.h"

namespace tenon::procfs {

inline constexpr i64 kIntMax = 0x7fffffff, kIntMin = -kIntMax - 1;

constexpr Entry sysctl_file(std::string_view name, Result<void> (*show)(Text&, const Subject&),
                            vfs::Mode mode, Result<void> (*store)(const Subject&, std::string_view),
                            Sysctl kind = Sysctl::numbers) {
    Entry entry = file(name, show, mode, store);
    entry.sysctl = kind;
    return entry;
}
// A line of text.
constexpr Entry sysctl_text(std::string_view name, Result<void> (*show)(Text&, const Subject&),
                            vfs::Mode mode = 0444,
                            Result<void> (*store)(const Subject&, std::string_view) = nullptr) {
    return sysctl_file(name, show, mode, store, Sysctl::text);
}
constexpr Entry sysctl_directory(std::string_view name, std::span<const Entry> children) {
    Entry entry = directory(name, children);
    entry.sysctl = Sysctl::numbers;
    return entry;
}

// A fact: nothing else can be had.
template <auto Value>
Result<void> show_constant(Text& out, const Subject&) {
    out.print("{}\n", Value);
    return {};
}
template <auto Value>
constexpr Entry fixed(std::string_view name) {
    return sysctl_file(name, show_constant<Value>, 0444, nullptr);
}
// A fact that Linux lets be changed: writing it down again is all that is taken.
template <auto Value>
constexpr Entry only(std::string_view name, vfs::Mode mode = 0644) {
    return sysctl_file(name, show_constant<Value>, mode,
                       [](const Subject&, std::string_view text) -> Result<void> {
                           TRY_ASSIGN(const i64 value, take_number(text));
                           if (value != static_cast<i64>(Value)) return Err(Error::inval);
                           return {};
                       });
}

// A value that is kept here. Whoever heeds it, if anybody does, is told by the table.
struct Knob {
    std::atomic<i64> value;
    i64 min, max;
};

template <Knob* K>
Result<void> show_knob(Text& out, const Subject&) {
    out.print("{}\n", K->value.load(std::memory_order_relaxed));
    return {};
}
template <Knob* K>
Result<void> store_knob(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 value, take_number(text));
    if (value < K->min || value > K->max) return Err(Error::inval);
    K->value.store(value, std::memory_order_relaxed);
    return {};
}
template <Knob* K>
constexpr Entry knob(std::string_view name, vfs::Mode mode = 0644) {
    return sysctl_file(name, show_knob<K>, mode, store_knob<K>);
}

// What the personality keeps and heeds; reads as nothing while there is none.
template <linux_settings::Setting S>
Result<void> show_setting(Text& out, const Subject&) {
    auto settings = module::find_service<linux_settings::Settings>(linux_settings::kService);
    if (!settings) return {};
    out.print("{}\n", settings->call(&linux_settings::Settings::get, S));
    return {};
}
template <linux_settings::Setting S, i64 Min, i64 Max>
Result<void> store_setting(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 value, take_number(text));
    if (value < Min || value > Max) return Err(Error::inval);
    TRY_ASSIGN(auto settings,
               module::find_service<linux_settings::Settings>(linux_settings::kService));
    settings.call(&linux_settings::Settings::set, S, static_cast<i32>(value));
    return {};
}
template <linux_settings::Setting S, i64 Min = kIntMin, i64 Max = kIntMax>
constexpr Entry setting(std::string_view name, vfs::Mode mode = 0644) {
    return sysctl_file(name, show_setting<S>, mode, store_setting<S, Min, Max>);
}

extern const Entry kSysKernel;  // sys_kernel.cpp
extern const Entry kSysVm;      // sys_vm.cpp

}  // namespace tenon::procfs
