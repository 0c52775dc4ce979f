#include "personality/linux/signal/take.h"

#include <tenon/mm/slab.h>
#include <tenon/process/tree.h>

#include <bit>

#include "personality/linux/time/linux_process.h"
#include "personality/linux/trace/core_dump.h"

namespace tenon::personality {

using namespace process;

namespace {

// Takes the lowest signal of `wanted` out of `pending`.
bool take_from(PendingSignals& pending, SignalSet wanted, SignalInfo& info) {
    const u64 ready = (pending.set & wanted).bits();
    if (ready == 0) return false;
    const u32 signal = static_cast<u32>(std::countr_zero(ready)) + 1;
    QueuedSignal* first = nullptr;
    bool more = false;
    for (QueuedSignal& entry : pending.queue) {
        if (entry.info.signal != signal) continue;
        if (first != nullptr) {
            more = true;
            break;
        }
        first = &entry;
    }
    if (first != nullptr) {
        info = first->info;
        pending.queue.erase(pending.queue.iterator_to(*first));
        account::uncharge_signal(first->charged_uid);
        delete first;
    } else {
        info = {.signal = signal, .code = kCodeUser};
    }
    if (!more) pending.set.remove(signal);
    return true;
}

// Who takes it starts the timer's next period. What rt_sigqueueinfo sent only looks like one.
bool is_of_timer(const SignalInfo& info) {
    return info.code == kCodeTimer && !info.has_raw;
}

// Faults of this thread first: their frame must be the innermost.
bool take_next(Task& self, Process& process, SignalInfo& info) {
    const SignalSet open = ~self.blocked;
    return take_from(self.pending, open & kSynchronous, info) ||
           take_from(self.pending, open, info) || take_from(process.pending, open, info);
}

// Waits here until SIGCONT or a kill. Enters with the lock, leaves without.
void stop_here(Task& self, Process& process, SignalLock& lock) {
    const u32 generation = process.stop_generation;
    const u32 signal = process.stop_signal;
    trace::Side& traced = trace::side(self);
    if (traced.counted_stop != generation + 1) ++process.stopped_threads;
    traced.counted_stop = generation + 1;
    const bool complete = process.stopped_threads >= process.live_threads &&
                          process.stop_event != Process::StopEvent::stopped;
    if (complete) process.stop_event = Process::StopEvent::stopped;
    lock.release();
    if (complete) notify_parent_of_stop(process, false, signal);
    for (;;) {
        {
            SignalLock again(process);
            if (!process.stopping || process.stop_generation != generation ||
                self.pending.set.has(kSigKill) || trace::is_traced(self))
                return;
            // Under the lock, so that whoever ends the stop sees a task to wake.
            self.state.store(TaskState::stopped, std::memory_order_release);
        }
        sched::schedule();
    }
}

bool in_orphaned_group(Process& process) {
    TreeGuard guard(tree_lock());
    return !process.group || process.group->orphaned_locked();
}

void begin_stop(Task& self, Process& process, u32 signal, u32 generation) {
    if (signal != kSigStop && in_orphaned_group(process)) return;
    SignalLock lock(process);
    // A SIGCONT in between has undone the stop before it began.
    if (process.stop_generation != generation || process.group_exiting) return;
    if (process.stopping) {
        // Its tracer had led it out of the stop.
        if (trace::is_traced(self)) process.stop_signal = signal;
        self.passed_stop = 0;
        return;
    }
    process.stopping = true;
    process.stop_signal = signal;
    process.stopped_threads = 0;
    process.stop_event = Process::StopEvent::none;
    for (Task& other : process.threads)
        if (!other.exiting && &other != &self) kick_locked(other, false);
}

}  // namespace

bool dequeue_signal(SignalInfo& info, SignalAction& action) {
    Task& self = *current();
    Process& process = *self.process;
    for (;;) {
        SignalLock lock(process);
        if (process.group_exiting || self.pending.set.has(kSigKill)) {
            const i32 code = process.group_exit_code;
            lock.release();
            exit_group(code);
        }
        if (process.notify_continued) {
            process.notify_continued = false;
            lock.release();
            notify_parent_of_stop(process, true, kSigCont);
            continue;
        }
        const bool traced = trace::is_traced(self);
        if (traced && !process.stopping && trace::side(self).trapping.load(std::memory_order_relaxed)) [[unlikely]] {
            lock.release();
            trace::left_stop(self);
            continue;
        }
        if (process.stopping && self.passed_stop != process.stop_generation + 1 && !traced) {
            stop_here(self, process, lock);
            continue;
        }
        if (traced && (self.trap_wanted ||
                       (process.stopping && self.passed_stop != process.stop_generation + 1))) {
            lock.release();
            trace::stop_for_job_control();
            continue;
        }
        if (!take_next(self, process, info)) {
            recalculate_locked(self);
            return false;
        }
        if (is_of_timer(info)) [[unlikely]] {
            lock.release();
            info.overrun = timer_signal_taken(info.timer_id);
            lock.acquire(process);
        }
        if (traced) [[unlikely]] {
            lock.release();
            if (trace::stop_for_signal(info) == 0) continue;
            lock.acquire(process);
        }
        const u32 signal = info.signal;
        SignalAction& installed = lock.actions().action[signal];
        if (installed.kind == SignalAction::Kind::ignore) continue;
        if (installed.kind == SignalAction::Kind::handler) {
            action = installed;
            // The flags and the mask stay.
            if (installed.reset_hand) installed.kind = SignalAction::Kind::default_action;
            recalculate_locked(self);
            return true;
        }
        if (kIgnoredByDefault.has(signal) || process.unkillable) continue;
        if (kStopSignals.has(signal)) {
            const u32 generation = process.stop_generation;
            lock.release();
            begin_stop(self, process, signal, generation);
            continue;
        }
        lock.release();
        const bool dumped = kDumping.has(signal) && trace::dump_core(info);
        exit_group(static_cast<i32>(signal | (dumped ? 0x80 : 0)));
    }
}

bool take_signal(SignalSet wanted, SignalInfo& info) {
    Task& self = *current();
    Process& process = *self.process;
    {
        SignalLock lock(process);
        if (!take_from(self.pending, wanted, info) && !take_from(process.pending, wanted, info))
            return false;
        recalculate_locked(self);
    }
    if (is_of_timer(info)) info.overrun = timer_signal_taken(info.timer_id);
    return true;
}

SignalSet pending_signals(Task& task) {
    SignalLock lock(*task.process);
    return task.pending.set | task.process->pending.set;
}

void set_blocked(SignalSet mask, SignalSet waited_for) {
    Task& self = *current();
    Process& process = *self.process;
    mask = mask & ~kUnblockable;
    SignalLock lock(process);
    const SignalSet newly = mask & ~self.blocked & process.pending.set;
    self.blocked = mask;
    self.waited_for = waited_for;
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

Result<void> may_signal(const Process& target, u32 signal) {
    const Credentials& own = current_credentials();
    Ref<Credentials> other = credentials_of(*target.leader);
    if (!other || own.euid == other->suid || own.euid == other->uid || own.uid == other->suid ||
        own.uid == other->uid || capable(Capability::kill))
        return {};
    if (signal == kSigCont) {
        TreeGuard guard(tree_lock());
        const auto& mine = current_process().group;
        if (mine && target.group && mine->session == target.group->session) return {};
    }
    return Err(Error::perm);
}

}  // namespace tenon::personality
