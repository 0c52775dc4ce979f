// The page allocator: buddy zones per node, with per-CPU lists for single pages.
#pragma once

#include <tenon/lib/result.h>
#include <tenon/mm/page.h>

namespace tenon::boot {
struct BootInfo;
}

namespace tenon::mm {

enum class Alloc : u32 {
    none = 0,
    zero = 1,         // cleared
    atomic = 2,       // does not sleep, may dip into the reserve
    dma32 = 4,        // below 4 GiB
    dma = 8,          // below 16 MiB
    no_oom = 16,      // fail rather than kill
    user = 32,        // for user memory: reclaim and OOM killing are in order
    page_table = 64,  // accounted as such until freed
    stack = 128,      // likewise: kernel stacks
};
constexpr Alloc operator|(Alloc a, Alloc b) {
    return static_cast<Alloc>(static_cast<u32>(a) | static_cast<u32>(b));
}
constexpr bool has(Alloc set, Alloc flag) {
    return (static_cast<u32>(set) & static_cast<u32>(flag)) != 0;
}

// 2^order pages, naturally aligned, refs = 1. Error::nomem. May sleep unless atomic.
TENON_API Result<Page*> alloc_pages(u32 order, Alloc flags = Alloc::none);
TENON_API void free_pages(Page* page, u32 order);
inline Result<Page*> alloc_page(Alloc flags = Alloc::none) {
    return alloc_pages(0, flags);
}

struct MemoryStats {
    u64 total_pages, free_pages, reserved_pages;
    u64 slab_pages, page_table_pages, kernel_stack_pages, vmalloc_pages;
    u64 file_pages, anon_pages, shmem_pages, dirty_pages, mapped_pages;
    u64 available_pages;  // estimate of what a new program can have
    u64 committed_pages;
};
TENON_API MemoryStats memory_stats();

// What happened since boot.
struct MemoryEvents {
    u64 faults, oom_kills;
};
TENON_API MemoryEvents memory_events();

// One zone, for /proc/buddyinfo.
struct ZoneInfo {
    u32 node;
    const char* name;
    u64 managed_pages, free_pages;
    u64 free_blocks[11];  // by order
};
TENON_API void for_each_zone(void (*visit)(const ZoneInfo&, void*), void* context);

// [core] Boot: everything in core/mm that needs no scheduler. kmalloc works afterwards.
void init(const boot::BootInfo& info);
// [core] Gives frames that boot marked as used (parts of the initrd, ACPI tables) to the allocator.
TENON_API void release_boot_memory(PhysAddr start, u64 length_bytes);

// [personality] Ends a process to get memory back, or finds that it does not help. Asked in thread
// context, may sleep.
enum class OomAnswer : u8 { hopeless, retry, killed, killed_caller };
using OomHandler = OomAnswer (*)(u32 order);
TENON_API void set_oom_handler(OomHandler handler);  // null: none

// Which memory Page::owner and the slab charge: the tag of the module on whose behalf this task
// runs.
TENON_API u32 current_memory_owner();

}  // namespace tenon::mm
