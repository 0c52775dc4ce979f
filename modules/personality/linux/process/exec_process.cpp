#include "personality/linux/process/exec_process.h"

#include <tenon/process/personality.h>
#include <tenon/process/tree.h>
#include <tenon/vfs/file_table.h>

#include "personality/linux/trace/tracee.h"

namespace tenon::personality {

using namespace process;

namespace {

// The other threads are told to go; this one keeps the process. Waits for them.
Result<void> end_other_threads(Task& self, Process& process) {
    {
        SignalLock lock(process);
        if (process.group_exiting || process.group_exec_task != nullptr) return Err(Error::again);
        if (process.thread_count == 1) return {};
        process.group_exec_task = &self;
        kill_threads_locked(process, &self);
    }
    auto alone = [&] {
        TreeGuard guard(tree_lock());
        return process.thread_count == 1 ||
               (process.thread_count == 2 && process.leader != &self && process.leader_gone);
    };
    if (!process.thread_wait.wait(alone, sync::WaitMode::killable)) {
        SignalLock lock(process);
        process.group_exec_task = nullptr;
        return Err(Error::again);
    }
    return {};
}

// The pid belongs to whoever runs the new program.
void take_over_leader(Task& self, Process& process) {
    Task* old = nullptr;
    Ref<trace::Tracee> untraced;
    trace::Tracee* old_leader_traced = nullptr;
    {
        TreeGuard guard(tree_lock());
        SignalLock lock(process);
        process.group_exec_task = nullptr;
        if (process.leader == &self) return;
        old = process.leader;
        old_leader_traced = trace::side(*old).own.get();
        process.threads.erase(process.threads.iterator_to(*old));
        process.thread_count = 1;
        process.leader = &self;
        process.leader_gone = false;
        pids::replace(process.pid, pids::Kind::task, &self);
        pids::detach(self.tid, pids::Kind::task);
        self.tid = process.pid;
        self.start_time_ns = old->start_time_ns;
        g_thread_count.fetch_sub(1, std::memory_order_relaxed);
        lock.release();
        // Its tracer is not told: whoever has its number goes on.
        if (old_leader_traced != nullptr) untraced = trace::unlink_locked(*old_leader_traced);
        for (trace::Tracee& tracee : trace::side(self).tracees)
            tracee.task->tracer.store(self.tid, std::memory_order_relaxed);
    }
    old->unref();
}

// Dispositions that another process shares become our own.
Result<void> unshare_actions(Task& self, Process& process) {
    if (self.actions->ref_count() <= 2) return {};  // this task's and its process's
    auto own = adopt_ref(new (std::nothrow) SignalActions);
    if (!own) return Err(Error::nomem);
    Ref<SignalActions> old = self.actions;
    {
        sync::IrqSpinGuard guard(old->lock);
        for (u32 s = 1; s <= kSignalCount; ++s) own->action[s] = old->action[s];
        own->ref();
        process.actions.assign(own.get());
        self.actions.swap(own);
    }
    old->unref();  // the process's; ours go with `own` and `old`
    return {};
}

}  // namespace

Result<void> become_single_threaded() {
    Task& self = *current();
    Process& process = *self.process;
    TRY(end_other_threads(self, process));
    take_over_leader(self, process);
    TRY(unshare_actions(self, process));
    if (self.files->ref_count() > 1) {
        TRY_ASSIGN(auto files, self.files->copy());
        replace_files(std::move(files));
    }
    return {};
}

void finish_exec() {
    Task& self = *current();
    Process& process = *self.process;
    release_vfork(self);
    {
        TreeGuard tree(tree_lock());
        SignalLock lock(process);
        for (SignalAction& action : lock.actions().action)
            if (action.kind == SignalAction::Kind::handler)
                action = {};
            else
                action = {.kind = action.kind};
        process.exec_done = true;
        process.exit_signal = kSigChld;
    }
    self.alt_stack_base = self.alt_stack_size = 0;
    self.alt_stack_flags = 0;
    self.restart_block = {};
    self.files->close_for_exec();
    if (process.personality != nullptr) process.personality->exec_done(self);
}

}  // namespace tenon::personality
