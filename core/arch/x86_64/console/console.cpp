// COM1 and the framebuffer as sinks of the log, and as what a panic writes to.
#include "core/arch/x86_64/console/console.h"

#include <tenon/boot/panic.h>
#include <tenon/trace/log.h>

#include "core/arch/x86_64/console/serial.h"

namespace tenon::arch {

namespace {

class SerialConsole final : public log::Console {
  public:
    void write(std::string_view text) override { x86::early_serial_write(text); }
};
class FramebufferConsole final : public log::Console {
  public:
    void write(std::string_view text) override { x86::framebuffer_write(text); }
};
constinit SerialConsole g_serial;
constinit FramebufferConsole g_framebuffer;

}  // namespace

namespace x86 {

void init_serial_console() {
    if (early_serial_present()) log::add_console(g_serial);
}
void register_framebuffer_console() {
    log::add_console(g_framebuffer);
}

}  // namespace x86

void panic_write(std::string_view text) {
    x86::early_serial_write(text);
    x86::framebuffer_write(text);
}

}  // namespace tenon::arch
