// The machine's clock and one-shot timer.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch {

// Nanoseconds since boot, monotonic on every CPU, never stops. A few instructions (TSC scaled). Any
// context.
TENON_API u64 clock_ns();
// Arms this CPU's one-shot timer for an absolute clock_ns() time; ~0 disarms. A time in the past
// fires at once. Irqs off.
void set_timer(u64 deadline_ns);
// The rate of the cycle counter.
TENON_API u64 counter_khz();
// Wall-clock seconds since 1970 from the firmware clock, read at boot.
u64 read_wall_clock_seconds();
// Parameters for a user-space reader of the same clock (vDSO): ns = ((cycles - base) * mult >>
// shift) + base_ns.
struct UserClock {
    bool usable;  // user mode can read the counter
    u64 base_cycles, base_ns;
    u64 mult;
    u32 shift;
};
TENON_API UserClock user_clock();
// Busy-waits. For device bring-up only.
TENON_API void delay_ns(u64 ns);

}  // namespace tenon::arch
