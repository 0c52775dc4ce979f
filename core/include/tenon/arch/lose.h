// Interrupts lost on purpose, as some machines lose them. For tests.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::testing {

// The next `sent` interrupts to other CPUs are not sent, the next `ended` are not ended. Any
// context.
TENON_API void lose_interrupts(u32 sent, u32 ended);

}  // namespace tenon::arch::testing
