// A helper begins as a fork of a kernel thread, which execs before it ever sees user mode: the way
// that pid 1 takes. The thread lives until then.
#include "personality/linux/process/helper.h"

#include <tenon/arch/context.h>
#include <tenon/process/personality.h>
#include <tenon/process/tree.h>
#include <tenon/sched/kthread.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/lookup.h>

#include <cstring>

namespace tenon::personality {

using namespace process;

namespace {

// Outlives the program's start: both wait for release_vfork() in exec.
struct Start {
    HelperRequest& request;
    Ref<ProcessGroup> group;  // number 0, as pid 1 begins with
    Result<void> outcome;
    sync::Completion done;
};

Result<void> exec_program(Start& start) {
    // Its own: the caller goes on before exec is through, and a script replaces the arguments.
    ArgumentBlock arguments;
    arguments.swap(start.request.arguments);
    const usize length = std::strlen(arguments.bytes());
    std::unique_ptr<char[]> path(new (std::nothrow) char[length]);
    if (!path) return Err(Error::nomem);
    std::memcpy(path.get(), arguments.bytes(), length);
    ExecRequest exec;
    vfs::OpenRequest open{.flags = vfs::kOpenRead | vfs::kOpenExec};
    TRY_ASSIGN(exec.file, vfs::open(vfs::lookup_start_of_current(), {path.get(), length}, open));
    exec.path = {path.get(), length};
    exec.arguments = &arguments;
    return process::exec(exec);
}

void run(void* context) {
    auto& start = *static_cast<Start*>(context);
    Task& self = *current();
    // From here on it is a user task: its registers, TLS and FPU state are switched.
    self.kernel_entry = nullptr;
    {
        SignalLock lock(*self.process);
        for (SignalAction& action : lock.actions().action) action = {};
    }
    if (auto r = exec_program(start); !r) {
        start.outcome = r;
        exit_group(0);
    }
    arch::enter_user(arch::user_regs(self));
}

Result<void> prepare(Task& child, void* context) {
    auto& start = *static_cast<Start*>(context);
    child.kernel_entry = run;
    child.kernel_argument = context;
    arch::init_kernel_context(child, run, context);
    child.blocked = SignalSet();
    child.process->limits.value[Limits::core] = {start.request.core_limit,
                                                 start.request.core_limit};
    TRY_ASSIGN(child.files, vfs::FileTable::create());
    TRY(child.files->install(std::move(start.request.input), false, 1));
    return {};
}

Result<void> spawn(Start& start) {
    auto session = adopt_ref(new (std::nothrow) Session);
    if (!session) return Err(Error::nomem);
    TRY_ASSIGN(start.group, make_group(0, session));
    {
        // The kernel waits for none of its children.
        SignalLock lock(current_process());
        lock.actions().action[kSigChld].kind = SignalAction::Kind::ignore;
    }
    CloneOptions options;
    options.vfork = true;  // until it runs the program, or is gone
    options.prepare = prepare;
    options.publish = [](Task& child, void* context) {
        TreeGuard tree(tree_lock());
        join_group_locked(*child.process, *static_cast<Start*>(context)->group);
    };
    options.prepare_context = &start;
    TRY(process::clone(options, arch::UserRegs::at_entry(0, 0)));
    return start.outcome;
}

}  // namespace

Result<void> start_helper(HelperRequest& request) {
    Start start{request, {}, {}, {}};
    TRY_ASSIGN(auto* thread, sched::KThread::start(
                                 "khelper",
                                 [](void* context) {
                                     auto& s = *static_cast<Start*>(context);
                                     s.outcome = spawn(s);
                                     s.done.complete();
                                 },
                                 &start));
    (void)start.done.wait(sync::WaitMode::uninterruptible);
    sched::KThread::stop(thread);
    return start.outcome;
}

}  // namespace tenon::personality
