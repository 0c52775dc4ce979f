// What this personality keeps for a task beyond what the core knows.
#pragma once

#include <tenon/process/process.h>

#include "personality/linux/futex/pi.h"
#include "personality/linux/ipc/undo.h"
#include "personality/linux/keys/task_keys.h"
#include "personality/linux/seccomp/seccomp.h"
#include "personality/linux/trace/tracee.h"
#include "personality/linux/x86_64/ports.h"

namespace tenon::personality {

class LinuxTask final : public process::TaskExtension {
  public:
    u64 robust_list = 0;      // struct robust_list_head *
    u64 clear_child_tid = 0;  // cleared and woken when the task ends
    u64 set_child_tid = 0;
    u64 rseq = 0;  // struct rseq *
    u32 rseq_length = 0;
    u32 rseq_signature = 0;
    u32 rseq_cpu = ~0u;             // what the area says now
    u32 persona = 0;                // personality(2)
    u16 io_priority = 0;            // ioprio_set(2)
    mm::Placement memory_policy;    // set_mempolicy(2)
    bool begins_cpu_limit = false;  // a new process with RLIMIT_CPU, until it first runs
    u32 default_slack_ns = 50'000;  // PR_SET_TIMERSLACK's 0
    // The last trap, as signal frames show it.
    u32 trap_number = 0, trap_error = 0;
    u64 trap_address = 0;
    seccomp::State seccomp;
    trace::Side trace;
    pi::Side pi;
    keys::TaskKeys keys;
    Ref<ipc::UndoList> undo;     // of semaphores; null until there is something to undo
    Ref<PortSet> ports;          // of ioperm(2); null until there is one
    bool made_segments = false;  // of shared memory: some may have this task as their creator

    // What a new program does not take over from the old one.
    void forget_program() {
        robust_list = clear_child_tid = set_child_tid = 0;
        rseq = 0;
        rseq_length = rseq_signature = 0;
        rseq_cpu = ~0u;
        trap_number = trap_error = 0;
        trap_address = 0;
        trace.debug_status = trace.debug_control = 0;
    }
};

// Of a task that runs programs of this personality.
inline LinuxTask& linux_task(Task& task = *current()) {
    return static_cast<LinuxTask&>(*task.extension);
}

}  // namespace tenon::personality
