// Tasks and processes as objects: making, lookup of their parts, the kernel's own process.
#include <tenon/mm/address_space.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/process/process.h>
#include <tenon/process/system_name.h>
#include <tenon/process/tree.h>
#include <tenon/sched/scheduler.h>
#include <tenon/sync/spinlock.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/lookup.h>

#include <atomic>
#include <cstring>

namespace tenon {

Task::Task() = default;
Task::~Task() {
    if (kernel_stack != 0) mm::free_kernel_stack(reinterpret_cast<void*>(kernel_stack));
    arch::fpu_free(*this);
    arch::debug_regs_free(*this);
}

void Task::on_last_ref() {
    sync::rcu_delete<offsetof(Task, rcu)>(this);
}

namespace process {

constinit std::atomic<u32> g_thread_count{0};

namespace {

constinit sync::SpinLock g_tree_lock{sync::LockRank::process_tree};
constinit Process* g_kernel_process = nullptr;
constinit Process* g_init_process = nullptr;

// Where kernel threads look paths up; made with pid 1, when there is a root.
constinit FsContext* g_kernel_fs = nullptr;

void set_name(Task& task, std::string_view name) {
    const usize n = std::min(name.size(), sizeof(task.name) - 1);
    std::memcpy(task.name, name.data(), n);
    task.name[n] = '\0';
}

Result<void> give_stack(Task& task) {
    TRY_ASSIGN(void* stack, mm::alloc_kernel_stack());
    task.kernel_stack = reinterpret_cast<uptr>(stack);
    task.kernel_stack_top = task.kernel_stack + arch::kKernelStackSize;
    return {};
}

// A task of the kernel's process: root's credentials, no descriptors, no user half.
void adopt_into_kernel(Task& task) {
    task.process = Ref(g_kernel_process);
    if (!task.credentials) task.credentials = Ref(g_kernel_process->leader->credentials.get());
    if (!task.actions) task.actions = Ref(g_kernel_process->actions.load());
    if (!task.fs && g_kernel_fs != nullptr) task.fs = Ref(g_kernel_fs);
    task.blocked = ~SignalSet();
}

struct InitStart {
    void (*entry)(void*);
    void* argument;
};
constinit InitStart g_init_start{};

void run_init(void*) {
    g_init_start.entry(g_init_start.argument);
    arch::enter_user(arch::user_regs(*current()));
}

}  // namespace

Process::Process() = default;
Process::~Process() {
    flush_queue(pending);
    if (auto* a = actions.load()) a->unref();
}

void Process::on_last_ref() {
    sync::rcu_delete<offsetof(Process, rcu)>(this);
}

void SignalActions::on_last_ref() {
    sync::rcu_delete<offsetof(SignalActions, rcu)>(this);
}

void Usage::add(const Usage& o) {
    user_ns += o.user_ns, system_ns += o.system_ns;
    minor_faults += o.minor_faults, major_faults += o.major_faults;
    voluntary_switches += o.voluntary_switches, involuntary_switches += o.involuntary_switches;
    max_rss_pages = std::max(max_rss_pages, o.max_rss_pages);
    read_bytes += o.read_bytes, written_bytes += o.written_bytes;
    in_blocks += o.in_blocks, out_blocks += o.out_blocks;
}

sync::SpinLock& tree_lock() {
    return g_tree_lock;
}
Process& kernel_process() {
    return *g_kernel_process;
}
Process* init_process() {
    return g_init_process;
}
u32 thread_total() {
    return g_thread_count.load(std::memory_order_relaxed);
}

void for_each_thread(Process& process, void (*visit)(Task&, void*), void* context) {
    TreeGuard guard(g_tree_lock);
    for (Task& task : process.threads) visit(task, context);
}
void for_each_member(ProcessGroup& group, void (*visit)(Process&, void*), void* context) {
    TreeGuard guard(g_tree_lock);
    for (Process& member : group.members->list) visit(member, context);
}

i32 parent_pid(Process& process) {
    TreeGuard guard(g_tree_lock);
    return process.parent != nullptr ? process.parent->pid : 0;
}
i32 group_id(Process& process) {
    TreeGuard guard(g_tree_lock);
    return process.group ? process.group->id : 0;
}
i32 session_id(Process& process) {
    TreeGuard guard(g_tree_lock);
    return process.group ? process.group->session->id : 0;
}
Ref<Session> session_of(Process& process) {
    TreeGuard guard(g_tree_lock);
    return process.group ? process.group->session : nullptr;
}

Ref<mm::AddressSpace> space_of(Task& task) {
    sync::IrqSpinGuard guard(task.resource_lock);
    return task.space;
}
Ref<vfs::FileTable> files_of(Task& task) {
    sync::IrqSpinGuard guard(task.resource_lock);
    return task.files;
}
Ref<FsContext> fs_of(Task& task) {
    sync::IrqSpinGuard guard(task.resource_lock);
    return task.fs;
}
void replace_files(Ref<vfs::FileTable> files) {
    sync::IrqSpinGuard guard(current()->resource_lock);
    current()->files.swap(files);
}
void replace_fs(Ref<FsContext> fs) {
    sync::IrqSpinGuard guard(current()->resource_lock);
    current()->fs.swap(fs);
}
void replace_space(Ref<mm::AddressSpace> space) {
    Task& task = *current();
    {
        sync::IrqSpinGuard guard(task.resource_lock);
        task.space.swap(space);
        // Before the old one can die: its tables must not be loaded any more.
        if (task.space)
            task.space->activate();
        else
            mm::AddressSpace::activate_kernel();
    }
}

Result<Ref<Task>> make_kernel_task(std::string_view name, void (*entry)(void*), void* argument) {
    auto task = adopt_ref(new (std::nothrow) Task);
    if (!task) return Err(Error::nomem);
    TRY(give_stack(*task));
    set_name(*task, name);
    task->kernel_entry = entry;
    task->kernel_argument = argument;
    task->start_time_ns = time::monotonic_ns();
    adopt_into_kernel(*task);
    sched::init_entity(*task, nullptr);
    arch::init_kernel_context(*task, entry, argument);
    return task;
}

void exit_kernel_task() {
    current()->state.store(TaskState::dead, std::memory_order_release);
    for (;;) sched::schedule();
}

// The boot task exists already; it and all kernel threads belong to one process without a pid.
void init() {
    auto* process = new (std::nothrow) Process;
    auto* actions = new (std::nothrow) SignalActions;
    TENON_ASSERT(process != nullptr && actions != nullptr);
    process->children = std::make_unique<Process::Children>();
    process->actions.assign(actions);
    process->leader = current();
    process->unkillable = true;
    current()->credentials = Credentials::root();
    g_kernel_process = process;
    adopt_into_kernel(*current());
}

Result<void> spawn_init_task(void (*entry)(void*), void* argument) {
    TRY_ASSIGN(auto fs, FsContext::create(vfs::root_of_everything(), vfs::root_of_everything()));
    Ref<FsContext> kernel_fs = fs;
    g_kernel_fs = kernel_fs.release();

    g_init_start = {entry, argument};
    TRY_ASSIGN(auto task, make_kernel_task("init", run_init, nullptr));
    auto process = adopt_ref(new (std::nothrow) Process);
    auto actions = adopt_ref(new (std::nothrow) SignalActions);
    if (!process || !actions) return Err(Error::nomem);
    process->children.reset(new (std::nothrow) Process::Children);
    if (!process->children) return Err(Error::nomem);
    TRY_ASSIGN(auto files, vfs::FileTable::create());
    TRY_ASSIGN(auto own_fs, fs->copy());
    TRY_ASSIGN(const i32 pid, pids::allocate(1));
    auto session = adopt_ref(new (std::nothrow) Session);
    if (!session) return Err(Error::nomem);
    // The group and session of pid 1 before its own setsid: number 0, which no lookup finds.
    TRY_ASSIGN(auto group, make_group(0, session));

    process->pid = pid;
    process->leader = task.get();
    process->unkillable = true;
    process->start_time_ns = task->start_time_ns;
    process->exit_signal = kSigChld;
    process->actions.assign(Ref(actions).release());
    task->tid = pid;
    task->actions = actions;
    task->process = process;
    task->files = std::move(files);
    task->fs = std::move(own_fs);
    task->blocked = SignalSet();
    task->credentials = Credentials::root();
    if (!task->credentials) return Err(Error::nomem);
    (void)account::charge_process(0, ~u64{0});
    {
        TreeGuard guard(g_tree_lock);
        process->threads.push_back(*task);
        process->thread_count = process->live_threads = 1;
        join_group_locked(*process, *group);
        pids::attach(pid, pids::Kind::task, task.get());
        pids::attach(pid, pids::Kind::process, process.get());
        g_init_process = process.get();
    }
    g_thread_count.fetch_add(1, std::memory_order_relaxed);
    (void)process.release();  // the tree's
    task->ref();              // likewise
    sched::start(*task);
    return {};
}

}  // namespace process
}  // namespace tenon

