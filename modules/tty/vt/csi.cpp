// Control sequences: CSI ... final byte.
#include "interpreter.h"

#include <algorithm>

namespace tenon::vt {

namespace {

// Red and blue change places: programs number colours as ANSI does, cells as VGA does.
constexpr u8 kVgaColour[16] = {0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15};

struct Rgb {
    u32 r, g, b;
};
// The 256 colours of xterm, in the steps that Linux's console gives them.
Rgb from_256(u32 i) {
    if (i < 8) return {(i & 1) ? 0xaau : 0, (i & 2) ? 0xaau : 0, (i & 4) ? 0xaau : 0};
    if (i < 16)
        return {(i & 1) ? 0xffu : 0x55, (i & 2) ? 0xffu : 0x55, (i & 4) ? 0xffu : 0x55};
    if (i < 232) {
        i -= 16;
        return {i / 36 * 255 / 6, i / 6 % 6 * 255 / 6, i % 6 * 255 / 6};
    }
    const u32 grey = i * 10 - 2312;
    return {grey, grey, grey};
}

class Text {
  public:
    void put(char c) { bytes_[length_++] = c; }
    void number(u32 n) {
        if (n >= 10) number(n / 10);
        put(static_cast<char>('0' + n % 10));
    }
    std::string_view view() const { return {bytes_, length_}; }

