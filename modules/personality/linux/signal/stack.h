// The alternate signal stack. Spec: man 2 sigaltstack.
#pragma once

#include <tenon/process/task.h>

#include "personality/linux/abi.h"

namespace tenon::personality {

// Is `sp` on the task's alternate stack (and is that not an auto-disarmed one)?
bool on_alternate_stack(u64 sp);
// May a handler start on it, with the user's stack pointer at `sp`?
bool alternate_stack_usable(u64 sp);
void disarm_alternate_stack();  // SS_AUTODISARM
void fill_stack_t(uapi::stack_t& out, u64 sp);
void restore_stack_t(const uapi::stack_t& in);
Result<void> set_alternate_stack(const uapi::stack_t& in, u64 sp, u64 min_size);

}  // namespace tenon::personality
