// The page allocator's parts, for core/mm.
#pragma once

#include <tenon/arch/cpu.h>
#include <tenon/boot/boot_info.h>
#include <tenon/lib/format.h>
#include <tenon/mm/page.h>
#include <tenon/mm/page_alloc.h>

#include <memory>

namespace tenon::mm {

void init_page_allocator(const boot::BootInfo& info);
void init_slab();
void init_vmalloc();

// Free pages of all zones and lists, and what only atomic allocations may take.
u64 free_page_count();
u64 ram_pages();

// Frames that boot kept are in use as ordinary memory now, or free.
void unreserve(u64 pages);

// A reference to a page, dropped unless it is released.
struct PageUnref {
    void operator()(Page* page) const { page_unref(page); }
};
using PageHold = std::unique_ptr<Page, PageUnref>;

// Return addresses from here on are in modules.
extern uptr module_text_start;
// alloc_pages() on behalf of who returns to `site`.
Result<Page*> alloc_pages_at(u32 order, Alloc flags, uptr site);
// kmalloc() on behalf of who returns to `site`: of a module, it is remembered with the object.
void* kmalloc_at(usize size_bytes, Alloc flags, uptr site);
// kmalloc() for an object of the core that modules write members of: never closed to them.
void* kmalloc_open(usize size_bytes);
struct OpenToModules {};
// The objects that text in [text, text + text_bytes) asked for and nobody gave back. The module
// runs no more. Pages that it took itself (kmalloc above 2 KiB, alloc_pages) are not among them.
// free_left_by() frees them, and the pages; it answers how many bytes that were.
u64 free_left_by(uptr text, usize text_bytes);
void for_each_left_by(uptr text, usize text_bytes,
                      void (*visit)(uptr site, usize size_bytes, void*), void* context);

// Of the cache that a page of slabs belongs to.
const char* cache_name(const Page& page);
// Whose the memory at `address` is, in words.
void describe_data(uptr address, fmt::Sink& out);

// page_unref() of many.
void unref_pages(Page** pages, u32 n);

// A frame that reads as zero everywhere; never freed, mapped as `special`.
extern Pfn zero_frame;

// The frame array, for core/mm: what page_of() and pfn_of() do, inline and without the RAM check.

// One Page per frame from 0 to the end of RAM. Written once, at boot.
extern Page* frames;
extern u64 frame_count;

inline Page& frame(Pfn pfn) {
    return frames[pfn.value];
}
inline Page& frame(u64 pfn) {
    return frames[pfn];
}
inline Pfn frame_number(const Page* page) {
    return {static_cast<u64>(page - frames)};
}
inline void* frame_address(const Page* page) {
    return arch::phys_to_virt(frame_number(page).phys());
}
// The frame behind an address in the direct map (kmalloc, page_address).
inline Page& frame_of_address(const void* p) {
    return frames[(reinterpret_cast<uptr>(p) -
                   reinterpret_cast<uptr>(arch::phys_to_virt(PhysAddr{0}))) >>
                  kPageShift];
}

// Page counts by use, per CPU, summed when somebody asks.
//
// Each slot is added to atomically without ordering: the owner may be preempted and migrate between
// finding its slot and adding. A slot may be negative (allocated here, freed there); the sum is
// not.

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

// Behind a stack nothing is mapped for so long: where a lost stack pointer most likely is.
inline constexpr u64 kStackGuardBytes = 64 << 10;
// Gives back the kernel stacks that are kept beyond a few. May sleep.
void trim_kernel_stacks();
// As alloc_kernel_stack(), with more to say how its pages are found.
Result<void*> alloc_stack(Alloc how);

// Pages that user mappings may claim, as promised: private writable and shared anonymous memory.
extern std::atomic<i64> committed_pages;

}  // namespace tenon::mm

// new (mm::OpenToModules{}) T: null on no memory; deleted as any.
inline void* operator new(tenon::usize size_bytes, tenon::mm::OpenToModules) noexcept {
    return tenon::mm::kmalloc_open(size_bytes);
}
