// Changes to the VMA tree of an address space: holds its lock for writing while it lives, and frees
// the VMAs that it removed after the unlock, since dropping a file may take any of the VFS's locks.
#pragma once

#include <tenon/mm/address_space.h>

#include <memory>

namespace tenon::mm {

inline constexpr u64 kLowestAddress = 0x10000;  // below: nothing is placed, null pointers fault
inline constexpr u64 kStackGap = 256 * kPageSize;
inline constinit std::atomic<u64> commit_limit{kCommitHeuristic};
inline bool commit_is_strict() {
    return commit_limit.load(std::memory_order_relaxed) < kCommitAlways;
}
// May `pages` more be promised? Error::nomem.
Result<void> may_commit(u64 pages);
inline constinit std::atomic<u64> map_limit{65530};  // of the mappings of one space

class SpaceEditor {
  public:
    explicit SpaceEditor(AddressSpace& space) : space_(space) { space_.lock.lock_write(); }
    ~SpaceEditor();
    TENON_NONCOPYABLE(SpaceEditor);

    // A place for `length` bytes: at `hint` if that is free, else below mmap_base, the highest hole
    // that fits. Error::nomem.
    Result<u64> find_room(u64 hint, u64 length, MapRequest::Place place);
    // Makes `address` a boundary between VMAs. Error::nomem (also: too many VMAs).
    Result<void> split_at(u64 address);
    Result<void> split_ends(u64 start, u64 end) {
        TRY(split_at(start));
        return split_at(end);
    }
    // Into the tree, counted. The range is free.
    Vma& insert(std::unique_ptr<Vma> vma);
    // Out of the tree; its pages are unmapped already.
    void remove(Vma& vma);
    // Unmaps whatever lies in the range. Fails before anything was changed. Error::inval when the
    // range wraps or ends behind the user's addresses.
    Result<void> unmap(u64 start, u64 end);
    // Joins equal neighbours from the VMA before `start` to the one behind `end`.
    void merge(u64 start, u64 end);
    // True when no byte of [start, end) is unmapped.
    bool covered(u64 start, u64 end);
    bool overlaps(u64 start, u64 end);
    // A VMA like `old` for another range (offset adjusted), not in the tree.
    static std::unique_ptr<Vma> copy_of(const Vma& old, u64 start, u64 end);
    // Takes `vma`'s pages out of the counts (sign -1) before its flags, protection or range change,
    // and in again (+1) afterwards.
    void account(const Vma& vma, i64 sign);
    void set_range(Vma& vma, u64 start, u64 end);

    // May `pages` more be mapped? Error::nomem; `accounted`, `data`: see the callers.
    Result<void> check_limits(u64 pages, bool accounted, bool data);

    template <typename Fn>
    void for_each(u64 start, u64 end, Fn&& fn) {
        Vma* vma = space_.find(start);
        while (vma != nullptr && vma->range.start < end) {
            Vma* following = space_.next(*vma);
            fn(*vma);
            vma = following;
        }
    }

  private:
    static bool joins(const Vma& a, const Vma& b);
    u64 search_down(u64 top, u64 length, u64& largest_hole);
    u64 search_up(u64 from, u64 limit, u64 length);
    void note_hole(u64 end);

    AddressSpace& space_;
    Vma* grave_ = nullptr;
};

}  // namespace tenon::mm
