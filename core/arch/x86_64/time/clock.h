// The clock and the timer of each CPU.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

// Calibrates on the boot CPU; then on each other CPU.
void init_clock();
void load_timer();
u64 tsc_khz();

}  // namespace tenon::arch::x86
