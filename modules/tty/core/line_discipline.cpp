// Spec: man 3 termios; where that is silent, Linux's drivers/tty/n_tty.c as observed.
#include <tty/line_discipline.h>

#include <algorithm>
#include <cstring>

namespace tenon::tty {

namespace {

constexpr u8 kEofMark = 0;  // stands in the buffer, marked, where VEOF was typed
constexpr u32 kSigInt = 2, kSigQuit = 3, kSigTstp = 20;

bool is_control(u8 c) {
    return c < 32 || c == 127;
}
bool is_continuation(u8 c) {
    return (c & 0xc0) == 0x80;
}
bool is_word(u8 c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c >= 0x80;
}

}  // namespace

constexpr Termios kDefaultTermios = {
    .iflag = ICRNL | IXON,
    .oflag = OPOST | ONLCR,
    .cflag = B38400 | CS8 | CREAD | HUPCL,
    .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .line = 0,
    .cc = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0},
    .ispeed = 38400,
    .ospeed = 38400,
};

usize LineDiscipline::receive(std::span<const u8> bytes) {
    if (!canonical() && !flag(ISIG) && !flag(ECHO) &&
        (termios.iflag & (ISTRIP | IUCLC | IXON | IGNCR | ICRNL | INLCR | PARMRK)) == 0) {
        // Raw: straight into the buffer.
        const usize n = std::min(bytes.size(), room());
        for (usize done = 0; done < n;) {
            const usize start = head_ % kBufferSize;
            const usize part = std::min<usize>(n - done, kBufferSize - start);
            std::memcpy(buffer_ + start, bytes.data() + done, part);
            head_ += part;
            done += part;
        }
        return n;
    }
    usize used = 0;
    for (u8 c : bytes) {
        // A line that fills the buffer can only be ended or edited: the rest of it is dropped, or it
        // would never end. With a complete line to read, the sender waits.
        if (room() < 3 && !(canonical() && canon_head_ == tail_)) break;
        receive_char(c);
        ++used;
    }
    return used;
}

void LineDiscipline::receive_break() {
    if (termios.iflag & IGNBRK) return;
    if (termios.iflag & BRKINT) {
        if (!flag(NOFLSH)) {
            flush_input();
            host_.flush_output();
        }
        host_.signal(kSigInt);
        return;
    }
    if (room() >= 3) {
        if (termios.iflag & PARMRK) {
            put(0xff);
            put(0);
        }
        put(0);
    }
}

void LineDiscipline::receive_char(u8 c) {
    if (termios.iflag & ISTRIP) c &= 0x7f;
    if ((termios.iflag & IUCLC) && flag(IEXTEN) && c >= 'A' && c <= 'Z') c += 'a' - 'A';
    if (literal_next_) {
        literal_next_ = false;
    } else {
        if (receive_special(c)) return;
        if (c == '\r') {
            if (termios.iflag & IGNCR) return;
            if (termios.iflag & ICRNL) c = '\n';
        } else if (c == '\n' && (termios.iflag & INLCR)) {
            c = '\r';
        }
        if (canonical() && edit(c)) return;
    }
    if (room() < 3) {
        if (termios.iflag & IMAXBEL) echo_raw('\a');
        return;
    }
    if (flag(ECHO)) {
        finish_erasing();
        if (c == '\n') {
            echo_raw(c);
        } else {
            if (canon_head_ == head_) canon_column_ = column_;
            echo_char(c);
        }
    }
    if (c == 0xff && (termios.iflag & PARMRK)) put(c);
    put(c);
}

// Flow control and signals. True: the character is used up.
bool LineDiscipline::receive_special(u8 c) {
    if (termios.iflag & IXON) {
        if (is_char(c, VSTART)) {
            host_.set_stopped(false);
            return true;
        }
        if (is_char(c, VSTOP)) {
            host_.set_stopped(true);
            return true;
        }
    }
    if (flag(ISIG)) {
        if (is_char(c, VINTR)) return signal_char(c, kSigInt), true;
        if (is_char(c, VQUIT)) return signal_char(c, kSigQuit), true;
        if (is_char(c, VSUSP)) return signal_char(c, kSigTstp), true;
    }
    if (host_.is_stopped() && (termios.iflag & IXON) && (termios.iflag & IXANY))
        host_.set_stopped(false);
    return false;
}

void LineDiscipline::signal_char(u8 c, u32 signal) {
    if (!flag(NOFLSH)) {
        flush_input();
        host_.flush_output();
    }
    if (termios.iflag & IXON) host_.set_stopped(false);
    if (flag(ECHO)) echo_char(c);
    host_.signal(signal);
}

