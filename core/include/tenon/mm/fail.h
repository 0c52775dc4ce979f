// Failures that a test asks for. A step is what may fail: an allocation of memory (slab or pages),
// or a place that calls fail_here(). Steps of other tasks and of interrupts are not counted.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::mm::testing {

// Makes the `nth` step of the calling task from now on fail (1: the next); 0: none any more. One
// task at a time. Answers whether the one asked for before has failed.
TENON_API bool fail_step(u32 nth);
// Whether this step is the one to fail.
TENON_API bool fail_here();

}  // namespace tenon::mm::testing
