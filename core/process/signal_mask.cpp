// Masks, dispositions, and the questions that others ask about signals.
#include "core/process/internal.h"

namespace tenon::process {

SignalSet pending_signals(Task& task) {
    SignalLock lock(*task.process);
    return task.pending.set | task.process->pending.set;
}

void set_blocked(SignalSet mask) {
    Task& self = *current();
    Process& process = *self.process;
    mask = mask & ~kUnblockable;
    SignalLock lock(process);
    const SignalSet newly = mask & ~self.blocked & process.pending.set;
    self.blocked = mask;
    // What this thread would have taken goes to another one.
    if (!newly.empty() && process.live_threads > 1)
        for (Task& other : process.threads)
            if (&other != &self && !other.exiting && !(newly & ~other.blocked).empty())
                kick_locked(other, false);
    recalculate_locked(self);
}

void set_temporary_mask(SignalSet mask) {
    Task& self = *current();
    self.saved_blocked = self.blocked;
    set_blocked(mask);
    self.set_work(kWorkRestoreMask);
}

void restore_temporary_mask() {
    Task& self = *current();
    if ((self.work_flags.load(std::memory_order_relaxed) & kWorkRestoreMask) == 0) return;
    self.clear_work(kWorkRestoreMask);
    set_blocked(self.saved_blocked);
}

Result<SignalAction> set_action(u32 signal, const SignalAction* action) {
    if (signal < 1 || signal > kSignalCount) return Err(Error::inval);
    if (action != nullptr && kUnblockable.has(signal)) return Err(Error::inval);
    Process& process = current_process();
    SignalLock lock(process);
    SignalAction& place = lock.actions().action[signal];
    const SignalAction old = place;
    if (action == nullptr) return old;
    place = *action;
    place.mask = place.mask & ~kUnblockable;
    // POSIX: becoming ignored discards what is pending, blocked or not.
    const bool ignored =
        place.kind == SignalAction::Kind::ignore ||
        (place.kind == SignalAction::Kind::default_action && kIgnoredByDefault.has(signal));
    if (ignored) {
        remove_locked(process.pending, SignalSet::of(signal));
        for (Task& task : process.threads) remove_locked(task.pending, SignalSet::of(signal));
    }
    return old;
}

bool is_ignored(Process& process, u32 signal) {
    SignalLock lock(process);
    const SignalAction& action = lock.actions().action[signal];
    return action.kind == SignalAction::Kind::ignore ||
           (action.kind == SignalAction::Kind::default_action && kIgnoredByDefault.has(signal));
}

bool is_blocked_or_ignored(u32 signal) {
    Task& self = *current();
    SignalLock lock(*self.process);
    return self.blocked.has(signal) ||
           lock.actions().action[signal].kind == SignalAction::Kind::ignore;
}

bool signal_pending() {
    return (current()->work_flags.load(std::memory_order_relaxed) & kWorkSignal) != 0;
}

bool fatal_signal_pending() {
    Task& self = *current();
    // SAFETY: a word; senders set it before they wake us.
    return signal_pending() && self.pending.set.has(kSigKill);
}

}  // namespace tenon::process
