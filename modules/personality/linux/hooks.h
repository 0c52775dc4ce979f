// Seams between families of calls that are written in different places.
#pragma once

#include <tenon/lib/types.h>

namespace tenon {
class Task;
}

namespace tenon::personality {

// Robust futexes and clear_child_tid, of a task that leaves its address space.
void leave_memory(Task& task);
// Walks a dying task's robust futexes (the futex family sets it; null: none).
void exit_robust_list(u64 head);

}  // namespace tenon::personality
