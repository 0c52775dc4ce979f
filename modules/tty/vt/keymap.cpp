#include "keymap.h"

#include <linux/input-event-codes.h>

namespace tenon::vt {

namespace {

// By key code, from KEY_ESC on; 0: no character.
constexpr char kPlain[] = "\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
constexpr char kShifted[] =
    "\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
static_assert(sizeof kPlain == KEY_SPACE + 2 && sizeof kShifted == sizeof kPlain);

// From KEY_KP7 on: what Num Lock makes of the pad, what stands there without it, and what the
// application mode sends after ESC O.
constexpr char kPadDigits[] = "789-456+1230.";
constexpr char kPadApplication[] = "wxyStuvlqrspn";
constexpr u16 kPadKeys[] = {KEY_HOME, KEY_UP,   KEY_PAGEUP,   0, KEY_LEFT,   0,         KEY_RIGHT,
                            0,        KEY_END,  KEY_DOWN,     KEY_PAGEDOWN, KEY_INSERT, KEY_DELETE};

// Function keys from F1 to F20: the number in ESC [ n ~. The first five are ESC [ [ A to E.
constexpr u8 kFunction[] = {0, 0, 0, 0, 0, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34};

// A PC keyboard's own codes (set 1) of keys that it sends with 0xe0 before.
constexpr u8 kExtended[][2] = {
    {KEY_KPENTER, 0x1c}, {KEY_RIGHTCTRL, 0x1d}, {KEY_KPSLASH, 0x35}, {KEY_SYSRQ, 0x37},
    {KEY_RIGHTALT, 0x38}, {KEY_HOME, 0x47},     {KEY_UP, 0x48},      {KEY_PAGEUP, 0x49},
    {KEY_LEFT, 0x4b},    {KEY_RIGHT, 0x4d},     {KEY_END, 0x4f},     {KEY_DOWN, 0x50},
    {KEY_PAGEDOWN, 0x51}, {KEY_INSERT, 0x52},   {KEY_DELETE, 0x53},  {KEY_LEFTMETA, 0x5b},
    {KEY_RIGHTMETA, 0x5c}, {KEY_COMPOSE, 0x5d},
};

bool is_modifier(u32 code) {
    return code == KEY_LEFTSHIFT || code == KEY_RIGHTSHIFT || code == KEY_LEFTCTRL ||
           code == KEY_RIGHTCTRL || code == KEY_LEFTALT || code == KEY_RIGHTALT;
}

bool is_letter(char c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

i32 function_number(u32 code) {  // from 0 on
    if (code >= KEY_F1 && code <= KEY_F10) return static_cast<i32>(code - KEY_F1);
    if (code == KEY_F11 || code == KEY_F12) return static_cast<i32>(code - KEY_F11) + 10;
    return -1;
}

void put_function(u32 number, KeyResult& out) {
    if (number < 5) {
        out.put("\033[[");
        out.put(static_cast<u8>('A' + number));
        return;
    }
    const u8 n = kFunction[number];
    out.put("\033[");
    out.put(static_cast<u8>('0' + n / 10));
    out.put(static_cast<u8>('0' + n % 10));
    out.put('~');
}

// With Control; 0xff: none.
u8 control_of(u32 code, char plain) {
    if (is_letter(plain)) return static_cast<u8>(plain & 0x1f);
    if (code >= KEY_3 && code <= KEY_7) return static_cast<u8>(0x1b + (code - KEY_3));
    if (code == KEY_8 || code == KEY_SLASH) return 0x7f;
    switch (code) {
        case KEY_SPACE:
        case KEY_2:
        case KEY_GRAVE: return 0;
        case KEY_MINUS: return 0x1f;
        case KEY_LEFTBRACE: return 0x1b;
        case KEY_RIGHTBRACE: return 0x1d;
        case KEY_BACKSLASH: return 0x1c;
        case KEY_APOSTROPHE: return 0x07;
        case KEY_BACKSPACE: return 0x08;
        case KEY_TAB: return 0x09;
        case KEY_ENTER: return 0x0d;
        case KEY_ESC: return 0x1b;
        default: return 0xff;
    }
}

void put_raw(u32 code, bool released, KeyResult& out) {
    const u8 up = released ? 0x80 : 0;
    if (code == KEY_PAUSE) {
        out.put(0xe1);
        out.put(0x1d | up);
        out.put(0x45 | up);
        return;
    }
    for (const auto& [key, scan] : kExtended) {
        if (key != code) continue;
        out.put(0xe0);
        out.put(scan | up);
        return;
    }
    if (code <= KEY_F12) out.put(static_cast<u8>(code | up));
}

void put_medium_raw(u32 code, bool released, KeyResult& out) {
    const u8 up = released ? 0x80 : 0;
    if (code < 128) return out.put(static_cast<u8>(code | up));
    out.put(up);
    out.put(static_cast<u8>(code >> 7 | 0x80));
    out.put(static_cast<u8>(code | 0x80));
}

}  // namespace

KeyResult Keyboard::key(u32 code, u32 value, KeyboardState& state) {
    KeyResult out;
    if (code == 0 || code >= 256 || value > 2) return out;
    if (value != 0)
        down_[code / 64] |= u64{1} << (code % 64);
    else
        down_[code / 64] &= ~(u64{1} << (code % 64));
    shift_ = down(KEY_LEFTSHIFT) || down(KEY_RIGHTSHIFT);
    control_ = down(KEY_LEFTCTRL) || down(KEY_RIGHTCTRL);
    alt_ = down(KEY_LEFTALT);
    alt_gr_ = down(KEY_RIGHTALT);
    switch (state.mode) {
        case KeyboardMode::raw: put_raw(code, value == 0, out); return out;
        case KeyboardMode::medium_raw: put_medium_raw(code, value == 0, out); return out;
        case KeyboardMode::off:
        case KeyboardMode::xlate:
        case KeyboardMode::unicode: break;
    }
    if (value != 0 && !is_modifier(code)) translate(code, value, state, out);
    if (state.mode == KeyboardMode::off) out.length = 0;
    return out;
}

void Keyboard::translate(u32 code, u32 value, KeyboardState& state, KeyResult& out) {
    if (action(code, value == 2, state, out)) return;
    if (const i32 f = function_number(code); f >= 0)
        return put_function(static_cast<u32>(shift_ && f < 10 ? f + 10 : f), out);
    if (cursor(code, state, out) || keypad(code, state, out)) return;
    character(code, state, out);
}

bool Keyboard::action(u32 code, bool repeated, KeyboardState& state, KeyResult& out) {
    using Action = KeyResult::Action;
    const i32 f = function_number(code);
    if (f >= 0 && (alt_ || alt_gr_)) {
        out.action = Action::show_console;
        out.console = static_cast<u8>(f + 1 + (alt_gr_ ? 12 : 0));
        return true;
    }
    if (alt_ && (code == KEY_LEFT || code == KEY_RIGHT)) {
        out.action = code == KEY_LEFT ? Action::show_previous : Action::show_next;
        return true;
    }
    if (control_ && (alt_ || alt_gr_) && (code == KEY_DELETE || code == KEY_KPDOT)) {
        out.action = Action::ctrl_alt_del;
        return true;
    }
    if (shift_ && !control_ && (code == KEY_PAGEUP || code == KEY_PAGEDOWN)) {
        out.action = code == KEY_PAGEUP ? Action::scroll_back : Action::scroll_forward;
        return true;
    }
    switch (code) {
        case KEY_CAPSLOCK:
        case KEY_NUMLOCK:
            if (repeated) return true;
            if (code == KEY_NUMLOCK && state.application_keypad) {
                out.put("\033OP");
                return true;
            }
            state.locks ^= code == KEY_CAPSLOCK ? kCapsLock : kNumLock;
            out.action = Action::locks_changed;
            return true;
        case KEY_SCROLLLOCK:
            if (!repeated) out.action = Action::hold;
            return true;
        case KEY_SYSRQ:
            if (alt_) out.action = Action::show_last;
            return alt_;
        default: return false;
    }
}

bool Keyboard::cursor(u32 code, const KeyboardState& state, KeyResult& out) {
    const auto arrow = [&](char final) {
        out.put(state.application_cursor ? "\033O" : "\033[");
        out.put(static_cast<u8>(final));
        return true;
    };
    const auto edit = [&](char number) {
        out.put("\033[");
        out.put(static_cast<u8>(number));
        out.put('~');
        return true;
    };
    switch (code) {
        case KEY_UP: return arrow('A');
        case KEY_DOWN: return arrow('B');
        case KEY_RIGHT: return arrow('C');
        case KEY_LEFT: return arrow('D');
        case KEY_HOME: return edit('1');
        case KEY_INSERT: return edit('2');
        case KEY_DELETE: return edit('3');
        case KEY_END: return edit('4');
        case KEY_PAGEUP: return edit('5');
        case KEY_PAGEDOWN: return edit('6');
        case KEY_PAUSE: out.put("\033[P"); return true;
        default: return false;
    }
}

bool Keyboard::keypad(u32 code, const KeyboardState& state, KeyResult& out) {
    char digit, application;
    if (code >= KEY_KP7 && code <= KEY_KPDOT) {
        digit = kPadDigits[code - KEY_KP7];
        application = kPadApplication[code - KEY_KP7];
    } else if (code == KEY_KPASTERISK || code == KEY_KPSLASH || code == KEY_KPENTER) {
        digit = code == KEY_KPASTERISK ? '*' : code == KEY_KPSLASH ? '/' : '\r';
        application = code == KEY_KPASTERISK ? 'R' : code == KEY_KPSLASH ? 'Q' : 'M';
    } else {
        return false;
    }
    if (state.application_keypad && !shift_) {
        out.put("\033O");
        out.put(static_cast<u8>(application));
        return true;
    }
    const u32 at = code - KEY_KP7;
    if (code >= KEY_KP7 && code <= KEY_KPDOT && (state.locks & kNumLock) == 0) {
        if (code == KEY_KP5) {
            out.put("\033[G");
            return true;
        }
        if (kPadKeys[at] != 0) return cursor(kPadKeys[at], state, out);
    }
    out.put(static_cast<u8>(digit));
    if (digit == '\r' && state.new_line) out.put('\n');
    return true;
}

void Keyboard::character(u32 code, const KeyboardState& state, KeyResult& out) {
    char plain = 0, shifted = 0;
    if (code <= KEY_SPACE) {
        plain = kPlain[code];
        shifted = kShifted[code];
    } else if (code == KEY_102ND) {
        plain = '<';
        shifted = '>';
    }
    if (plain == 0) return;
    // The keymap has nothing for Shift and Alt together.
    if (shift_ && alt_) return;
    u8 c;
    if (control_) {
        c = control_of(code, plain);
        if (c == 0xff) return;
    } else {
        const bool caps = (state.locks & kCapsLock) != 0 && is_letter(plain);
        c = static_cast<u8>(shift_ != caps ? shifted : plain);
    }
    if (alt_) {
        if (state.escape_prefix)
            out.put('\033');
        else
            c |= 0x80;
    }
    if (c >= 0x80 && state.mode == KeyboardMode::unicode) {
        out.put(static_cast<u8>(0xc0 | c >> 6));
        c = static_cast<u8>(0x80 | (c & 0x3f));
    }
    out.put(c);
    if (c == '\r' && state.new_line && !alt_) out.put('\n');
}

}  // namespace tenon::vt
