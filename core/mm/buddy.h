// One zone of the buddy allocator: arithmetic and free lists over an array of Page, no locking.
//
// A free block of order k is 2^k frames, aligned to its size; its first frame carries kind `free`,
// the order and the list links (frame numbers, so that a link takes four bytes). All other frames
// of it are not `free`, whatever they hold, so that a stale tail is never taken for a block. Freed
// blocks merge with their buddy (the block whose number differs in bit k alone) while that one is
// free at the same order and within the zone.
#pragma once

#include <tenon/mm/page.h>

namespace tenon::mm {

inline constexpr u32 kMaxOrder = 10;  // 4 MiB
inline constexpr u32 kNoFrame = ~u32{0};

class BuddyZone {
  public:
    // Frames [start, end) of the array may become part of it.
    void init(Page* frames, u64 start_pfn, u64 end_pfn);
    // Adds RAM, as large blocks as alignment allows. Not merged with what is there.
    void add_range(u64 start_pfn, u64 end_pfn);
    // The first frame of a block, kind `kernel`, order set, refs 1; kNoFrame when there is none.
    u32 alloc(u32 order);
    void free(u32 pfn, u32 order);

    bool contains(u64 pfn) const { return pfn >= start_ && pfn < end_; }
    u64 free_pages() const { return free_pages_.load(std::memory_order_relaxed); }
    u64 free_blocks(u32 order) const { return counts_[order]; }
    u64 managed_pages() const { return managed_; }
    u64 start_pfn() const { return start_; }

  private:
    void push(u32 pfn, u32 order);
    void unlink(u32 pfn, u32 order);
    void set_free_pages(u64 n) { free_pages_.store(n, std::memory_order_relaxed); }

    Page* frames_ = nullptr;
    u64 start_ = 0, end_ = 0;
    std::atomic<u64> free_pages_{0};  // read without the zone's lock
    u64 managed_ = 0;
    u32 non_empty_ = 0;  // bit k: heads_[k] is a block
    u32 heads_[kMaxOrder + 1] = {};
    u32 counts_[kMaxOrder + 1] = {};
};

}  // namespace tenon::mm
