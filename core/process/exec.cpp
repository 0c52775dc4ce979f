// Running programs: the core's half of exec, personalities, and the first program.
#include <tenon/arch/fault.h>
#include <tenon/mm/address_space.h>
#include <tenon/process/personality.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/lookup.h>

#include <cstring>

#include "core/process/internal.h"

namespace tenon::process {

namespace {

constexpr u32 kMaxPersonalities = 4;
constinit sync::SpinLock g_lock{sync::LockRank::spin_leaf};
constinit Personality* g_personalities[kMaxPersonalities] = {};

bool in_use(const Personality& personality) {
    for (i32 pid = 1;;) {
        auto process = next_process(pid);
        if (!process) return false;
        if (process->personality == &personality) return true;
        pid = process->pid + 1;
    }
}

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
    {
        TreeGuard guard(tree_lock());
        SignalLock lock(process);
        process.group_exec_task = nullptr;
        if (process.leader == &self) return;
        old = process.leader;
        process.threads.erase(process.threads.iterator_to(*old));
        process.thread_count = 1;
        process.leader = &self;
        process.leader_gone = false;
        pids::replace(process.pid, pids::Kind::task, &self);
        pids::detach(self.tid, pids::Kind::task);
        self.tid = process.pid;
        self.start_time_ns = old->start_time_ns;
        g_thread_count.fetch_sub(1, std::memory_order_relaxed);
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

Result<void> register_personality(Personality& personality) {
    sync::SpinGuard guard(g_lock);
    for (Personality*& slot : g_personalities) {
        if (slot == nullptr) {
            slot = &personality;
            return {};
        }
    }
    return Err(Error::busy);
}

Result<void> unregister_personality(Personality& personality) {
    if (in_use(personality)) return Err(Error::busy);
    sync::SpinGuard guard(g_lock);
    for (Personality*& slot : g_personalities)
        if (slot == &personality) slot = nullptr;
    return {};
}

Result<void> exec(ExecRequest& request) {
    std::memset(request.head, 0, sizeof(request.head));
    auto head = vfs::IoBuffer::kernel(static_cast<void*>(request.head), sizeof(request.head));
    TRY(request.file->read_at(head, 0));
    Result<void> result = Err(Error::noexec);
    for (Personality* personality : g_personalities) {
        if (personality == nullptr) continue;
        result = personality->exec(request);
        if (result || result.error() != Error::noexec) break;
    }
    return result;
}

Result<void> start_init(std::string_view path) {
    Task& self = *current();
    vfs::OpenRequest open{.flags = vfs::kOpenRead | vfs::kOpenExec};
    TRY_ASSIGN(auto file, vfs::open(vfs::lookup_start_of_current(), path, open));
    ExecRequest request;
    request.file = std::move(file);
    request.path = path;

    // From here on it is a user task: its registers, TLS and FPU state are switched.
    auto* entry = std::exchange(self.kernel_entry, nullptr);
    if (auto r = exec(request); !r) {
        self.kernel_entry = entry;
        return r;
    }
    return {};
}

// What arch asks for on the way back to user mode, and when user code traps.

void return_to_user_work(arch::UserRegs& regs) {
    Task& self = *current();
    const u32 work = self.work_flags.load(std::memory_order_acquire);
    if (work & kWorkReschedule) {
        self.clear_work(kWorkReschedule);
        sched::schedule();
    }
    Personality* personality = self.process->personality;
    if (personality == nullptr) {
        self.clear_work(~0u);
        return;
    }
    if (work & (kWorkSignal | kWorkNotify | kWorkRestoreMask)) personality->deliver(regs);
    if (work & kWorkTrace) self.clear_work(kWorkTrace);  // nobody traces yet
}

void handle_user_trap(const arch::TrapInfo& trap, arch::UserRegs& regs) {
    Process& process = current_process();
    if (process.personality != nullptr)
        process.personality->user_trap(trap, regs);
    else
        exit_group(kSigIll);
}

}  // namespace tenon::process
