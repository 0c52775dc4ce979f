// COM1, polled: the console that works from the first instruction to the last.
#pragma once

#include <string_view>

namespace tenon::arch::x86 {

// Registers COM1 with the log, from the first line on.
void init_serial_console();
void early_serial_init();
bool early_serial_present();
// Never blocks for good: a port that does not drain is given up.
void early_serial_write(std::string_view text);

}  // namespace tenon::arch::x86
