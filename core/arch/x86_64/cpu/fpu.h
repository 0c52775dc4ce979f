// Floating-point state of user tasks. The kernel itself uses none, so state moves only with a
// switch.
#pragma once

#include <tenon/arch/context.h>

namespace tenon::arch::x86 {

// Finds the state's size and the features to enable; then on each CPU.
void init_fpu();
void load_fpu_cpu();
// Once there is a slab allocator.
Result<void> create_fpu_cache();
// The task leaves / enters this CPU. Interrupts off.
void fpu_switch_out(Context& context);
void fpu_switch_in(Context& context);

}  // namespace tenon::arch::x86
