#include <tty/line_discipline.h>

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

using namespace tenon;
using namespace tenon::tty;

namespace {

struct Terminal final : LineDiscipline::Host {
    std::string echoed;
    std::vector<u32> signals;
    bool stopped = false;
    int flushed = 0;
    LineDiscipline line{*this};

    void signal(u32 s) override { signals.push_back(s); }
    void echo(std::span<const u8> b) override {
        echoed.append(reinterpret_cast<const char*>(b.data()), b.size());
    }
    void set_stopped(bool on) override { stopped = on; }
    bool is_stopped() const override { return stopped; }
    void flush_output() override { ++flushed; }

    usize type(std::string_view s) {
        return line.receive({reinterpret_cast<const u8*>(s.data()), s.size()});
    }
    std::string read(usize max = 256) {
        std::vector<u8> out(max);
        bool done = false;
        const usize n = line.read(out, done);
        return {reinterpret_cast<char*>(out.data()), n};
    }
    std::string write(std::string_view s) {
        u8 out[512];
        usize n = 0;
        EXPECT_EQ(line.process_output({reinterpret_cast<const u8*>(s.data()), s.size()}, out, n),
                  s.size());
        return {reinterpret_cast<char*>(out), n};
    }
    void raw() {
        const Termios old = line.termios;
        line.termios.lflag &= ~static_cast<u32>(ICANON | ECHO | ISIG | IEXTEN);
        line.termios.iflag = 0;
        line.termios.oflag = 0;
        line.termios_changed(old);
    }
};

}  // namespace

TEST(LineDiscipline, gives_a_line_only_when_it_is_complete) {
    Terminal t;
    t.type("ls");
    EXPECT_FALSE(t.line.has_input());
    EXPECT_EQ(t.line.readable(), 0u);
    t.type("\r");
    EXPECT_TRUE(t.line.has_input());
    EXPECT_EQ(t.read(), "ls\n");
    EXPECT_EQ(t.echoed, "ls\r\n");
}

TEST(LineDiscipline, reads_one_line_at_a_time) {
    Terminal t;
    t.type("one\ntwo\n");
    EXPECT_EQ(t.read(2), "on");
    EXPECT_EQ(t.read(), "e\n");
    EXPECT_EQ(t.read(), "two\n");
    EXPECT_FALSE(t.line.has_input());
}

TEST(LineDiscipline, erases_a_character_on_screen_and_in_the_line) {
    Terminal t;
    t.type("ab\x7f");
    t.type("c\n");
    EXPECT_EQ(t.read(), "ac\n");
    EXPECT_EQ(t.echoed, "ab\b \bc\r\n");
}

TEST(LineDiscipline, erases_a_control_character_as_two_columns) {
    Terminal t;
    t.type("\x01\x7f\n");
    EXPECT_EQ(t.echoed, "^A\b \b\b \b\r\n");
    EXPECT_EQ(t.read(), "\n");
}

TEST(LineDiscipline, erases_a_tab_back_to_where_it_began) {
    Terminal t;
    t.type("abc\t\x7f");
    EXPECT_EQ(t.echoed, "abc\t\b\b\b\b\b");
}

TEST(LineDiscipline, kills_a_line_and_a_word) {
    Terminal t;
    t.type("foo bar\x17");
    t.type("baz\n");
    EXPECT_EQ(t.read(), "foo baz\n");
    t.type("nonsense\x15ok\n");
    EXPECT_EQ(t.read(), "ok\n");
}

TEST(LineDiscipline, erases_a_whole_utf8_character) {
    Terminal t;
    t.line.termios.iflag |= IUTF8;
    t.type("a\xc3\xa4\x7f\n");
    EXPECT_EQ(t.read(), "a\n");
}

TEST(LineDiscipline, end_of_file_alone_is_an_empty_read) {
    Terminal t;
    t.type("\x04");
    EXPECT_TRUE(t.line.has_input());
    u8 out[8];
    bool done = false;
    EXPECT_EQ(t.line.read(out, done), 0u);
    EXPECT_TRUE(done);
    EXPECT_FALSE(t.line.has_input());
}

TEST(LineDiscipline, end_of_file_after_text_pushes_the_text) {
    Terminal t;
    t.type("abc\x04");
    EXPECT_EQ(t.line.readable(), 3u);
    EXPECT_EQ(t.read(), "abc");
    EXPECT_FALSE(t.line.has_input());
}

