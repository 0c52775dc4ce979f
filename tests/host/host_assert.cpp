// What the kernel's assertions need on the host.
#include <tenon/lib/assert.h>

#include <cstdio>
#include <cstdlib>

namespace tenon {

void assertion_failed(const char* expression, const char* file, u32 line) {
    std::fprintf(stderr, "%s:%u: %s\n", file, line, expression);
    std::abort();
}
void panic(const char* message) {
    std::fprintf(stderr, "%s\n", message);
    std::abort();
}

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
