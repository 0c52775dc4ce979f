// What the scheduling calls share.
#pragma once

#include <tenon/process/process.h>

namespace tenon::personality {

// The calling task for 0. Error::srch.
Result<Ref<Task>> task_of(i32 pid);
// Every CPU that is online.
bool has_all_cpus(CpuMask mask);
// The caller's effective user is the task's real or effective one.
bool owns_task(Task& task);
// RLIMIT_NICE of the task, or the caller's CAP_SYS_NICE, allows this nice value.
bool may_be_nice(Task& task, i32 nice);

}  // namespace tenon::personality
