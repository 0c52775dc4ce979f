// Stand-ins for the kernel around the code under test.
#pragma once

namespace tenon::test {
// Runs what rcu_call() queued, as a grace period would.
void end_grace_period();
}  // namespace tenon::test
