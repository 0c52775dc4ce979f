// The page cache of one file: pages by index, shared by read, write and mmap.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/result.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/sync/mutex.h>

namespace tenon::mm {

class Vma;

// Who fills and cleans pages: the inode's file system. For tmpfs both are trivial.
class PageSource {
  public:
    // Fills a fresh locked page with the file's bytes from `index` pages on; bytes past the end are
    // zero. May sleep.
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
    ~Mapping();  // all pages dropped; no VMA maps it any more
    TENON_NONCOPYABLE(Mapping);

    // The cached page with a reference taken, or null. RCU inside; any thread context.
    TENON_API Page* find(u64 index);
    // The page, read in or made if absent; referenced, up to date. May sleep. `for_write` allocates
    // in a hole.
    TENON_API Result<Page*> get(u64 index, bool for_write);
    // Puts an existing page (initrd contents) at `index`; takes over the caller's reference.
    // Error::exist.
    TENON_API Result<void> adopt(u64 index, Page* page);
    // Marks dirty after a write through a pointer to it.
    TENON_API void mark_dirty(Page* page);
    // Drops every page from `start_byte` on, unmapping it from all address spaces, and clears the
    // tail of a partial page.
    TENON_API void truncate(u64 start_byte);
    // Punches [start, end) to zero (whole pages dropped).
    TENON_API void punch(u64 start_byte, u64 end_byte);
    TENON_API Result<void> write_back(u64 start_byte, u64 end_byte);
    TENON_API u64 page_count() const;
    // First index >= `index` that holds a page, or ~0: for SEEK_DATA.
    TENON_API u64 next_present(u64 index) const;
    TENON_API u64 next_absent(u64 index) const;
    PageSource* source() const { return source_; }

    // [mm] VMAs that map this file, for truncate.
    void add_vma(Vma& vma);
    void remove_vma(Vma& vma);

  private:
    friend class AddressSpace;
    struct Tree;
    PageSource* source_;
    mutable sync::SpinLock lock_{sync::LockRank::mapping};
    void* root_ = nullptr;  // radix tree, read under RCU: core/lib/radix_tree.h
    u32 height_ = 0;
    std::atomic<u64> pages_{0};
    void* vmas_ = nullptr;
};

}  // namespace tenon::mm
