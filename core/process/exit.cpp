// The end of a task, of a process, and what their children and parents learn of it.
#include <tenon/lib/assert.h>
#include <tenon/mm/address_space.h>
#include <tenon/process/personality.h>
#include <tenon/process/process.h>
#include <tenon/process/tree.h>
#include <tenon/trace/log.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/poll.h>

#include "core/mm/page_alloc.h"

namespace tenon::process {

namespace {

using DeadList = List<Process, &Process::sibling_hook>;

Usage own_usage(const Task& task) {
    return {.user_ns = task.user_ns,
            .system_ns = task.system_ns,
            .minor_faults = task.minor_faults,
            .major_faults = task.major_faults,
            .voluntary_switches = task.sched.voluntary_switches,
            .involuntary_switches = task.sched.involuntary_switches};
}

SignalInfo child_info(Process& child, i32 code) {
    SignalInfo info{.signal = static_cast<u32>(child.exit_signal)};
    info.pid = child.pid;
    info.uid = child.leader->credentials->uid;
    info.utime = child.dead_usage.user_ns;
    info.stime = child.dead_usage.system_ns;
    if ((code & 0x7f) == 0) {
        info.code = kCodeExited;
        info.status = (code >> 8) & 0xff;
    } else {
        info.code = (code & 0x80) ? kCodeDumped : kCodeKilled;
        info.status = code & 0x7f;
    }
    return info;
}

// True: nobody will wait for it, it may go at once. Tree lock held.
bool zombie_is_done_locked(Process& zombie) {
    if (zombie.personality != nullptr && zombie.personality->holds_zombie(zombie)) return false;
    return notify_parent_locked(zombie);
}

Process* new_parent_locked(Process& process) {
    // Without a look at the ancestors where there is none: they may be thousands.
    Process* first = process.has_subreaper ? process.parent : nullptr;
    for (Process* p = first; p != nullptr; p = p->parent)
        if (p->child_subreaper && p->live_threads != 0) return p;
    return init_process();
}

void send_death_signal_locked(Process& child) {
    if (child.parent_death_signal == 0) return;
    SignalLock lock(child);
    (void)send_locked(child, nullptr,
                      {.signal = static_cast<u32>(child.parent_death_signal), .code = kCodeUser});
}

// Children of `process` go to its nearest subreaper, or to pid 1.
void reparent_children_locked(Process& process, DeadList& dead) {
    auto& children = process.children->list;
    if (children.empty()) return;
    Process& heir = *new_parent_locked(process);
    while (!children.empty()) {
        Process& child = children.front();
        send_death_signal_locked(child);
        orphan_check_locked(child, &process, false);
        children.pop_front();
        child.parent = &heir;
        heir.children->list.push_back(child);
        child.exit_signal = kSigChld;
        if (child.zombie && zombie_is_done_locked(child)) {
            unlink_zombie_locked(child);
            dead.push_back(child);
        }
    }
    heir.child_wait.wake_all();
}

// A thread of a parent ends: its own children that asked for it get their signal.
void thread_death_signals_locked(Process& process, i32 tid) {
    for (Process& child : process.children->list)
        if (child.parent_death_signal != 0 && child.creator_tid == tid)
            send_death_signal_locked(child);
}

void become_zombie_locked(Process& process, DeadList& dead) {
    {
        SignalLock lock(process);
        process.wait_code =
            process.group_exiting ? process.group_exit_code : process.leader->exit_code;
    }
    reparent_children_locked(process, dead);
    orphan_check_locked(process, process.parent, true);
    process.zombie = true;
    process.exit_wait.wake_all();
    if (zombie_is_done_locked(process)) {
        unlink_zombie_locked(process);
        dead.push_back(process);
    }
}

// The terminal of a session whose leader exits hangs up.
void leave_session(Process& process) {
    module::Gated<ControllingTerminal> terminal;
    {
        TreeGuard guard(tree_lock());
        if (!process.group || process.group->session->leader != &process) return;
        process.group->session->leader = nullptr;
        terminal = std::move(process.group->session->terminal);
    }
    if (terminal) terminal.call(&ControllingTerminal::session_leader_exited);
}

// This thread takes no more signals. True if it is the last one.
bool begin_exit(Task& self, Process& process) {
    bool last, stop_complete = false;
    u32 stop_signal = 0;
    {
        TreeGuard tree(tree_lock());
        SignalLock lock(process);
        self.exiting = true;
        last = --process.live_threads == 0;
        // Its share of a stop in progress is done.
        if (process.stopping && !last && process.stopped_threads == process.live_threads &&
            process.stop_event != Process::StopEvent::stopped) {
            process.stop_event = Process::StopEvent::stopped;
            stop_complete = true;
            stop_signal = process.stop_signal;
        }
        // What the process has pending and this thread would have taken.
        if (!last && !process.pending.set.empty())
            for (Task& other : process.threads)
                if (!other.exiting && !(process.pending.set & ~other.blocked).empty())
                    kick_locked(other, false);
    }
    if (stop_complete) notify_parent_of_stop(process, false, stop_signal);
    return last;
}

void release_resources(Task& self, Process& process) {
    if (self.space) {
        const u64 peak = self.space->footprint().peak_resident;
        process.dead_usage.max_rss_pages = std::max(process.dead_usage.max_rss_pages, peak);
        replace_space(nullptr);
    }
    release_vfork(self);
    replace_files(nullptr);
    replace_fs(nullptr);
    // set_robust_list and the rest were used in task_exiting(); the object goes with the Task.
}

// Takes this thread out of the tree, and the process with it when it is the last.
void leave_tree(Task& self, Process& process) {
    DeadList dead;
    bool drop_self = false;
    {
        TreeGuard guard(tree_lock());
        process.dead_usage.add(own_usage(self));
        if (process.live_threads != 0) thread_death_signals_locked(process, self.tid);
        SignalLock lock(process);
        flush_queue(self.pending);
        if (&self == process.leader) {
            process.leader_gone = true;
        } else {
            process.threads.erase(process.threads.iterator_to(self));
            --process.thread_count;
            pids::detach(self.tid, pids::Kind::task);
            g_thread_count.fetch_sub(1, std::memory_order_relaxed);
            drop_self = true;
        }
        lock.release();
        if (drop_self && process.personality != nullptr) process.personality->thread_gone(self);
        if (process.thread_count == 1 && process.leader_gone && process.live_threads == 0)
            become_zombie_locked(process, dead);
        else
            process.thread_wait.wake_all();
    }
    if (drop_self) self.unref();  // the scheduler still holds one
    while (!dead.empty()) {
        Process& gone = dead.front();
        dead.pop_front();
        drop_zombie(gone);
    }
}

}  // namespace

bool notify_parent_locked(Process& child) {
    Process& parent = *child.parent;
    bool reap = false, send = child.exit_signal != 0;
    {
        SignalLock lock(parent);
        if (child.exit_signal == kSigChld) {
            const SignalAction& action = lock.actions().action[kSigChld];
            const bool ignored = action.kind == SignalAction::Kind::ignore;
            reap = ignored || action.no_child_wait;
            send = !ignored;
        }
        if (send) (void)send_locked(parent, nullptr, child_info(child, child.wait_code));
    }
    parent.child_wait.wake_all();
    return reap;
}

void release_vfork(Task& task) {
    Ref<VforkWait> wait;
    wait.swap(task.vfork_wait);
    if (wait) wait->released.complete_all();
}

void unlink_zombie_locked(Process& process) {
    process.parent->children->list.erase(process.parent->children->list.iterator_to(process));
    process.parent = nullptr;
    leave_group_locked(process);
    process.threads.erase(process.threads.iterator_to(*process.leader));
    process.thread_count = 0;
    pids::detach(process.pid, pids::Kind::process);
    pids::detach(process.pid, pids::Kind::task);
}

void drop_zombie(Process& process) {
    account::uncharge_process(process.leader->credentials->uid);
    g_thread_count.fetch_sub(1, std::memory_order_relaxed);
    Ref<ProcessGroup> group;
    group.swap(process.group);
    const i32 pid = process.pid;
    process.leader->unref();
    process.unref();
    mm::trim_kernel_stacks();
    tell_exit_listener(pid);
}

void exit_task(i32 exit_code) {
    Task& self = *current();
    Process& process = *self.process;
    if (&process == &kernel_process()) exit_kernel_task();
    TENON_ASSERT(!self.exiting);
    self.exit_code = exit_code;
    if (process.personality != nullptr) process.personality->task_exiting(self);
    const bool last = begin_exit(self, process);
    if (last) {
        if (process.pid == 1) {
            log::write(log::Level::emerg, "init ({}) ended with status {:#x}", self.name,
                       exit_code);
            panic("init ended");
        }
        if (process.personality != nullptr) process.personality->process_exiting(process);
        leave_session(process);
        // An epoll of another process may still watch a signalfd of this one.
        process.signal_wait.end(vfs::kPollErr | vfs::kPollHup);
        Ref<vfs::File> executable;
        {
            TreeGuard guard(tree_lock());
            executable.swap(process.executable);
        }
    }
    release_resources(self, process);
    leave_tree(self, process);
    self.state.store(TaskState::dead, std::memory_order_release);
    for (;;) sched::schedule();
}

void exit_group(i32 exit_code) {
    Process& process = current_process();
    {
        SignalLock lock(process);
        if (process.group_exiting) {
            exit_code = process.group_exit_code;
        } else if (process.group_exec_task != nullptr && process.group_exec_task != current()) {
            exit_code = 0;  // only this thread goes: another one is about to run a new program
        } else {
            process.group_exiting = true;
            process.group_exit_code = exit_code;
            kill_threads_locked(process, current());
        }
    }
    exit_task(exit_code);
}

Usage usage_of(Process& process) {
    Usage sum;
    TreeGuard guard(tree_lock());
    sum = process.dead_usage;
    for (Task& task : process.threads) {
        if (task.exiting) continue;  // counted in dead_usage
        sum.add({.user_ns = task.user_ns,
                 .system_ns = task.system_ns,
                 .minor_faults = task.minor_faults,
                 .major_faults = task.major_faults,
                 .voluntary_switches = task.sched.voluntary_switches,
                 .involuntary_switches = task.sched.involuntary_switches});
    }
    return sum;
}

}  // namespace tenon::process
