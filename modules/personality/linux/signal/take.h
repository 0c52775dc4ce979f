// Taking signals: what a task does with them on its way back to user mode; masks and dispositions.
#pragma once

#include <tenon/process/process.h>

namespace tenon::personality {

using process::Process;
using process::SignalAction;
using process::SignalInfo;
using process::SignalSet;

// Takes the next deliverable signal of the current task, with its action
// (SA_RESETHAND applied), or false.
bool dequeue_signal(SignalInfo& info, SignalAction& action);
// Takes a pending signal out of `wanted` even if blocked (sigtimedwait, signalfd), or false.
bool take_signal(SignalSet wanted, SignalInfo& info);
SignalSet pending_signals(Task& task);
// Of the current task; KILL and STOP are never blocked. `waited_for`: of those that `mask` leaves
// open, the ones that are only to wake it and then to be taken (sigtimedwait): they do not kill.
void set_blocked(SignalSet mask, SignalSet waited_for = {});
Result<SignalAction> set_action(u32 signal,
                                const SignalAction* action);  // returns the old; null: only query
// The signals that the current task has blocked, and the ones that pselect and friends put aside:
// blocks `mask` until the next return to user mode, where the old mask comes back (after a
// handler).
void set_temporary_mask(SignalSet mask);
void restore_temporary_mask();
// May `current` signal `target`? Error::perm.
Result<void> may_signal(const Process& target, u32 signal);
// Ignored by disposition, or by default without a handler (for tty job control, SIGCHLD).
bool is_ignored(Process& process, u32 signal);

}  // namespace tenon::personality
