#include "core/mm/fail.h"

#include <tenon/arch/cpu.h>

#include <utility>

namespace tenon::mm::testing {

[[gnu::section(".modinfo"), gnu::used]] constexpr char kExports[] =
    "export_ns=tenon::mm::testing: ktest_*";

constinit std::atomic<const Task*> failing_task{nullptr};

// Of the failing task alone.
namespace {
u32 steps_left = 0;
bool has_failed = false;
}  // namespace

bool fail_here() {
    if (failing_task.load(std::memory_order_relaxed) != arch::current()) return false;
    if (arch::preempt_count() >= kSoftirqOne || steps_left == 0 || --steps_left != 0) return false;
    has_failed = true;
    return true;
}

bool fail_step(u32 nth) {
    failing_task.store(nullptr, std::memory_order_relaxed);
    steps_left = nth;
    const bool failed = std::exchange(has_failed, false);
    if (nth != 0) failing_task.store(arch::current(), std::memory_order_relaxed);
    return failed;
}

}  // namespace tenon::mm::testing
