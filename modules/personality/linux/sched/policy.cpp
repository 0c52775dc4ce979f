// Spec: man 7 sched, man 2 sched_setscheduler, sched_setattr, sched_rr_get_interval.
#include <tenon/arch/smp.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/sched/scheduler.h>

#include "personality/linux/abi.h"
#include "personality/linux/copy_struct.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/sched/sched.h"
#include "personality/linux/system/settings.h"
#include "personality/linux/time/clocks.h"

namespace tenon::personality {

namespace {

using sched::Params;
using sched::Policy;

constexpr i32 kKeepPolicy = -1;
constexpr i32 kMaxRtPriority = 99;

Result<Policy> policy_of(i32 number) {
    switch (number) {
        case SCHED_NORMAL: return Policy::normal;
        case SCHED_BATCH: return Policy::batch;
        case SCHED_IDLE: return Policy::idle;
        case SCHED_FIFO: return Policy::fifo;
        case SCHED_RR: return Policy::rr;
        case SCHED_DEADLINE: return Policy::deadline;
        default: return Err(Error::inval);
    }
}
u32 number_of(Policy p) {
    switch (p) {
        case Policy::normal: return SCHED_NORMAL;
        case Policy::batch: return SCHED_BATCH;
        case Policy::idle: return SCHED_IDLE;
        case Policy::fifo: return SCHED_FIFO;
        case Policy::rr: return SCHED_RR;
        case Policy::deadline: return SCHED_DEADLINE;
    }
    return SCHED_NORMAL;
}
bool is_rt(Policy p) {
    return p == Policy::fifo || p == Policy::rr;
}

// May the caller change `task` from `now` to `next`? Error::perm. In Linux's order: whatever asks
// for more than the limits give needs CAP_SYS_NICE.
Result<void> may_change(Task& task, const Params& now, const Params& next) {
    bool needs_capability = !owns_task(task);
    const auto& process = *task.process;
    if (is_rt(next.policy)) {
        const u64 limit = process.limits.value[process::Limits::rtprio].soft;
        if (next.policy != now.policy && limit == 0) needs_capability = true;
        if (next.rt_priority > now.rt_priority && next.rt_priority > limit) needs_capability = true;
    } else {
        if (next.nice < now.nice && !may_be_nice(task, next.nice)) needs_capability = true;
        if (now.policy == Policy::idle && next.policy != Policy::idle &&
            !may_be_nice(task, now.nice))
            needs_capability = true;
    }
    if (now.reset_on_fork && !next.reset_on_fork) needs_capability = true;
    if (needs_capability && !process::capable(process::Capability::sys_nice))
        return Err(Error::perm);
    return {};
}

struct Wanted {
    i32 policy = kKeepPolicy;
    bool reset_on_fork = false;
    u64 priority = 0;
    i32 nice = 0;
    bool has_nice = false;
    u64 runtime = 0, deadline = 0, period = 0;
};

// Spec: Linux kernel/sched/core.c, __checkparam_dl().
using linux_settings::Setting;
bool is_deadline_valid(const Wanted& w) {
    if (w.deadline == 0 || w.runtime < 1024 || (w.deadline >> 63) != 0 || (w.period >> 63) != 0)
        return false;
    const u64 period = w.period != 0 ? w.period : w.deadline;
    const auto us = [](Setting s) { return u64{static_cast<u32>(setting(s))} * 1000; };
    return period >= w.deadline && w.deadline >= w.runtime &&
           period >= us(Setting::sched_deadline_period_min_us) &&
           period <= us(Setting::sched_deadline_period_max_us);
}

Result<i64> change(i32 pid, const Wanted& wanted) {
    TRY_ASSIGN(auto task, task_of(pid));
    const Params now = sched::params(*task);
    Params next = now;
    if (wanted.policy == kKeepPolicy) {
        next.reset_on_fork = now.reset_on_fork;
    } else {
        TRY_ASSIGN(next.policy, policy_of(wanted.policy));
        next.reset_on_fork = wanted.reset_on_fork;
    }
    if (wanted.priority > kMaxRtPriority) return Err(Error::inval);
    if (next.policy == Policy::deadline) {
        if (!is_deadline_valid(wanted) || wanted.priority != 0) return Err(Error::inval);
        if (!process::capable(process::Capability::sys_nice)) return Err(Error::perm);
        // A deadline task may be needed on any CPU.
        if (!has_all_cpus(sched::affinity(*task))) return Err(Error::perm);
        next.runtime_ns = wanted.runtime;
        next.deadline_ns = wanted.deadline;
        next.period_ns = wanted.period != 0 ? wanted.period : wanted.deadline;
        next.rt_priority = 0;
        TRY(sched::set_params(*task, next));
        return 0;
    }
    next.runtime_ns = next.deadline_ns = next.period_ns = 0;
    if (is_rt(next.policy) != (wanted.priority != 0)) return Err(Error::inval);
    next.rt_priority = static_cast<u8>(wanted.priority);
    if (!is_rt(next.policy) && wanted.has_nice) next.nice = static_cast<i8>(wanted.nice);
    TRY(may_change(*task, now, next));
    TRY(sched::set_params(*task, next));
    return 0;
}

Result<i64> set_scheduler(i32 pid, i32 policy, u64 param) {
    if (param == 0 || pid < 0) return Err(Error::inval);
    TRY_ASSIGN(const auto p, mm::UserIn<uapi::sched_param>(param).read());
    Wanted wanted;
    wanted.policy = policy;
    if (policy != kKeepPolicy && (policy & SCHED_RESET_ON_FORK) != 0) {
        wanted.policy &= ~SCHED_RESET_ON_FORK;
        wanted.reset_on_fork = true;
    }
    TRY_ASSIGN(auto task, task_of(pid));
    if (p.sched_priority < 0) return Err(Error::inval);
    wanted.priority = static_cast<u64>(p.sched_priority);
    return change(pid, wanted);
}

}  // namespace

bool has_all_cpus(CpuMask mask) {
    return (arch::online_mask().bits() & ~mask.bits()) == 0;
}

bool owns_task(Task& task) {
    const auto& own = process::current_credentials();
    const auto theirs = process::credentials_of(task);
    return own.euid == theirs->euid || own.euid == theirs->uid;
}

bool may_be_nice(Task& task, i32 nice) {
    const u64 needed = static_cast<u64>(20 - nice);  // RLIMIT_NICE counts from 1 (19) to 40 (-20)
    return needed <= task.process->limits.value[process::Limits::nice].soft ||
           process::capable(process::Capability::sys_nice);
}

Result<Ref<Task>> task_of(i32 pid) {
    Ref<Task> task = pid == 0 ? Ref<Task>(current()) : process::find_task(pid);
    if (!task) return Err(Error::srch);
    return task;
}

Result<i64> sys_sched_yield() {
    sched::yield();
    return 0;
}

Result<i64> sys_sched_setparam(i32 pid, u64 param) {
    return set_scheduler(pid, kKeepPolicy, param);
}

Result<i64> sys_sched_setscheduler(i32 pid, i32 policy, u64 param) {
    if (policy < 0) return Err(Error::inval);
    return set_scheduler(pid, policy, param);
}

Result<i64> sys_sched_getparam(i32 pid, u64 param) {
    if (param == 0 || pid < 0) return Err(Error::inval);
    TRY_ASSIGN(auto task, task_of(pid));
    const uapi::sched_param p{sched::params(*task).rt_priority};
    TRY(mm::UserOut<uapi::sched_param>(param).write(p));
    return 0;
}

Result<i64> sys_sched_getscheduler(i32 pid) {
    if (pid < 0) return Err(Error::inval);
    TRY_ASSIGN(auto task, task_of(pid));
    const Params p = sched::params(*task);
    return number_of(p.policy) | (p.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
}

Result<i64> sys_sched_setattr(i32 pid, u64 uattr, u32 flags) {
    if (uattr == 0 || pid < 0 || flags != 0) return Err(Error::inval);
    TRY_ASSIGN(u32 size, mm::UserIn<u32>(uattr).read());
    if (size == 0) size = SCHED_ATTR_SIZE_VER0;
    uapi::sched_attr attr;
    Result<void> copied = Err(Error::toobig);
    if (size >= SCHED_ATTR_SIZE_VER0 && size <= kPageSize)
        copied = copy_struct_from_user(attr, uattr, size);
    if (!copied) {
        // Tells the caller what fits.
        if (copied.error() == Error::toobig)
            (void)mm::UserOut<u32>(uattr).write(sizeof(uapi::sched_attr));
        return Err(copied.error());
    }
    if ((attr.sched_flags & SCHED_FLAG_UTIL_CLAMP) != 0 && size < SCHED_ATTR_SIZE_VER1)
        return Err(Error::inval);
    if (static_cast<i32>(attr.sched_policy) < 0) return Err(Error::inval);
    if ((attr.sched_flags & ~static_cast<u64>(SCHED_FLAG_ALL)) != 0) return Err(Error::inval);
    if ((attr.sched_flags & SCHED_FLAG_UTIL_CLAMP) != 0) return Err(Error::opnotsupp);
    if ((attr.sched_flags & SCHED_FLAG_DL_OVERRUN) != 0) return Err(Error::opnotsupp);
    Wanted wanted;
    wanted.policy = static_cast<i32>(attr.sched_policy);
    if ((attr.sched_flags & SCHED_FLAG_KEEP_POLICY) != 0) wanted.policy = kKeepPolicy;
    wanted.reset_on_fork = (attr.sched_flags & SCHED_FLAG_RESET_ON_FORK) != 0;
    wanted.priority = attr.sched_priority;
    wanted.nice = std::clamp(attr.sched_nice, -20, 19);
    wanted.has_nice = true;
    wanted.runtime = attr.sched_runtime;
    wanted.deadline = attr.sched_deadline;
    wanted.period = attr.sched_period;
    if ((attr.sched_flags & SCHED_FLAG_KEEP_PARAMS) != 0) {
        TRY_ASSIGN(auto task, task_of(pid));
        const Params now = sched::params(*task);
        wanted.priority = now.rt_priority;
        wanted.has_nice = false;
        wanted.runtime = now.runtime_ns;
        wanted.deadline = now.deadline_ns;
        wanted.period = now.period_ns;
    }
    return change(pid, wanted);
}

Result<i64> sys_sched_getattr(i32 pid, u64 uattr, u32 usize, u32 flags) {
    if (uattr == 0 || pid < 0 || usize > kPageSize || usize < SCHED_ATTR_SIZE_VER0 || flags != 0)
        return Err(Error::inval);
    TRY_ASSIGN(auto task, task_of(pid));
    const Params p = sched::params(*task);
    uapi::sched_attr attr;
    std::memset(&attr, 0, sizeof(attr));
    attr.size = std::min<u32>(usize, sizeof(attr));
    attr.sched_policy = number_of(p.policy);
    if (p.reset_on_fork) attr.sched_flags |= SCHED_FLAG_RESET_ON_FORK;
    if (is_rt(p.policy)) {
        attr.sched_priority = p.rt_priority;
    } else if (p.policy == Policy::deadline) {
        attr.sched_runtime = p.runtime_ns;
        attr.sched_deadline = p.deadline_ns;
        attr.sched_period = p.period_ns;
    } else {
        attr.sched_nice = p.nice;
    }
    TRY(mm::copy_to_user(UserAddr{uattr}, &attr, attr.size));
    return 0;
}

Result<i64> sys_sched_get_priority_max(i32 policy) {
    TRY_ASSIGN(const Policy p, policy_of(policy));
    return is_rt(p) ? kMaxRtPriority : 0;
}
Result<i64> sys_sched_get_priority_min(i32 policy) {
    TRY_ASSIGN(const Policy p, policy_of(policy));
    return is_rt(p) ? 1 : 0;
}

Result<i64> sys_sched_rr_get_interval(i32 pid, u64 interval) {
    if (pid < 0) return Err(Error::inval);
    TRY_ASSIGN(auto task, task_of(pid));
    const i64 ns = static_cast<i64>(sched::rr_interval_ns(*task));
    TRY(mm::UserOut<uapi::__kernel_timespec>(interval).write(to_timespec(ns)));
    return 0;
}

}  // namespace tenon::personality
