// COM1 as a sink of the log, and what a panic writes to.
#include "core/arch/x86_64/console/console.h"

#include <tenon/boot/panic.h>
#include <tenon/lib/types.h>
#include <tenon/trace/log.h>

#include "core/arch/x86_64/cpu/instructions.h"

namespace tenon::arch {

namespace {

class SerialConsole final : public log::Console {
  public:
    void write(std::string_view text) override { x86::early_serial_write(text); }
};
constinit SerialConsole g_serial;

}  // namespace

namespace x86 {

void init_serial_console() {
    if (early_serial_present()) log::add_console(g_serial);
}

}  // namespace x86

void panic_write(std::string_view text) {
    log::write_unlocked(text);
}

}  // namespace tenon::arch

namespace tenon::arch::x86 {

namespace {

// Spec: National PC16550D data sheet.
constexpr u16 kPort = 0x3f8;
enum Register : u16 { kData = 0, kIer = 1, kFcr = 2, kLcr = 3, kMcr = 4, kLsr = 5, kScratch = 7 };
constinit bool g_present = false;

constinit u32 g_room = 0;  // bytes that the FIFO surely takes

void put(char c) {
    if (g_room == 0) {
        for (u32 spins = 0; (in8(kPort + kLsr) & 0x20) == 0; ++spins) {
            if (spins > 1'000'000) {
                g_present = false;
                return;
            }
        }
        g_room = 16;
    }
    --g_room;
    out8(kPort + kData, static_cast<u8>(c));
}

}  // namespace

void early_serial_init() {
    out8(kPort + kScratch, 0x5a);
    g_present = in8(kPort + kScratch) == 0x5a;
    if (!g_present) return;
    out8(kPort + kIer, 0);
    out8(kPort + kLcr, 0x80);  // divisor latch: 115200 baud
    out8(kPort + 0, 1);
    out8(kPort + 1, 0);
    out8(kPort + kLcr, 0x03);  // 8n1
    out8(kPort + kFcr, 0x07);
    out8(kPort + kMcr, 0x0b);
}

bool early_serial_present() {
    return g_present;
}

void early_serial_write(std::string_view text) {
    g_room = 0;
    for (char c : text) {
        if (!g_present) return;
        if (c == '\n') put('\r');
        put(c);
    }
}

}  // namespace tenon::arch::x86
