// What a process of this personality has beyond the core: interval timers and POSIX timers.
//
// Made on first use. The timers' callbacks run in interrupts; everything they touch is guarded by
// `lock` (irqs off), which is dropped before a signal is sent.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/process/process.h>
#include <tenon/time/timer.h>

#include "personality/linux/time/clocks.h"
#include "personality/linux/time/step_listener.h"

namespace tenon::personality {

// A timer on any clock that sends a signal when it expires.
class ProcessTimer final : StepListener {
  public:
    ProcessTimer(process::Process& owner, Clock clock);
    ~ProcessTimer();
    TENON_NONCOPYABLE(ProcessTimer);

    struct Setting {
        i64 value_ns = 0, interval_ns = 0;  // 0: disarmed; value is what is left
    };
    // `absolute`: `value_ns` is a time of the clock. Returns the setting before.
    Setting set(Setting setting, bool absolute);
    Setting get();
    void disarm() { set({}, false); }
    // Its signal is being delivered: arms the next period; how many expirations it stands for
    // beyond the first.
    u32 signal_taken();
    u32 last_overrun() const { return last_overrun_; }
    process::Process& owner() const { return owner_; }

    process::SignalInfo info;     // what it sends
    bool silent = false;          // SIGEV_NONE
    bool rearms_at_once = false;  // interval timers: the next period does not wait for the signal
    bool enforces_limit = false;  // RLIMIT_CPU's: see limit_reached_locked()
    bool by_thread = false;       // SIGEV_THREAD, for /proc
    Ref<Task> target;             // SIGEV_THREAD_ID; null: the process
    i32 id = -1, clock_id = 0;
    ListHook hook;

  private:
    static void fired(time::Timer& timer);
    void expired();
    Result<void> send();
    void limit_reached_locked(i64 used_ns);
    void arm_locked();
    Setting get_locked(i64 now);
    i64 forward_locked(i64 now);

    void clock_stepped() override;

    process::Process& owner_;
    Clock clock_;
    const bool on_realtime_;
    time::Timer timer_;
    // Taken under the step queue's lock; timers are armed under it.
    sync::SpinLock lock_{sync::LockRank::dentry_parent};
    i64 expiry_ns_ = 0;  // on the clock; 0: disarmed
    i64 interval_ns_ = 0;
    bool pending_ = false;  // the signal is queued: the period waits for signal_taken()
    i64 overrun_ = 0;
    u32 last_overrun_ = 0;
};

class LinuxProcess final : public process::ProcessExtension {
  public:
    static constexpr u32 kIntervalTimers = 3;  // ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF
    ~LinuxProcess() override;

    sync::Mutex mutex{sync::LockRank::sleeping_leaf};  // guards what follows
    std::unique_ptr<ProcessTimer> interval[kIntervalTimers];
    std::unique_ptr<ProcessTimer> cpu_limit;  // null: it never had a limit
    List<ProcessTimer, &ProcessTimer::hook> timers;
    i32 next_timer_id = 0;
    // Who may trace it although it is no ancestor (PR_SET_PTRACER), with its descendants: 0 nobody,
    // -1 everybody, or the process that began then.
    struct {
        i32 pid = 0;
        u64 start_ns = 0;
    } tracer;

    ProcessTimer* find(i32 id);
    void delete_timers();  // the POSIX ones (exec)
};

// Of the calling process; made if it has none. Error::nomem.
Result<LinuxProcess*> own_linux_process();
// From now on RLIMIT_CPU is enforced as it stands. Of a new process, in its own context; of any,
// after a change. Error::nomem. May sleep.
Result<void> enforce_cpu_limit(process::Process& process);
inline bool has_cpu_limit(const process::Process& process) {
    return process.limit(process::Limits::cpu) != ~u64{0};
}
// Null if it has none.
LinuxProcess* linux_process_of(process::Process& process);
// A signal of a POSIX timer of the calling process is taken: its overrun count.
u32 timer_signal_taken(u32 timer_id);
// Exec and exit.
void drop_for_exec(process::Process& process);
void drop_for_exit(process::Process& process);

}  // namespace tenon::personality
