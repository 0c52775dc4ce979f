// What wait(2) finds among the tracees.
#pragma once

#include "personality/linux/process/wait_children.h"
#include "personality/linux/trace/tracee.h"

namespace tenon::personality::trace {

enum class Found : u8 { nothing, waiting, answer };

// Looks through what the threads of the calling process trace. `reaped`: a process that left the
// tree with it; the caller drops it. `gone`: dropped without the lock. Tree lock held.
Found find_tracee_locked(const WaitRequest& request, WaitAnswer& answer, Ref<Tracee>& gone,
                         process::Process*& reaped);
// True if the calling process traces the leader of `child`, or did when that ended as its child.
bool traces_locked(process::Process& child);

}  // namespace tenon::personality::trace
