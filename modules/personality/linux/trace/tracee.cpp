// The ties between tracers and tracees, and what the end of either means for the other.
#include "personality/linux/trace/tracee.h"

#include "personality/linux/dispatch.h"
#include "personality/linux/linux_task.h"

namespace tenon::personality::trace {

using namespace process;

Side& side(Task& task) {
    return linux_task(task).trace;
}

bool has_option(u32 option) {
    TreeGuard guard(tree_lock());
    const Tracee* own = side(*current()).own.get();
    return own != nullptr && (own->options & option) != 0;
}

bool tracer_is_capable() {
    if (!is_traced(*current())) return true;
    TreeGuard guard(tree_lock());
    const Tracee* own = side(*current()).own.get();
    // SAFETY: the tracer cannot end before it has untied itself under this lock; its credentials
    // are freed after a grace period, and preemption is off.
    return own == nullptr || credentials_of(*own->tracer)->has(Capability::sys_ptrace);
}

void link_locked(Task& tracer, Ref<Tracee> tracee) {
    Task& task = *tracee->task;
    tracee->tracer = &tracer;
    side(tracer).tracees.push_back(*tracee);
    tracee->ref();  // the list's
    task.tracer.store(tracer.tid, std::memory_order_relaxed);
    task.traps_job_control = tracee->seized;
    choose_entry(task);
    side(task).own = std::move(tracee);
}

void end_trapping_locked(Tracee& tracee) {
    if (side(*tracee.task).trapping.exchange(false, std::memory_order_release) &&
        tracee.tracer != nullptr)
        tracee.tracer->process->child_wait.wake_all();
}

void left_stop(Task& self) {
    TreeGuard guard(tree_lock());
    if (Tracee* own = side(self).own.get(); own != nullptr) end_trapping_locked(*own);
}

Ref<Tracee> unlink_locked(Tracee& tracee) {
    end_trapping_locked(tracee);
    Task& task = *tracee.task;
    Side& tracer = side(*tracee.tracer);
    tracer.tracees.erase(tracer.tracees.iterator_to(tracee));
    tracee.tracer = nullptr;
    Ref<Tracee> list = adopt_ref(&tracee);
    Ref<Tracee> own;
    if (side(task).own.get() == &tracee) own.swap(side(task).own);
    set_stepping(tracee, false);
    {
        SignalLock lock(*task.process);
        task.tracer.store(0, std::memory_order_relaxed);
        task.traps_job_control = task.trap_wanted = false;
        task.passed_stop = 0;  // a stop of the process takes hold of it again
        if (!tracee.dead) {
            choose_entry(task);
            if (task.process->stopping) task.set_work(kWorkSignal);
        }
    }
    return list;
}

void resume_locked(Tracee& tracee, u32 signal) {
    tracee.injected = signal;
    tracee.stopped = tracee.waitable = tracee.listening = false;
    sched::wake(*tracee.task, sched::kWakeTraced);
}

Task* real_parent_locked(Process& process) {
    if (process.parent == nullptr) return nullptr;
    Task* other = nullptr;
    for (Task& task : process.parent->threads) {
        if (!task.extension) continue;
        if (task.tid == process.creator_tid) return &task;
        if (other == nullptr && !side(task).over) other = &task;
    }
    return other;
}

namespace {

// SIGCHLD about the end of a tracee. False: its tracer does not want to wait for it.
bool notify_tracer_of_end(Tracee& tracee) {
    Task& task = *tracee.task;
    Process& tracer = *tracee.tracer->process;
    bool kept = true;
    {
        SignalLock lock(tracer);
        const SignalAction& action = lock.actions().action[kSigChld];
        const bool ignored = action.kind == SignalAction::Kind::ignore;
        kept = !ignored && !action.no_child_wait;
        if (!ignored) {
            SignalInfo info{.signal = kSigChld};
            info.pid = task.tid;
            info.uid = task.credentials->uid;
            const i32 code = tracee.code;
            info.code = (code & 0x7f) == 0 ? kCodeExited
                        : (code & 0x80)    ? kCodeDumped
                                           : kCodeKilled;
            info.status = (code & 0x7f) == 0 ? (code >> 8) & 0xff : code & 0x7f;
            info.utime = task.user_ns;
            info.stime = task.system_ns;
            (void)send_locked(tracer, nullptr, info);
        }
    }
    tracer.child_wait.wake_all();
    return kept;
}

// True: the tracer will wait for it.
bool end_locked(Tracee& tracee, i32 code) {
    end_trapping_locked(tracee);
    tracee.dead = tracee.waitable = true;
    tracee.stopped = tracee.listening = false;
    tracee.code = code;
    if (notify_tracer_of_end(tracee)) return true;
    // SAFETY of dropping under the lock: the tree still has the task, and a Tracee's end is a
    // kfree.
    unlink_locked(tracee).reset();
    return false;
}

}  // namespace

void thread_gone(Task& task) {
    if (!task.extension) return;
    Ref<Tracee> own;
    own.swap(side(task).own);
    if (own) (void)end_locked(*own, task.exit_code);
}

bool holds_zombie(Process& process) {
    if (!process.leader->extension) return false;
    Tracee* own = side(*process.leader).own.get();
    if (own == nullptr) return false;
    if (own->dead) return true;
    if (own->tracer->process.get() == process.parent) {
        side(*process.leader).ended_under = process.parent->pid;
        unlink_locked(*own).reset();  // as in end_locked()
        return false;
    }
    return end_locked(*own, process.wait_code);
}

bool is_held(Process& process) {
    if (!process.leader->extension) return false;
    const Tracee* own = side(*process.leader).own.get();
    return own != nullptr && own->dead;
}

void detach_all(Task& self) {
    for (;;) {
        Ref<Tracee> gone;
        Process* reaped = nullptr;
        {
            TreeGuard guard(tree_lock());
            Side& mine = side(self);
            mine.over = true;
            if (mine.tracees.empty()) return;
            Tracee& tracee = mine.tracees.front();
            Process& process = *tracee.task->process;
            const bool kill = (tracee.options & PTRACE_O_EXITKILL) && !tracee.dead;
            gone = unlink_locked(tracee);
            if (kill) {
                SignalLock lock(process);
                (void)send_locked(process, tracee.task.get(), kernel_signal(kSigKill));
            }
            if (tracee.dead && tracee.task.get() == process.leader && process.zombie &&
                notify_parent_locked(process)) {
                unlink_zombie_locked(process);
                reaped = &process;
            }
            resume_locked(tracee, 0);
        }
        if (reaped != nullptr) drop_zombie(*reaped);
    }
}

void exiting(Task& self) {
    if (is_traced(self)) {
        {
            // The kill that brought it here must not end the stop; the next one does.
            SignalLock lock(*self.process);
            self.pending.set.remove(kSigKill);
        }
        (void)event(PTRACE_EVENT_EXIT, static_cast<u64>(static_cast<u32>(self.exit_code)));
    }
}

}  // namespace tenon::personality::trace
