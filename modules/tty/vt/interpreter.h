// What a program writes to a console: text, control characters, escape sequences. Pure: the owner
// locks and provides the Host. Spec: man 4 console_codes; ECMA-48; DEC VT102.
#pragma once

#include "screen.h"

#include <string_view>

namespace tenon::vt {

inline constexpr u32 kMaxTab = 256, kMaxParameters = 16;

enum class Charset : u8 { latin1, graphics, ibm_pc, user };

class Interpreter {
  public:
    // What the interpreter asks of its console. Called with the owner's lock held.
    class Host {
      public:
        virtual void respond(std::string_view bytes) = 0;  // as if it were typed
        virtual void bell() {}
        virtual void palette_changed() {}
        virtual void show_console(u32 number) {}  // from 1 on; 0: the one shown before
        virtual void leds(u32 what) {}            // 0 all off, else 1..3 on: scroll, num, caps lock
        virtual void keyboard_reset() {}

      protected:
        ~Host() = default;
    };
    // What the keyboard asks: modes that programs set.
    struct Modes {
        bool application_cursor = false, application_keypad = false, auto_repeat = true;
        bool new_line = false;   // Enter sends CR LF, and a line feed returns the carriage
        bool cursor_visible = true;
        u8 mouse = 0;            // 1: X10, 2: VT200
    };

    explicit Interpreter(Host& host) : host_(host) {}
    // Once, and whenever the size changes. See Screen::resize().
    void set_size(u32 columns, u32 rows, std::span<Cell> cells);
    void write(std::span<const u8> bytes);
    // A kernel message, at the cursor, without regard to a sequence that a program is in.
    void write_log(std::string_view text);
    void reset(bool clear);

    Screen screen;
    Modes modes;
    u32 x() const { return now_.x; }
    u32 y() const { return now_.y; }
    void move_to(u32 x, u32 y) { go_to(static_cast<i32>(x), static_cast<i32>(y)); }
    u8 attribute() const { return attribute_; }
    Cell blank() const { return blank_; }
    bool is_utf8() const { return utf8_; }
    void set_utf8(bool on) { utf8_ = on; }
    const u32* palette() const { return palette_; }  // 16 times 0xrrggbb, by VGA colour
    void set_palette(u32 index, u32 rgb) { palette_[index & 15] = rgb & 0xffffff; }

  private:
    enum class State : u8 {
        normal, escape, bracket, parameters, ignored, function_key, hash, set_g0, set_g1, percent,
        non_standard, palette, string,
    };
    enum class Private : u8 { ecma, dec, greater, equal, less };
    enum class Intensity : u8 { half, normal, bold };
    // What ESC 7 saves.
    struct Rendition {
        u32 x = 0, y = 0;
        u8 colour = 0x07;
        Intensity intensity = Intensity::normal;
        bool italic = false, underline = false, blink = false, reverse = false;
        u8 shifted = 0;  // which of `sets` is in use
        Charset sets[2] = {Charset::latin1, Charset::graphics};
    };

    i32 decode(u8 byte, bool& again);
    bool is_control(i32 c, i32 character) const;
    void print(u32 character);
    void put_cell(u32 character);
    void control(u8 c);
    void escape(u8 c);
    void csi(u8 c);
    void csi_ecma(u8 c);
    void set_modes(bool on);
    void set_private_mode(u32 mode, bool on);
    void renditions();
    usize extended_colour(usize at, bool background);
    void setterm();
    void palette_digit(u8 c);
    void go_to(i32 x, i32 y);
    void go_to_origin(i32 x, i32 y) {
        go_to(x, static_cast<i32>(static_cast<u32>(y) + (origin_ ? top_ : 0)));
    }
    void line_feed();
    void reverse_line_feed();
    void carriage_return() { now_.x = 0, wrap_ = false; }
    void tab();
    void erase_display(u32 how);
    void erase_line(u32 how);
    void default_rendition();
    void update_attribute();
    u8 build(const Rendition& r, Intensity intensity, bool underline, bool italic, bool reverse) const;
    void reset_palette();
    u32 par(usize i) const { return parameters_[i]; }
    u32 count() const { return parameters_[0] == 0 ? 1 : parameters_[0]; }

    Host& host_;
    Rendition now_, saved_;
    State state_ = State::normal;
    Private private_ = Private::ecma;
    u32 parameters_[kMaxParameters] = {};
    u32 parameter_ = 0;
    u32 top_ = 0, bottom_ = 0;  // the scroll region
    u32 character_ = 0;         // of a UTF-8 sequence in the works
    u8 missing_ = 0, length_ = 0;
    bool utf8_ = true, wrap_ = false, auto_wrap_ = true, origin_ = false, insert_ = false;
    bool inverted_ = false, show_controls_ = false, toggle_meta_ = false;
    bool alternate_ = false;  // SGR 11: code page 437 whatever set is selected
    u8 attribute_ = 0x07, default_colour_ = 0x07;
    u8 italic_colour_ = 0x02, underline_colour_ = 0x03, half_colour_ = 0x08;
    Cell blank_;
    u64 tabs_[kMaxTab / 64] = {};
    u32 palette_[16] = {};
};

// charsets.cpp: what a byte stands for in a character set. Of the user's set, and of no meaning
// elsewhere: 0xf000 + the position in the font.
u32 translate(Charset set, u8 byte);
// Takes two columns. Spec: Unicode 15, East_Asian_Width W and F, as far as Linux's console has them.
bool is_wide(u32 character);
bool is_zero_width(u32 character);

}  // namespace tenon::vt
