// The page cache of one file: pages by index, shared by read, write and mmap.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/radix_tree.h>
#include <tenon/lib/result.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/sync/mutex.h>

namespace tenon::mm {

class Mapping;
class Vma;

// Who fills and cleans pages: the inode's file system. For tmpfs both are trivial.
class PageSource {
  public:
    // Fills a fresh page with the file's bytes from `index` pages on; bytes past the end are zero.
    // The page comes zeroed. May sleep. A memory_only() source may refuse (no space), no more.
    virtual Result<void> read_page(Mapping& mapping, Page& page, u64 index) = 0;
    virtual Result<void> write_page(Mapping& mapping, Page& page, u64 index) = 0;
    // True when pages live only here (tmpfs): never dropped, holes read as zero without allocating.
    virtual bool memory_only() const { return false; }

  protected:
    ~PageSource() = default;
};

class Mapping {
  public:
    explicit Mapping(PageSource* source) : source_(source) {}
    TENON_API ~Mapping();  // all pages dropped; no VMA maps it any more
    TENON_NONCOPYABLE(Mapping);

    // The cached page with a reference taken, or null; it may still be on its way in. Any thread
    // context.
    TENON_API Page* find(u64 index);
    // The page, read in or made if absent; referenced, up to date. May sleep. `for_write` allocates
    // in a hole; without it, a hole of a memory-only file gives a shared page of zeros.
    TENON_API Result<Page*> get(u64 index, bool for_write);
    // Puts an existing page at `index`; takes over the caller's reference. Error::exist.
    TENON_API Result<void> adopt(u64 index, Page* page);
    // Takes over `pages` frames that boot set aside (the initrd's), as the file's pages from 0 on.
    // Costs nothing until a page is looked at. Of an empty mapping only.
    TENON_API void adopt_extent(Pfn first, u64 pages);
    // Marks dirty after a write through a pointer to it.
    TENON_API void mark_dirty(Page* page);
    // Drops every page from `start_byte` on, unmapping it from all address spaces, and clears the
    // tail of a partial page. The file's size was changed before.
    TENON_API void truncate(u64 start_byte);
    // Punches [start, end) to zero (whole pages dropped).
    TENON_API void punch(u64 start_byte, u64 end_byte);
    TENON_API Result<void> write_back(u64 start_byte, u64 end_byte);
    TENON_API u64 page_count() const;
    // First index >= `index` that holds a page, or ~0: for SEEK_DATA.
    TENON_API u64 next_present(u64 index) const;
    TENON_API u64 next_absent(u64 index) const;
    PageSource* source() const { return source_; }
    // VMAs that map it shared and may write (F_SEAL_WRITE refuses while there are some).
    u32 writable_mappings() const { return writable_mappings_.load(std::memory_order_acquire); }

    // [mm] VMAs that map this file, for truncate.
    void add_vma(Vma& vma);
    void remove_vma(Vma& vma);
    // [mm] Guards the ranges of those VMAs.
    sync::SpinLock& vma_lock() { return lock_; }
    void add_vma_locked(Vma& vma);
    void remove_vma_locked(Vma& vma);

  private:
    Page* materialize(u64 index);
    bool in_extent(u64 index) const {
        return index < extent_pages_.load(std::memory_order_relaxed);
    }
    Result<void> wait_filled(Page* page);
    void insert_locked(u64 index, Page* page);
    void uncount_locked(Page* page);
    void drop_pages(u64 first, u64 end);
    void unmap(u64 first, u64 end);
    void zero_part(u64 start_byte, u64 end_byte);

    PageSource* source_;
    mutable sync::SpinLock lock_{sync::LockRank::mapping};
    RadixTree tree_;  // of Page; written under lock_
    std::atomic<u64> pages_{0};
    std::atomic<u64> extent_pages_{0};  // indices below may be taken from the extent
    u64 extent_first_ = 0;              // frame number
    u64 extent_left_ = 0;               // frames of it not in the tree yet
    Vma* vmas_ = nullptr;               // chained through Vma::mapping_next
    std::atomic<u32> writable_mappings_{0};
};

}  // namespace tenon::mm
