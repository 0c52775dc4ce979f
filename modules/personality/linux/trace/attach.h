// Requests that tie, untie and move a tracee. Errors as ptrace(2).
#pragma once

#include "personality/linux/trace/tracee.h"

namespace tenon::personality::trace {

Result<u32> checked_options(u64 options);
Result<void> trace_me();
Result<void> attach(Ref<Task> task, bool seize, u64 address, u64 flags);
Result<void> detach(Tracee& tracee, u64 signal);
// PTRACE_CONT, SYSCALL, SINGLESTEP, SYSEMU and both.
Result<void> resume(Tracee& tracee, i64 request, u64 signal);
Result<void> interrupt(Tracee& tracee);
Result<void> listen(Tracee& tracee);
// The calling task's tracee, stopped unless `any_state`. Error::srch.
Result<Ref<Tracee>> stopped_tracee(Task& task, bool any_state);

}  // namespace tenon::personality::trace
