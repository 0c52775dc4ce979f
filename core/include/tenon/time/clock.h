// Clocks, in nanoseconds.
#pragma once

#include <tenon/sync/wait_queue.h>

namespace tenon::time {

TENON_API u64 monotonic_ns();               // since boot, never set, never steps
TENON_API u64 boottime_ns();                // as monotonic (no suspend here)
TENON_API i64 realtime_ns();                // since 1970
TENON_API void set_realtime_ns(i64 value);  // steps CLOCK_REALTIME; timers on it re-arm
TENON_API i64 realtime_offset_ns();         // realtime - monotonic
// Grows with each step; the queue is woken then (timerfd's TFD_TIMER_CANCEL_ON_SET, absolute sleeps
// and timers on the real-time clock: they compute their deadline anew).
TENON_API u32 realtime_step_count();
TENON_API sync::WaitQueue& realtime_step_queue();

// [core] Boot: reads the firmware's clock.
void init();

}  // namespace tenon::time
