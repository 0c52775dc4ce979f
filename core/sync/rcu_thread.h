// What the scheduler tells RCU.
#pragma once

namespace tenon::sync {

// This CPU is outside of every reader. Preemption or irqs off.
void rcu_quiescent();
// Callbacks wait on their CPU, so that rcu_call() takes no lock, until a tick or the idle loop hands
// them to the thread: rcu_poll() does so; rcu_wants_thread() says whether it would. Irqs off.
void rcu_poll();
bool rcu_wants_thread();
// Callbacks run from here on.
void rcu_start_thread();

}  // namespace tenon::sync
