// clone(): everything that can fail first, then one commit under the tree lock.
#include <tenon/mm/address_space.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/process/personality.h>
#include <tenon/process/tree.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/file_table.h>

#include <cstring>

namespace tenon::process {

namespace {

// What a failing clone has to give back; released by publish().
struct PendingIds {
    i32 tid = 0;
    u32 charged_uid = 0;
    bool charged = false;
    ~PendingIds() {
        if (tid != 0) pids::release(tid);
        if (charged) account::uncharge_process(charged_uid);
    }
};

Result<Ref<SignalActions>> copy_actions(SignalActions& from, bool clear_handlers) {
    auto copy = adopt_ref(new (std::nothrow) SignalActions);
    if (!copy) return Err(Error::nomem);
    sync::IrqSpinGuard guard(from.lock);
    for (u32 s = 1; s <= kSignalCount; ++s) {
        if (clear_handlers && from.action[s].kind == SignalAction::Kind::handler) continue;
        copy->action[s] = from.action[s];
    }
    return copy;
}

Result<void> share_or_copy(Task& child, Task& parent, const CloneOptions& options) {
    if (options.share_fs) {
        child.fs = parent.fs;
    } else if (parent.fs) {
        TRY_ASSIGN(child.fs, parent.fs->copy());
    }
    if (options.share_files) {
        child.files = parent.files;
    } else if (parent.files) {
        TRY_ASSIGN(child.files, parent.files->copy());
    }
    if (options.share_actions) {
        child.actions = parent.actions;
    } else {
        TRY_ASSIGN(child.actions, copy_actions(*parent.actions, options.clear_actions));
    }
    if (options.share_space || !parent.space) {
        child.space = parent.space;
    } else {
        TRY_ASSIGN(child.space, parent.space->fork());
    }
    return {};
}

void inherit(Task& child, Task& parent, const CloneOptions& options) {
    std::memcpy(child.name, parent.name, sizeof(child.name));
    child.credentials = parent.credentials;
    child.syscall_entry = parent.syscall_entry;
    child.blocked = parent.blocked;
    child.start_time_ns = time::monotonic_ns();
    sched::init_entity(child, &parent);
    // A stack of its own in the same memory: the alternate one is its creator's.
    if (!options.share_space || options.vfork) {
        child.alt_stack_base = parent.alt_stack_base;
        child.alt_stack_size = parent.alt_stack_size;
        child.alt_stack_flags = parent.alt_stack_flags;
    }
}

Result<void> set_up_registers(Task& child, Task& parent, const CloneOptions& options,
                              const arch::UserRegs& parent_regs) {
    TRY(arch::fpu_fork(child, parent));
    arch::UserRegs regs = parent_regs;
    regs.set_syscall_result(0);
    if (options.stack_top != 0) regs.set_sp(options.stack_top);
    arch::init_user_context(child, regs);
    arch::set_user_tls(child, options.set_tls ? options.tls : arch::user_tls(parent));
    arch::set_user_gs(child, arch::user_gs(parent));
    return {};
}

Result<Ref<Process>> make_process(Task& child, Process& parent, const CloneOptions& options) {
    auto process = adopt_ref(new (std::nothrow) Process);
    if (!process) return Err(Error::nomem);
    process->children.reset(new (std::nothrow) Process::Children);
    if (!process->children) return Err(Error::nomem);
    process->personality = parent.personality;
    process->exit_signal = options.exit_signal;
    process->dumpable = parent.dumpable;
    process->timer_slack_ns = parent.timer_slack_ns;
    process->oom_score_adjust = parent.oom_score_adjust;
    process->core_filter = parent.core_filter;
    process->start_time_ns = child.start_time_ns;
    {
        TreeGuard guard(tree_lock());
        process->executable = parent.executable;
    }
    process->actions.assign(Ref(child.actions).release());
    {
        SignalLock lock(parent);
        process->limits = parent.limits;
    }
    process->leader = &child;
    return process;
}

// The commit. Fails only when the caller is being killed or has a signal to take first.
Result<void> publish(Task& child, Process& process, const CloneOptions& options) {
    Task& self = *current();
    Process& creator = *self.process;
    TreeGuard tree(tree_lock());
    SignalLock lock(creator);
    recalculate_locked(self);
    if (signal_pending() || creator.group_exiting) return Err(Error::restart_no_intr);
    child.ref();  // the tree's
    pids::attach(child.tid, pids::Kind::task, &child);
    g_thread_count.fetch_add(1, std::memory_order_relaxed);
    if (options.same_process) {
        process.threads.push_back(child);
        ++process.thread_count;
        ++process.live_threads;
        if (process.stopping) child.set_work(kWorkSignal);
        return {};
    }
    process.ref();  // the tree's
    process.threads.push_back(child);
    process.thread_count = process.live_threads = 1;
    process.parent = options.same_parent && creator.parent != nullptr ? creator.parent : &creator;
    process.creator_tid = options.same_parent ? creator.creator_tid : self.tid;
    if (options.same_parent) process.exit_signal = creator.exit_signal;
    process.has_subreaper = creator.has_subreaper || creator.child_subreaper;
    process.parent->children->list.push_back(process);
    if (creator.group) join_group_locked(process, *creator.group);
    pids::attach(child.tid, pids::Kind::process, &process);
    return {};
}

}  // namespace

Result<i32> clone(const CloneOptions& options, const arch::UserRegs& parent_regs) {
    Task& parent = *current();
    Process& creator = *parent.process;
    if (signal_pending()) {
        // A fork that a signal interrupts would be lost work for both; take the signal first.
        SignalLock lock(creator);
        recalculate_locked(parent);
        if (signal_pending()) return Err(Error::restart_no_intr);
    }

    PendingIds ids;
    const Credentials& cred = *parent.credentials;
    {
        const bool exempt =
            cred.uid == 0 || cred.has(Capability::sys_resource) || cred.has(Capability::sys_admin);
        const u64 limit = exempt ? ~u64{0} : creator.limit(Limits::nproc);
        if (!options.same_process) {
            if (!account::charge_process(cred.uid, limit)) return Err(Error::again);
            ids.charged = true;
            ids.charged_uid = cred.uid;
        }
    }

    auto child = adopt_ref(new (std::nothrow) Task);
    if (!child) return Err(Error::nomem);
    TRY_ASSIGN(void* stack, mm::alloc_kernel_stack());
    child->kernel_stack = reinterpret_cast<uptr>(stack);
    child->kernel_stack_top = child->kernel_stack + arch::kKernelStackSize;
    inherit(*child, parent, options);
    TRY(share_or_copy(*child, parent, options));
    TRY(set_up_registers(*child, parent, options, parent_regs));

    Ref<Process> process;
    if (options.same_process) {
        process = parent.process;
    } else {
        TRY_ASSIGN(process, make_process(*child, creator, options));
    }
    child->process = process;
    TRY_ASSIGN(ids.tid, pids::allocate(options.wanted_tid));
    child->tid = ids.tid;
    if (!options.same_process) process->pid = ids.tid;

    Ref<VforkWait> vfork_wait;
    if (options.vfork) {
        vfork_wait = adopt_ref(new (std::nothrow) VforkWait);
        if (!vfork_wait) return Err(Error::nomem);
        child->vfork_wait = vfork_wait;
    }
    if (creator.personality != nullptr) TRY(creator.personality->task_cloned(*child, options));
    if (options.prepare != nullptr) TRY(options.prepare(*child, options.prepare_context));

    const i32 tid = ids.tid;
    TRY(publish(*child, *process, options));
    ids.tid = 0;
    ids.charged = false;
    if (options.publish != nullptr) options.publish(*child, options.prepare_context);
    // The scheduler takes over a reference; our own serves until the return.
    sched::start(*child);

    if (options.started != nullptr) options.started(tid, options.prepare_context);
    if (vfork_wait) {
        // A kill of this process ends the wait; the child keeps the memory, which is counted.
        (void)vfork_wait->released.wait(sync::WaitMode::killable);
    }
    return tid;
}

}  // namespace tenon::process
