// [core] The pieces of a panic, for who has more to print than a message.
#pragma once

#include <tenon/lib/format.h>

#include <string_view>

namespace tenon::arch {
// Writes to the consoles that need nothing: no lock, no interrupt, no memory.
void panic_write(std::string_view text);
}  // namespace tenon::arch

namespace tenon::boot {

// Stops the others and prints the head. Returns once per kernel life; a second panic ends at once.
bool begin_panic(std::string_view message);
[[noreturn]] void end_panic();

template <typename... Args>
void panic_line(std::string_view format, const Args&... args) {
    fmt::Line<256> line(format, args...);
    arch::panic_write(line.view());
    arch::panic_write("\n");
}

}  // namespace tenon::boot
