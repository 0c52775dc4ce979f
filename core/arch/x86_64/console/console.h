// The consoles that arch brings: COM1 and the linear framebuffer.
#pragma once

#include <tenon/boot/boot_info.h>

#include <string_view>

namespace tenon::arch::x86 {

// Registers COM1 with the log, from the first line on.
void init_serial_console();
void init_framebuffer_console(const boot::Framebuffer& framebuffer);
// Called by the latter when there is one.
void register_framebuffer_console();
void framebuffer_write(std::string_view text);

}  // namespace tenon::arch::x86
