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

// Has a task look for signals on its way to user mode if there are any. It goes there in any case
// if it was to: what interrupted its system call may be gone, and the call still has to be
// restarted. The signal lock of its process held; the task is the caller, or stopped.
void look_for_signals_locked(Task& task);

}  // namespace tenon::personality::trace
