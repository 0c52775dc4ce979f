// /proc/sysrq-trigger: one character is one command, whatever kernel.sysrq says. Those that are not
// here answer as an unknown one does: with the list of those that are. Spec: Linux
// Documentation/admin-guide/sysrq.rst.
#include <tenon/arch/machine.h>
#include <tenon/lib/assert.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/sched/scheduler.h>
#include <tenon/trace/log.h>
#include <tenon/vfs/lookup.h>

#include "files.h"

namespace tenon::procfs {

namespace {

// Calls fn(task) for each thread of each process; no spin lock is held.
template <typename Fn>
void each_task(Fn&& fn) {
    struct Search {
        i32 from, best;
    };
    for (Ref<process::Process> p = process::next_process(1); p;
         p = process::next_process(p->pid + 1)) {
        for (Search search{1, 0};; search = {search.best + 1, 0}) {
            process::for_each_thread(
                *p,
                [](Task& task, void* context) {
                    auto& s = *static_cast<Search*>(context);
                    if (task.tid >= s.from && (s.best == 0 || task.tid < s.best)) s.best = task.tid;
                },
                &search);
            if (search.best == 0) break;
            if (Ref<Task> task = process::find_task(search.best); task && task->process == p)
                fn(*task);
        }
    }
}

enum class Which : u8 { all, blocked };
void show_tasks(Which which) {
    each_task([&](Task& task) {
        const StateName state = state_of(task);
        if (which == Which::blocked && state.letter != 'D') return;
        log::info("task:{:<15} state:{} pid:{} tid:{} ppid:{} cpu:{}",
                  static_cast<const char*>(task.name), state.letter, task.process->pid, task.tid,
                  process::parent_pid(*task.process),
                  task.sched.cpu.load(std::memory_order_relaxed));
    });
}

void show_memory() {
    const mm::MemoryStats s = mm::memory_stats();
    log::info(
        "Mem-Info: total:{}kB free:{}kB available:{}kB anon:{}kB file:{}kB shmem:{}kB dirty:{}kB "
        "slab:{}kB pagetables:{}kB kernel_stack:{}kB vmalloc:{}kB",
        kib(s.total_pages), kib(s.free_pages), kib(s.available_pages), kib(s.anon_pages),
        kib(s.file_pages), kib(s.shmem_pages), kib(s.dirty_pages), kib(s.slab_pages),
        kib(s.page_table_pages), kib(s.kernel_stack_pages), kib(s.vmalloc_pages));
    mm::for_each_zone(
        [](const mm::ZoneInfo& zone, void*) {
            log::info("Node {} {} free:{}kB managed:{}kB", zone.node, zone.name,
                      kib(zone.free_pages), kib(zone.managed_pages));
        },
        nullptr);
}

// To every process but the first one.
void signal_all(u32 signal) {
    for (Ref<process::Process> p = process::next_process(2); p;
         p = process::next_process(p->pid + 1))
        (void)process::send_to_process(*p, process::kernel_signal(signal));
}

void make_fair() {
    each_task([](Task& task) {
        sched::Params params = sched::params(task);
        if (params.policy != sched::Policy::fifo && params.policy != sched::Policy::rr &&
            params.policy != sched::Policy::deadline)
            return;
        params.policy = sched::Policy::normal;
        params.rt_priority = 0;
        (void)sched::set_params(task, params);
    });
}

}  // namespace

Result<void> store_sysrq(const Subject&, std::string_view text) {
    if (text.empty()) return {};
    constexpr u32 kSigTerm = 15;
    const char key = text.front();
    if (key >= '0' && key <= '9') {
        log::notice("sysrq: Loglevel set to {}", key - '0');
        log::set_console_level(static_cast<u8>(key - '0'));
        return {};
    }
    switch (key) {
        case 'b':
            log::notice("sysrq: Resetting");
            arch::reboot();
        case 'c':
            log::notice("sysrq: Trigger a crash");
            panic("sysrq triggered crash");
        case 'e':
            log::notice("sysrq: Terminate All Tasks");
            signal_all(kSigTerm);
            break;
        case 'i':
            log::notice("sysrq: Kill All Tasks");
            signal_all(process::kSigKill);
            break;
        case 'm':
            log::notice("sysrq: Show Memory");
            show_memory();
            break;
        case 'n':
            log::notice("sysrq: Nice All RT Tasks");
            make_fair();
            break;
        case 'o':
            log::notice("sysrq: Power Off");
            arch::power_off();
        case 's':
            log::notice("sysrq: Emergency Sync");
            vfs::sync_all();
            log::notice("Emergency Sync complete");
            break;
        case 't':
            log::notice("sysrq: Show State");
            show_tasks(Which::all);
            break;
        case 'w':
            log::notice("sysrq: Show Blocked State");
            show_tasks(Which::blocked);
            break;
        default:
            log::notice(
                "sysrq: HELP : loglevel(0-9) reboot(b) crash(c) terminate-all-tasks(e) "
                "kill-all-tasks(i) show-memory-usage(m) nice-all-RT-tasks(n) poweroff(o) sync(s) "
                "show-task-states(t) show-blocked-tasks(w)");
            break;
    }
    return {};
}

}  // namespace tenon::procfs
