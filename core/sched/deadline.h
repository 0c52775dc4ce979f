// Earliest deadline first with constant bandwidths: what a task's runtime and deadline become.
//
// Theory: Abeni and Buttazzo, "Integrating multimedia applications in hard real-time systems"
// (1998). Whoever wakes goes on with what is left of runtime and deadline unless that would be more
// than its share of the time until then; whoever has used its runtime waits for the next period.
#pragma once

#include <tenon/process/task.h>

namespace tenon::sched::edf {

using Entity = Task::SchedEntity;

inline void start_turn(Entity& e, u64 now) {
    e.turn_left_ns = e.params.runtime_ns;
    e.turn_deadline_ns = now + e.params.deadline_ns;
}

// When the period after this one begins.
inline u64 next_turn_ns(const Entity& e) {
    return e.turn_deadline_ns - e.params.deadline_ns + e.params.period_ns;
}

inline void renew_turn(Entity& e, u64 now) {
    start_turn(e, std::max(now, next_turn_ns(e)));
}

// On waking. False: its runtime is used up, and its next period has not begun.
inline bool may_run(Entity& e, u64 now) {
    const auto product = [](u64 a, u64 b) { return static_cast<unsigned __int128>(a) * b; };
    if (now >= e.turn_deadline_ns) {
        start_turn(e, now);
    } else if (e.turn_left_ns == 0) {
        if (now < next_turn_ns(e)) return false;
        start_turn(e, now);
    } else if (product(e.turn_left_ns, e.params.deadline_ns) >
               product(e.turn_deadline_ns - now, e.params.runtime_ns)) {
        start_turn(e, now);
    }
    return true;
}

}  // namespace tenon::sched::edf
