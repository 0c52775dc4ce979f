// ioprio_get, ioprio_set. The value is kept, inherited and answered; no I/O scheduler of ours looks
// at it yet, nor does Linux's default one.
// Spec: man 2 ioprio_set; Linux block/ioprio.c.
#include "personality/linux/sched/io_priority.h"

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/sched/named_tasks.h"

namespace tenon::personality {

namespace {

constexpr u32 value_of(u32 io_class, u32 level) {
    return io_class << IOPRIO_CLASS_SHIFT | level;
}

// What a task that has set none gets by its place among the CPUs' users.
u32 effective(Task& task) {
    const u32 own = linux_task(task).io_priority;
    if (IOPRIO_PRIO_CLASS(own) != uapi::IOPRIO_CLASS_NONE) return own;
    const sched::Params p = sched::params(task);
    const u32 level = static_cast<u32>(p.nice + 20) / 5;
    switch (p.policy) {
        case sched::Policy::idle:
            return value_of(uapi::IOPRIO_CLASS_IDLE, level);
        case sched::Policy::fifo:
        case sched::Policy::rr:
        case sched::Policy::deadline:
            return value_of(uapi::IOPRIO_CLASS_RT, level);
        default:
            return value_of(uapi::IOPRIO_CLASS_BE, level);
    }
}

Result<Named> named_by(i32 which) {
    switch (which) {
        case uapi::IOPRIO_WHO_PROCESS:
            return Named::process;
        case uapi::IOPRIO_WHO_PGRP:
            return Named::group;
        case uapi::IOPRIO_WHO_USER:
            return Named::user;
        default:
            return Err(Error::inval);
    }
}

Result<void> set(Task& task, u32 priority) {
    const auto theirs = process::credentials_of(task);
    const auto& own = process::current_credentials();
    if (theirs->uid != own.euid && theirs->uid != own.uid &&
        !process::capable(process::Capability::sys_nice))
        return Err(Error::perm);
    linux_task(task).io_priority = static_cast<u16>(priority);
    return {};
}

}  // namespace

Result<void> check_io_priority(u32 priority) {
    using process::Capability;
    const u32 level = priority % IOPRIO_NR_LEVELS;  // above it is a hint, which nobody checks
    switch (IOPRIO_PRIO_CLASS(priority)) {
        case uapi::IOPRIO_CLASS_RT:
            if (!process::capable(Capability::sys_admin) && !process::capable(Capability::sys_nice))
                return Err(Error::perm);
            return {};
        case uapi::IOPRIO_CLASS_BE:
        case uapi::IOPRIO_CLASS_IDLE:
            return {};
        case uapi::IOPRIO_CLASS_NONE:
            if (level != 0) return Err(Error::inval);
            return {};
        default:
            return Err(Error::inval);
    }
}

Result<i64> sys_ioprio_set(i32 which, i32 who, i32 ioprio) {
    TRY(check_io_priority(static_cast<u32>(ioprio)));
    TRY_ASSIGN(const Named named, named_by(which));
    Result<void> result;
    const bool found = for_each_named(named, who, [&](Task& task) {
        if (result && task.extension) result = set(task, static_cast<u32>(ioprio));
    });
    if (!found) return Err(Error::srch);
    TRY(result);
    return 0;
}

Result<i64> sys_ioprio_get(i32 which, i32 who) {
    TRY_ASSIGN(const Named named, named_by(which));
    // Of one task what was set; of many the best that counts.
    i64 best = -1;
    for_each_named(named, who, [&](Task& task) {
        if (!task.extension) return;
        const i64 its = named == Named::process ? linux_task(task).io_priority : effective(task);
        if (best < 0 || its < best) best = its;
    });
    if (best < 0) return Err(Error::srch);
    return best;
}

}  // namespace tenon::personality
