// The page allocator's parts, for core/mm.
#pragma once

#include <tenon/boot/boot_info.h>
#include <tenon/mm/page_alloc.h>

namespace tenon::mm {

void init_page_allocator(const boot::BootInfo& info);
void init_slab();
void init_vmalloc();

// Kills something to get memory back, or finds that it does not help. Thread context.
// True: try again.
bool out_of_memory(u32 order);
u64 run_shrinkers(u64 pages);
// Free pages of all zones and lists, and what only atomic allocations may take.
u64 free_page_count();
u64 reserve_page_count();
u64 ram_pages();

// page_unref() of many.
void unref_pages(Page** pages, u32 n);

// A frame that reads as zero everywhere; never freed, mapped as `special`.
extern Pfn zero_frame;

}  // namespace tenon::mm
