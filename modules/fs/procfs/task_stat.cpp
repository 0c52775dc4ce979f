// stat, statm, schedstat, io of a task or process.
#include <tenon/mm/address_space.h>
#include <tenon/sched/scheduler.h>

#include "files.h"
#include "signals.h"

namespace tenon::procfs {

StateName state_of(const Task& task) {
    // Who can be waited for is a zombie, although it may still be on its way out of the CPU.
    if (task.process && task.process->zombie && task.tid == task.process->pid)
        return {'Z', "zombie"};
    switch (task.state.load(std::memory_order_relaxed)) {
        case TaskState::running:
            return {'R', "running"};
        case TaskState::interruptible:
            return {'S', "sleeping"};
        case TaskState::uninterruptible:
        case TaskState::killable:
            return {'D', "disk sleep"};
        case TaskState::stopped:
            return {'T', "stopped"};
        case TaskState::traced:
            return {'t', "tracing stop"};
        case TaskState::zombie:
            return {'Z', "zombie"};
        case TaskState::dead:
            return {'Z', "zombie"};  // gone, and not waited for: else it is not found
    }
    return {'R', "running"};
}

namespace {

Result<void> show_stat_line(Text& out, const Subject& about, bool whole_process) {
    Task& task = *about.task;
    process::Process& process = *about.process;
    const StateName state = state_of(task);
    u32 tty = 0;
    i32 foreground = -1;
    if (Ref<process::Session> session = process::session_of(process)) {
        if (session->terminal) {
            const vfs::DeviceNumber n =
                session->terminal.call(&process::ControllingTerminal::number);
            tty = (n.minor & 0xff) | (n.major << 8) | ((n.minor & ~0xffu) << 12);
            foreground = session->terminal.call(&process::ControllingTerminal::foreground_group);
        }
    }
    process::Usage usage{};
    if (whole_process) {
        usage = process::usage_of(process);
    } else {
        usage.user_ns = task.user_ns;
        usage.system_ns = task.system_ns;
        usage.minor_faults = task.minor_faults;
        usage.major_faults = task.major_faults;
    }
    const process::Usage& children = process.children_usage;
    const sched::Params params = sched::params(task);
    const bool real_time =
        params.policy == sched::Policy::fifo || params.policy == sched::Policy::rr;
    const i32 priority = params.policy == sched::Policy::deadline ? -101
                         : real_time                              ? -1 - params.rt_priority
                                                                  : 20 + params.nice;
    static constexpr u8 kPolicies[] = {0, 3, 5, 1, 2, 6};  // SCHED_* of Policy

    Ref<mm::AddressSpace> space = process::space_of(task);
    mm::AddressSpace::Footprint memory{};
    mm::AddressSpace::Layout layout;
    if (space) {
        memory = space->footprint();
        layout = space->layout;
    }
    const u64 resident = memory.resident_anon + memory.resident_file + memory.resident_shmem;
    const SignalSummary signals = signals_of(task);
    // PF_KTHREAD, PF_RANDOMIZE and such: only what tools look at.
    const u32 flags = task.is_kernel_thread() && !space ? 0x00200000 : 0x00400000;

    out.print("{} ({}) {} {} {} {} {} {} {}", whole_process ? process.pid : task.tid,
              static_cast<const char*>(task.name), state.letter, process::parent_pid(process),
              process::group_id(process), process::session_id(process), tty, foreground, flags);
    out.print(" {} {} {} {} {} {} {} {}", usage.minor_faults, children.minor_faults,
              usage.major_faults, children.major_faults, ticks(usage.user_ns),
              ticks(usage.system_ns), ticks(children.user_ns), ticks(children.system_ns));
    out.print(" {} {} {} 0 {} {} {} {}", priority, params.nice, process.thread_count,
              ticks(task.start_time_ns), memory.total_pages << kPageShift, resident,
              process.limit(process::Limits::rss));
    out.print(" {} {} {} 0 0", layout.code_start, layout.code_end, layout.stack_top);
    out.print(" {} {} {} {}", signals.pending.bits() & 0x7fffffff,
              signals.blocked.bits() & 0x7fffffff, signals.ignored.bits() & 0x7fffffff,
              signals.caught.bits() & 0x7fffffff);
    out.print(" 0 0 0 {} {} {} {} 0 0 0",
              whole_process || task.tid == process.pid ? process.exit_signal : -1,
              task.sched.cpu.load(std::memory_order_relaxed), u32{params.rt_priority},
              u32{kPolicies[static_cast<u8>(params.policy)]});
    out.print(" {} {} {} {} {} {} {} {}\n", layout.data_start, layout.data_end, layout.brk_start,
              layout.arg_start, layout.arg_end, layout.env_start, layout.env_end,
              process.zombie ? process.wait_code : 0);
    return {};
}

}  // namespace

Result<void> show_process_stat(Text& out, const Subject& about) {
    return show_stat_line(out, about, true);
}
Result<void> show_task_stat(Text& out, const Subject& about) {
    return show_stat_line(out, about, false);
}

Result<void> show_statm(Text& out, const Subject& about) {
    Ref<mm::AddressSpace> space = process::space_of(*about.task);
    if (!space) {
        out.write("0 0 0 0 0 0 0\n");
        return {};
    }
    const auto m = space->footprint();
    const u64 text = (align_up(space->layout.code_end, kPageSize) -
                      align_down(space->layout.code_start, kPageSize)) >>
                     kPageShift;
    const u64 shared = m.resident_file + m.resident_shmem;
    out.print("{} {} {} {} 0 {} 0\n", m.total_pages, m.resident_anon + shared, shared, text,
              m.data_pages + m.stack_pages);
    return {};
}

Result<void> show_schedstat(Text& out, const Subject& about) {
    const auto& s = about.task->sched;
    out.print("{} {} {}\n", s.sum_exec_ns, s.run_delay_ns,
              s.voluntary_switches + s.involuntary_switches);
    return {};
}

Result<void> show_io(Text& out, const Subject& about) {
    const process::Usage u = process::usage_of(*about.process);
    out.print(
        "rchar: {}\nwchar: {}\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\n"
        "cancelled_write_bytes: 0\n",
        u.read_bytes, u.written_bytes);
    return {};
}

}  // namespace tenon::procfs
