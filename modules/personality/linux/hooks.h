// Seams between families of calls that are written in different places.
#pragma once

#include <tenon/lib/types.h>

namespace tenon {
class Task;
}

namespace tenon::personality {

// Walks a dying task's robust futexes (the futex family sets it; null: none).
void exit_robust_list(u64 head);
// A task gives its memory up, by exit or exec: its robust futexes, and the word that tells of it.
void leave_user_memory(Task& task);

}  // namespace tenon::personality
