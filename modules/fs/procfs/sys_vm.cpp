// /proc/sys/vm.
#include <tenon/mm/address_space.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/vfs/dentry.h>

#include "sys.h"

namespace tenon::procfs {

namespace {

using Heeded = linux_settings::Setting;

constinit Knob overcommit{{0}, 0, 2}, overcommit_ratio{{50}, kIntMin, kIntMax};
constinit Knob overcommit_kbytes{{0}, 0, i64{1} << 58}, swappiness{{60}, 0, 200};
constinit Knob dirty_ratio{{20}, 0, 100}, dirty_background{{10}, 0, 100};
constinit Knob dirty_expire{{3000}, 0, kIntMax}, dirty_writeback{{500}, kIntMin, kIntMax};
constinit Knob dirtytime_expire{{43200}, 0, kIntMax};
constinit Knob min_free{{2048}, 0, kIntMax};
constinit Knob cache_pressure{{100}, 0, kIntMax}, oom_dump{{1}, kIntMin, kIntMax};
constinit Knob laptop_mode{{0}, kIntMin, kIntMax}, page_cluster{{3}, 0, kIntMax};
constinit Knob admin_reserve{{8192}, 0, i64{1} << 58}, stat_interval{{1}, kIntMin, kIntMax};
constinit Knob boost{{15000}, 0, kIntMax}, scale{{10}, 1, 3000}, extfrag{{500}, 0, 1000};
constinit Knob proactiveness{{20}, 0, 100};

constinit Knob max_map_count{{65530}, 0, kIntMax};
Result<void> store_map_limit(const Subject& about, std::string_view text) {
    TRY(store_knob<&max_map_count>(about, text));
    mm::set_map_limit(static_cast<u64>(max_map_count.value.load(std::memory_order_relaxed)));
    return {};
}

// Bytes or a ratio: what was written last counts, and the other one reads 0.
template <Knob* Ratio, Knob* Bytes>
Result<void> store_bytes(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 value, take_number(text));
    if (value < Bytes->min) return Err(Error::inval);
    Bytes->value.store(value, std::memory_order_relaxed);
    if (value != 0) Ratio->value.store(0, std::memory_order_relaxed);
    return {};
}
template <Knob* Ratio, Knob* Bytes>
Result<void> store_ratio(const Subject& about, std::string_view text) {
    TRY(store_knob<Ratio>(about, text));
    Bytes->value.store(0, std::memory_order_relaxed);
    return {};
}
constinit Knob dirty_bytes{{0}, 2 * kPageSize, 0}, background_bytes{{0}, 1, 0};

Result<void> store_between(i64 low, i64 high, std::string_view text) {
    TRY_ASSIGN(const i64 value, take_number(text));
    if (value < low || value > high) return Err(Error::inval);
    return {};
}
// 1: pages of files that can be read again; there are none, as every file system here keeps its
// files in memory. 2: names that nobody uses, with their inodes. 3: both. 4: Linux says it to the
// log no more.
constinit std::atomic<i64> dropped{0};
Result<void> show_dropped(Text& out, const Subject&) {
    out.print("{}\n", dropped.load(std::memory_order_relaxed));
    return {};
}
Result<void> store_drop_caches(const Subject&, std::string_view text) {
    TRY_ASSIGN(const i64 what, take_number(text));
    if (what < 1 || what > 4) return Err(Error::inval);
    dropped.store(what, std::memory_order_relaxed);
    if (what & 2) vfs::drop_unused_names();
    return {};
}
// Blocks are merged as they are given back.
Result<void> store_compact_memory(const Subject&, std::string_view text) {
    return store_between(kIntMin, kIntMax, text);
}

// Which memory is promised, and the limit of strict accounting: a part of the RAM, or so much.
template <Result<void> (*Store)(const Subject&, std::string_view)>
Result<void> store_commit(const Subject& about, std::string_view text) {
    TRY(Store(about, text));
    switch (overcommit.value.load(std::memory_order_relaxed)) {
        case 0:
            mm::set_commit_limit(mm::kCommitHeuristic);
            break;
        case 1:
            mm::set_commit_limit(mm::kCommitAlways);
            break;
        default:
            mm::set_commit_limit(commit_limit_pages());
    }
    return {};
}

constexpr Entry kVm[] = {
    knob<&admin_reserve>("admin_reserve_kbytes"),
    sysctl_file("overcommit_memory", show_knob<&overcommit>, 0644,
                store_commit<store_knob<&overcommit>>),
    sysctl_file("overcommit_ratio", show_knob<&overcommit_ratio>, 0644,
                store_commit<store_ratio<&overcommit_ratio, &overcommit_kbytes>>),
    sysctl_file("overcommit_kbytes", show_knob<&overcommit_kbytes>, 0644,
                store_commit<store_bytes<&overcommit_ratio, &overcommit_kbytes>>),
    knob<&swappiness>("swappiness"),
    sysctl_file("max_map_count", show_knob<&max_map_count>, 0644, store_map_limit),
    setting<Heeded::mmap_min_addr, 0, kIntMax>("mmap_min_addr"),
    setting<Heeded::mmap_rnd_bits, 28, 32>("mmap_rnd_bits", 0600),
    sysctl_file("dirty_ratio", show_knob<&dirty_ratio>, 0644,
                store_ratio<&dirty_ratio, &dirty_bytes>),
    sysctl_file("dirty_bytes", show_knob<&dirty_bytes>, 0644,
                store_bytes<&dirty_ratio, &dirty_bytes>),
    sysctl_file("dirty_background_ratio", show_knob<&dirty_background>, 0644,
                store_ratio<&dirty_background, &background_bytes>),
    sysctl_file("dirty_background_bytes", show_knob<&background_bytes>, 0644,
                store_bytes<&dirty_background, &background_bytes>),
    knob<&dirty_expire>("dirty_expire_centisecs"),
    knob<&dirty_writeback>("dirty_writeback_centisecs"),
    knob<&dirtytime_expire>("dirtytime_expire_seconds"),
    knob<&extfrag>("extfrag_threshold"),
    knob<&proactiveness>("compaction_proactiveness"),
    only<5>("page_lock_unfairness"),
    knob<&stat_interval>("stat_interval"),
    knob<&boost>("watermark_boost_factor"),
    knob<&scale>("watermark_scale_factor"),
    knob<&laptop_mode>("laptop_mode"),
    knob<&page_cluster>("page-cluster"),
    knob<&min_free>("min_free_kbytes"),
    setting<Heeded::panic_on_oom, 0, 2>("panic_on_oom"),
    only<0>("nr_hugepages"),
    only<0>("nr_hugepages_mempolicy"),
    only<0>("nr_overcommit_hugepages"),
    only<0>("hugetlb_shm_group"),
    only<0>("legacy_va_layout"),
    only<0>("memory_failure_early_kill"),
    only<1>("memory_failure_recovery"),
    only<0>("percpu_pagelist_high_fraction"),
    only<0>("zone_reclaim_mode"),
    only<1>("numa_stat"),
    knob<&cache_pressure>("vfs_cache_pressure"),
    knob<&oom_dump>("oom_dump_tasks"),
    setting<Heeded::oom_kill_allocating_task>("oom_kill_allocating_task"),
    sysctl_file("drop_caches", show_dropped, 0200, store_drop_caches),
    sysctl_file("compact_memory", show_nothing, 0200, store_compact_memory),
};

}  // namespace

constinit const Entry kSysVm = sysctl_directory("vm", kVm);

u64 commit_limit_pages() {
    const i64 kib = overcommit_kbytes.value.load(std::memory_order_relaxed);
    if (kib != 0) return static_cast<u64>(kib) / (kPageSize / 1024);
    const i64 percent = std::max<i64>(overcommit_ratio.value.load(std::memory_order_relaxed), 0);
    return mm::memory_stats().total_pages * static_cast<u64>(percent) / 100;
}

}  // namespace tenon::procfs
