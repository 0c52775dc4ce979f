// The page frame array: one Page per frame of RAM.
#pragma once

#include <tenon/arch/page_table.h>
#include <tenon/lib/types.h>

#include <atomic>

namespace tenon::mm {

class Mapping;

// 32 bytes a frame, so that a 512 MiB machine spends 4 MiB. Who reads which member depends on the
// owner of the frame. All zero: not RAM, or the tail of a larger block.
struct Page {
    enum class Kind : u8 { none, free, reserved, kernel, slab, anon, file, page_table, stack };

    std::atomic<u32> refs;  // holders; 0 = free. Mapped user pages count one per entry
    Kind kind;
    u8 order;  // of the block this frame heads (free or allocated)
    std::atomic<u16> flags;
    union {
        struct {  // file: where it is cached; null once it was dropped from the cache
            Mapping* mapping;
            u64 index;  // in pages
        };
        struct {             // free: buddy list links
            u32 next, prev;  // frame numbers
        } free;
        struct {          // slab
            void* cache;  // in every page of the slab; what follows, in its first
            u32 next, prev;
        } slab;
        uptr site;  // kernel: the place in a module's text that asked for it, or 0
    };
    u32 count;  // slab: objects handed out
    u32 owner;  // ledger tag of the module that allocated it; 0 = core

    static constexpr u16 kDirty = 1, kUptodate = 2, kFailed = 4, kAccessed = 8, kShmem = 32;

    bool test(u16 flag) const { return (flags.load(std::memory_order_acquire) & flag) != 0; }
    void set(u16 flag) { flags.fetch_or(flag, std::memory_order_release); }
    void clear(u16 flag) { flags.fetch_and(static_cast<u16>(~flag), std::memory_order_release); }
};
static_assert(sizeof(Page) == 32);

TENON_API Page* page_of(Pfn pfn);  // null when not RAM
TENON_API Pfn pfn_of(const Page* page);
inline void* page_address(const Page* page) {
    return arch::phys_to_virt(pfn_of(page).phys());
}
inline void page_ref(Page* page) {
    page->refs.fetch_add(1, std::memory_order_relaxed);
}
// Drops one; the last frees the frame (the whole block, if it heads one). Any context where freeing
// pages is allowed.
TENON_API void page_unref(Page* page);

}  // namespace tenon::mm
