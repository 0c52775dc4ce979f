// Seams between families of calls that are written in different places.
#pragma once

#include <tenon/lib/types.h>

namespace tenon {
class Task;
}

namespace tenon::personality {

// Robust futexes, those with priority inheritance and clear_child_tid, of a task that leaves its
// address space: it ends, or runs another program.
void leave_memory(Task& task, bool for_good);
// Walks a dying task's robust futexes (the futex family sets it; null: none).
void exit_robust_list(u64 head);

}  // namespace tenon::personality
