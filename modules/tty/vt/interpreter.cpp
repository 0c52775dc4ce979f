// Text, control characters and the states of a sequence. What CSI sequences do: csi.cpp.
#include "interpreter.h"

#include <algorithm>
#include <utility>

namespace tenon::vt {

namespace {

constexpr u32 kReplacement = 0xfffd;
// Controls that act unless the set that shows them is in use, and those that act even then: NUL,
// BS, LF, FF, CR, SO, SI, ESC, and in the first BEL, HT, VT, CAN, SUB.
constexpr u32 kActs = 0x0d00ff81, kActsAlways = 0x0800f501;
constexpr u32 kLongest[] = {0x7f, 0x7ff, 0xffff, 0x1fffff, 0x3ffffff, 0x7fffffff};
// By VGA colour.
constexpr u32 kPalette[16] = {0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa,
                              0xaa5500, 0xaaaaaa, 0x555555, 0x5555ff, 0x55ff55, 0x55ffff,
                              0xff5555, 0xff55ff, 0xffff55, 0xffffff};

}  // namespace

void Interpreter::set_size(u32 columns, u32 rows, std::span<Cell> cells) {
    const bool first = screen.columns() == 0;
    const u32 gone = screen.resize(columns, rows, cells, blank_, now_.y);
    top_ = 0;
    bottom_ = rows;
    if (first) return reset(true);
    now_.y = std::min(now_.y - gone, rows - 1);
    now_.x = std::min(now_.x, columns - 1);
    wrap_ = false;
}

void Interpreter::reset(bool clear) {
    top_ = 0;
    bottom_ = screen.rows();
    state_ = State::normal;
    private_ = Private::ecma;
    now_ = {.x = now_.x, .y = now_.y};
    wrap_ = show_controls_ = toggle_meta_ = alternate_ = inverted_ = origin_ = insert_ = false;
    utf8_ = auto_wrap_ = true;
    missing_ = 0;
    modes = {};
    host_.keyboard_reset();
    default_rendition();
    reset_palette();
    for (u64& word : tabs_) word = 0x0101010101010101;
    go_to(0, 0);
    saved_ = now_;
    if (clear) erase_display(2);
}

void Interpreter::reset_palette() {
    std::copy(std::begin(kPalette), std::end(kPalette), palette_);
    host_.palette_changed();
}

void Interpreter::write(std::span<const u8> bytes) {
    for (usize i = 0; i < bytes.size();) {
        const u8 byte = bytes[i];
        bool again = false;
        i32 code = byte, character = byte;
        if (state_ == State::normal) {
            if (utf8_ && !show_controls_) {
                code = character = decode(byte, again);
            } else {
                const Charset set = alternate_ ? Charset::ibm_pc : now_.sets[now_.shifted];
                character = static_cast<i32>(
                    translate(set, static_cast<u8>(toggle_meta_ ? byte | 0x80 : byte)));
            }
        }
        if (!again) ++i;
        if (character < 0) continue;  // not all of it yet
        if (is_control(code, character))
            control(byte);
        else
            print(static_cast<u32>(character));
    }
}

// Unicode 15 table 3-7, with Linux's sequences of five and six bytes taken to be one bad character.
i32 Interpreter::decode(u8 byte, bool& again) {
    if ((byte & 0xc0) == 0x80) {
        if (missing_ == 0) return kReplacement;
        character_ = character_ << 6 | (byte & 0x3f);
        ++length_;
        if (--missing_ != 0) return -1;
        if (character_ <= kLongest[length_ - 1] || character_ > kLongest[length_])
            return kReplacement;
        const bool surrogate = character_ >= 0xd800 && character_ <= 0xdfff;
        if (surrogate || character_ == 0xfffe || character_ == 0xffff || character_ > 0x10ffff)
            return kReplacement;
        return static_cast<i32>(character_);
    }
    if (missing_ != 0) {
        again = true;
        missing_ = 0;
        return kReplacement;
    }
    if (byte <= 0x7f) return byte;
    length_ = 0;
    for (u8 more = 1; more <= 5; ++more) {
        const u8 mask = static_cast<u8>(0xff << (6 - more));
        if ((byte & mask) != static_cast<u8>(mask << 1)) continue;
        missing_ = more;
        character_ = byte & static_cast<u8>(~mask);
        return -1;
    }
    return kReplacement;
}

bool Interpreter::is_control(i32 code, i32 character) const {
    if (state_ != State::normal || character == 0) return true;
    if (code < 32) {
        if (show_controls_) return (kActsAlways >> code) & 1;
        return utf8_ || ((kActs >> code) & 1);
    }
    return (code == 127 && !show_controls_) || code == 0x9b;
}

void Interpreter::print(u32 character) {
    if (character < 0x20 || is_zero_width(character)) return;  // no font has such
    const bool wide = utf8_ && !show_controls_ && is_wide(character);
    put_cell(character);
    if (wide) put_cell(' ');
}

void Interpreter::put_cell(u32 character) {
    if (wrap_) {
        carriage_return();
        line_feed();
    }
    if (insert_) screen.insert(now_.x, now_.y, 1, blank_);
    screen.row(now_.y)[now_.x] = Cell(character, attribute_);
    if (now_.x == screen.columns() - 1)
        wrap_ = auto_wrap_;
    else
        ++now_.x;
}

void Interpreter::write_log(std::string_view text) {
    for (const char c : text) {
        if (c == '\n') {
            carriage_return();
            line_feed();
        } else if (c == '\r') {
            carriage_return();
        } else if (c == '\b') {
            if (now_.x != 0) --now_.x;
            wrap_ = false;
        } else {
            const bool insert = std::exchange(insert_, false);
            put_cell(static_cast<u8>(c) < 0x20 ? ' ' : static_cast<u8>(c));
            insert_ = insert;
        }
    }
}

void Interpreter::control(u8 c) {
    if (state_ == State::string && c >= 8 && c <= 13) return;
    switch (c) {
        case 0: return;
        case 7:
            if (state_ == State::string)
                state_ = State::normal;
            else
                host_.bell();
            return;
        case 8:
            if (now_.x != 0) --now_.x;
            wrap_ = false;
            return;
        case 9: return tab();
        case 10:
        case 11:
        case 12:
            line_feed();
            if (modes.new_line) carriage_return();
            return;
        case 13: return carriage_return();
        case 14:
        case 15:
            now_.shifted = c == 14;
            alternate_ = false;
            show_controls_ = c == 14;
            return;
        case 24:
        case 26: state_ = State::normal; return;
        case 27: state_ = State::escape; return;
        case 127: return;
        case 0x9b: state_ = State::bracket; return;
        default: break;
    }
    const State state = std::exchange(state_, State::normal);
    switch (state) {
        case State::normal:
        case State::function_key: return;
        case State::escape: return escape(c);
        case State::bracket:
            std::fill(std::begin(parameters_), std::end(parameters_), 0);
            parameter_ = 0;
            private_ = Private::ecma;
            state_ = State::parameters;
            switch (c) {
                case '[': state_ = State::function_key; return;
                case '?': private_ = Private::dec; return;
                case '>': private_ = Private::greater; return;
                case '=': private_ = Private::equal; return;
                case '<': private_ = Private::less; return;
                default: break;
            }
            [[fallthrough]];
        case State::parameters:
            state_ = State::parameters;
            if (c == ';' && parameter_ < kMaxParameters - 1) {
                ++parameter_;
            } else if (c >= '0' && c <= '9') {
                u32& value = parameters_[parameter_];
                value = value * 10 + (c - '0');  // modulo 2^32, as on Linux
            } else if (c >= 0x20 && c <= 0x3f) {
                state_ = State::ignored;
            } else {
                state_ = State::normal;
                csi(c);
            }
            return;
        case State::ignored:
            if (c >= 0x20 && c <= 0x3f) state_ = State::ignored;
            return;
        case State::hash:
            if (c != '8') return;
            screen.fill(0, screen.columns() * screen.rows(), Cell('E', blank_.attribute()));
            wrap_ = false;
            return;
        case State::set_g0:
        case State::set_g1: {
            Charset& set = now_.sets[state == State::set_g1];
            if (c == '0') set = Charset::graphics;
            if (c == 'B') set = Charset::latin1;
            if (c == 'U') set = Charset::ibm_pc;
            if (c == 'K') set = Charset::user;
            return;
        }
        case State::percent:
            if (c == '@') utf8_ = false;
            if (c == 'G' || c == '8') utf8_ = true;
            return;
        case State::non_standard:
            if (c == 'P') {
                parameter_ = 0;
                state_ = State::palette;
            } else if (c == 'R') {
                reset_palette();
            } else if (c >= '0' && c <= '9') {
                state_ = State::string;
            }
            return;
        case State::palette: return palette_digit(c);
        case State::string: state_ = State::string; return;
    }
}

void Interpreter::escape(u8 c) {
    switch (c) {
        case '[': state_ = State::bracket; return;
        case ']': state_ = State::non_standard; return;
        case '_':
        case '^':
        case 'P': state_ = State::string; return;
        case '%': state_ = State::percent; return;
        case '(': state_ = State::set_g0; return;
        case ')': state_ = State::set_g1; return;
        case '#': state_ = State::hash; return;
        case 'E':
            carriage_return();
            line_feed();
            return;
        case 'M': return reverse_line_feed();
        case 'D': return line_feed();
        case 'H':
            if (now_.x < kMaxTab) tabs_[now_.x / 64] |= u64{1} << (now_.x % 64);
            return;
        case 'Z': host_.respond("\033[?6c"); return;
        case '7': saved_ = now_; return;
        case '8':
            now_ = saved_;
            go_to(static_cast<i32>(saved_.x), static_cast<i32>(saved_.y));
            update_attribute();
            return;
        case 'c': return reset(true);
        case '>':
        case '=': modes.application_keypad = c == '='; return;
        default: return;
    }
}

void Interpreter::palette_digit(u8 c) {
    u32 digit;
    if (c >= '0' && c <= '9')
        digit = c - '0';
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        digit = (c | 0x20) - 'a' + 10u;
    else
        return;
    parameters_[parameter_++] = digit;
    if (parameter_ < 7) {
        state_ = State::palette;
        return;
    }
    u32 rgb = 0;
    for (u32 i = 1; i < 7; ++i) rgb = rgb << 4 | parameters_[i];
    // The programs' numbers have red and blue the other way round.
    const u32 n = parameters_[0];
    set_palette((n & 0xa) | (n & 1) << 2 | (n & 4) >> 2, rgb);
    host_.palette_changed();
}

// --- The cursor

void Interpreter::go_to(i32 x, i32 y) {
    const i32 least = origin_ ? static_cast<i32>(top_) : 0;
    const i32 beyond = static_cast<i32>(origin_ ? bottom_ : screen.rows());
    now_.x = static_cast<u32>(std::clamp(x, 0, static_cast<i32>(screen.columns()) - 1));
    now_.y = static_cast<u32>(std::clamp(y, least, beyond - 1));
    wrap_ = false;
}

void Interpreter::line_feed() {
    if (now_.y + 1 == bottom_)
        screen.scroll_up(top_, bottom_, 1, blank_);
    else if (now_.y < screen.rows() - 1)
        ++now_.y;
    wrap_ = false;
}

void Interpreter::reverse_line_feed() {
    if (now_.y == top_)
        screen.scroll_down(top_, bottom_, 1, blank_);
    else if (now_.y > 0)
        --now_.y;
    wrap_ = false;
}

void Interpreter::tab() {
    const u32 last = std::min(screen.columns() - 1, kMaxTab);
    u32 x = now_.x + 1;
    while (x < last && ((tabs_[x / 64] >> (x % 64)) & 1) == 0) ++x;
    now_.x = std::min(std::max(x, now_.x), screen.columns() - 1);
}

}  // namespace tenon::vt
