// Clones of a traced task, which its tracer may want to hear of and to have, too.
#include "personality/linux/trace/clone.h"

namespace tenon::personality::trace {

using namespace process;

Result<void> CloneTrace::plan(u64 flags, u64 exit_signal) {
    if (!is_traced(*current())) return {};
    if ((flags & CLONE_UNTRACED) == 0) {
        const u32 means = (flags & CLONE_VFORK)    ? PTRACE_EVENT_VFORK
                          : exit_signal != SIGCHLD ? PTRACE_EVENT_CLONE
                                                   : PTRACE_EVENT_FORK;
        if (has_option(1u << means)) event_ = means;
    }
    attach_ = event_ != 0 || (flags & CLONE_PTRACE);
    return {};
}

Result<void> CloneTrace::prepare(Task& child) {
    if (!attach_) return {};
    tracee_ = adopt_ref(new (std::nothrow) Tracee(child));
    if (!tracee_) return Err(Error::nomem);
    return {};
}

void CloneTrace::publish(Task& child) {
    if (!tracee_) return;
    TreeGuard tree(tree_lock());
    const Tracee* own = side(*current()).own.get();
    if (own == nullptr || side(*own->tracer).over) return;
    tracee_->options = own->options;
    tracee_->seized = own->seized;
    link_locked(*own->tracer, std::move(tracee_));
    SignalLock lock(*child.process);
    if (child.traps_job_control)
        child.trap_wanted = true;
    else
        child.pending.set.add(kSigStop);
    child.set_work(kWorkSignal);
}

void CloneTrace::started(i32 tid) {
    if (event_ != 0) (void)event(event_, static_cast<u64>(tid));
}

void CloneTrace::vfork_done(i32 tid) {
    (void)event(PTRACE_EVENT_VFORK_DONE, static_cast<u64>(tid));
}

}  // namespace tenon::personality::trace
