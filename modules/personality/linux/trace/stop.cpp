// How a traced task stops. Spec: man 2 ptrace, "Stopped states"; Linux kernel/signal.c,
// ptrace_stop.
#include "personality/linux/signal/siginfo.h"
#include "personality/linux/trace/attach.h"

namespace tenon::personality::trace {

using namespace process;

namespace {

// SIGCHLD about a stop, and the wake-up of wait(). Tree lock held, no signal lock.
void notify_tracer_locked(Tracee& tracee, i32 code) {
    Task& task = *tracee.task;
    Process& tracer = *tracee.tracer->process;
    {
        SignalLock lock(tracer);
        const SignalAction& action = lock.actions().action[kSigChld];
        if (action.kind != SignalAction::Kind::ignore && !action.no_child_stop) {
            SignalInfo info{.signal = kSigChld, .code = code};
            info.pid = task.tid;
            info.uid = task.credentials->uid;
            info.status = tracee.code & 0x7f;
            info.utime = task.user_ns;
            info.stime = task.system_ns;
            (void)send_locked(tracer, nullptr, info);
        }
    }
    tracer.child_wait.wake_all();
}

// Its share of a job-control stop. True: it was the last to stop. Both locks held.
bool take_part_locked(Task& self, Process& process) {
    const u32 stop = process.stop_generation + 1;
    self.passed_stop = stop;
    if (side(self).counted_stop == stop) return false;
    side(self).counted_stop = stop;
    ++process.stopped_threads;
    if (process.stopped_threads < process.live_threads ||
        process.stop_event == Process::StopEvent::stopped)
        return false;
    process.stop_event = Process::StopEvent::stopped;
    return true;
}

struct Stop {
    i32 code = 0;
    u64 message = 0;
    const uapi::siginfo_t* info = nullptr;  // null: PTRACE_GETSIGINFO has nothing
    bool job_control = false;               // the code and siginfo follow from what is going on
};

uapi::siginfo_t notice(i32 code) {
    uapi::siginfo_t info;
    std::memset(&info, 0, sizeof(info));
    info.si_signo = code & 0x7f;
    info.si_code = code;
    info.si_pid = current()->tid;
    info.si_uid = current_credentials().uid;
    return info;
}

// What the tracer sees of a stop that job control or PTRACE_INTERRUPT means.
void fill_job_control_locked(Tracee& tracee, Process& process, bool in_stop) {
    const u32 signal = in_stop ? process.stop_signal : u32{kSigTrap};
    tracee.code = static_cast<i32>(signal);
    tracee.has_info = tracee.seized;
    if (!tracee.seized) return;
    tracee.code |= PTRACE_EVENT_STOP << 8;
    tracee.info = notice(tracee.code);
    tracee.info.si_signo = static_cast<i32>(signal);
}

// Sleeps until the tracer, a kill, or (listening) a change of job control ends the stop.
void sleep_stopped(Task& self, Process& process, Tracee& tracee) {
    for (;;) {
        sched::schedule();
        TreeGuard tree(tree_lock());
        SignalLock lock(process);
        const bool again = tracee.listening && self.trap_wanted;
        if (self.pending.set.has(kSigKill) || again)
            tracee.stopped = tracee.waitable = tracee.listening = false;
        if (!tracee.stopped) return;
        // Under the locks, so that whoever ends the stop sees a task to wake.
        self.state.store(TaskState::traced, std::memory_order_release);
    }
}

// False: it did not stop, for it is not traced any more or about to die.
bool stop(const Stop& how, uapi::siginfo_t* info_back, u32& injected) {
    Task& self = *current();
    Process& process = *self.process;
    Ref<Tracee> tracee;
    bool complete = false;
    u32 stop_signal = 0;
    {
        TreeGuard tree(tree_lock());
        tracee = side(self).own;
        if (!tracee) return false;
        {
            SignalLock lock(process);
            if (self.pending.set.has(kSigKill)) return false;
            tracee->has_info = how.info != nullptr;
            tracee->code = how.code;
            if (how.info != nullptr) tracee->info = *how.info;
            const bool in_stop = process.stopping;
            if (how.job_control) {
                if (in_stop) complete = take_part_locked(self, process);
                stop_signal = process.stop_signal;
                fill_job_control_locked(*tracee, process, in_stop);
                self.trap_wanted = false;
            }
            tracee->message = how.message;
            tracee->info_changed = tracee->listening = false;
            tracee->injected = 0;
            tracee->stopped = tracee->waitable = true;
            self.state.store(TaskState::traced, std::memory_order_release);
        }
        end_trapping_locked(*tracee);
        notify_tracer_locked(*tracee, how.job_control ? kCodeStopped : kCodeTrapped);
        if (tracee->tracer->process.get() == process.parent) complete = false;  // it knows
    }
    if (complete) notify_parent_of_stop(process, false, stop_signal);
    sleep_stopped(self, process, *tracee);
    TreeGuard tree(tree_lock());
    injected = tracee->injected;
    if (info_back != nullptr && tracee->info_changed) *info_back = tracee->info;
    tracee->has_info = false;
    SignalLock lock(process);
    look_for_signals_locked(self);
    return true;
}

}  // namespace

void look_for_signals_locked(Task& task) {
    const u32 before = task.work_flags.load(std::memory_order_relaxed) & kWorkSignal;
    recalculate_locked(task);
    task.set_work(before);
}

u32 stop_for_signal(SignalInfo& info) {
    Task& self = *current();
    uapi::siginfo_t shown;
    to_siginfo(info, shown);
    // From here on it is this very record: a timer's overrun is counted once.
    std::memcpy(info.raw, &shown, sizeof(shown));
    info.has_raw = true;
    u32 signal = 0;
    i32 tracer_pid = 0;
    u32 tracer_uid = 0;
    {
        TreeGuard tree(tree_lock());
        if (const Tracee* own = side(self).own.get()) {
            tracer_pid = own->tracer->process->pid;
            tracer_uid = own->tracer->credentials->uid;
        }
    }
    if (!stop({.code = static_cast<i32>(info.signal), .info = &shown}, &shown, signal))
        return info.signal;
    if (signal == 0) return 0;
    if (signal != static_cast<u32>(shown.si_signo)) {
        info = {.signal = signal, .code = kCodeUser};
        info.pid = tracer_pid;
        info.uid = tracer_uid;
    } else {
        info = from_user_siginfo(signal, shown);
    }
    SignalLock lock(*self.process);
    if (!self.blocked.has(signal)) return signal;
    (void)send_locked(*self.process, &self, info);
    return 0;
}

void stop_for_job_control() {
    u32 ignored;
    if (stop({.job_control = true}, nullptr, ignored)) return;
    // Not traced any more, or dying: an untraced stop takes over.
    SignalLock lock(*current()->process);
    current()->trap_wanted = false;
}

u32 stop_for_event(i32 code, u64 message) {
    const uapi::siginfo_t info = notice(code);
    u32 signal = 0;
    (void)stop({.code = code, .message = message, .info = &info}, nullptr, signal);
    return signal;
}

bool event(u32 event_number, u64 message) {
    // PTRACE_O_TRACEx is 1 << PTRACE_EVENT_x.
    if (!is_traced(*current()) || !has_option(1u << event_number)) return false;
    (void)stop_for_event(static_cast<i32>(SIGTRAP | (event_number << 8)), message);
    return true;
}

void exec_event(i32 old_tid) {
    Task& self = *current();
    if (!is_traced(self)) return;
    if (event(PTRACE_EVENT_EXEC, static_cast<u64>(old_tid)) || self.traps_job_control) return;
    SignalInfo info{.signal = kSigTrap, .code = kCodeUser};
    info.pid = self.process->pid;
    info.uid = current_credentials().uid;
    (void)send_to_task(self, info);
}

}  // namespace tenon::personality::trace
