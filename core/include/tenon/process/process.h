// Processes: thread groups with a parent, a group and a session.
#pragma once

#include <tenon/lib/types.h>
#include <tenon/module/gate.h>
#include <tenon/process/task.h>
#include <tenon/vfs/types.h>

namespace tenon::process {

class Process;

// A terminal, as job control sees it (implemented by the tty module, held by a session).
class ControllingTerminal {
  public:
    virtual ~ControllingTerminal() = default;
    virtual vfs::DeviceNumber number() const = 0;
    // Hang up. The session has let go of the terminal already.
    virtual void session_leader_exited() = 0;
    virtual i32 foreground_group() const = 0;
};

class Session;
class ProcessGroup : public RefCounted<ProcessGroup> {
  public:
    i32 id = 0;
    Ref<Session> session;
    // Guarded by the process-tree lock; hooks are Process::group_hook.
    struct Members;
    std::unique_ptr<Members> members;
    // No member has a parent in another group of the same session: nobody could continue it.
    // `without` is left out (it is exiting).
    TENON_API bool orphaned_locked(const Process* without = nullptr) const;
    sync::RcuHead rcu;
    ProcessGroup();
    TENON_API ~ProcessGroup();
    TENON_API void on_last_ref();
};
class Session : public RefCounted<Session> {
  public:
    i32 id = 0;
    Process* leader = nullptr;                    // tree lock; null when it has exited
    module::Gated<ControllingTerminal> terminal;  // tree lock; empty: none
    TENON_API void on_last_ref();
};

// Resource limits, by the personality's numbering (RLIMIT_*); the core reads the named ones.
struct Limits {
    struct Pair {
        u64 soft = ~u64{0}, hard = ~u64{0};
    } value[16];
    enum : u32 {
        cpu = 0,
        fsize = 1,
        data = 2,
        stack = 3,
        core = 4,
        rss = 5,
        nproc = 6,
        nofile = 7,
        memlock = 8,
        as = 9,
        locks = 10,
        sigpending = 11,
        msgqueue = 12,
        nice = 13,
        rtprio = 14,
        rttime = 15
    };
};

struct Usage {
    u64 user_ns = 0, system_ns = 0, minor_faults = 0, major_faults = 0, voluntary_switches = 0,
        involuntary_switches = 0, max_rss_pages = 0;
    u64 read_bytes = 0, written_bytes = 0, in_blocks = 0, out_blocks = 0;
    TENON_API void add(const Usage& o);
};

// What a personality hangs on a process (POSIX timers, keyrings, ...).
class ProcessExtension {
  public:
    virtual ~ProcessExtension() = default;
};

// Whose the core of a process may be, and who looks into it: nobody's (only who may trace all looks
// in), its user's, or root's (as nobody's, but root gets the core).
enum class Dumpable : u8 { no, yes, for_root };

class Process : public RefCounted<Process> {
  public:
    i32 pid = 0;  // of the leader
    Task* leader = nullptr;
    Personality* personality = nullptr;
    std::unique_ptr<ProcessExtension> extension;
    // The dispositions of all its threads. Another process may share them; exec replaces them.
    // Readers of another process go through SignalLock.
    sync::RcuPtr<SignalActions> actions;

    // --- guarded by the process-tree lock
    Process* parent = nullptr;
    ListHook sibling_hook, group_hook;
    struct Children;
    std::unique_ptr<Children> children;
    Ref<ProcessGroup> group;
    i32 creator_tid = 0;  // which thread of the parent made it
    // Changed under the tree lock and actions->lock, so either is enough to read.
    List<Task, &Task::thread_hook> threads;  // the leader stays until it is reaped
    u32 live_threads = 0;                    // that have not begun to exit
    u32 thread_count = 0;                    // in `threads`
    bool leader_gone = false;                // the leader has ended; others may still run
    bool exec_done = false;                  // setpgid by the parent is refused
    bool child_subreaper = false, has_subreaper = false;
    Usage dead_usage, children_usage;  // of threads that ended; of waited-for children

    // --- guarded by actions->lock
    PendingSignals pending;
    bool group_exiting = false;  // exit_group or a fatal signal is taking all threads down
    i32 group_exit_code = 0;
    Task* group_exec_task = nullptr;
    bool unkillable = false;  // pid 1: default actions do nothing to it
    // Job control: stopped threads, and the event that wait() has not reported yet.
    bool stopping = false;
    bool notify_continued = false;  // a thread on its way back tells the parent
    u32 stop_signal = 0, stopped_threads = 0;
    u32 stop_generation = 0;  // counts what ends stops
    enum class StopEvent : u8 { none, stopped, continued } stop_event = StopEvent::none;
    i32 exit_signal = 17;  // sent to the parent; 0: none
    i32 parent_death_signal = 0;

