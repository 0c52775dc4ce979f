#include "modules/tty/vt/interpreter.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace tenon::vt {
namespace {

class Console : public Interpreter::Host {
  public:
    explicit Console(u32 columns = 20, u32 rows = 5) : cells_(usize{columns} * rows), in(*this) {
        in.set_size(columns, rows, cells_);
    }
    void respond(std::string_view bytes) override { answer += bytes; }
    void bell() override { ++bells; }
    void show_console(u32 number) override { shown = static_cast<i32>(number); }
    Console& operator<<(std::string_view text) {
        in.write({reinterpret_cast<const u8*>(text.data()), text.size()});
        return *this;
    }
    void resize(u32 columns, u32 rows) {
        std::vector<Cell> next(usize{columns} * rows);
        in.set_size(columns, rows, next);
        cells_ = std::move(next);  // the span stays: the vector's memory moves along
    }
    // A line without the blanks at its end; what is not ASCII as '#'.
    std::string line(u32 y) const {
        std::string text;
        for (u32 x = 0; x < in.screen.columns(); ++x) {
            const u32 c = in.screen.row(y)[x].character();
            text += c < 0x80 ? static_cast<char>(c) : '#';
        }
        while (!text.empty() && text.back() == ' ') text.pop_back();
        return text;
    }
    u32 at(u32 x, u32 y) const { return in.screen.row(y)[x].character(); }
    u8 attribute(u32 x, u32 y) const { return in.screen.row(y)[x].attribute(); }

    std::string answer;
    u32 bells = 0;
    i32 shown = -1;

  private:
    std::vector<Cell> cells_;

