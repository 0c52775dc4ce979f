#include "modules/tty/vt/keymap.h"

#include <gtest/gtest.h>
#include <linux/input-event-codes.h>

#include <random>
#include <string>
#include <vector>

namespace tenon::vt {
namespace {

struct Keys {
    Keyboard keyboard;
    KeyboardState state;
    KeyResult last;
    // Presses them in order, releases them in reverse; what was typed.
    std::string press(std::vector<u32> codes) {
        std::string text;
        auto one = [&](u32 code, u32 value) {
            const KeyResult r = keyboard.key(code, value, state);
            if (value != 0) last = r;
            for (const u8 b : r.input()) text += static_cast<char>(b);
        };
        for (const u32 c : codes) one(c, 1);
        for (auto c = codes.rbegin(); c != codes.rend(); ++c) one(*c, 0);
        return text;
    }
};

TEST(VtKeymap, types_characters) {
    Keys k;
    EXPECT_EQ(k.press({KEY_A}) + k.press({KEY_LEFTSHIFT, KEY_A}) + k.press({KEY_1}) +
                  k.press({KEY_RIGHTSHIFT, KEY_1}) + k.press({KEY_SLASH}) + k.press({KEY_SPACE}) +
                  k.press({KEY_BACKSLASH}) + k.press({KEY_ENTER}) + k.press({KEY_BACKSPACE}),
              "aA1!/ \\\r\177");
    EXPECT_EQ(k.press({KEY_LEFTCTRL, KEY_C}), "\003");
    EXPECT_EQ(k.press({KEY_LEFTALT, KEY_X}), "\033x");
    EXPECT_EQ(k.press({KEY_LEFTCTRL, KEY_LEFTALT, KEY_X}), "\033\030");
    EXPECT_EQ(k.press({KEY_LEFTCTRL, KEY_2}), std::string(1, '\0'));
}

TEST(VtKeymap, locks) {
    Keys k;
    EXPECT_EQ(k.press({KEY_KP8}), "\033[A");
    k.press({KEY_CAPSLOCK});
    EXPECT_EQ(k.last.action, KeyResult::Action::locks_changed);
    EXPECT_EQ(k.press({KEY_A}) + k.press({KEY_LEFTSHIFT, KEY_A}) + k.press({KEY_1}), "Aa1");
    k.press({KEY_NUMLOCK});
    EXPECT_EQ(k.press({KEY_KP8}) + k.press({KEY_KPDOT}), "8.");
    EXPECT_EQ(k.state.locks, kCapsLock | kNumLock);
}

TEST(VtKeymap, functions_and_modes) {
    Keys k;
    EXPECT_EQ(k.press({KEY_F1}) + k.press({KEY_F12}) + k.press({KEY_LEFTSHIFT, KEY_F1}),
              "\033[[A\033[24~\033[23~");
    EXPECT_EQ(k.press({KEY_UP}) + k.press({KEY_DELETE}), "\033[A\033[3~");
    k.state.application_cursor = k.state.application_keypad = k.state.new_line = true;
    EXPECT_EQ(k.press({KEY_UP}) + k.press({KEY_KP4}) + k.press({KEY_ENTER}), "\033OA\033Ot\r\n");
}

TEST(VtKeymap, actions) {
    Keys k;
    EXPECT_EQ(k.press({KEY_LEFTALT, KEY_F3}), "");
    EXPECT_EQ(k.last.action, KeyResult::Action::show_console);
    EXPECT_EQ(k.last.console, 3);
    k.press({KEY_LEFTALT, KEY_RIGHT});
    EXPECT_EQ(k.last.action, KeyResult::Action::show_next);
    k.press({KEY_LEFTCTRL, KEY_LEFTALT, KEY_DELETE});
    EXPECT_EQ(k.last.action, KeyResult::Action::ctrl_alt_del);
}

TEST(VtKeymap, raw_modes) {
    Keys k;
    k.state.mode = KeyboardMode::medium_raw;
    EXPECT_EQ(k.press({KEY_A}), "\x1e\x9e");
    k.state.mode = KeyboardMode::raw;
    EXPECT_EQ(k.press({KEY_UP}), "\xe0\x48\xe0\xc8");
    k.state.mode = KeyboardMode::off;
    EXPECT_EQ(k.press({KEY_A}), "");
}

TEST(VtKeymap, survives_any_keys) {
    std::mt19937 random(4711);
    Keys k;
    for (u32 i = 0; i < 200000; ++i) {
        k.state.mode = static_cast<KeyboardMode>(random() % 5);
        k.state.application_keypad = random() % 2;
        (void)k.keyboard.key(random() % 300, random() % 4, k.state);
    }
}

}  // namespace
}  // namespace tenon::vt
