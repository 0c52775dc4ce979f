// mremap(2): growing, shrinking and moving one mapping.
#include <tenon/vfs/file.h>

#include <algorithm>

#include "core/mm/page_alloc.h"
#include "core/mm/page_walk.h"
#include "core/mm/space_editor.h"

namespace tenon::mm {

namespace {
bool flag(u8 flags, AddressSpace::Remap f) {
    return (flags & static_cast<u8>(f)) != 0;
}
}  // namespace

Result<u64> AddressSpace::remap(u64 old_start, u64 old_length, u64 new_length, u8 flags,
                                u64 new_address) {
    const bool may_move = flag(flags, Remap::may_move), fixed = flag(flags, Remap::fixed),
               keep = flag(flags, Remap::dont_unmap);
    if (keep && old_length != new_length) return Err(Error::inval);  // as Linux: to the byte
    old_length = align_up(old_length, kPageSize);
    new_length = align_up(new_length, kPageSize);
    if (!is_aligned(old_start, kPageSize) || new_length == 0) return Err(Error::inval);
    if ((fixed || keep) && !may_move) return Err(Error::inval);
    if (fixed || keep) {
        if (!is_aligned(new_address, kPageSize) || new_length > arch::kUserLimit ||
            new_address > arch::kUserLimit - new_length)
            return Err(Error::inval);
        if (old_start + old_length > new_address && new_address + new_length > old_start)
            return Err(Error::inval);
    }
    SpaceEditor editor(*this);
    Vma* vma = find(old_start);
    if (vma == nullptr || vma->range.start > old_start) return Err(Error::fault);

    // As Linux: the place named is emptied whatever comes of the rest.
    if (fixed) {
        TRY(editor.unmap(new_address, new_address + new_length));
        vma = find(old_start);
    }
    // Shrinking in place.
    if (!fixed && !keep && old_length >= new_length) {
        if (old_length > new_length)
            TRY(editor.unmap(old_start + new_length, old_start + old_length));
        return old_start;
    }
    // A length of 0 asks for a second mapping of shared pages.
    if (old_length == 0 && !vma->is_shared()) return Err(Error::inval);
    if (keep && (has(vma->flags, VmaFlags::special) || has(vma->flags, VmaFlags::io)))
        return Err(Error::inval);
    if (fixed && old_length > new_length) {
        TRY(editor.unmap(old_start + new_length, old_start + old_length));
        old_length = new_length;
        vma = find(old_start);
    }
    if (old_length > vma->range.end - old_start) return Err(Error::fault);
    if (new_length > old_length &&
        (has(vma->flags, VmaFlags::io) || has(vma->flags, VmaFlags::special)))
        return Err(Error::fault);
    const u64 more = new_length - std::min(new_length, old_length);
    if (has(vma->flags, VmaFlags::locked) && ((locked_pages_ << kPageShift) + more) > limit_locked)
        return Err(Error::again);
    const bool data = has(vma->prot, Prot::write) && !vma->is_shared();
    TRY(editor.check_limits((keep ? new_length : more) >> kPageShift, is_accounted(*vma), data));

    // Growing in place.
    const u64 old_end = old_start + old_length;
    if (!fixed && !keep && old_length != 0 && old_end == vma->range.end &&
        new_length <= arch::kUserLimit - old_start) {
        const Vma* after = next(*vma);
        const u64 limit = after == nullptr ? arch::kUserLimit
                          : has(after->flags, VmaFlags::stack)
                              ? after->range.start - std::min(after->range.start, kStackGap)
                              : after->range.start;
        if (old_start + new_length <= limit) {
            editor.account(*vma, -1);
            editor.set_range(*vma, vma->range.start, old_start + new_length);
            editor.account(*vma, 1);
            // Pages of a grown locked mapping come by faults.
            editor.merge(old_start, old_start + new_length);
            return old_start;
        }
    }
    if (!may_move) return Err(Error::nomem);

    if (vma_count_ + 3 >= map_limit) return Err(Error::nomem);
    // Moving: the new place first, then the entries, then the old VMA goes.
    u64 target = new_address;
    if (!fixed) {
        TRY_ASSIGN(target, editor.find_room(keep && new_address ? new_address : 0, new_length,
                                            MapRequest::Place::hint));
    }
    std::unique_ptr<Vma> fresh = SpaceEditor::copy_of(*vma, old_start, old_start + new_length);
    if (!fresh) return Err(Error::nomem);
    TRY(editor.split_ends(old_start, old_end));
    fresh->range = {target, target + new_length};
    fresh->flags = fresh->flags & ~VmaFlags::tracked;
    Vma& moved = editor.insert(std::move(fresh));
    if (old_length != 0) {
        if (auto r = PageWalk::move(*this, old_start, target, old_length); !r) {
            editor.remove(moved);
            return Err(r.error());
        }
        if (!keep) TRY(editor.unmap(old_start, old_end));
    }
    editor.merge(target, target + new_length);
    return target;
}

}  // namespace tenon::mm
