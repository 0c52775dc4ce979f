// Processes: thread groups with a parent, a group and a session.
#pragma once

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
    virtual void session_leader_exited() = 0;  // hang up
    virtual i32 foreground_group() const = 0;
};

class Session;
class ProcessGroup : public RefCounted<ProcessGroup> {
  public:
    i32 id = 0;
    Ref<Session> session;
    ListHook hook;
    // guarded by the process-tree lock
    struct Members;
    Members* members = nullptr;
    bool orphaned_locked() const;
    void on_last_ref();
};
class Session : public RefCounted<Session> {
  public:
    i32 id = 0;
    Process* leader = nullptr;
    module::Gated<ControllingTerminal> terminal;  // empty: none
    void on_last_ref();
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
    void add(const Usage& o);
};

// What a personality hangs on a process (POSIX timers, aio, keyrings, ...).
class ProcessExtension {
  public:
    virtual ~ProcessExtension() = default;
};

class Process : public RefCounted<Process> {
  public:
    i32 pid = 0;  // of the leader
    Task* leader = nullptr;
    Personality* personality = nullptr;
    std::unique_ptr<ProcessExtension> extension;

    // --- guarded by the process-tree lock
    // ------------------------------------------------------------------
    Process* parent = nullptr;
    ListHook sibling_hook, group_hook;
    struct Children;
    Children* children = nullptr;
    Ref<ProcessGroup> group;
    List<Task, &Task::thread_hook> threads;
    u32 thread_count = 0;
    u32 live_threads = 0;
    bool exec_done = false;  // setpgid by the parent is refused
    bool child_subreaper = false, has_subreaper = false;
    Usage dead_usage, children_usage;  // of threads that ended; of waited-for children

    // --- guarded by actions->lock
    // ---------------------------------------------------------------------------
    PendingSignals pending;
    bool group_exiting = false;  // exit_group or a fatal signal is taking all threads down
    i32 group_exit_code = 0;
    Task* group_exec_task = nullptr;
    // Job control: stopped threads, and the event that wait() has not reported yet.
    bool stopping = false;
    u32 stop_signal = 0, stopped_threads = 0;
    enum class StopEvent : u8 { none, stopped, continued } stop_event = StopEvent::none;
    i32 exit_signal = 17;  // sent to the parent; 0: none
    i32 parent_death_signal = 0;

    bool zombie = false;
    bool dumpable = true;
    sync::WaitQueue child_wait;   // wait4 sleeps here
    sync::WaitQueue exit_wait;    // pidfd polls
    sync::WaitQueue signal_wait;  // signalfd polls
    Limits limits;
    Ref<vfs::File> executable;
    u64 start_time_ns = 0;
    i32 oom_score_adjust = 0;
    sync::Mutex exec_update{sync::LockRank::exec_update};  // exec vs ptrace and /proc readers
    sync::RcuHead rcu;

    void on_last_ref();
};

inline Process& current_process() {
    return *current()->process;
}

// --- Identifiers. All lookups take a reference; null when there is none.
// ----------------------------------------
TENON_API Ref<Task> find_task(i32 tid);
TENON_API Ref<Process> find_process(i32 pid);
TENON_API Ref<ProcessGroup> find_group(i32 id);
// The process with the lowest pid >= `pid` (for /proc), or null.
TENON_API Ref<Process> next_process(i32 pid);
TENON_API u32 process_count();
// Calls visit(task) for each live thread under the tree lock: no sleeping in it.
TENON_API void for_each_thread(Process& process, void (*visit)(Task&, void*), void* context);
TENON_API sync::SpinLock& tree_lock();
TENON_API i32 parent_pid(Process& process);
TENON_API i32 group_id(Process& process);
TENON_API i32 session_id(Process& process);

// --- Life
// ------------------------------------------------------------------------------------------------------
// What a new task shares with its creator.
struct CloneOptions {
    bool share_space = false, share_files = false, share_fs = false, share_actions = false,
         same_process = false, vfork = false;
    bool clear_actions = false, same_parent = false;
    i32 exit_signal = 17;
    bool set_tls = false;
    u64 tls = 0, stack_top = 0;
    bool untraced = false;
    i32 wanted_tid = 0;  // 0: any
    // Called before the child first runs, in the parent's context (parent_tid, pidfd); an error
    // undoes the clone.
    Result<void> (*prepare)(Task& child, void* context) = nullptr;
    void* prepare_context = nullptr;
};
// The child's tid; with vfork, returns after the child released the address space. Errors: again
// (limits), nomem.
TENON_API Result<i32> clone(const CloneOptions& options, const arch::UserRegs& parent_regs);
[[noreturn]] TENON_API void exit_task(i32 exit_code);   // this thread
[[noreturn]] TENON_API void exit_group(i32 exit_code);  // the whole process
// Exec's point of no return: kills the other threads, unshares, takes over the leader's identity.
TENON_API Result<void> become_single_threaded();
// After exec installed the new space: releases a vfork parent, resets caught signals, closes on
// exec.
TENON_API void finish_exec();

struct WaitRequest {
    enum class Who : u8 { any, pid, group } who = Who::any;
    i32 id = 0;
    bool exited = true, stopped = false, continued = false;
    bool no_hang = false, no_wait = false /* leave it waitable */;
    bool clones_only = false, all_children = false, this_thread_only = false;
};
struct WaitAnswer {
    i32 pid = 0;
    u32 uid = 0;
    i32 code = 0;    // kCodeExited...
    i32 status = 0;  // exit status, or signal
    i32 wait_status =
        0;  // (status << 8) | signal | 0x80 if dumped; 0x7f | sig << 8 stopped; 0xffff continued
    Usage usage;
};
// Error::child when there is none; pid 0 when no_hang found nothing.
TENON_API Result<WaitAnswer> wait(const WaitRequest& request);
TENON_API Usage usage_of(Process& process);

// Groups and sessions; errors as setpgid(2), setsid(2).
TENON_API Result<void> set_group(i32 pid, i32 group);
TENON_API Result<i32> new_session();

// Replaces the credentials of the current task.
TENON_API void commit_credentials(Ref<Credentials> credentials);

// [core] The first user process: runs `path` through whichever executable format claims it.
Result<void> start_init(std::string_view path);

}  // namespace tenon::process
