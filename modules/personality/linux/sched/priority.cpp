// getpriority, setpriority. Spec: man 2 setpriority.
#include <tenon/process/process.h>
#include <tenon/sched/scheduler.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/sched/sched.h"

namespace tenon::personality {

namespace {

constexpr i32 kMaxTasksAtOnce = 64;

// Calls visit(task) for each task that `which` and `who` name. False: `who` names nothing.
template <typename F>
bool for_each_named(i32 which, i32 who, F&& visit) {
    if (which == PRIO_PROCESS) {
        auto task = task_of(who);
        if (!task) return false;
        visit(**task);
        return true;
    }
    const i32 group = who != 0 ? who : process::group_id(process::current_process());
    const u32 uid = who != 0 ? static_cast<u32>(who) : process::current_credentials().uid;
    bool found = false;
    for (auto p = process::next_process(1); p; p = process::next_process(p->pid + 1)) {
        if (which == PRIO_PGRP && process::group_id(*p) != group) continue;
        // The threads, with references, so that `visit` may take locks.
        Ref<Task> tasks[kMaxTasksAtOnce];
        struct Collect {
            Ref<Task>* out;
            i32 count;
        } collect{tasks, 0};
        process::for_each_thread(
            *p,
            [](Task& task, void* context) {
                auto& c = *static_cast<Collect*>(context);
                if (c.count < kMaxTasksAtOnce && task.try_ref()) c.out[c.count++] = adopt_ref(&task);
            },
            &collect);
        for (i32 i = 0; i < collect.count; ++i) {
            if (which == PRIO_USER && process::credentials_of(*tasks[i])->uid != uid) continue;
            visit(*tasks[i]);
            found = true;
        }
    }
    return found;
}

}  // namespace

Result<i64> sys_getpriority(i32 which, i32 who) {
    if (which < PRIO_PROCESS || which > PRIO_USER) return Err(Error::inval);
    i64 best = -1;
    for_each_named(which, who, [&](Task& task) {
        best = std::max<i64>(best, 20 - sched::params(task).nice);
    });
    if (best < 0) return Err(Error::srch);
    return best;
}

Result<i64> sys_setpriority(i32 which, i32 who, i32 niceval) {
    if (which < PRIO_PROCESS || which > PRIO_USER) return Err(Error::inval);
    niceval = std::clamp(niceval, -20, 19);
    Error error = Error::srch;
    for_each_named(which, who, [&](Task& task) {
        sched::Params p = sched::params(task);
        const auto theirs = process::credentials_of(task);
        const u32 euid = process::current_credentials().euid;
        if (theirs->uid != euid && theirs->euid != euid &&
            !process::capable(process::Capability::sys_nice)) {
            error = Error::perm;
            return;
        }
        if (niceval < p.nice && !may_be_nice(task, niceval)) {
            error = Error::acces;
            return;
        }
        p.nice = static_cast<i8>(niceval);
        if (auto r = sched::set_params(task, p); !r)
            error = r.error();
        else if (error == Error::srch)
            error = Error::none;
    });
    if (error != Error::none) return Err(error);
    return 0;
}

}  // namespace tenon::personality
