// Page counts by use, per CPU, summed when somebody asks.
//
// Each slot is added to atomically without ordering: the owner may be preempted and migrate between
// finding its slot and adding. A slot may be negative (allocated here, freed there); the sum is
// not.
#pragma once

#include <tenon/arch/cpu.h>

namespace tenon::mm {

enum class Counter : u8 { anon, file, shmem, page_table, stack, slab, vmalloc, dirty, count_ };

struct Counters {
    std::atomic<i64> value[static_cast<u8>(Counter::count_)];
    std::atomic<u64> faults;
};
extern PerCpu<Counters> counters;

inline void count(Counter which, i64 delta) {
    counters.local().value[static_cast<u8>(which)].fetch_add(delta, std::memory_order_relaxed);
}
u64 counter_sum(Counter which);

// Pages that user mappings may claim, as promised: private writable and shared anonymous memory.
extern std::atomic<i64> committed_pages;
extern std::atomic<u64> oom_kills;

}  // namespace tenon::mm
