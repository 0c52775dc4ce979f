// Ends start-up before there is a log or a trap handler.
#pragma once

#include <string_view>

namespace tenon::arch::x86 {
[[noreturn]] void early_panic(std::string_view message);
}
