// The log ring: order, wrap-around, readers beside writers.
#include <tenon/trace/log.h>

#include <cstring>

#include "ktest.h"

using namespace tenon;

namespace {

// The consoles would print every line of these tests.
struct Quiet {
    u8 level = log::console_level();
    Quiet() { log::set_console_level(1); }
    ~Quiet() { log::set_console_level(level); }
};

KTEST(a_line_is_read_as_it_was_written) {
    Quiet quiet;
    const u64 at = log::next_sequence();
    log::write(log::Level::debug, "ktest {} {:#x} {}", -5, 0xbeefu, "text");
    static log::Record record;
    REQUIRE(log::read(at, record));
    // Others may write too.
    for (u64 next = at; std::string_view(record.text, 6) != "ktest "; ++next)
        REQUIRE(log::read(next, record));
    EXPECT(std::string_view(record.text, record.length_bytes) == "ktest -5 0xbeef text");
    EXPECT(record.level == log::Level::debug);
    EXPECT(record.sequence >= at && record.time_ns != 0);
    EXPECT(!log::read(log::next_sequence() + 1000, record));
}

KTEST(a_long_line_is_cut) {
    Quiet quiet;
    static char text[2 * log::kMaxLineBytes];
    std::memset(text, 'y', sizeof text);
    const u64 at = log::next_sequence();
    log::write(log::Level::debug, "{}", std::string_view(text, sizeof text));
    static log::Record record;
    bool seen = false;
    for (u64 next = at; log::read(next, record); next = record.sequence + 1)
        seen |= record.text[0] == 'y' && record.length_bytes <= log::kMaxLineBytes &&
                record.length_bytes > log::kMaxLineBytes / 2;
    EXPECT(seen);
}

KTEST(lines_of_all_cpus_are_whole_and_in_order) {
    Quiet quiet;
    constexpr u32 kWriters = 5, kLines = 3000;  // more than the ring holds
    static std::atomic<u32> writers;
    static std::atomic<u64> lines_read;
    writers = kWriters;
    lines_read = 0;
    const u64 began = log::next_sequence();
    t.parallel(kWriters + 1, [&](u32 me) {
        if (me < kWriters) {
            for (u32 i = 0; i < kLines; ++i) {
                log::write(log::Level::debug, "ktest-ring {} {} {}", me, i, me * 100000 + i);
                if (i % 64 == 0) sched::yield();
            }
            writers.fetch_sub(1);
            return;
        }
        static log::Record record;
        i64 last[kWriters];
        std::fill_n(last, kWriters, -1);
        for (u64 next = began;;) {
            if (!log::read(next, record)) {
                if (writers.load() == 0) break;
                sched::yield();
                continue;
            }
            EXPECT(record.sequence >= next);
            next = record.sequence + 1;
            std::string_view text(record.text, record.length_bytes);
            if (!text.starts_with("ktest-ring ")) continue;
            text.remove_prefix(11);
            u64 number[3] = {};
            u32 n = 0;
            for (char c : text) {
                if (c == ' ')
                    ++n;
                else
                    number[n < 3 ? n : 2] = number[n < 3 ? n : 2] * 10 + static_cast<u64>(c - '0');
            }
            REQUIRE(n == 2 && number[0] < kWriters);
            EXPECT(number[2] == number[0] * 100000 + number[1]);
            EXPECT(static_cast<i64>(number[1]) > last[number[0]]);
            last[number[0]] = static_cast<i64>(number[1]);
            lines_read.fetch_add(1);
        }
    });
    EXPECT(lines_read.load() > 0);
    EXPECT(log::next_sequence() - began >= kWriters * kLines);
    EXPECT(log::first_sequence() > began);  // the ring went round
}

}  // namespace

KTEST_MODULE("ktest_log", &a_line_is_read_as_it_was_written, &a_long_line_is_cut,
             &lines_of_all_cpus_are_whole_and_in_order);
