// What the scheduler tells RCU.
#pragma once

namespace tenon::sync {

// This CPU is outside of every reader. Preemption or irqs off.
void rcu_quiescent();
// Callbacks run from here on.
void rcu_start_thread();

}  // namespace tenon::sync
