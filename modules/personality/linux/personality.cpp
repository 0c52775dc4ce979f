// Task life, as this personality adds to it.
#include "personality/linux/personality.h"

#include <tenon/arch/context.h>
#include <tenon/arch/user_copy.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/futex.h>

#include "personality/linux/dispatch.h"
#include "personality/linux/exec/arguments.h"
#include "personality/linux/exec/elf.h"
#include "personality/linux/exec/script.h"
#include "personality/linux/hooks.h"
#include "personality/linux/ipc/shm.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/process/first_program.h"
#include "personality/linux/system/accounting.h"
#include "personality/linux/time/linux_process.h"
#include "personality/linux/trace/core_dump.h"

namespace tenon::personality {

Result<void> LinuxPersonality::exec(process::ExecRequest& request) {
    ArgumentBlock first;
    if (request.arguments == nullptr) {
        for (std::string_view text :
             {request.path, std::string_view("HOME=/"), std::string_view("TERM=linux")})
            TRY(first.append(text));
        first.argc = 1, first.envc = 2;
        request.arguments = &first;
        set_first_limits(process::current_process().limits);
        open_first_console();
    }
    auto r = script::exec(request);
    if (r || r.error() != Error::noexec) return r;
    if (request.head[0] == '#' && request.head[1] == '!') return r;
    return elf::exec(request);
}

Result<void> LinuxPersonality::task_cloned(Task& child, const process::CloneOptions& options) {
    auto* fresh = new (std::nothrow) LinuxTask;
    if (fresh == nullptr) return Err(Error::nomem);
    child.extension.reset(fresh);
    const LinuxTask& parent = linux_task();
    // Tracing is not inherited like this: see trace/clone.cpp.
    child.syscall_entry = &personality::entry;
    (void)trace::take_trap_flag(arch::user_regs(child));
    arch::set_user_counter(child, current()->context.counter);
    fresh->persona = parent.persona;
    fresh->io_priority = parent.io_priority;
    fresh->memory_policy = parent.memory_policy;
    fresh->ports = parent.ports;
    fresh->default_slack_ns = process::current_process().timer_slack_ns;
    seccomp::inherit(child);
    TRY(fresh->keys.inherit(parent.keys, options.same_process));
    // Told to the child: its CPU time is counted from its own beginning.
    if (!options.same_process && has_cpu_limit(*child.process)) {
        fresh->begins_cpu_limit = true;
        child.set_work(kWorkNotify);
    }
    // A child with a copy of the memory has the same rseq area; one in the same memory registers
    // its own.
    if (!options.share_space) {
        fresh->rseq = parent.rseq;
        fresh->rseq_length = parent.rseq_length;
        fresh->rseq_signature = parent.rseq_signature;
        if (fresh->rseq != 0) {
            child.notify_on_switch = true;
            child.set_work(kWorkNotify);
        }
    }
    return {};
}

void LinuxPersonality::task_exiting(Task& task) {
    if (!task.extension) return;
    trace::wait_for_dump(task);
    trace::exiting(task);
    linux_task(task).keys.drop();
    linux_task(task).ports.reset();
    if (task.space) {
        leave_memory(task, true);
        LinuxTask& own = linux_task(task);
        own.undo.reset();
        if (own.made_segments) ipc::creator_exits(task.tid);
    }
    trace::detach_all(task);
}

void leave_memory(Task& task, bool for_good) {
    LinuxTask& own = linux_task(task);
    if (own.robust_list != 0) {
        exit_robust_list(own.robust_list);
        own.robust_list = 0;
    }
    pi::leave(task, for_good);
    if (own.clear_child_tid != 0) {
        const u64 address = std::exchange(own.clear_child_tid, 0);
        // Nobody can be waiting in memory that nobody else has.
        if (task.space->ref_count() > 1) {
            const u32 zero = 0;
            (void)mm::copy_to_user(UserAddr{address}, &zero, sizeof(zero));
            (void)process::futex::wake(address, process::futex::Scope::shared, 1, ~0u);
        }
    }
}

void LinuxPersonality::process_exiting(process::Process& process) {
    drop_for_exit(process);
    account_for(process);
}

void LinuxPersonality::exec_done(Task& task) {
    drop_for_exec(*task.process);
    linux_task(task).keys.forget_program();
}

}  // namespace tenon::personality
