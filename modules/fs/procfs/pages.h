// What the page-table entries of a mapping say.
#pragma once

#include <tenon/mm/address_space.h>

#include <algorithm>

namespace tenon::procfs {

// How many entries lead to a page: each holds one reference, and so does the cache of its file. Who
// just looks at it counts, too.
inline u32 mapped_times(const mm::Page& page) {
    const u32 refs = page.refs.load(std::memory_order_relaxed);
    const bool cached = page.kind == mm::Page::Kind::file && page.mapping != nullptr;
    return std::max(refs, cached ? 2u : 1u) - (cached ? 1 : 0);
}
// Of an entry that is kept without access nothing is known: it was used.
inline bool was_written(arch::Pte entry, const mm::Page& page) {
    return page.test(mm::Page::kDirty) ||
           (entry.present() ? entry.dirty() : page.kind != mm::Page::Kind::file);
}
inline bool was_used(arch::Pte entry) {
    return !entry.present() || entry.accessed();
}

// Calls fn(va, Pte, Page*) -> Pte for each entry of [start, end), as
// AddressSpace::visit_entries(), which see.
template <typename Fn>
void each_entry(mm::AddressSpace& space, u64 start, u64 end, Fn&& fn) {
    space.visit_entries(
        start, end,
        [](u64 va, arch::Pte entry, mm::Page* page, void* context) {
            return (*static_cast<std::remove_reference_t<Fn>*>(context))(va, entry, page);
        },
        &fn);
}

// Bytes, for smaps. Spec: Linux fs/proc/task_mmu.c, struct mem_size_stats.
struct PageSums {
    static constexpr u32 kShareBits = 12;  // shares of a page are kept this much finer
    u64 resident = 0, referenced = 0, anon = 0, file = 0;
    u64 shared_clean = 0, shared_dirty = 0, private_clean = 0, private_dirty = 0;
    // Shares of pages that others map as well.
    u64 share = 0, share_anon = 0, share_file = 0, share_shmem = 0, share_dirty = 0,
        share_locked = 0;

    void add(arch::Pte entry, const mm::Page& page, bool locked);
    // The pages of one mapping; the space's lock is held.
    void add(mm::AddressSpace& space, const mm::Vma& vma);
};

}  // namespace tenon::procfs
