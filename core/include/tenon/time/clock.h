// Clocks, in nanoseconds.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::time {

TENON_API u64 monotonic_ns();               // since boot, never set, never steps
TENON_API u64 boottime_ns();                // as monotonic (no suspend here)
TENON_API i64 realtime_ns();                // since 1970
TENON_API void set_realtime_ns(i64 value);  // steps CLOCK_REALTIME; timers on it re-arm
TENON_API i64 realtime_offset_ns();         // realtime - monotonic
// Registered callbacks run after a step of the real-time clock (timerfd TFD_TIMER_CANCEL_ON_SET,
// absolute sleeps).
TENON_API u32 realtime_step_count();

}  // namespace tenon::time
