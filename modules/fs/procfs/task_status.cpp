// /proc/PID/status.
#include <tenon/arch/smp.h>
#include <tenon/linux/task_facts.h>
#include <tenon/mm/address_space.h>
#include <tenon/vfs/file_table.h>

#include <array>

#include "cpu_identity.h"
#include "files.h"
#include "signals.h"

namespace tenon::procfs {

SignalSummary signals_of(Task& task) {
    SignalSummary s;
    s.blocked = task.blocked;
    s.pending = task.pending.set;
    if (task.process) s.shared_pending = task.process->pending.set;
    sync::RcuGuard guard;
    if (const process::SignalActions* actions = task.actions.get()) {
        for (u32 n = 1; n <= process::kSignalCount; ++n) {
            switch (actions->action[n].kind) {
                case process::SignalAction::Kind::ignore:
                    s.ignored.add(n);
                    break;
                case process::SignalAction::Kind::handler:
                    s.caught.add(n);
                    break;
                default:
                    break;
            }
        }
    }
    return s;
}

namespace {

// What a mask of 1024 nodes, as many as Linux has room for, begins with where there is one.
constexpr auto kOtherNodesText = [] {
    std::array<char, 31 * 9> text{};
    for (usize i = 0; i < text.size(); ++i) text[i] = i % 9 == 8 ? ',' : '0';
    return text;
}();
constexpr std::string_view kOtherNodes(kOtherNodesText.data(), kOtherNodesText.size());

// "0-3,5" of the set bits.
void write_list(Text& out, u64 bits) {
    bool first = true;
    for (u32 i = 0; i < 64; ++i) {
        if (!((bits >> i) & 1)) continue;
        u32 end = i;
        while (end + 1 < 64 && ((bits >> (end + 1)) & 1)) ++end;
        if (!first) out.write(",");
        first = false;
        out.print("{}", i);
        if (end > i) out.print("-{}", end);
        i = end;
    }
}

void write_memory(Text& out, mm::AddressSpace& space) {
    const auto m = space.footprint();
    const u64 resident = m.resident_anon + m.resident_file + m.resident_shmem;
    const u64 text = (align_up(space.layout.code_end, kPageSize) -
                      align_down(space.layout.code_start, kPageSize)) >>
                     kPageShift;
    const auto line = [&](std::string_view name, u64 pages) {
        out.print("{}\t{:8} kB\n", name, kib(pages));
    };
    line("VmPeak:", m.peak_total);
    line("VmSize:", m.total_pages);
    line("VmLck:", m.locked_pages);
    line("VmPin:", 0);
    line("VmHWM:", m.peak_resident);
    line("VmRSS:", resident);
    line("RssAnon:", m.resident_anon);
    line("RssFile:", m.resident_file);
    line("RssShmem:", m.resident_shmem);
    line("VmData:", m.data_pages);
    line("VmStk:", m.stack_pages);
    line("VmExe:", text);
    line("VmLib:", m.exec_pages > text ? m.exec_pages - text : 0);
    line("VmPTE:", m.page_table_pages);
    line("VmSwap:", 0);
    line("HugetlbPages:", 0);
    out.print("CoreDumping:\t0\nTHP_enabled:\t1\n");
}

}  // namespace

Result<void> show_status(Text& out, const Subject& about) {
    Task& task = *about.task;
    process::Process& process = *about.process;
    const StateName state = state_of(task);
    out.write("Name:\t");
    write_escaped(out, task.name, "\n\\");
    if (Ref<process::FsContext> fs = process::fs_of(task))
        out.print("\nUmask:\t{:04o}", fs->umask.load(std::memory_order_relaxed));
    const i32 group = process::group_id(process), session = process::session_id(process);
    out.print("\nState:\t{} ({})\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t{}\n",
              state.letter, state.word, process.pid, task.tid, process::parent_pid(process),
              task.tracer.load(std::memory_order_relaxed));
    Ref<process::Credentials> cred = process::credentials_of(task);
    if (cred) {
        out.print("Uid:\t{}\t{}\t{}\t{}\nGid:\t{}\t{}\t{}\t{}\n", cred->uid, cred->euid, cred->suid,
                  cred->fsuid, cred->gid, cred->egid, cred->sgid, cred->fsgid);
    }
    Ref<vfs::FileTable> files = process::files_of(task);
    out.print("FDSize:\t{}\nGroups:\t", files ? files->capacity() : 0);
    if (cred) {
        for (u32 i = 0; i < cred->group_count; ++i) out.print("{} ", cred->groups[i]);
    }
    out.print("\nNStgid:\t{}\nNSpid:\t{}\nNSpgid:\t{}\nNSsid:\t{}\n", process.pid, task.tid, group,
              session);
    if (Ref<mm::AddressSpace> space = process::space_of(task)) write_memory(out, *space);
    const SignalSummary signals = signals_of(task);
    out.print(
        "Threads:\t{}\nSigQ:\t0/{}\nSigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\n"
        "SigIgn:\t{:016x}\nSigCgt:\t{:016x}\n",
        process.thread_count, process.limit(process::Limits::sigpending), signals.pending.bits(),
        signals.shared_pending.bits(), signals.blocked.bits(), signals.ignored.bits(),
        signals.caught.bits());
    linux_task::Facts facts;
    if (auto tasks = module::find_service<linux_task::Tasks>(linux_task::kService))
        facts = tasks->call(&linux_task::Tasks::facts_of, task);
    if (cred) {
        out.print(
            "CapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\n"
            "CapAmb:\t{:016x}\nNoNewPrivs:\t{}\n",
            cred->inheritable, cred->permitted, cred->effective, cred->bounding, cred->ambient,
            u32{cred->no_new_privileges || facts.no_new_privileges});
    }
    const u64 possible = arch::online_mask().bits();
    const u64 allowed = sched::affinity(task).bits() & possible;
    out.print(
        "Seccomp:\t{}\nSeccomp_filters:\t{}\nSpeculation_Store_Bypass:\t{}vulnerable\n"
        "SpeculationIndirectBranch:\talways enabled\nCpus_allowed:\t{:x}\n"
        "Cpus_allowed_list:\t",
        facts.seccomp_mode, facts.seccomp_filters, bypasses_stores() ? "" : "not ", allowed);
    write_list(out, allowed);
    out.print(
        "\nMems_allowed:\t{}00000001\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t{}\n"
        "nonvoluntary_ctxt_switches:\t{}\n",
        kOtherNodes, task.sched.voluntary_switches, task.sched.involuntary_switches);
    return {};
}

}  // namespace tenon::procfs
