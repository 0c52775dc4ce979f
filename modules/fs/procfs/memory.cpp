// meminfo, vmstat, slabinfo, buddyinfo, swaps.
#include <tenon/mm/page_alloc.h>
#include <tenon/mm/slab.h>

#include <algorithm>

#include "files.h"

namespace tenon::procfs {

Result<void> show_meminfo(Text& out, const Subject&) {
    const mm::MemoryStats s = mm::memory_stats();
    const auto line = [&](std::string_view name, u64 value_kib) {
        // Name and number are 24 columns together.
        fmt::Line<24> number("{}", value_kib);
        const usize used = name.size() + number.view().size();
        out.write(name);
        out.pad(' ', used < 24 ? 24 - used : 1);
        out.print("{} kB\n", number.view());
    };
    const u64 cached = s.file_pages;
    line("MemTotal:", kib(s.total_pages));
    line("MemFree:", kib(s.free_pages));
    line("MemAvailable:", kib(s.available_pages));
    line("Buffers:", 0);
    line("Cached:", kib(cached));
    line("SwapCached:", 0);
    line("Active:", kib(s.anon_pages));
    line("Inactive:", kib(cached - std::min(cached, s.shmem_pages)));
    line("Active(anon):", kib(s.anon_pages));
    line("Inactive(anon):", kib(s.shmem_pages));
    line("Active(file):", 0);
    line("Inactive(file):", kib(cached - std::min(cached, s.shmem_pages)));
    line("Unevictable:", 0);
    line("Mlocked:", 0);
    line("SwapTotal:", 0);
    line("SwapFree:", 0);
    line("Dirty:", kib(s.dirty_pages));
    line("Writeback:", 0);
    line("AnonPages:", kib(s.anon_pages));
    line("Mapped:", kib(s.mapped_pages));
    line("Shmem:", kib(s.shmem_pages));
    line("KReclaimable:", 0);
    line("Slab:", kib(s.slab_pages));
    line("SReclaimable:", 0);
    line("SUnreclaim:", kib(s.slab_pages));
    line("KernelStack:", kib(s.kernel_stack_pages));
    line("PageTables:", kib(s.page_table_pages));
    line("SecPageTables:", 0);
    line("NFS_Unstable:", 0);
    line("Bounce:", 0);
    line("WritebackTmp:", 0);
    line("CommitLimit:", kib(commit_limit_pages()));
    line("Committed_AS:", kib(s.committed_pages));
    line("VmallocTotal:", 34359738367);
    line("VmallocUsed:", kib(s.vmalloc_pages + s.kernel_stack_pages));
    line("VmallocChunk:", 0);
    line("Percpu:", 0);
    line("HardwareCorrupted:", 0);
    line("AnonHugePages:", 0);
    line("ShmemHugePages:", 0);
    line("ShmemPmdMapped:", 0);
    line("FileHugePages:", 0);
    line("FilePmdMapped:", 0);
    out.print(
        "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n"
        "HugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n");
    line("DirectMap4k:", 0);
    line("DirectMap2M:", kib(s.total_pages + s.reserved_pages));
    return {};
}

Result<void> show_vmstat(Text& out, const Subject&) {
    const mm::MemoryStats s = mm::memory_stats();
    const mm::MemoryEvents e = mm::memory_events();
    const auto line = [&](std::string_view name, u64 value) { out.print("{} {}\n", name, value); };
    line("nr_free_pages", s.free_pages);
    line("nr_inactive_anon", s.shmem_pages);
    line("nr_active_anon", s.anon_pages);
    line("nr_inactive_file", s.file_pages - std::min(s.file_pages, s.shmem_pages));
    line("nr_active_file", 0);
    line("nr_anon_pages", s.anon_pages);
    line("nr_mapped", s.mapped_pages);
    line("nr_file_pages", s.file_pages);
    line("nr_dirty", s.dirty_pages);
    line("nr_writeback", 0);
    line("nr_shmem", s.shmem_pages);
    line("nr_slab_reclaimable", 0);
    line("nr_slab_unreclaimable", s.slab_pages);
    line("nr_kernel_stack", kib(s.kernel_stack_pages));
    line("nr_page_table_pages", s.page_table_pages);
    line("pgpgin", 0);
    line("pgpgout", 0);
    line("pswpin", 0);
    line("pswpout", 0);
    line("pgfault", e.faults);
    line("pgmajfault", 0);
    line("oom_kill", e.oom_kills);
    return {};
}

Result<void> show_slabinfo(Text& out, const Subject&) {
    out.print(
        "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> "
        "<objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
        "slabdata <active_slabs> <num_slabs> <sharedavail>\n");
    mm::for_each_cache(
        [](const mm::SlabCache::Info& info, void* context) {
            const u64 per_slab = info.pages_per_slab * kPageSize / info.object_bytes;
            static_cast<Text*>(context)->print(
                "{:<17} {:6} {:6} {:6} {:4} {:4} : tunables {:4} {:4} {:4} : slabdata {:6} {:6} "
                "{:6}\n",
                info.name, info.active_objects, info.total_objects, info.object_bytes, per_slab,
                info.pages_per_slab, 0, 0, 0, info.slabs, info.slabs, 0);
        },
        &out);
    return {};
}

Result<void> show_buddyinfo(Text& out, const Subject&) {
    mm::for_each_zone(
        [](const mm::ZoneInfo& zone, void* context) {
            auto& text = *static_cast<Text*>(context);
            text.print("Node {}, zone {:>8} ", zone.node, zone.name);
            for (u64 blocks : zone.free_blocks) text.print("{:6} ", blocks);
            text.print("\n");
        },
        &out);
    return {};
}

// The zones, with what there is of them.
Result<void> show_zoneinfo(Text& out, const Subject&) {
    mm::for_each_zone(
        [](const mm::ZoneInfo& zone, void* context) {
            static_cast<Text*>(context)->print(
                "Node {}, zone {:>8}\n  pages free     {}\n        managed  {}\n", zone.node,
                zone.name, zone.free_pages, zone.managed_pages);
        },
        &out);
    return {};
}

Result<void> show_swaps(Text& out, const Subject&) {
    out.print("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    return {};
}

}  // namespace tenon::procfs
