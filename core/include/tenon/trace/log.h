// The kernel log: a ring that dmesg reads, with consoles as sinks.
//
// Context: any, NMI included. Never sleeps, never allocates. A line is at most kMaxLineBytes and is
// cut there.
#pragma once

#include <tenon/lib/format.h>

namespace tenon::module {
class Gate;
}

namespace tenon::log {

inline constexpr usize kMaxLineBytes = 480;

// The levels of syslog(3). What a program wrote has its facility, times 8, on top.
enum class Level : u8 { emerg, alert, crit, err, warning, notice, info, debug };

TENON_API void vwrite(Level level, std::string_view format, std::span<const fmt::Arg> args);

template <typename... Args>
void write(Level level, std::string_view format, const Args&... args) {
    const fmt::Arg list[] = {fmt::make_arg(args)..., fmt::Arg{}};
    vwrite(level, format, std::span<const fmt::Arg>(list, sizeof...(Args)));
}
template <typename... A>
void err(std::string_view f, const A&... a) {
    write(Level::err, f, a...);
}
template <typename... A>
void warn(std::string_view f, const A&... a) {
    write(Level::warning, f, a...);
}
template <typename... A>
void notice(std::string_view f, const A&... a) {
    write(Level::notice, f, a...);
}
template <typename... A>
void info(std::string_view f, const A&... a) {
    write(Level::info, f, a...);
}
template <typename... A>
void debug(std::string_view f, const A&... a) {
    write(Level::debug, f, a...);
}

// One record of the ring, as a reader sees it.
struct Record {
    u64 sequence = 0;
    u64 time_ns = 0;  // CLOCK_MONOTONIC at the write
    Level level = Level::info;
    u16 length_bytes = 0;
    char text[kMaxLineBytes] = {};
};

// Copies the first record with sequence >= `sequence`; false if there is none yet.
TENON_API bool read(u64 sequence, Record& out);
TENON_API u64 first_sequence();
TENON_API u64 next_sequence();
// Sequence below which `dmesg -C` hid the records.
TENON_API void clear();
TENON_API u64 cleared_sequence();

// A console. `write` is called with the console lock held and interrupts off.
class Console {
  public:
    virtual void write(std::string_view text) = 0;
    Console* next = nullptr;
    module::Gate* gate = nullptr;  // of the module that it belongs to

  protected:
    ~Console() = default;
};
// Modules use Context::add_console().
void add_console(Console& console);
void remove_console(Console& console);
// [core] To every console at once, without a lock: what a panic says.
void write_unlocked(std::string_view text);
// Only messages more urgent than this reach the consoles (dmesg -n, `loglevel=`, `quiet`).
TENON_API void set_console_level(u8 level);
TENON_API u8 console_level();

}  // namespace tenon::log