// Line editing and line ends. True: the character is used up.
bool LineDiscipline::edit(u8 c) {
    const bool extended = flag(IEXTEN);
    if (is_char(c, VERASE) || is_char(c, VKILL) || (is_char(c, VWERASE) && extended)) {
        erase(c);
        return true;
    }
    if (is_char(c, VLNEXT) && extended) {
        literal_next_ = true;
        if (flag(ECHO)) {
            finish_erasing();
            if (flag(ECHOCTL)) {
                const u8 mark[] = {'^', '\b'};
                echo_output(mark);
            }
        }
        return true;
    }
    if (is_char(c, VREPRINT) && flag(ECHO) && extended) {
        finish_erasing();
        echo_char(c);
        echo_raw('\n');
        for (u64 i = canon_head_; i != head_; ++i) echo_char(at(i));
        return true;
    }
    if (c == '\n') {
        if (flag(ECHO) || flag(ECHONL)) {
            finish_erasing();
            echo_raw('\n');
        }
        end_line(c);
        return true;
    }
    if (is_char(c, VEOF)) {
        end_line(kEofMark);
        return true;
    }
    if (is_char(c, VEOL) || (is_char(c, VEOL2) && extended)) {
        if (flag(ECHO)) {
            finish_erasing();
            if (canon_head_ == head_) canon_column_ = column_;
            echo_char(c);
        }
        if (c == 0xff && (termios.iflag & PARMRK)) put(c);
        end_line(c);
        return true;
    }
    return false;
}

void LineDiscipline::end_line(u8 c) {
    if (head_ - tail_ >= kBufferSize) --head_;
    buffer_[head_ % kBufferSize] = c;
    set_mark(head_++);
    canon_head_ = head_;
}

// The column at which the character at `index` of the current line was echoed.
u32 LineDiscipline::width_before(u64 index) const {
    u32 column = canon_column_;
    for (u64 i = canon_head_; i != index; ++i) {
        const u8 c = at(i);
        if (c == '\t')
            column |= 7, ++column;
        else if (is_control(c))
            column += flag(ECHOCTL) ? 2 : 0;
        else if (!(termios.iflag & IUTF8) || !is_continuation(c))
            ++column;
    }
    return column;
}

void LineDiscipline::erase(u8 key) {
    if (head_ == canon_head_) return;
    enum { one, word, line } kind = is_char(key, VERASE) ? one : is_char(key, VWERASE) ? word : line;
    if (kind == line) {
        if (!flag(ECHO)) {
            head_ = canon_head_;
            return;
        }
        if (!flag(ECHOK) || !flag(ECHOKE) || !flag(ECHOE)) {
            head_ = canon_head_;
            finish_erasing();
            echo_char(key);
            if (flag(ECHOK)) echo_raw('\n');
            return;
        }
    }
    bool seen_word = false;
    while (head_ != canon_head_) {
        u64 start = head_ - 1;
        u8 c = at(start);
        if (termios.iflag & IUTF8) {
            while (is_continuation(c) && start != canon_head_) c = at(--start);
            if (is_continuation(c)) break;  // half a character: leave it
        }
        if (kind == word) {
            if (is_word(c))
                seen_word = true;
            else if (seen_word)
                break;
        }
        const u64 old_head = head_;
        if (flag(ECHO)) {
            if (flag(ECHOPRT)) {
                if (!erasing_) {
                    echo_raw('\\');
                    erasing_ = true;
                }
                head_ = start;
                for (u64 i = start; i != old_head; ++i) echo_char(at(i));
            } else if (kind == one && !flag(ECHOE)) {
                head_ = start;
                echo_char(termios.cc[VERASE]);
            } else {
                u32 back = 1;
                if (c == '\t') {
                    const u32 from = width_before(start);
                    back = (from | 7) + 1 - from;
                    for (u32 i = 0; i < back; ++i) echo_raw('\b');
                    back = 0;
                } else if (is_control(c)) {
                    back = flag(ECHOCTL) ? 2 : 0;
                }
                const u8 wipe[] = {'\b', ' ', '\b'};
                for (u32 i = 0; i < back; ++i) echo_output(wipe);
                head_ = start;
            }
        } else {
            head_ = start;
        }
        if (kind == one) break;
    }
    if (head_ == canon_head_ && flag(ECHO)) finish_erasing();
}