namespace tenon::process {

namespace {
constinit sync::SpinLock lock{sync::LockRank::spin_leaf};
constinit char names[2][kSystemNameBytes] = {"tenon", "(none)"};
}  // namespace

void system_name(SystemName which, std::span<char, kSystemNameBytes> out) {
    sync::SpinGuard guard(lock);
    std::memcpy(out.data(), names[static_cast<u8>(which)], kSystemNameBytes);
}

Result<void> set_system_name(SystemName which, std::string_view name) {
    if (name.size() >= kSystemNameBytes) return Err(Error::inval);
    sync::SpinGuard guard(lock);
    char* place = names[static_cast<u8>(which)];
    std::memset(place, 0, kSystemNameBytes);
    std::memcpy(place, name.data(), name.size());
    return {};
}

namespace {
constinit char g_core_pattern[kCorePatternBytes] = "core";
constinit std::atomic<bool> g_core_uses_pid{false};
}  // namespace

void core_pattern(std::span<char, kCorePatternBytes> out) {
    sync::SpinGuard guard(lock);
    std::memcpy(out.data(), g_core_pattern, kCorePatternBytes);
}

void set_core_pattern(std::string_view pattern) {
    sync::SpinGuard guard(lock);
    std::memset(g_core_pattern, 0, kCorePatternBytes);
    std::memcpy(g_core_pattern, pattern.data(), std::min(pattern.size(), kCorePatternBytes - 1));
}

bool core_uses_pid() {
    return g_core_uses_pid.load(std::memory_order_relaxed);
}
void set_core_uses_pid(bool on) {
    g_core_uses_pid.store(on, std::memory_order_relaxed);
}

namespace {
constinit sync::SpinLock listener_lock{sync::LockRank::spin_leaf};
// Never destroyed.
union ListenerPlace {
    constexpr ListenerPlace() : handle() {}
    constexpr ~ListenerPlace() {}
    module::Gated<ExitListener> handle;
};
constinit ListenerPlace listener;
}  // namespace

void set_exit_listener(module::Gated<ExitListener> fresh) {
    {
        sync::SpinGuard guard(listener_lock);
        std::swap(listener.handle, fresh);
    }
}

void tell_exit_listener(i32 pid) {
    module::Gated<ExitListener> told;
    {
        sync::SpinGuard guard(listener_lock);
        told = listener.handle.alias();
    }
    if (told) told.call(&ExitListener::exited, pid);
}

void set_oom_score_adjust(Process& process, i32 value) {
    process.oom_score_adjust = value;
}
void set_core_filter(Process& process, u32 bits) {
    process.core_filter = bits;
}
void set_timer_slack(Process& process, u32 slack_ns) {
    process.timer_slack_ns = slack_ns;
}

}  // namespace tenon::process
