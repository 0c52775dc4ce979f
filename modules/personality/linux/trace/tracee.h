// Who traces whom, and how a traced task stops. See README.md.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/process/tree.h>

#include "personality/linux/abi.h"

namespace tenon::personality::trace {

// Where a resumed task is to stop by itself.
enum class Resume : u8 { run, syscall, emulate };

// One traced task. Outlives the task until the tracer has been told of its end. References: one of
// the tracer's list, one of the living task. Everything but `task` is guarded by the tree lock.
class Tracee : public RefCounted<Tracee> {
  public:
    explicit Tracee(Task& traced) : task(&traced) {}
    const Ref<Task> task;
    Task* tracer = nullptr;  // null: no longer traced
    ListHook hook;           // Side::tracees of the tracer
    u32 options = 0;         // PTRACE_O_*
    bool seized = false;
    bool stopped = false;    // in a stop; whoever clears it wakes the task
    bool waitable = false;   // wait() has not reported the stop, or the end, yet
    bool listening = false;  // PTRACE_LISTEN: requests and waits do not see the stop
    bool dead = false;
    i32 code = 0;      // of a stop: signal | event << 8; of an end: as wait reports it
    u32 injected = 0;  // the signal that the tracer resumed it with
    u64 message = 0;   // PTRACE_GETEVENTMSG
    bool has_info = false, info_changed = false;
    uapi::siginfo_t info{};
    Resume mode = Resume::run;
    bool stepping = false;
    bool owns_trap_flag = false;  // the tracer, not the program, had it set
};

// What a task has of both sides; a member of LinuxTask. Guarded by the tree lock.
struct Side {
    Ref<Tracee> own;  // null: not traced
    List<Tracee, &Tracee::hook> tracees;
    bool over = false;     // on its way out: gets no more tracees
    u32 counted_stop = 0;  // the job-control stop that it has been counted in, as Task::passed_stop
    bool dumping = false;  // writes a core dump, which the other threads wait for
    bool in_dump = false;  // waits for it: its registers stay as they are
    // On its way from a stop of its process to one for its tracer, who waits for that. Changes under
    // the tree lock.
    std::atomic<bool> trapping{false};
    i32 ended_under = 0;   // the parent that traced it when its process ended (a pid)
    // DR6 and DR7, as the tracer sees them: DR7 as it was written.
    u64 debug_status = 0, debug_control = 0;
};
Side& side(Task& task);

inline bool is_traced(const Task& task) {
    return task.tracer.load(std::memory_order_relaxed) != 0;
}
bool has_option(u32 option);  // of the current task's tracer
bool tracer_is_capable();     // CAP_SYS_PTRACE; of the current task's tracer, true without one

// --- Who traces whom (tracee.cpp)
// `tracer` takes `tracee.task` on; both references are given away. Tree lock held.
void link_locked(Task& tracer, Ref<Tracee> tracee);
// No longer traced. What is returned is dropped without the lock. Tree lock held.
[[nodiscard]] Ref<Tracee> unlink_locked(Tracee& tracee);
// Its tracer waits no longer. Tree lock held.
void end_trapping_locked(Tracee& tracee);
// The calling task has left the stop of its process otherwise.
void left_stop(Task& self);
// Goes on with `signal` (0: none). Tree lock held.
void resume_locked(Tracee& tracee, u32 signal);
// The task that made a process, or another of that process's that lives. Tree lock held.
Task* real_parent_locked(process::Process& process);
// Exec and exit of the calling task.
void exiting(Task& self);
void detach_all(Task& self);
// The core's hooks; tree lock held.
void thread_gone(Task& task);
bool holds_zombie(process::Process& process);
// Whether another process's tracer has to be told of a zombie first. Tree lock held.
bool is_held(process::Process& process);

// --- Stops of the calling task (stop.cpp). All may sleep; SIGKILL ends them.
// A signal is about to be delivered: the one to deliver instead, 0: none. `info` is made to fit.
u32 stop_for_signal(process::SignalInfo& info);
// A stop signal stops the process, or the tracer asked for a stop.
void stop_for_job_control();
// SIGTRAP with an event. Returns the signal that the tracer gave.
u32 stop_for_event(i32 code, u64 message);
// The stop of an option's event, if the tracer wants it. False: not wanted.
bool event(u32 event_number, u64 message);
void exec_event(i32 old_tid);

// --- System calls (syscall.cpp)
// Task::syscall_entry of a traced task.
void entry(arch::UserRegs& regs);

// --- Clone (clone.cpp)
// The event that a clone with these flags means, 0: its tracer wants none.
u32 clone_event(u64 flags, u64 exit_signal);

// --- The machine (../x86_64/trace_regs.cpp)
void set_stepping(Tracee& tracee, bool on);
// Takes the trap flag of a stepping tracer out of `regs`; true if it was there.
bool take_trap_flag(arch::UserRegs& regs);
Result<i64> machine_request(Tracee& tracee, i64 request, u64 address, u64 data);

}  // namespace tenon::personality::trace
