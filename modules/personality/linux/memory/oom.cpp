// When memory is short: a process is ended.
//
// The victim is the process with the most memory (resident pages and page tables), weighted by its
// oom_score_adjust in thousandths of RAM; -1000 exempts. Pid 1 is never chosen. Who and why goes to
// the log, with the state of memory. A process that is dying already is waited for rather than
// joined by another.
#include "personality/linux/memory/oom.h"

#include <tenon/lib/assert.h>
#include <tenon/mm/address_space.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/process/process.h>
#include <tenon/sync/mutex.h>
#include <tenon/trace/log.h>

#include "personality/linux/system/settings.h"

namespace tenon::personality {

namespace {

constinit sync::Mutex killer{sync::LockRank::sleeping_leaf};
constexpr u64 kib(u64 pages) {
    return pages << (kPageShift - 10);
}

struct Candidate {
    Ref<process::Process> process;
    i64 points = 0;
    mm::AddressSpace::Footprint footprint{};
};

// Points of a process: pages, after the adjustment; <= 0: not to be killed.
i64 score(process::Process& process, mm::AddressSpace::Footprint& footprint) {
    if (process.pid <= 1 || process.zombie || process.oom_score_adjust <= -1000) return 0;
    Ref<Task> leader = process::find_task(process.pid);
    Ref<mm::AddressSpace> space = leader ? process::space_of(*leader) : nullptr;
    if (!space) return 0;
    footprint = space->footprint();
    const i64 pages = static_cast<i64>(footprint.resident_anon + footprint.resident_file +
                                       footprint.resident_shmem + footprint.page_table_pages);
    const i64 adjusted =
        pages + process.oom_score_adjust * static_cast<i64>(mm::memory_stats().total_pages) / 1000;
    return adjusted > 0 ? adjusted : 1;
}

}  // namespace

mm::OomAnswer out_of_memory(u32 order) {
    if (current() == nullptr || !current()->process) return mm::OomAnswer::hopeless;
    if (process::fatal_signal_pending()) return mm::OomAnswer::hopeless;
    if (setting(linux_settings::Setting::panic_on_oom) != 0)
        panic("Out of memory: vm.panic_on_oom is set");
    if (!killer.try_lock()) {
        sched::sleep_ns(1'000'000);
        return mm::OomAnswer::retry;
    }
    Candidate best;
    bool dying = false;
    for (Ref<process::Process> p = process::next_process(2); p;
         p = process::next_process(p->pid + 1)) {
        mm::AddressSpace::Footprint footprint{};
        const i64 points = score(*p, footprint);
        if (points <= 0) continue;
        if (p->group_exiting) dying = true;
        // Who asks comes before whoever has the most, if that is wanted.
        const bool asks = p.get() == current()->process.get() &&
                          setting(linux_settings::Setting::oom_kill_allocating_task) != 0;
        const i64 weight = asks ? INT64_MAX : points;
        if (weight > best.points) best = {p, weight, footprint};
    }
    if (dying) {
        killer.unlock();
        sched::sleep_ns(1'000'000);
        return mm::OomAnswer::retry;
    }
    if (!best.process) {
        killer.unlock();
        log::err("out of memory: {} wants {} pages, and there is no process to kill",
                 current()->name, u64{1} << order);
        return mm::OomAnswer::hopeless;
    }
    const mm::MemoryStats stats = mm::memory_stats();
    log::err(
        "out of memory: {} (pid {}) wants {} pages; free {} KiB, anonymous {} KiB, files {} "
        "KiB (shared memory {} KiB), slab {} KiB, page tables {} KiB",
        current()->name, current()->process->pid, u64{1} << order, kib(stats.free_pages),
        kib(stats.anon_pages), kib(stats.file_pages), kib(stats.shmem_pages), kib(stats.slab_pages),
        kib(stats.page_table_pages));
    process::Process& victim = *best.process;
    Ref<Task> leader = process::find_task(victim.pid);
    Ref<process::Credentials> cred = leader ? process::credentials_of(*leader) : nullptr;
    log::err(
        "Out of memory: Killed process {} ({}) total-vm:{}kB, anon-rss:{}kB, file-rss:{}kB, "
        "shmem-rss:{}kB, UID:{} pgtables:{}kB oom_score_adj:{}: it holds the most",
        victim.pid, leader ? static_cast<const char*>(leader->name) : "?",
        kib(best.footprint.total_pages), kib(best.footprint.resident_anon),
        kib(best.footprint.resident_file), kib(best.footprint.resident_shmem), cred ? cred->uid : 0,
        kib(best.footprint.page_table_pages), victim.oom_score_adjust);
    (void)process::send_to_process(victim, process::kernel_signal(process::kSigKill));
    const bool self = current()->process.get() == &victim;
    best.process.reset();
    killer.unlock();
    if (!self) sched::sleep_ns(1'000'000);
    return self ? mm::OomAnswer::killed_caller : mm::OomAnswer::killed;
}

}  // namespace tenon::personality
