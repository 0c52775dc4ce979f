#include "tests/host/mm/kernel_stubs.h"

#include <tenon/lib/assert.h>
#include <tenon/sync/rcu.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace tenon {

void panic(const char* message) {
    std::fprintf(stderr, "panic: %s\n", message);
    std::abort();
}
void assertion_failed(const char* expression, const char* file, u32 line) {
    std::fprintf(stderr, "%s:%u: %s\n", file, line, expression);
    std::abort();
}

namespace {
std::vector<sync::RcuHead*> queued;
}

namespace sync {
void rcu_call(RcuHead& head, void (*function)(RcuHead*)) {
    head.function = function;
    queued.push_back(&head);
}
}  // namespace sync

namespace test {
void end_grace_period() {
    for (sync::RcuHead* head : queued) head->function(head);
    queued.clear();
}
}  // namespace test

}  // namespace tenon
