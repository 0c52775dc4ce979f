// Sending signals: queue, choose a thread, wake it; start of a kill.
#include <tenon/arch/smp.h>
#include <tenon/mm/slab.h>
#include <tenon/process/tree.h>

namespace tenon::process {

void flush_queue(PendingSignals& pending) {
    while (!pending.queue.empty()) {
        QueuedSignal& entry = pending.queue.front();
        pending.queue.pop_front();
        account::uncharge_signal(entry.charged_uid);
        delete &entry;
    }
    pending.set = {};
}

void remove_locked(PendingSignals& pending, SignalSet which) {
    if ((pending.set & which).empty()) return;
    pending.set = pending.set & ~which;
    for (auto it = pending.queue.begin(); it != pending.queue.end();) {
        QueuedSignal& entry = *it;
        ++it;
        if (!which.has(entry.info.signal)) continue;
        pending.queue.erase(pending.queue.iterator_to(entry));
        account::uncharge_signal(entry.charged_uid);
        delete &entry;
    }
}

void kick_locked(Task& task, bool fatal) {
    task.set_work(kWorkSignal);
    u32 states = sched::kWakeInterruptible;
    if (fatal) states |= sched::kWakeKillable | sched::kWakeStopped | sched::kWakeTraced;
    if (!sched::wake(task, states) && &task != current() && task.sched.on_cpu)
        arch::send_reschedule(task.sched.cpu);  // out of user mode, to look at its work flags
}

void kill_threads_locked(Process& process, Task* except) {
    process.stopping = false;
    process.stopped_threads = 0;
    ++process.stop_generation;
    for (Task& task : process.threads) {
        if (&task == except || task.exiting) continue;
        task.pending.set.add(kSigKill);
        kick_locked(task, true);
    }
}

void recalculate_locked(Task& task) {
    const Process& process = *task.process;
    const bool work = !((task.pending.set | process.pending.set) & ~task.blocked).empty() ||
                      (process.stopping && task.passed_stop != process.stop_generation + 1) ||
                      process.notify_continued || process.group_exiting || task.trap_wanted;
    if (work)
        task.set_work(kWorkSignal);
    else if (task.work_flags.load(std::memory_order_relaxed) & kWorkSignal)
        task.clear_work(kWorkSignal);
}

namespace {

bool default_is_fatal(u32 signal) {
    return !kIgnoredByDefault.has(signal) && !kStopSignals.has(signal);
}

// A signal that may end the whole process as soon as it is sent: not where its taker has a core to
// dump or a tracer to ask first.
bool kills_at_once(const Process& process, const Task& target, const SignalAction& action,
                   u32 signal) {
    if (signal == kSigKill) return true;
    return action.kind == SignalAction::Kind::default_action && default_is_fatal(signal) &&
           !kDumping.has(signal) && !process.unkillable && !target.waited_for.has(signal) &&
           target.tracer.load(std::memory_order_relaxed) == 0;
}

// Whoever is traced with traps for job control learns that something changed.
void trap_job_control_locked(Task& task) {
    if (!task.traps_job_control) return;
    task.trap_wanted = true;
    kick_locked(task, false);
    sched::wake(task, sched::kWakeTraced);  // it looks whether it only listens
}

// Nobody would notice it: not worth queueing. A blocked one may get a handler before it is seen.
bool ignored_locked(const Process& process, const Task& task, const SignalAction& action,
                    u32 signal) {
    if (task.blocked.has(signal) || task.waited_for.has(signal)) return false;
    // A tracer may want to know.
    if (task.tracer.load(std::memory_order_relaxed) != 0) return false;
    if (action.kind == SignalAction::Kind::ignore) return true;
    if (action.kind == SignalAction::Kind::handler) return false;
    return kIgnoredByDefault.has(signal) || process.unkillable;
}

// What stop signals and SIGCONT do when they are generated, whatever their disposition.
void job_control_locked(Process& process, u32 signal) {
    if (kStopSignals.has(signal)) {
        remove_locked(process.pending, SignalSet::of(kSigCont));
        for (Task& task : process.threads) remove_locked(task.pending, SignalSet::of(kSigCont));
    } else if (signal == kSigCont) {
        remove_locked(process.pending, kStopSignals);
        for (Task& task : process.threads) remove_locked(task.pending, kStopSignals);
        ++process.stop_generation;
        for (Task& task : process.threads) trap_job_control_locked(task);
        if (!process.stopping) return;
        if (process.stop_event == Process::StopEvent::stopped ||
            process.stopped_threads >= process.live_threads) {
            process.stop_event = Process::StopEvent::continued;
            process.notify_continued = true;
        }
        process.stopping = false;
        process.stopped_threads = 0;
        for (Task& task : process.threads) {
            task.set_work(kWorkSignal);
            sched::wake(task, sched::kWakeStopped);
        }
    }
}

// A timer's own, not one that rt_sigqueueinfo made up.
bool is_of_timer(const SignalInfo& info) {
    return info.code == kCodeTimer && !info.has_raw;
}

Result<void> enqueue(PendingSignals& pending, const SignalInfo& info, const Process& process) {
    const u32 signal = info.signal;
    // The kernel's own legacy signals are never refused.
    const bool exempt = signal < kSigRtMin && info.code >= 0;
    const u32 uid = current()->credentials ? current()->credentials->uid : 0;
    const u64 limit = exempt ? ~u64{0} : process.limit(Limits::sigpending);
    QueuedSignal* entry = nullptr;
    if (account::charge_signal(uid, limit)) {
        void* memory = mm::kmalloc(sizeof(QueuedSignal), mm::Alloc::atomic);
        if (memory != nullptr) {
            entry = new (memory) QueuedSignal;
            entry->info = info;
            entry->charged_uid = uid;
            pending.queue.push_back(*entry);
        } else {
            account::uncharge_signal(uid);
        }
    }
    // A real-time signal and a timer's must not lose what they carry; a legacy one can do without.
    if (entry == nullptr && (signal >= kSigRtMin || is_of_timer(info)) && info.code != kCodeUser)
        return Err(Error::again);
    pending.set.add(signal);
    return {};
}

// What is pending already says it all. A timer has an entry of its own, and only one.
bool is_queued_locked(const PendingSignals& pending, const SignalInfo& info) {
    if (!pending.set.has(info.signal)) return false;
    if (!is_of_timer(info)) return info.signal < kSigRtMin;
    for (const QueuedSignal& entry : pending.queue)
        if (is_of_timer(entry.info) && entry.info.timer_id == info.timer_id) return true;
    return false;
}

bool wants_locked(const Task& task, u32 signal) {
    if (task.exiting) return false;
    if (signal == kSigKill) return true;
    const TaskState state = task.state.load(std::memory_order_relaxed);
    return !task.blocked.has(signal) && state != TaskState::stopped && state != TaskState::traced;
}

}  // namespace

Result<void> send_locked(Process& process, Task* task, const SignalInfo& info) {
    const u32 signal = info.signal;
    // clone(2) takes any byte for the signal of a child's end.
    if (signal == 0 || signal > kSignalCount || process.zombie || process.live_threads == 0 ||
        process.pid == 0)
        return {};
    job_control_locked(process, signal);
    const SignalAction& action = process.actions.load()->action[signal];
    Task* target = task != nullptr ? task : process.leader;
    if (signal != kSigKill && ignored_locked(process, *target, action, signal)) return {};
    if (signal == kSigKill && process.unkillable) return {};

    PendingSignals& pending = task != nullptr ? task->pending : process.pending;
    if (signal == kSigKill) {
        pending.set.add(signal);
    } else {
        if (is_queued_locked(pending, info)) return {};
        TRY(enqueue(pending, info, process));
    }
    process.signal_wait.wake_all();

    if (!wants_locked(*target, signal)) {
        if (task != nullptr) return {};
        target = nullptr;
        for (Task& other : process.threads)
            if (wants_locked(other, signal)) {
                target = &other;
                break;
            }
        if (target == nullptr) return {};  // stays pending until somebody unblocks it
    }
    if (kills_at_once(process, *target, action, signal)) {
        if (!process.group_exiting) {
            process.group_exiting = true;
            process.group_exit_code = static_cast<i32>(signal);
            kill_threads_locked(process, nullptr);
            return {};
        }
        // They are on their way out; SIGKILL gets on also who stops there for a tracer.
        if (signal == kSigKill) kill_threads_locked(process, nullptr);
    }
    kick_locked(*target, signal == kSigKill);
    return {};
}

Result<void> send_to_task(Task& task, const SignalInfo& info) {
    SignalLock lock(*task.process);
    if (task.exiting) return {};
    return send_locked(*task.process, &task, info);
}

Result<void> send_to_process(Process& process, const SignalInfo& info) {
    SignalLock lock(process);
    return send_locked(process, nullptr, info);
}

void force_signal(Task& task, const SignalInfo& info) {
    Process& process = *task.process;
    SignalLock lock(process);
    SignalAction& action = lock.actions().action[info.signal];
    const bool blocked = task.blocked.has(info.signal);
    if (blocked || action.kind == SignalAction::Kind::ignore) {
        action = {};
        task.blocked.remove(info.signal);
    }
    // Debugging pid 1 leaves it unkillable.
    if (action.kind == SignalAction::Kind::default_action && task.tracer == 0)
        process.unkillable = false;
    (void)send_locked(process, &task, info);
}

void notify_parent_of_stop(Process& process, bool continued, u32 signal) {
    TreeGuard guard(tree_lock());
    if (process.parent == nullptr) return;
    Process& parent = *process.parent;
    {
        SignalLock lock(parent);
        const SignalAction& action = lock.actions().action[kSigChld];
        if (action.kind != SignalAction::Kind::ignore && !action.no_child_stop) {
            SignalInfo info{.signal = kSigChld};
            info.code = continued ? kCodeContinued : kCodeStopped;
            info.pid = process.pid;
            info.uid = process.leader->credentials->uid;
            info.status = static_cast<i32>(signal);
            (void)send_locked(parent, nullptr, info);
        }
    }
    parent.child_wait.wake_all();
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
    if (self.crossing != nullptr && arch::preempt_count() == 0) ++self.asked_for_death;
    // SAFETY: a word; senders set it before they wake us.
    return signal_pending() && self.pending.set.has(kSigKill);
}

}  // namespace tenon::process
