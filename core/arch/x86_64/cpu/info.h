#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {
// Reads this CPU's identity, for /proc/cpuinfo. Runs on it.
void init_cpu_info(u32 cpu);
}  // namespace tenon::arch::x86
