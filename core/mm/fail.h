// What the allocators ask: two instructions while no test makes anything fail.
#pragma once

#include <tenon/mm/fail.h>

#include <atomic>

namespace tenon {
class Task;
}

namespace tenon::mm::testing {

extern constinit std::atomic<const Task*> failing_task;

inline bool fails_by_request() {
    return failing_task.load(std::memory_order_relaxed) != nullptr && fail_here();
}

}  // namespace tenon::mm::testing
