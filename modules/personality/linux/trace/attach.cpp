// How tracing begins and ends, and how a stopped task goes on. Spec: man 2 ptrace; Linux
// kernel/ptrace.c for the order of the checks.
#include "personality/linux/trace/attach.h"

#include "personality/linux/linux_task.h"
#include "personality/linux/process/permission.h"
#include "personality/linux/system/settings.h"
#include "personality/linux/time/linux_process.h"

namespace tenon::personality::trace {

using namespace process;

namespace {

bool valid_signal(u64 signal) {
    return signal <= kSignalCount;
}

Result<Ref<Tracee>> make_tracee(Task& task) {
    auto tracee = adopt_ref(new (std::nothrow) Tracee(task));
    if (!tracee) return Err(Error::nomem);
    return tracee;
}

// The tracer must have what its tracee may do. Spec: Linux cap_ptrace_traceme().
bool may_be_traced_by(const Task& tracer) {
    Ref<Credentials> theirs = credentials_of(tracer);
    const Credentials& mine = current_credentials();
    return theirs &&
           ((mine.permitted & ~theirs->permitted) == 0 || theirs->has(Capability::sys_ptrace));
}

bool descends_locked(Process& process, const Process& from) {
    for (Process* at = &process;;) {
        Task* parent = real_parent_locked(*at);
        if (parent == nullptr || !parent->process || parent->process.get() == at) return false;
        at = parent->process.get();
        if (at == &from) return true;
    }
}

// Whom the target lets trace it, with that one's descendants. Spec: man 2 prctl,
// PR_SET_PTRACER.
struct Named {
    bool everybody = false;
    Ref<Process> process;
};
Named named_by(Process& target) {
    LinuxProcess* its = linux_process_of(target);
    if (its == nullptr) return {};
    i32 pid = 0;
    u64 start_ns = 0;
    {
        sync::MutexGuard guard(its->mutex);
        pid = its->tracer.pid, start_ns = its->tracer.start_ns;
    }
    if (pid < 0) return {.everybody = true};
    Ref<Task> leader = pid != 0 ? find_task(pid) : nullptr;
    if (!leader || leader->start_time_ns != start_ns) return {};
    return {.process = leader->process};
}

// kernel.yama.ptrace_scope. Spec: Linux Documentation/admin-guide/LSM/Yama.rst.
Result<void> check_scope(Process& target) {
    const i32 scope = setting(linux_settings::Setting::ptrace_scope);
    if (scope <= 0) return {};
    if (scope < 3 && capable(Capability::sys_ptrace)) return {};
    if (scope > 1) return Err(Error::perm);
    const Named named = named_by(target);
    if (named.everybody) return {};
    Process& self = current_process();
    if (named.process.get() == &self) return {};
    TreeGuard guard(tree_lock());
    if (descends_locked(target, self)) return {};
    if (named.process && descends_locked(self, *named.process)) return {};
    return Err(Error::perm);
}

}  // namespace

Result<u32> checked_options(u64 options) {
    if (options & ~static_cast<u64>(PTRACE_O_MASK)) return Err(Error::inval);
    // Who is held by filters, or is let off by its own tracer, lets nobody off.
    if ((options & PTRACE_O_SUSPEND_SECCOMP) &&
        (!capable(Capability::sys_admin) || linux_task().seccomp.mode.load() != 0 ||
         has_option(PTRACE_O_SUSPEND_SECCOMP)))
        return Err(Error::perm);
    return static_cast<u32>(options);
}

Result<void> trace_me() {
    Task& self = *current();
    TRY_ASSIGN(Ref<Tracee> tracee, make_tracee(self));
    TreeGuard guard(tree_lock());
    if (side(self).own) return Err(Error::perm);
    Task* parent = real_parent_locked(*self.process);
    if (parent == nullptr || !may_be_traced_by(*parent)) return Err(Error::perm);
    if (!side(*parent).over) link_locked(*parent, std::move(tracee));
    return {};
}

Result<void> attach(Ref<Task> task, bool seize, u64 address, u64 flags) {
    u32 options = 0;
    if (seize) {
        if (address != 0 || (flags & ~static_cast<u64>(PTRACE_O_MASK))) return Err(Error::io);
        TRY_ASSIGN(options, checked_options(flags));
    }
    Process& process = *task->process;
    if (task->is_kernel_thread() || !task->extension || process.pid == 0) return Err(Error::perm);
    if (&process == &current_process()) return Err(Error::perm);
    TRY(may_inspect(process));
    TRY(check_scope(process));
    TRY_ASSIGN(Ref<Tracee> tracee, make_tracee(*task));
    tracee->seized = seize;
    tracee->options = options;
    std::atomic<bool>& trapping = side(*task).trapping;
    {
        TreeGuard tree(tree_lock());
        if (task->exiting || process.zombie || side(*task).own) return Err(Error::perm);
        link_locked(*current(), std::move(tracee));
        SignalLock lock(process);
        if (!seize) (void)send_locked(process, task.get(), kernel_signal(kSigStop));
        // From a stop of its process it goes over to one for the tracer.
        if (process.stopping) {
            trapping = side(*task).counted_stop == process.stop_generation + 1;
            task->set_work(kWorkSignal);
            sched::wake(*task, sched::kWakeStopped);
        }
    }
    // As in Linux the next request finds it there.
    if (trapping.load(std::memory_order_acquire))
        (void)current_process().child_wait.wait(
            [&] { return !trapping.load(std::memory_order_acquire); }, sync::WaitMode::killable);
    return {};
}

Result<void> detach(Tracee& tracee, u64 signal) {
    if (!valid_signal(signal)) return Err(Error::io);
    Ref<Tracee> gone;
    TreeGuard guard(tree_lock());
    if (tracee.tracer == nullptr) return Err(Error::srch);
    gone = unlink_locked(tracee);
    resume_locked(tracee, static_cast<u32>(signal));
    // SAFETY of dropping `gone` under the lock: the caller has a reference of its own.
    return {};
}

Result<void> resume(Tracee& tracee, i64 request, u64 signal) {
    if (!valid_signal(signal)) return Err(Error::io);
    const bool emulate = request == PTRACE_SYSEMU || request == PTRACE_SYSEMU_SINGLESTEP;
    const bool step = request == PTRACE_SINGLESTEP || request == PTRACE_SYSEMU_SINGLESTEP;
    TreeGuard guard(tree_lock());
    if (tracee.tracer == nullptr || !tracee.stopped) return Err(Error::srch);
    tracee.mode = emulate                     ? Resume::emulate
                  : request == PTRACE_SYSCALL ? Resume::syscall
                                              : Resume::run;
    set_stepping(tracee, step);
    resume_locked(tracee, static_cast<u32>(signal));
    return {};
}

Result<void> interrupt(Tracee& tracee) {
    TreeGuard guard(tree_lock());
    if (!tracee.seized) return Err(Error::io);
    Task& task = *tracee.task;
    SignalLock lock(*task.process);
    task.trap_wanted = true;
    kick_locked(task, false);
    if (tracee.listening) sched::wake(task, sched::kWakeTraced);
    return {};
}

Result<void> listen(Tracee& tracee) {
    TreeGuard guard(tree_lock());
    if (!tracee.seized || !tracee.has_info || (tracee.info.si_code >> 8) != PTRACE_EVENT_STOP)
        return Err(Error::io);
    tracee.listening = true;
    Task& task = *tracee.task;
    SignalLock lock(*task.process);
    if (task.trap_wanted) sched::wake(task, sched::kWakeTraced);
    return {};
}

Result<Ref<Tracee>> stopped_tracee(Task& task, bool any_state) {
    Ref<Tracee> tracee;
    {
        TreeGuard guard(tree_lock());
        if (!task.extension) return Err(Error::srch);
        tracee = side(task).own;
        if (!tracee || tracee->tracer != current()) return Err(Error::srch);
        if (any_state) return tracee;
        if (!tracee->stopped || tracee->listening) return Err(Error::srch);
    }
    // It has said that it stops; its registers are where they belong once it is off its CPU.
    while (task.sched.on_cpu.load(std::memory_order_acquire)) {
        if (task.state.load(std::memory_order_relaxed) != TaskState::traced) break;
        sched::yield();
    }
    return tracee;
}

}  // namespace tenon::personality::trace