void LineDiscipline::finish_erasing() {
    if (!erasing_) return;
    echo_raw('/');
    erasing_ = false;
}

void LineDiscipline::echo_char(u8 c) {
    if (is_control(c) && c != '\t' && c != '\n' && flag(ECHOCTL)) {
        const u8 shown[] = {'^', static_cast<u8>(c ^ 0100)};
        echo_output(shown);
    } else {
        echo_raw(c);
    }
}

void LineDiscipline::echo_output(std::span<const u8> bytes) {
    u8 out[32];
    usize produced = 0;
    (void)process_output(bytes, out, produced);
    host_.echo({out, produced});
}

usize LineDiscipline::read(std::span<u8> out, bool& line_done) {
    line_done = false;
    if (!canonical()) {
        const usize n = std::min<usize>(out.size(), static_cast<usize>(head_ - tail_));
        for (usize done = 0; done < n;) {
            const usize start = tail_ % kBufferSize;
            const usize part = std::min<usize>(n - done, kBufferSize - start);
            std::memcpy(out.data() + done, buffer_ + start, part);
            tail_ += part;
            done += part;
        }
        canon_head_ = std::max(canon_head_, tail_);
        return n;
    }
    usize n = 0;
    while (tail_ != canon_head_) {
        const bool end = marked(tail_);
        const u8 c = at(tail_);
        if (end && c == kEofMark) {
            // Used up with the bytes before it; alone it is an end of file.
            clear_mark(tail_++);
            line_done = true;
            return n;
        }
        if (n == out.size()) return n;
        out[n++] = c;
        clear_mark(tail_++);
        if (end) {
            line_done = true;
            return n;
        }
    }
    return n;
}

usize LineDiscipline::readable() const {
    if (!canonical()) return static_cast<usize>(head_ - tail_);
    usize n = 0;
    for (u64 i = tail_; i != canon_head_; ++i)
        if (!(marked(i) && at(i) == kEofMark)) ++n;
    return n;
}

bool LineDiscipline::has_input() const {
    return canonical() ? tail_ != canon_head_ : head_ != tail_;
}

void LineDiscipline::flush_input() {
    tail_ = canon_head_ = head_;
    std::memset(marks_, 0, sizeof(marks_));
    literal_next_ = erasing_ = false;
}

void LineDiscipline::termios_changed(const Termios& old) {
    if (((old.lflag ^ termios.lflag) & ICANON) == 0) return;
    std::memset(marks_, 0, sizeof(marks_));
    if (!canonical() || head_ == tail_) {
        canon_head_ = tail_;
    } else {
        // What was typed raw is a line now.
        set_mark(head_ - 1);
        canon_head_ = head_;
    }
    erasing_ = literal_next_ = false;
}

usize LineDiscipline::process_output(std::span<const u8> in, std::span<u8> out, usize& produced) {
    produced = 0;
    if (!(termios.oflag & OPOST)) {
        const usize n = std::min(in.size(), out.size());
        std::memcpy(out.data(), in.data(), n);
        produced = n;
        return n;
    }
    usize used = 0;
    for (u8 c : in) {
        if (out.size() - produced < 8) break;  // the most that one character becomes
        switch (c) {
            case '\n':
                if (termios.oflag & (ONLRET | ONLCR)) column_ = 0;
                if (termios.oflag & ONLCR) out[produced++] = '\r';
                canon_column_ = column_;
                break;
            case '\r':
                if ((termios.oflag & ONOCR) && column_ == 0) {
                    ++used;
                    continue;
                }
                if (termios.oflag & OCRNL) {
                    c = '\n';
                    if (termios.oflag & ONLRET) column_ = 0;
                } else {
                    column_ = 0;
                }
                canon_column_ = column_;
                break;
            case '\t': {
                const u32 spaces = 8 - (column_ & 7);
                column_ += spaces;
                if ((termios.oflag & TABDLY) == XTABS) {
                    for (u32 i = 0; i < spaces; ++i) out[produced++] = ' ';
                    ++used;
                    continue;
                }
                break;
            }
            case '\b':
                if (column_ > 0) --column_;
                break;
            default:
                if (!is_control(c)) {
                    if ((termios.oflag & OLCUC) && c >= 'a' && c <= 'z') c -= 'a' - 'A';
                    if (!(termios.iflag & IUTF8) || !is_continuation(c)) ++column_;
                }
        }
        out[produced++] = c;
        ++used;
    }
    return used;
}

}  // namespace tenon::tty