  public:
    Interpreter in;
};

TEST(VtInterpreter, writes_wraps_and_scrolls) {
    Console c(5, 3);
    c << "abcde";
    EXPECT_EQ(c.in.x(), 4u);  // the wrap waits for the next character
    c << "f\r\n1\r\n2\r\n3";
    EXPECT_EQ(c.line(0), "1");
    EXPECT_EQ(c.line(2), "3");
    Console d(5, 3);
    d << "\033[?7labcdefg";
    EXPECT_EQ(d.line(0), "abcdg");
}

TEST(VtInterpreter, moves_the_cursor_within_the_screen) {
    Console c;
    c << "\033[3;4HX\033[99A\033[99CY\033[2;1HZ\033[B\033[2Da\033[5Gb\033[3dc";
    EXPECT_EQ(c.at(3, 2), u32{'X'});
    EXPECT_EQ(c.at(19, 0), u32{'Y'});
    EXPECT_EQ(c.at(0, 1), u32{'Z'});
    EXPECT_EQ(c.at(0, 2), u32{'a'});
    EXPECT_EQ(c.at(4, 2), u32{'b'});
    EXPECT_EQ(c.at(5, 2), u32{'c'});
}

TEST(VtInterpreter, scrolls_only_the_region) {
    Console c;
    c << "0\r\n1\r\n2\r\n3\r\n4\033[2;4r\033[4;1H\n";
    EXPECT_EQ(c.line(0), "0");
    EXPECT_EQ(c.line(1), "2");
    EXPECT_EQ(c.line(2), "3");
    EXPECT_EQ(c.line(3), "");
    EXPECT_EQ(c.line(4), "4");
    c << "\033[2;1H\033M";
    EXPECT_EQ(c.line(1), "");
    EXPECT_EQ(c.line(2), "2");
    c << "\033[?6h\033[1;1HO\033[99;1HU\033[6n";
    EXPECT_EQ(c.line(1), "O");
    EXPECT_EQ(c.line(3), "U");
}

TEST(VtInterpreter, inserts_and_deletes) {
    Console c;
    c << "abcdef\033[3G\033[2@";
    EXPECT_EQ(c.line(0), "ab  cdef");
    c << "\033[2P";
    EXPECT_EQ(c.line(0), "abcdef");
    c << "\033[2X";
    EXPECT_EQ(c.line(0), "ab  ef");
    c << "\033[4hXY\033[4l";
    EXPECT_EQ(c.line(0), "abXY  ef");
    c << "\033[L";
    EXPECT_EQ(c.line(1), "abXY  ef");
    c << "\033[M";
    EXPECT_EQ(c.line(0), "abXY  ef");
    c << "\033[3G\033[1K";
    EXPECT_EQ(c.line(0), "   Y  ef");
    c << "\033[2J";
    EXPECT_EQ(c.line(0), "");
}

TEST(VtInterpreter, tabs) {
    Console c;
    c << "\tx\r\033[3g\033[5G\033H\r\ty\tz";
    EXPECT_EQ(c.at(8, 0), u32{'x'});
    EXPECT_EQ(c.at(4, 0), u32{'y'});
    EXPECT_EQ(c.at(19, 0), u32{'z'});
}

TEST(VtInterpreter, colours_are_those_of_the_vga) {
    Console c;
    c << "\033[31ma\033[1mb\033[22;44mc\033[7md\033[0;4me\033[0;3mf\033[0;2mg\033[0;91mh";
    EXPECT_EQ(c.attribute(0, 0), 0x04);
    EXPECT_EQ(c.attribute(1, 0), 0x0c);
    EXPECT_EQ(c.attribute(2, 0), 0x14);
    EXPECT_EQ(c.attribute(3, 0), 0x41);
    EXPECT_EQ(c.attribute(4, 0), 0x03);
    EXPECT_EQ(c.attribute(5, 0), 0x02);
    EXPECT_EQ(c.attribute(6, 0), 0x08);
    EXPECT_EQ(c.attribute(7, 0), 0x0c);
    c << "\033[0;38;5;196mi\033[0;38;2;10;200;10mj\033[0;48;5;21mk\033[0;38;5;8ml";
    EXPECT_EQ(c.attribute(8, 0), 0x0c);
    EXPECT_EQ(c.attribute(9, 0), 0x0a);
    EXPECT_EQ(c.attribute(10, 0), 0x17);
    EXPECT_EQ(c.attribute(11, 0), 0x08);
}

TEST(VtInterpreter, answers) {
    Console c;
    c << "\033[5n\033[3;7H\033[6n\033[c\033Z";
    EXPECT_EQ(c.answer, "\033[0n\033[3;7R\033[?6c\033[?6c");
}

TEST(VtInterpreter, saves_and_restores) {
    Console c;
    c << "\033[2;3H\033[31m\0337\033[0m\033[H\0338x";
    EXPECT_EQ(c.at(2, 1), u32{'x'});
    EXPECT_EQ(c.attribute(2, 1), 0x04);
}

TEST(VtInterpreter, decodes_utf8_and_marks_what_is_bad) {
    Console c(30, 2);
    c << "\xc3\xa9\xe2\x94\x80\xf0\x9f\x98\x80";
    EXPECT_EQ(c.at(0, 0), 0xe9u);
    EXPECT_EQ(c.at(1, 0), 0x2500u);
    EXPECT_EQ(c.at(2, 0), 0x1f600u);
    c << "\r\xc0\x80\xe2" "a\x80\xff\xed\xa0\x80";
    const u32 want[] = {0xfffd, 0xfffd, 'a', 0xfffd, 0xfffd, 0xfffd};
    for (u32 i = 0; i < std::size(want); ++i) EXPECT_EQ(c.at(i, 0), want[i]) << i;
}

TEST(VtInterpreter, charsets) {
    Console c;
    c << "\033%@\033(0q\033(Bq\033[11m\xc4\033[10m";
    EXPECT_EQ(c.at(0, 0), 0x2500u);
    EXPECT_EQ(c.at(1, 0), u32{'q'});
    EXPECT_EQ(c.at(2, 0), 0x2500u);
}

TEST(VtInterpreter, ignores_strings_and_unknown_sequences) {
    Console c;
    c << "\033]0;title\007a\033]8;;x\033\\b\033P1$r\033\\c\033_q\033\\d\033[>4;1me\033[1$xf\033[[Ag";
    EXPECT_EQ(c.line(0), "abcdefg");
    EXPECT_EQ(c.bells, 0u);
}

TEST(VtInterpreter, palette) {
    Console c;
    c << "\033]P1112233x";
    EXPECT_EQ(c.in.palette()[4], 0x112233u);
    EXPECT_EQ(c.line(0), "x");
    c << "\033]R";
    EXPECT_EQ(c.in.palette()[4], 0xaa0000u);
}

TEST(VtInterpreter, modes_and_consoles) {
    Console c;
    c << "\033[?1h\033=\033[?25l\033[20h\033[12;3]";
    EXPECT_TRUE(c.in.modes.application_cursor && c.in.modes.application_keypad);
    EXPECT_TRUE(c.in.modes.new_line && !c.in.modes.cursor_visible);
    EXPECT_EQ(c.shown, 3);
    c << "\033c";
    EXPECT_TRUE(!c.in.modes.application_cursor && c.in.modes.cursor_visible);
}

TEST(VtInterpreter, keeps_the_text_when_the_size_changes) {
    Console c(20, 5);
    c << "a\r\nb\r\nc\r\nd\r\ne";
    c.resize(10, 3);
    EXPECT_EQ(c.line(0), "c");
    EXPECT_EQ(c.line(2), "e");
    EXPECT_EQ(c.in.y(), 2u);
    c.resize(40, 10);
    EXPECT_EQ(c.line(2), "e");
}

TEST(VtInterpreter, a_message_of_the_kernel_does_not_end_a_sequence) {
    Console c;
    c << "\033[3";
    c.in.write_log("hello\n");
    c << "1mx";
    EXPECT_EQ(c.line(0), "hello");
    EXPECT_EQ(c.attribute(0, 1), 0x04);
}

const char* const kSequences[] = {
    "\033[3;4Hx",      "\033[38;5;123mx", "\033[48;2;1;2;3mx", "\033]0;t\007x", "\033]P0aabbccx",
    "\033(0qx\033(Bq", "\033[?6h\033[2;4rx", "\033#8",          "\033[[Ax",      "\033%@\xe9\033%Gx",
    "\xe2\x94\x80x",   "\033[5n\033[6n\033[c", "\033[2@\033[P\033[L\033[M\033[Xx", "\033P1;2|xx\033\\y",
    "\0337\033[5C\0338x", "\033[12;3]x", "\033[11m\x01\xb0\033[10mx", "\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18mx",
};

TEST(VtInterpreter, a_sequence_may_be_split_anywhere) {
    for (const std::string s : kSequences) {
        Console whole;
        whole << "abc\r\n" << s;
        for (usize cut = 0; cut <= s.size(); ++cut) {
            Console parts;
            parts << "abc\r\n" << s.substr(0, cut) << s.substr(cut);
            for (u32 y = 0; y < 5; ++y)
                for (u32 x = 0; x < 20; ++x)
                    ASSERT_EQ(whole.in.screen.row(y)[x].bits, parts.in.screen.row(y)[x].bits);
            ASSERT_EQ(whole.answer, parts.answer);
            ASSERT_EQ(whole.in.x(), parts.in.x());
        }
    }
}

TEST(VtInterpreter, survives_any_bytes) {
    std::mt19937 random(4711);
    const std::string likely = "\033\033\033[[[]?;0123456789HJKLMPXrmhlABCD@cn#8(0)%@G\n\r\t\b\x0e\x0f\x9b ";
    for (u32 round = 0; round < 300; ++round) {
        Console c(1 + random() % 90, 1 + random() % 30);
        for (u32 i = 0; i < 2000; ++i) {
            const char byte = random() % 3 != 0 ? likely[random() % likely.size()]
                                                : static_cast<char>(random());
            c << std::string_view(&byte, 1);
            ASSERT_LT(c.in.x(), c.in.screen.columns());
            ASSERT_LT(c.in.y(), c.in.screen.rows());
            if (random() % 500 == 0) c.resize(1 + random() % 90, 1 + random() % 30);
        }
        c.in.write_log("the kernel says\nthis\n");
    }
}

}  // namespace
}  // namespace tenon::vt
