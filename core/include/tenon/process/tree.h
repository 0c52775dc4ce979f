// The tree of processes from the inside: its locks and the steps that change it, for core/process
// and for the personality, whose wait, job control and signal delivery are made of them.
#pragma once

#include <tenon/process/process.h>
#include <tenon/sync/mutex.h>

namespace tenon::process {

struct Process::Children {
    List<Process, &Process::sibling_hook> list;
};
struct ProcessGroup::Members {
    List<Process, &Process::group_hook> list;
};

// A vfork parent sleeps here until its child has released the address space. Counted, since a
// killed parent leaves early.
class VforkWait : public RefCounted<VforkWait> {
  public:
    sync::Completion released;
};

// Holds the lock of a process's current dispositions, irqs off. Looks again when exec replaced
// them in between.
class SignalLock {
  public:
    explicit SignalLock(Process& process) { acquire(process); }
    ~SignalLock() { release(); }
    TENON_NONCOPYABLE(SignalLock);
    // Again, after release().
    void acquire(Process& process) {
        state_ = arch::irq_save();
        preempt_disable();
        for (;;) {
            actions_ = process.actions.load();
            // SAFETY: preemption is off, so RCU keeps the object while we look.
            actions_->lock.lock_raw();
            if (process.actions.load() == actions_) [[likely]]
                return;
            actions_->lock.unlock_raw();
        }
    }
    void release() {
        if (actions_ == nullptr) return;
        actions_->lock.unlock_raw();
        actions_ = nullptr;
        arch::irq_restore(state_);
        preempt_enable();
    }
    SignalActions& actions() { return *actions_; }

  private:
    SignalActions* actions_ = nullptr;
    arch::IrqState state_;
};

// --- core/process/process.cpp. The first two as core/boot/init.h declares them.
void init();
Result<void> spawn_init_task(void (*entry)(void*), void* argument);
using TreeGuard = sync::IrqSpinGuard;
Process* init_process();  // pid 1, or null before it lives
extern TENON_API std::atomic<u32> g_thread_count;

// --- core/process/pid_table.cpp
namespace pids {
enum class Kind : u8 { task, process, group, session };
Result<i32> allocate(i32 wanted);
void release(i32 id);  // an allocated number that nothing was attached to
void attach(i32 id, Kind kind, void* object);
TENON_API void replace(i32 id, Kind kind, void* object);
// The last object that goes frees the number.
TENON_API void detach(i32 id, Kind kind);
// The caller is in an RCU section or holds the tree lock.
TENON_API void* find(i32 id, Kind kind);
i32 next_process(i32 from);  // lowest id >= from with a process, or 0
}  // namespace pids

// --- core/process/credentials.cpp
namespace account {
// Adds one unless that passes `limit`; false then. Any context.
bool charge_process(u32 uid, u64 limit);
void uncharge_process(u32 uid);
bool charge_signal(u32 uid, u64 limit);
TENON_API void uncharge_signal(u32 uid);
}  // namespace account

// --- core/process/signal.cpp. The `_locked` ones need the process's SignalLock.
constexpr SignalSet signals(std::initializer_list<u32> list) {
    SignalSet set;
    for (u32 s : list) set.add(s);
    return set;
}
inline constexpr SignalSet kStopSignals = signals({kSigStop, kSigTstp, kSigTtin, kSigTtou});
inline constexpr SignalSet kIgnoredByDefault = signals({kSigCont, kSigChld, kSigWinch, kSigUrg});
inline constexpr SignalSet kSynchronous =
    signals({kSigSegv, kSigBus, kSigIll, kSigTrap, kSigFpe, kSigSys});
// Those whose default leaves a core dump.
inline constexpr SignalSet kDumping = signals({kSigQuit, kSigIll, kSigTrap, kSigAbrt, kSigFpe,
                                               kSigSegv, kSigBus, kSigSys, kSigXcpu, kSigXfsz});
inline constexpr SignalSet kUnblockable = signals({kSigKill, kSigStop});

TENON_API Result<void> send_locked(Process& process, Task* task, const SignalInfo& info);
TENON_API void kick_locked(Task& task, bool fatal);
TENON_API void kill_threads_locked(Process& process, Task* except);
TENON_API void recalculate_locked(Task& task);
void flush_queue(PendingSignals& pending);
TENON_API void remove_locked(PendingSignals& pending, SignalSet which);
// Tells the parent of a stop or a continuation. No signal lock held.
TENON_API void notify_parent_of_stop(Process& process, bool continued, u32 signal);

// --- core/process/process.cpp: what procfs sets of a Process, which no module that can fail may
// write itself. Any context.
TENON_API void set_oom_score_adjust(Process& process, i32 value);  // -1000 to 1000
TENON_API void set_core_filter(Process& process, u32 bits);
TENON_API void set_timer_slack(Process& process, u32 slack_ns);

// --- core/process/exit.cpp
TENON_API void release_vfork(Task& task);
// Takes a zombie out of the tree; the caller drops what it holds. Tree lock held.
TENON_API void unlink_zombie_locked(Process& process);
// Tells the parent of a zombie. True: nobody will wait for it, so it is to be unlinked. Tree lock
// held.
TENON_API bool notify_parent_locked(Process& child);
// Drops the references that the tree held. No lock held.
TENON_API void drop_zombie(Process& process);

// --- core/process/groups.cpp
TENON_API void join_group_locked(Process& process, ProcessGroup& group);
TENON_API void leave_group_locked(Process& process);
TENON_API Result<Ref<ProcessGroup>> make_group(i32 id, Ref<Session> session);
// Signals groups that become orphaned, with stopped members, when `process` goes. Tree lock held.
void orphan_check_locked(Process& process, Process* parent, bool is_exiting);

}  // namespace tenon::process
