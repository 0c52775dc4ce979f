// What keys mean: Linux's default US keymap. Pure: the owner locks. Key codes are those of
// <linux/input-event-codes.h>. Spec: man 5 keymaps, man 4 console_ioctl.
#pragma once

#include <tenon/lib/types.h>

#include <cstring>
#include <span>
#include <string_view>

namespace tenon::vt {

enum class KeyboardMode : u8 { raw, xlate, medium_raw, unicode, off };

// Lights and locks, as the ioctls number them.
inline constexpr u8 kScrollLock = 1, kNumLock = 2, kCapsLock = 4;

// What a console says about its keyboard.
struct KeyboardState {
    KeyboardMode mode = KeyboardMode::unicode;
    bool escape_prefix = true;  // Alt sends ESC before the character, else sets its eighth bit
    u8 locks = 0, default_locks = 0;
    bool application_cursor = false, application_keypad = false, new_line = false;
};

struct KeyResult {
    enum class Action : u8 {
        none,
        show_console,      // `console`, from 1 on
        show_next, show_previous, show_last,
        locks_changed,
        hold,              // Scroll Lock: output stops or goes on
        ctrl_alt_del,
        scroll_back, scroll_forward,
    };
    Action action = Action::none;
    u8 console = 0;
    u8 length = 0;
    u8 bytes[12] = {};
    std::span<const u8> input() const { return {bytes, length}; }
    void put(u8 byte) {
        if (length < sizeof bytes) bytes[length++] = byte;
    }
    void put(std::string_view text) {
        for (const char c : text) put(static_cast<u8>(c));
    }
};

class Keyboard {
  public:
    // value: 0 released, 1 pressed, 2 repeated. `state.locks` may change.
    KeyResult key(u32 code, u32 value, KeyboardState& state);
    void release_all() { std::memset(down_, 0, sizeof down_); }

  private:
    bool down(u32 code) const { return (down_[code / 64] >> (code % 64)) & 1; }
    void translate(u32 code, u32 value, KeyboardState& state, KeyResult& out);
    bool action(u32 code, bool repeated, KeyboardState& state, KeyResult& out);
    bool cursor(u32 code, const KeyboardState& state, KeyResult& out);
    bool keypad(u32 code, const KeyboardState& state, KeyResult& out);
    void character(u32 code, const KeyboardState& state, KeyResult& out);

    u64 down_[4] = {};
    bool shift_ = false, control_ = false, alt_ = false, alt_gr_ = false;
};

}  // namespace tenon::vt