  private:
    char bytes_[32];
    usize length_ = 0;
};

}  // namespace

void Interpreter::csi(u8 c) {
    switch (c) {
        case 'h':
        case 'l':
            if (private_ <= Private::dec) set_modes(c == 'h');
            return;
        case 'n':
            if (private_ != Private::ecma) return;
            if (par(0) == 5) host_.respond("\033[0n");
            if (par(0) == 6) {
                Text answer;
                answer.put('\033');
                answer.put('[');
                answer.number(now_.y + 1 + (origin_ ? top_ : 0));
                answer.put(';');
                answer.number(now_.x + 1);
                answer.put('R');
                host_.respond(answer.view());
            }
            return;
        default:
            if (private_ == Private::ecma) csi_ecma(c);
            return;
    }
}

void Interpreter::csi_ecma(u8 c) {
    // Sums are modulo 2^32, and then signed.
    const auto to = [](u32 place) { return static_cast<i32>(place); };
    const i32 x = to(now_.x), y = to(now_.y);
    const u32 n = count();
    const i32 first = to(par(0) != 0 ? par(0) - 1 : 0), second = to(par(1) != 0 ? par(1) - 1 : 0);
    const u32 right = screen.columns() - now_.x;  // columns from the cursor on
    switch (c) {
        case 'G':
        case '`': return go_to(first, y);
        case 'A': return go_to(x, to(now_.y - n));
        case 'B':
        case 'e': return go_to(x, to(now_.y + n));
        case 'C':
        case 'a': return go_to(to(now_.x + n), y);
        case 'D': return go_to(to(now_.x - n), y);
        case 'E': return go_to(0, to(now_.y + n));
        case 'F': return go_to(0, to(now_.y - n));
        case 'd': return go_to_origin(x, first);
        case 'H':
        case 'f': return go_to_origin(second, first);
        case 'J': return erase_display(par(0));
        case 'K': return erase_line(par(0));
        case 'L':
            wrap_ = false;
            return screen.scroll_down(now_.y, bottom_, count(), blank_);
        case 'M':
            wrap_ = false;
            return screen.scroll_up(now_.y, bottom_, count(), blank_);
        case 'P':
            wrap_ = false;
            return screen.remove(now_.x, now_.y, std::min(count(), right), blank_);
        case '@':
            wrap_ = false;
            return screen.insert(now_.x, now_.y, std::min(count(), right), blank_);
        case 'X': {
            const u32 at = now_.y * screen.columns() + now_.x;
            wrap_ = false;
            return screen.fill(at, at + std::min(count(), right), blank_);
        }
        case 'c':
            if (par(0) == 0) host_.respond("\033[?6c");
            return;
        case 'g':
            if (par(0) == 0 && now_.x < kMaxTab) tabs_[now_.x / 64] &= ~(u64{1} << (now_.x % 64));
            if (par(0) == 3) std::fill(std::begin(tabs_), std::end(tabs_), 0);
            return;
        case 'm': return renditions();
        case 'q':
            if (par(0) < 4) host_.leds(par(0));
            return;
        case 'r': {
            const u32 top = count(), bottom = par(1) != 0 ? par(1) : screen.rows();
            if (top >= bottom || bottom > screen.rows()) return;
            top_ = top - 1;
            bottom_ = bottom;
            return go_to_origin(0, 0);
        }
        case 's': saved_ = now_; return;
        case 'u': return escape('8');
        case ']': return setterm();
        default: return;
    }
}

void Interpreter::set_modes(bool on) {
    for (u32 i = 0; i <= parameter_; ++i) {
        if (private_ == Private::dec)
            set_private_mode(par(i), on);
        else if (par(i) == 3)
            show_controls_ = on;
        else if (par(i) == 4)
            insert_ = on;
        else if (par(i) == 20)
            modes.new_line = on;
    }
}

void Interpreter::set_private_mode(u32 mode, bool on) {
    switch (mode) {
        case 1: modes.application_cursor = on; return;
        case 5:
            if (inverted_ == on) return;
            inverted_ = on;
            screen.invert();
            return update_attribute();
        case 6:
            origin_ = on;
            return go_to_origin(0, 0);
        case 7: auto_wrap_ = on; return;
        case 8: modes.auto_repeat = on; return;
        case 9: modes.mouse = on ? 1 : 0; return;
        case 25: modes.cursor_visible = on; return;
        case 1000: modes.mouse = on ? 2 : 0; return;
        default: return;
    }
}

void Interpreter::erase_display(u32 how) {
    const u32 at = now_.y * screen.columns() + now_.x, all = screen.columns() * screen.rows();
    if (how > 3) return;
    screen.fill(how == 0 ? at : 0, how == 1 ? at + 1 : all, blank_);
    wrap_ = false;
}

void Interpreter::erase_line(u32 how) {
    const u32 line = now_.y * screen.columns(), at = line + now_.x;
    if (how > 2) return;
    screen.fill(how == 0 ? at : line, how == 1 ? at + 1 : line + screen.columns(), blank_);
    wrap_ = false;
}

// --- Colours

void Interpreter::default_rendition() {
    now_.intensity = Intensity::normal;
    now_.italic = now_.underline = now_.reverse = now_.blink = false;
    now_.colour = default_colour_;
    update_attribute();
}

u8 Interpreter::build(const Rendition& r, Intensity intensity, bool underline, bool italic,
                      bool reverse) const {
    u8 a = r.colour;
    if (italic)
        a = (a & 0xf0) | italic_colour_;
    else if (underline)
        a = (a & 0xf0) | underline_colour_;
    else if (intensity == Intensity::half)
        a = (a & 0xf0) | half_colour_;
    if (reverse) a = static_cast<u8>((a & 0x88) | (a & 0x70) >> 4 | (a & 0x07) << 4);
    if (r.blink) a ^= 0x80;
    if (intensity == Intensity::bold) a ^= 0x08;
    return a;
}

void Interpreter::update_attribute() {
    attribute_ = build(now_, now_.intensity, now_.underline, now_.italic, now_.reverse != inverted_);
    blank_ = Cell(' ', build(now_, Intensity::normal, false, false, inverted_));
}

// The colour that follows SGR 38 or 48; the parameter after which to go on.
usize Interpreter::extended_colour(usize at, bool background) {
    Rgb c{};
    if (++at > parameter_) return at;
    if (par(at) == 5 && at + 1 <= parameter_) {
        c = from_256(par(++at) & 0xff);
    } else if (par(at) == 2 && at + 3 <= parameter_) {
        c = {par(at + 1) & 0xff, par(at + 2) & 0xff, par(at + 3) & 0xff};
        at += 3;
    } else {
        return at;
    }
    if (background) {
        now_.colour = static_cast<u8>((now_.colour & 0x0f) | (c.r & 0x80) >> 1 |
                                      (c.g & 0x80) >> 2 | (c.b & 0x80) >> 3);
        return at;
    }
    const u32 most = std::max({c.r, c.g, c.b});
    u8 hue = static_cast<u8>((c.r > most / 2 ? 4 : 0) | (c.g > most / 2 ? 2 : 0) |
                             (c.b > most / 2 ? 1 : 0));
    if (hue == 7 && most <= 0x55) {
        hue = 0;
        now_.intensity = Intensity::bold;
    } else {
        now_.intensity = most > 0xaa ? Intensity::bold : Intensity::normal;
    }
    now_.colour = (now_.colour & 0xf0) | hue;
    return at;
}

void Interpreter::renditions() {
    for (usize i = 0; i <= parameter_; ++i) {
        const u32 p = par(i);
        switch (p) {
            case 0: default_rendition(); break;
            case 1: now_.intensity = Intensity::bold; break;
            case 2: now_.intensity = Intensity::half; break;
            case 3: now_.italic = true; break;
            case 4:
            case 21: now_.underline = true; break;
            case 5: now_.blink = true; break;
            case 7: now_.reverse = true; break;
            case 10:
                show_controls_ = toggle_meta_ = false;
                alternate_ = false;
                break;
            case 11:
            case 12:
                alternate_ = show_controls_ = true;
                toggle_meta_ = p == 12;
                break;
            case 22: now_.intensity = Intensity::normal; break;
            case 23: now_.italic = false; break;
            case 24: now_.underline = false; break;
            case 25: now_.blink = false; break;
            case 27: now_.reverse = false; break;
            case 38: i = extended_colour(i, false); break;
            case 48: i = extended_colour(i, true); break;
            case 39: now_.colour = (default_colour_ & 0x0f) | (now_.colour & 0xf0); break;
            case 49: now_.colour = (default_colour_ & 0xf0) | (now_.colour & 0x0f); break;
            default:
                if (p >= 30 && p <= 37) now_.colour = kVgaColour[p - 30] | (now_.colour & 0xf0);
                if (p >= 40 && p <= 47)
                    now_.colour = static_cast<u8>(kVgaColour[p - 40] << 4 | (now_.colour & 0x0f));
                if (p >= 90 && p <= 97) {
                    now_.intensity = Intensity::bold;
                    now_.colour = kVgaColour[p - 90] | (now_.colour & 0xf0);
                }
                if (p >= 100 && p <= 107)
                    now_.colour = static_cast<u8>(kVgaColour[p - 100] << 4 | (now_.colour & 0x0f));
                break;
        }
    }
    update_attribute();
}

// Linux's own: ESC [ n ] sets what setterm(1) asks for.
void Interpreter::setterm() {
    switch (par(0)) {
        case 1:
            if (par(1) < 16) underline_colour_ = kVgaColour[par(1)];
            return update_attribute();
        case 2:
            if (par(1) < 16) half_colour_ = kVgaColour[par(1)];
            return update_attribute();
        case 8:
            default_colour_ = attribute_;
            return default_rendition();
        case 12:
            if (par(1) >= 1 && par(1) <= 63) host_.show_console(par(1));
            return;
        case 15: host_.show_console(0); return;
        default: return;
    }
}

}  // namespace tenon::vt
