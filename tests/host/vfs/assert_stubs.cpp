#include <tenon/lib/assert.h>

#include <cstdio>
#include <cstdlib>

namespace tenon {

void panic(const char* message) {
    std::fprintf(stderr, "panic: %s\n", message);
    std::abort();
}
void assertion_failed(const char* expression, const char* file, u32 line) {
    std::fprintf(stderr, "%s:%u: %s\n", file, line, expression);
    std::abort();
}

}  // namespace tenon
