// What reads and changes page-table entries of a user address space.
//
// An entry is one of: none; present with a frame that has a Page (one reference each, counted in
// the resident_* numbers); present and `special` (no Page: zero frame, vDSO data, device memory, no
// reference); or soft, a page kept by a mapping whose protection is "none" (frame number in the
// upper bits, counted like a present one). The hardware must not see those, as the kernel's own
// copies would reach them.
#pragma once

#include <tenon/mm/address_space.h>

#include "core/mm/page_alloc.h"

namespace tenon::mm {

// Address space that one leaf table covers.
inline constexpr u64 kTableSpan = (kPageSize / sizeof(arch::Pte)) * kPageSize;

inline arch::Pte make_none_protected(Pfn pfn) {
    return arch::Pte::make_soft(pfn.value << 1 | 1);
}
// True when the entry owns a reference to a Page.
inline bool holds_page(arch::Pte entry) {
    return entry.present() ? !entry.special() : entry.is_soft();
}
inline Page& page_in(arch::Pte entry) {
    return frame(entry.present() ? entry.pfn() : Pfn{entry.soft() >> 1});
}

// Collects pages (and tables) that were unmapped, to be freed after the shootdown. Everything is
// done under the page-table lock, which the flush permits.
class TlbBatch {
  public:
    explicit TlbBatch(AddressSpace& space) : space_(space) {}
    ~TlbBatch() { finish(); }
    TENON_NONCOPYABLE(TlbBatch);
    // `va` lost its translation; `page`, if any, loses the entry's reference.
    void add(u64 va, Page* page) {
        if (va < start_) start_ = va;
        if (va + kPageSize > end_) end_ = va + kPageSize;
        if (page == nullptr) return;
        pages_[count_++] = page;
        if (count_ == kCapacity) finish();
    }
    void add_table(Pfn table);
    // Flushes and frees.
    void finish();

  private:
    static constexpr u32 kCapacity = 128;
    AddressSpace& space_;
    u64 start_ = ~u64{0}, end_ = 0;
    u32 count_ = 0;
    Page* pages_[kCapacity];
};

class PageWalk {
  public:
    // Entries of [start, end) become none; counts and references follow. Table lock held.
    static void zap_locked(AddressSpace& space, u64 start, u64 end, TlbBatch& batch);
    // zap_locked under the lock.
    static void zap(AddressSpace& space, u64 start, u64 end);
    // Frees the tables that served `zone` and serve nothing now that `hole` around it is empty.
    // Table lock held; space locked for writing.
    static void prune_locked(AddressSpace& space, UserRange hole, UserRange zone, TlbBatch& batch);
    // Everything, when no CPU uses the space any more.
    static void clear(AddressSpace& space);
    // Entries follow the VMA's new protection.
    static void protect(AddressSpace& space, const Vma& vma, u64 start, u64 end);
    // Moves entries from one place to another of equal length. Error::nomem: some were moved, and
    // are moved back.
    static Result<void> move(AddressSpace& space, u64 from, u64 to, u64 length);
    // Copies what fork must copy of `vma` into `child`'s tables; sets `cow` if the parent lost
    // write access somewhere. Parent's table lock held.
    static Result<void> copy_locked(AddressSpace& parent, AddressSpace& child, const Vma& vma,
                                    bool& cow);
    static arch::Pte load(AddressSpace& space, u64 va) {
        const arch::Pte* slot = space.table_.find(va);
        return slot ? slot->load() : arch::Pte::none();
    }

    // The page-fault paths (fault.cpp). Space locked for reading.
    static Result<void> resolve(AddressSpace& space, Vma& vma, u64 va, arch::FaultAccess access,
                                bool force);

  private:
    static Result<void> anonymous(AddressSpace& space, Vma& vma, u64 va, bool write);
    static Result<void> from_mapping(AddressSpace& space, Vma& vma, u64 va, bool write);
    static Result<void> from_backing(AddressSpace& space, Vma& vma, u64 va, bool write);
    static Result<void> write_to_present(AddressSpace& space, Vma& vma, u64 va, arch::Pte seen,
                                         bool force);
    static void map_around(AddressSpace& space, Vma& vma, u64 va);
    static void count_page(AddressSpace& space, const Page& page, i64 delta) {
        std::atomic<i64>& counter = page.kind != Page::Kind::file ? space.resident_anon_
                                    : page.test(Page::kShmem)     ? space.resident_shmem_
                                                                  : space.resident_file_;
        counter.fetch_add(delta, std::memory_order_relaxed);
    }
    static sync::SpinLock& lock_of(AddressSpace& space) { return space.table_lock_; }
    friend class TlbBatch;
};

// Entry flags for a VMA, without write.
inline arch::PageFlags read_flags(const Vma& vma) {
    arch::PageFlags flags =
        arch::PageFlags::user | arch::PageFlags::read | arch::PageFlags::accessed;
    if (has(vma.prot, Prot::exec)) flags = flags | arch::PageFlags::exec;
    return flags;
}
inline arch::PageFlags write_flags(const Vma& vma) {
    return read_flags(vma) | arch::PageFlags::write | arch::PageFlags::dirty;
}

}  // namespace tenon::mm
