// The rules of a terminal. Pure: the owner locks and provides the Host.
#pragma once

#include <tenon/lib/types.h>
#include <tty/abi.h>

#include <span>

namespace tenon::tty {

struct Termios {
    u32 iflag, oflag, cflag, lflag;
    u8 line;
    u8 cc[NCCS];
    u32 ispeed, ospeed;
};
// What a terminal has at first: cooked, echoing, 38400 baud, 8 bits.
extern const Termios kDefaultTermios;

class LineDiscipline {
  public:
    // What the discipline asks of its terminal.
    class Host {
      public:
        virtual void signal(u32 signal) = 0;  // to the foreground group
        virtual void echo(std::span<const u8> bytes) = 0;
        virtual void set_stopped(bool stopped) = 0;  // flow control by characters
        virtual bool is_stopped() const = 0;
        virtual void flush_output() = 0;

      protected:
        ~Host() = default;
    };
    static constexpr u32 kBufferSize = 4096;

    explicit LineDiscipline(Host& host) : host_(host), termios(kDefaultTermios) {}

    // Input from the line; how many bytes were taken (fewer when there is no room).
    usize receive(std::span<const u8> bytes);
    void receive_break();
    // Takes what read(2) would get: raw bytes, or at most the rest of one line. `line_done`: a whole
    // line was taken (or an end of file: 0 bytes).
    usize read(std::span<u8> out, bool& line_done);
    // Bytes that a read could take; in canonical mode none before a line is complete.
    usize readable() const;
    bool has_input() const;
    void flush_input();
    // Output processing: how many of `in` were used to make `produced` bytes in `out`.
    usize process_output(std::span<const u8> in, std::span<u8> out, usize& produced);
    // After `termios` was changed.
    void termios_changed(const Termios& old);
    bool canonical() const { return (termios.lflag & ICANON) != 0; }

  private:
    Host& host_;

  public:
    Termios termios;

  private:
    bool flag(u32 lflag) const { return (termios.lflag & lflag) != 0; }
    bool is_char(u8 c, u32 index) const { return c == termios.cc[index] && c != 0; }
    u8 at(u64 index) const { return buffer_[index % kBufferSize]; }
    bool marked(u64 i) const { return (marks_[i % kBufferSize / 64] >> (i % 64)) & 1; }
    void set_mark(u64 i) { marks_[i % kBufferSize / 64] |= u64{1} << (i % 64); }
    void clear_mark(u64 i) { marks_[i % kBufferSize / 64] &= ~(u64{1} << (i % 64)); }
    usize room() const { return kBufferSize - 1 - static_cast<usize>(head_ - tail_); }
    void put(u8 c) {
        clear_mark(head_);
        buffer_[head_++ % kBufferSize] = c;
    }
    void receive_char(u8 c);
    bool receive_special(u8 c);
    bool edit(u8 c);
    void end_line(u8 c);
    void erase(u8 c);
    void signal_char(u8 c, u32 signal);
    void echo_output(std::span<const u8> bytes);
    void echo_char(u8 c);
    void echo_raw(u8 c) { echo_output({&c, 1}); }
    void finish_erasing();
    u32 width_before(u64 index) const;

    u8 buffer_[kBufferSize] = {};
    u64 marks_[kBufferSize / 64] = {};  // line ends
    u64 head_ = 0, tail_ = 0, canon_head_ = 0;
    u32 column_ = 0, canon_column_ = 0;
    bool literal_next_ = false, erasing_ = false;
};

}  // namespace tenon::tty
