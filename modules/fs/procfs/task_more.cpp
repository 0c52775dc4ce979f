// A task's files that few programs read: what it waits in, its children, name-space facts.
#include <tenon/arch/context.h>
#include <tenon/linux/task_facts.h>
#include <tenon/process/tree.h>
#include <tenon/sched/scheduler.h>

#include "files.h"

namespace tenon::procfs {

// Where the task is in the kernel: number and arguments of its system call, stack and instruction
// pointers of the program. Spec: man 5 proc; Linux lib/syscall.c.
Result<void> show_syscall(Text& out, const Subject& about) {
    if (!may_look(about)) return Err(Error::perm);
    Task& task = *about.task;
    if (&task != current() && state_of(task).letter == 'R') {
        out.write("running\n");
        return {};
    }
    arch::UserRegs regs = {};
    bool has_stack = false;
    {
        // SAFETY: a task that is not on its way out under this lock keeps its stack as long as the
        // lock is held. One that goes on meanwhile changes what is read, as in the moment after.
        sync::IrqSpinGuard guard(process::tree_lock());
        has_stack = !task.is_kernel_thread() && !task.exiting;
        if (has_stack) regs = arch::user_regs(task);
    }
    if (!has_stack) {
        out.write("-1 0x0 0x0\n");
        return {};
    }
    if (!regs.in_syscall()) {
        out.print("-1 {:#x} {:#x}\n", regs.sp(), regs.ip());
        return {};
    }
    out.print("{}", static_cast<i32>(regs.syscall_number()));
    for (u32 i = 0; i < 6; ++i) out.print(" {:#x}", regs.syscall_arg(i));
    out.print(" {:#x} {:#x}\n", regs.sp(), regs.ip());
    return {};
}

// Only what there is of the scheduler's facts. Spec: Linux kernel/sched/debug.c,
// proc_sched_show_task().
Result<void> show_sched(Text& out, const Subject& about) {
    Task& task = *about.task;
    const sched::Params params = sched::params(task);
    const bool real_time =
        params.policy == sched::Policy::fifo || params.policy == sched::Policy::rr;
    static constexpr u8 kPolicies[] = {0, 3, 5, 1, 2, 6};  // SCHED_* of Policy
    const usize start = out.size();
    out.print("{} ({}, #threads: {})\n", static_cast<const char*>(task.name), task.tid,
              about.process->thread_count);
    out.pad('-', std::max<usize>(out.size() - start, 67));
    out.write("\n");
    const auto line = [&](std::string_view name, u64 value) {
        out.print("{:<45}:{:21}\n", name, value);
    };
    const auto& s = task.sched;
    out.print("{:<45}:{:14}.{:06}\n", "se.sum_exec_runtime", s.sum_exec_ns / 1'000'000,
              s.sum_exec_ns % 1'000'000);
    line("nr_switches", s.voluntary_switches + s.involuntary_switches);
    line("nr_voluntary_switches", s.voluntary_switches);
    line("nr_involuntary_switches", s.involuntary_switches);
    line("policy", kPolicies[static_cast<u8>(params.policy)]);
    const bool deadline = params.policy == sched::Policy::deadline;
    out.print("{:<45}:{:21}\n", "prio",
              deadline    ? -1
              : real_time ? 99 - params.rt_priority
                          : 120 + params.nice);
    return {};
}

// The numbers of the child processes: of the first thread, since a child is its process's.
Result<void> show_children(Text& out, const Subject& about) {
    if (about.task->tid != about.process->pid) return {};
    for (i32 from = 1;;) {
        Ref<process::Process> p = process::next_process(from);
        if (!p) return {};
        if (process::parent_pid(*p) == about.process->pid) out.print("{} ", p->pid);
        from = p->pid + 1;
    }
}

Result<void> show_cpuset(Text& out, const Subject&) {
    out.write("/\n");
    return {};
}
Result<void> show_time_offsets(Text& out, const Subject&) {
    for (std::string_view clock : {"monotonic", "boottime"})
        out.print("{:<10} {:10} {:9}\n", clock, 0, 0);
    return {};
}

// POSIX timers. Spec: man 5 proc.
Result<void> show_timers(Text& out, const Subject& about) {
    if (auto tasks = module::find_service<linux_task::Tasks>(linux_task::kService))
        return tasks->call(&linux_task::Tasks::list_timers, *about.process,
                           static_cast<fmt::Sink&>(out));
    return {};
}

// The maps of the initial name space are written once, by the kernel.
Result<void> store_refused(const Subject&, std::string_view) {
    return Err(Error::perm);
}

// The older scale, -17 (never) to 15. Spec: Linux fs/proc/base.c, oom_adj_write().
Result<void> show_oom_adj(Text& out, const Subject& about) {
    const i32 value = about.process->oom_score_adjust;
    out.print("{}\n", value == 1000 ? 15 : value * 17 / 1000);
    return {};
}
Result<void> store_oom_adj(const Subject& about, std::string_view text) {
    TRY_ASSIGN(i64 value, parse_number(text));
    if (value < -17 || value > 15) return Err(Error::inval);
    value = value == 15 ? 1000 : value * 1000 / 17;
    if (value < about.process->oom_score_adjust &&
        !process::capable(process::Capability::sys_resource))
        return Err(Error::acces);
    process::set_oom_score_adjust(*about.process, static_cast<i32>(value));
    return {};
}

}  // namespace tenon::procfs
