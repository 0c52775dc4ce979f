// What exec does to the process around the program.
#pragma once

#include <tenon/lib/result.h>

namespace tenon::personality {

// Exec's point of no return: kills the other threads, takes over the leader's identity, stops
// sharing dispositions and descriptors.
Result<void> become_single_threaded();
// After exec installed the new space: releases a vfork parent, resets caught signals, closes on
// exec.
void finish_exec();

}  // namespace tenon::personality