    bool zombie = false;  // tree lock: all threads are gone, wait() may have it
    i32 wait_code = 0;    // tree lock: as wait reports, once a zombie
    Dumpable dumpable = Dumpable::yes;
    sync::WaitQueue thread_wait;  // exec waits here for the other threads
    sync::WaitQueue child_wait;   // wait4 sleeps here
    sync::WaitQueue exit_wait;    // pidfd polls
    sync::WaitQueue signal_wait;  // signalfd polls
    Limits limits;
    Ref<vfs::File> executable;
    u64 start_time_ns = 0;
    i32 oom_score_adjust = 0;
    u32 core_filter = 0x33;  // what a core dump holds, by the personality's bits
    sync::Mutex exec_update{sync::LockRank::exec_update};  // exec vs ptrace and /proc readers
    u32 timer_slack_ns = 50000;
    sync::RcuHead rcu;

    Process();
    TENON_API ~Process();
    TENON_API void on_last_ref();
    u64 limit(u32 which) const {
        return __atomic_load_n(&limits.value[which].soft, __ATOMIC_RELAXED);
    }
};

inline Process& current_process() {
    return *current()->process;
}

// --- Identifiers. All lookups take a reference; null when there is none.
TENON_API Ref<Task> find_task(i32 tid);
TENON_API Ref<Process> find_process(i32 pid);
TENON_API Ref<ProcessGroup> find_group(i32 id);
// The process with the lowest pid >= `pid` (for /proc), or null.
TENON_API Ref<Process> next_process(i32 pid);
// Calls visit(task) for each live thread under the tree lock: no sleeping in it.
TENON_API void for_each_thread(Process& process, void (*visit)(Task&, void*), void* context);
// Taken with irqs off (IrqSpinGuard): signals to groups come from irq context too.
TENON_API sync::SpinLock& tree_lock();
// Calls visit(process) for each member under the tree lock.
TENON_API void for_each_member(ProcessGroup& group, void (*visit)(Process&, void*), void* context);
// What a task uses now; null once it has exited.
TENON_API Ref<mm::AddressSpace> space_of(Task& task);
TENON_API Ref<vfs::FileTable> files_of(Task& task);
TENON_API Ref<FsContext> fs_of(Task& task);
TENON_API Ref<Credentials> credentials_of(const Task& task);
// Replace what the calling task uses (unshare, exec).
TENON_API void replace_space(Ref<mm::AddressSpace> space);
TENON_API void replace_files(Ref<vfs::FileTable> files);
TENON_API void replace_fs(Ref<FsContext> fs);
TENON_API Ref<Session> session_of(Process& process);
TENON_API u32 thread_total();
inline constexpr i32 kMaxPid = 4'194'304;
inline constexpr i32 kDefaultPidEnd = 32768;  // what set_pid_end() is at boot
// New numbers are below `end`, at most kMaxPid.
TENON_API void set_pid_end(i32 end);
// The number that was given out last (/proc/loadavg, /proc/sys/kernel/ns_last_pid).
TENON_API i32 last_pid();
// The next one is looked for after it. Error::inval.
TENON_API Result<void> set_last_pid(i32 pid);
TENON_API i32 parent_pid(Process& process);
TENON_API i32 group_id(Process& process);
TENON_API i32 session_id(Process& process);

// --- Life
// What a new task shares with its creator.
struct CloneOptions {
    bool share_space = false, share_files = false, share_fs = false, share_actions = false,
         same_process = false, vfork = false;
    bool clear_actions = false, same_parent = false;
    i32 exit_signal = 17;
    bool set_tls = false;
    u64 tls = 0, stack_top = 0;
    bool untraced = false;
    i32 wanted_tid = 0;  // 0: any; taken: Error::exist
    // Called before the child first runs, in the parent's context (parent_tid, pidfd); an error
    // undoes the clone.
    Result<void> (*prepare)(Task& child, void* context) = nullptr;
    // Called after the child is in the tree and before it runs; cannot fail.
    void (*publish)(Task& child, void* context) = nullptr;
    // Called when the child runs, before a wait for vfork's end. May sleep.
    void (*started)(i32 tid, void* context) = nullptr;
    void* prepare_context = nullptr;
};
// The child's tid; with vfork, returns after the child released the address space. Errors: again
// (limits), nomem.
TENON_API Result<i32> clone(const CloneOptions& options, const arch::UserRegs& parent_regs);
[[noreturn]] TENON_API void exit_task(i32 exit_code);   // this thread
[[noreturn]] TENON_API void exit_group(i32 exit_code);  // the whole process
// [sched] Kernel threads: belong to the kernel's own process. Not started.
Result<Ref<Task>> make_kernel_task(std::string_view name, void (*entry)(void*), void* argument);
Process& kernel_process();
// Ends a kernel thread (its entry returned). Does not return.
[[noreturn]] void exit_kernel_task();

TENON_API Usage usage_of(Process& process);

// Replaces the credentials of the current task.
TENON_API void commit_credentials(Ref<Credentials> credentials);

// [core] The first user process: runs `path` through whichever executable format claims it.
Result<void> start_init(std::string_view path);

// Who wants to know that a process is gone for good (waited for, its number free again).

// Called in thread context, without locks. May sleep.
class ExitListener {
  public:
    virtual ~ExitListener() = default;
    // The number may be another's by now.
    virtual void exited(i32 pid) = 0;
};
// One listener: the last that was set. An empty handle removes it; calls under way are the gate's
// to wait for.
TENON_API void set_exit_listener(module::Gated<ExitListener> listener);
// [core/process]
void tell_exit_listener(i32 pid);

}  // namespace tenon::process
