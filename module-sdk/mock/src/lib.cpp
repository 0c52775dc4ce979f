// Assertions, the log, random bytes, addresses.
#include <tenon/arch/page_table.h>
#include <tenon/lib/assert.h>
#include <tenon/lib/random.h>
#include <tenon/trace/log.h>
#include <tenon/trace/metrics.h>

#include <cstdio>
#include <cstdlib>

#include "world.h"

namespace tenon {

void assertion_failed(const char* expression, const char* file, u32 line) {
    std::fprintf(stderr, "assertion failed: %s, %s:%u\n", expression, file, line);
    std::abort();
}
void panic(const char* message) {
    std::fprintf(stderr, "panic: %s\n", message);
    std::abort();
}

namespace log {
void vwrite(Level, std::string_view format, std::span<const fmt::Arg> args) {
    char text[kMaxLineBytes];
    fmt::BufferSink sink(text);
    fmt::vprint(sink, format, args);
    mock::world().log.emplace_back(sink.text());
}
}  // namespace log

namespace mock {
const std::vector<std::string>& log_lines() {
    return world().log;
}
bool logged(std::string_view text) {
    for (auto& line : world().log)
        if (line.find(text) != std::string::npos) return true;
    return false;
}
}  // namespace mock

namespace random {
// Always the same bytes: a test that fails, fails again.
void fill(std::span<u8> out) {
    static u64 state = 0x9e3779b97f4a7c15;
    for (u8& byte : out) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        byte = static_cast<u8>(state >> 32);
    }
}
void mix(std::span<const u8>) {}
}  // namespace random

namespace arch {
extern "C" u64 tenon_direct_map;
u64 tenon_direct_map = 0;  // physical addresses are the host's
PhysAddr virt_to_phys(const void* p) {
    return {reinterpret_cast<u64>(p)};
}
}  // namespace arch

}  // namespace tenon

namespace boost {
void assertion_failed(const char* expression, const char*, const char* file, long line) {
    tenon::assertion_failed(expression, file, static_cast<tenon::u32>(line));
}
void assertion_failed_msg(const char* expression, const char*, const char*, const char* file,
                          long line) {
    tenon::assertion_failed(expression, file, static_cast<tenon::u32>(line));
}
}  // namespace boost
