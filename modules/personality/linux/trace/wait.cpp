#include "personality/linux/trace/wait.h"

namespace tenon::personality::trace {

using namespace process;

namespace {

bool matches(const Tracee& tracee, const WaitRequest& request) {
    const Task& task = *tracee.task;
    switch (request.who) {
        case WaitRequest::Who::any:
            return true;
        case WaitRequest::Who::pid:
            return request.child != nullptr
                       ? task.process.get() == request.child && task.process->leader == &task
                       : task.tid == request.id;
        case WaitRequest::Who::group:
            return task.process->group && task.process->group->id == request.id;
    }
    return false;
}

void fill(const Tracee& tracee, WaitAnswer& answer) {
    const Task& task = *tracee.task;
    i32 code = tracee.code;
    if (tracee.dead) {
        // Linux: the whole process's, once that is known.
        SignalLock lock(*task.process);
        if (task.process->group_exiting) code = task.process->group_exit_code;
    }
    answer.pid = task.tid;
    answer.uid = task.credentials->uid;
    answer.usage = {.user_ns = task.user_ns,
                    .system_ns = task.system_ns,
                    .minor_faults = task.minor_faults,
                    .major_faults = task.major_faults,
                    .voluntary_switches = task.sched.voluntary_switches,
                    .involuntary_switches = task.sched.involuntary_switches};
    if (!tracee.dead) {
        answer.code = kCodeTrapped;
        answer.status = code;
        answer.wait_status = (code << 8) | 0x7f;
        return;
    }
    answer.wait_status = code;
    const bool exited = (code & 0x7f) == 0;
    answer.code = exited ? kCodeExited : (code & 0x80) ? kCodeDumped : kCodeKilled;
    answer.status = exited ? (code >> 8) & 0xff : code & 0x7f;
}

// Whoever was killed is on its way out of its stop.
bool is_killed(Task& task) {
    SignalLock lock(*task.process);
    return task.pending.set.has(kSigKill);
}

Found look(Tracee& tracee, const WaitRequest& request, WaitAnswer& answer, Ref<Tracee>& gone,
           Process*& reaped) {
    // As Linux: nobody waits for a dead tracee who does not ask for exits.
    if (tracee.dead && !request.exited && !(request.continued && !tracee.waitable))
        return Found::nothing;
    if (!tracee.waitable) return Found::waiting;
    if (tracee.dead ? !request.exited : !tracee.stopped || tracee.listening) return Found::waiting;
    if (!tracee.dead && is_killed(*tracee.task)) return Found::waiting;
    fill(tracee, answer);
    if (request.no_wait) return Found::answer;
    tracee.waitable = false;
    if (!tracee.dead) return Found::answer;
    Task& task = *tracee.task;
    Process& process = *task.process;
    gone = unlink_locked(tracee);
    // Now its parent may know.
    if (&task == process.leader && process.zombie && process.parent != nullptr &&
        notify_parent_locked(process)) {
        unlink_zombie_locked(process);
        reaped = &process;
    }
    return Found::answer;
}

}  // namespace

Found find_tracee_locked(const WaitRequest& request, WaitAnswer& answer, Ref<Tracee>& gone,
                         Process*& reaped) {
    Found best = Found::nothing;
    for (Task& thread : current_process().threads) {
        if (request.this_thread_only && &thread != current()) continue;
        if (!thread.extension) continue;
        for (Tracee& tracee : side(thread).tracees) {
            if (!matches(tracee, request)) continue;
            const Found found = look(tracee, request, answer, gone, reaped);
            if (found == Found::answer) return found;
            best = std::max(best, found);
        }
    }
    return best;
}

bool traces_locked(Process& child) {
    if (!child.leader->extension) return false;
    const Side& its = side(*child.leader);
    if (its.own) return its.own->tracer->process.get() == &current_process();
    return its.ended_under == current_process().pid;
}

}  // namespace tenon::personality::trace
