// A task: one thread of execution, the thing that the scheduler runs.
#pragma once

#include <tenon/arch/context.h>
#include <tenon/lib/intrusive.h>
#include <tenon/lib/ref.h>
#include <tenon/process/credentials.h>
#include <tenon/process/fs_context.h>
#include <tenon/process/signal.h>
#include <tenon/sched/scheduler.h>
#include <tenon/sync/rcu.h>

namespace tenon::module {
class Gate;
struct Crossing;
// Locks that are remembered at a time, to be let go when the call that took them is ended.
inline constexpr u32 kMaxModuleLocks = 16;
}  // namespace tenon::module
namespace tenon::vfs {
class FileTable;
}
namespace tenon::mm {
class AddressSpace;
}

namespace tenon {

namespace process {
class Process;
class Personality;
class VforkWait;
// What a personality hangs on a task (robust list, clear_child_tid, rseq, ...).
class TaskExtension {
  public:
    virtual ~TaskExtension() = default;
};
}  // namespace process

enum class TaskState : u32 {
    running = 0,  // on a run queue or on a CPU
    interruptible = 1,
    uninterruptible = 2,
    stopped = 4,  // job control
    killable = 8,
    traced = 16,
    zombie = 32,  // exited, not yet waited for
    dead = 64,
};

// Reasons to leave the fast way back to user mode.
enum : u32 {
    kWorkSignal = 1,        // a signal may be deliverable
    kWorkReschedule = 2,    // also per CPU; set by the timer
    kWorkNotify = 4,        // personality callback (rseq, task work)
    kWorkRestoreMask = 16,  // sigsuspend, pselect: put the saved mask back
};

class Task : public RefCounted<Task> {
  public:
    // --- First cache lines: what entry code and the scheduler touch
    uptr kernel_stack = 0;  // lowest address
    uptr kernel_stack_top = 0;
    // System calls come here (null: Error::nosys for all). Set by the personality at exec.
    void (*syscall_entry)(arch::UserRegs&) = nullptr;
    std::atomic<u32> work_flags{0};
    std::atomic<TaskState> state{TaskState::running};
    arch::Context context;

    Ref<mm::AddressSpace> space;  // null for kernel threads (they keep the last one active lazily)
    u32 faults_disabled = 0;

    // --- Scheduling (owned by core/sched)
    struct SchedEntity {
        bi::set_member_hook<bi::link_mode<bi::safe_link>> tree_hook;
        ListHook list_hook;
        u64 vruntime = 0, deadline = 0, slice_ns = 3'000'000;
        i64 lag = 0;
        u64 exec_start_ns = 0, sum_exec_ns = 0;
        u64 run_delay_ns = 0, last_queued_ns = 0;
        u32 weight = 1024;
        std::atomic<u32> cpu{0};  // whose queue it is on, or ran on last
        bool queued = false;      // on a run queue, or running
        std::atomic<bool> on_cpu{false};
        bool in_load = false;      // counts in the load average while it sleeps
        bool sampled_user = true;  // what the last tick found
        sched::Params params, own;  // what it goes by; without what it is lent
        u8 lent = 0;                // real-time priority
        CpuMask allowed = CpuMask::all();
        u64 turn_left_ns = 0;      // of round robin; of a deadline's runtime
        u64 turn_deadline_ns = 0;  // when that runtime should be over
        bool throttled = false;    // had its runtime; waits for its next period
        u64 voluntary_switches = 0, involuntary_switches = 0;
    } sched;

    // --- Identity
    i32 tid = 0;
    char name[16] = {};  // comm
    Ref<process::Process> process;
    ListHook thread_hook;  // in Process::threads
    u64 start_time_ns = 0;
    u64 user_ns = 0, system_ns = 0;
    u64 minor_faults = 0, major_faults = 0;
    bool is_kernel_thread() const { return kernel_entry != nullptr; }
    void (*kernel_entry)(void*) = nullptr;
    void* kernel_argument = nullptr;
    std::atomic<bool> should_stop{false};
#if TENON_DEBUG
    // Sleeping locks that it holds, for the rank checker.
    struct HeldLock {
        const void* lock;
        sync::LockRank rank;
    } held_locks[16] = {};
    u32 held_lock_count = 0;
#endif

    // --- Shared resources (other tasks read them by process::files_of() and its like)
    mutable sync::SpinLock resource_lock{sync::LockRank::spin_leaf};
    Ref<vfs::FileTable> files;
    Ref<process::FsContext> fs;
    Ref<process::Credentials> credentials;

    // --- Signals (guarded by actions->lock)
    Ref<process::SignalActions> actions;
    process::SignalSet blocked;
    process::SignalSet saved_blocked;  // with kWorkRestoreMask
    process::SignalSet waited_for;     // blocked but for the sleep of sigtimedwait
    process::PendingSignals pending;
    u64 alt_stack_base = 0, alt_stack_size = 0;
    u32 alt_stack_flags = 0;
    // restart_block: what a restarted sleep continues with
    struct RestartBlock {
        Result<i64> (*function)(RestartBlock&) = nullptr;
        u64 argument[6] = {};
    } restart_block;

    // --- Personality and modules
    std::unique_ptr<process::TaskExtension> extension;
    module::Gate* gate = nullptr;          // whose module this task runs now
    module::Crossing* crossing = nullptr;  // the innermost call that can be ended
    sync::WaitEntry* waits = nullptr;      // its registrations to sleep, inside of crossings
    // Locks that were taken inside of crossings, by modules and for them, newest last.
    struct ModuleLock {
        // Null: none (yet).
        void* lock;
        sync::HeldKind kind;
    } module_locks[module::kMaxModuleLocks] = {};
    u32 module_lock_count = 0;
    u32 asked_for_death = 0;  // times that a module's call looked whether it is to end
    void* io_context = nullptr;
    i32 exit_code = 0;  // as wait reports, personality-neutral: (status << 8) | signal
    bool exiting = false;
    // The scheduler sets kWorkNotify when this task is preempted or moves to another CPU (rseq).
    bool notify_on_switch = false;
    Ref<process::VforkWait> vfork_wait;  // whom to tell that the address space is free
    sync::RcuHead rcu;

    // --- Being traced (a personality's debugger interface; guarded by actions->lock)
    std::atomic<i32> tracer{0};      // its tracer's tid, 0: none; changes under the tree lock, too
    bool trap_wanted = false;        // on the way to user mode the tracer is told
    bool traps_job_control = false;  // what job control does to it sets trap_wanted
    u32 passed_stop = 0;             // the stop (stop_generation + 1) that its tracer led it out of

    Task();
    TENON_API ~Task();
    // Memory goes after a grace period, in a kernel thread.
    TENON_API void on_last_ref();
    void set_work(u32 flags) {
        work_flags.fetch_or(flags, std::memory_order_release);
    }
    void clear_work(u32 flags) {
        work_flags.fetch_and(~flags, std::memory_order_acq_rel);
    }
};

}  // namespace tenon
