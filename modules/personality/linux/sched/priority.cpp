// getpriority, setpriority. Spec: man 2 setpriority.
#include <tenon/process/process.h>
#include <tenon/sched/scheduler.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/sched/named_tasks.h"

namespace tenon::personality {

Result<i64> sys_getpriority(i32 which, i32 who) {
    if (which < PRIO_PROCESS || which > PRIO_USER) return Err(Error::inval);
    i64 best = -1;
    for_each_named(static_cast<Named>(which), who, [&](Task& task) {
        best = std::max<i64>(best, 20 - sched::params(task).nice);
    });
    if (best < 0) return Err(Error::srch);
    return best;
}

Result<i64> sys_setpriority(i32 which, i32 who, i32 niceval) {
    if (which < PRIO_PROCESS || which > PRIO_USER) return Err(Error::inval);
    niceval = std::clamp(niceval, -20, 19);
    Error error = Error::srch;
    for_each_named(static_cast<Named>(which), who, [&](Task& task) {
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