TEST(LineDiscipline, end_of_file_is_used_up_by_a_read_that_fits_exactly) {
    Terminal t;
    t.type("abc\x04");
    EXPECT_EQ(t.read(3), "abc");
    EXPECT_FALSE(t.line.has_input()) << "a second read would see a false end of file";
}

TEST(LineDiscipline, signals_flush_and_echo) {
    Terminal t;
    t.type("half\x03");
    EXPECT_EQ(t.signals, std::vector<u32>{2});
    EXPECT_EQ(t.echoed, "half^C");
    EXPECT_EQ(t.flushed, 1);
    t.type("x\n");
    EXPECT_EQ(t.read(), "x\n");
    t.type("\x1c\x1a");
    EXPECT_EQ(t.signals, (std::vector<u32>{2, 3, 20}));
}

TEST(LineDiscipline, literal_next_takes_a_control_character) {
    Terminal t;
    t.type("\x16\x03\n");
    EXPECT_TRUE(t.signals.empty());
    EXPECT_EQ(t.read(), "\x03\n");
    EXPECT_EQ(t.echoed, "^\b^C\r\n");
}

TEST(LineDiscipline, flow_control_characters_stop_and_start) {
    Terminal t;
    t.type("\x13");
    EXPECT_TRUE(t.stopped);
    t.type("\x11");
    EXPECT_FALSE(t.stopped);
    EXPECT_FALSE(t.line.has_input());
}

TEST(LineDiscipline, raw_mode_passes_every_byte) {
    Terminal t;
    t.raw();
    std::string all;
    for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
    EXPECT_EQ(t.type(all), 256u);
    EXPECT_EQ(t.read(), all);
    EXPECT_TRUE(t.echoed.empty());
}

TEST(LineDiscipline, raw_mode_refuses_what_does_not_fit_and_loses_nothing) {
    Terminal t;
    t.raw();
    std::mt19937 rng(3);
    std::string sent, got;
    std::string pending;
    for (int i = 0; i < 5000; ++i) {
        for (unsigned n = rng() % 300; n > 0; --n) pending.push_back(static_cast<char>(rng()));
        const usize n = t.type(pending);
        sent += pending.substr(0, n);
        pending.erase(0, n);
        got += t.read(rng() % 250);
    }
    while (t.line.has_input()) got += t.read();
    EXPECT_EQ(sent, got);
}

TEST(LineDiscipline, what_was_typed_raw_becomes_a_line) {
    Terminal t;
    t.raw();
    t.type("abc");
    const Termios old = t.line.termios;
    t.line.termios.lflag |= ICANON;
    t.line.termios_changed(old);
    EXPECT_EQ(t.read(), "abc");
}

TEST(LineDiscipline, an_overlong_line_can_still_be_ended) {
    Terminal t;
    std::string longer(6000, 'x');
    EXPECT_EQ(t.type(longer), 6000u);
    t.type("\n");
    ASSERT_TRUE(t.line.has_input());
    std::string line;
    while (t.line.has_input()) line += t.read();
    EXPECT_EQ(line.back(), '\n');
    EXPECT_LE(line.size(), 4096u);
}

TEST(LineDiscipline, output_processing_maps_newlines_and_tabs) {
    Terminal t;
    EXPECT_EQ(t.write("a\nb"), "a\r\nb");
    t.line.termios.oflag |= XTABS;
    EXPECT_EQ(t.write("\r12\tx"), "\r12      x");
    t.line.termios.oflag &= ~static_cast<u32>(OPOST);
    EXPECT_EQ(t.write("a\n"), "a\n");
}

TEST(LineDiscipline, survives_any_bytes_under_any_flags) {
    std::mt19937 rng(99);
    for (int round = 0; round < 300; ++round) {
        Terminal t;
        t.line.termios.iflag = rng();
        t.line.termios.lflag = rng();
        t.line.termios.oflag = rng();
        for (int i = 0; i < 200; ++i) {
            std::string s;
            for (unsigned n = rng() % 64; n > 0; --n)
                s.push_back(static_cast<char>(rng() % 4 ? rng() % 32 : rng()));
            t.type(s);
            t.read(rng() % 128);
            if (rng() % 16 == 0) {
                const Termios old = t.line.termios;
                t.line.termios.lflag ^= ICANON;
                t.line.termios_changed(old);
            }
        }
    }
}
