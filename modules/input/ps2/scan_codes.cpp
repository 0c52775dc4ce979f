#include "scan_codes.h"

#include <linux/input-event-codes.h>

#include <utility>

namespace tenon::ps2 {

namespace {

// After 0xe0.
constexpr struct {
    u8 scan, code;
} kExtended[] = {
    {0x1c, KEY_KPENTER}, {0x1d, KEY_RIGHTCTRL}, {0x35, KEY_KPSLASH}, {0x37, KEY_SYSRQ},
    {0x38, KEY_RIGHTALT}, {0x46, KEY_PAUSE},    {0x47, KEY_HOME},    {0x48, KEY_UP},
    {0x49, KEY_PAGEUP},  {0x4b, KEY_LEFT},      {0x4d, KEY_RIGHT},   {0x4f, KEY_END},
    {0x50, KEY_DOWN},    {0x51, KEY_PAGEDOWN},  {0x52, KEY_INSERT},  {0x53, KEY_DELETE},
    {0x5b, KEY_LEFTMETA}, {0x5c, KEY_RIGHTMETA}, {0x5d, KEY_COMPOSE},
};
constexpr u8 kSysrq = 0x54;  // PrintScreen with Alt

}  // namespace

KeyEvent Decoder::feed(u8 byte) {
    if (byte == 0xe0 || byte == 0xe1) {
        prefix_ = byte;
        return {};
    }
    const u8 prefix = std::exchange(prefix_, 0);
    const bool pressed = (byte & 0x80) == 0;
    const u8 scan = byte & 0x7f;
    switch (prefix) {
        case 0xe1:
            if (scan == 0x1d) prefix_ = 0xe2;
            return {};
        case 0xe2: return {static_cast<u16>(scan == 0x45 ? KEY_PAUSE : 0), pressed};
        case 0xe0:
            for (const auto& e : kExtended)
                if (e.scan == scan) return {e.code, pressed};
            return {};  // shifts that the keyboard makes up among them
        default: break;
    }
    if (scan == kSysrq) return {KEY_SYSRQ, pressed};
    return {static_cast<u16>(scan <= KEY_F12 && scan != 0x55 ? scan : 0), pressed};
}

}  // namespace tenon::ps2
