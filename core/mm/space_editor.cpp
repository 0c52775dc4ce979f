#include "core/mm/space_editor.h"

#include <tenon/vfs/file.h>

#include <algorithm>

#include "core/mm/page_alloc.h"
#include "core/mm/page_walk.h"

namespace tenon::mm {

Vma::~Vma() {
    if (backing) backing->vma_gone();
}

bool is_accounted(const Vma& vma) {
    if (has(vma.flags, VmaFlags::no_reserve) || has(vma.flags, VmaFlags::io)) return false;
    if (vma.is_shared()) return false;  // counted once, by the object
    return has(vma.prot, Prot::write) || has(vma.flags, VmaFlags::accounted);
}

SpaceEditor::~SpaceEditor() {
    space_.lock.unlock_write();
    while (grave_ != nullptr) {
        Vma* vma = grave_;
        grave_ = vma->mapping_next;
        delete vma;
    }
}

void SpaceEditor::account(const Vma& vma, i64 sign) {
    const u64 n = static_cast<u64>(sign) * vma.pages();
    space_.total_pages_ += n;
    if (has(vma.flags, VmaFlags::locked)) space_.locked_pages_ += n;
    if (has(vma.flags, VmaFlags::stack))
        space_.stack_pages_ += n;
    else if (has(vma.prot, Prot::write) && !vma.is_shared())
        space_.data_pages_ += n;
    else if (has(vma.prot, Prot::exec))
        space_.exec_pages_ += n;
    if (is_accounted(vma)) {
        space_.accounted_pages_ += n;
        committed_pages.fetch_add(static_cast<i64>(n), std::memory_order_relaxed);
    }
    space_.peak_total_ = std::max(space_.peak_total_, space_.total_pages_);
}

Result<void> SpaceEditor::check_limits(u64 pages, bool accounted, bool data) {
    if (((space_.total_pages_ + pages) << kPageShift) > space_.limit_total)
        return Err(Error::nomem);
    if (data && ((space_.data_pages_ + pages) << kPageShift) > space_.limit_data)
        return Err(Error::nomem);
    return accounted ? may_commit(pages) : Result<void>{};
}

Result<void> may_commit(u64 pages) {
    const u64 most = commit_limit.load(std::memory_order_relaxed);
    const i64 now = committed_pages.load(std::memory_order_relaxed);
    const bool fits = most == kCommitHeuristic
                          ? pages <= ram_pages()
                          : pages <= most && now <= static_cast<i64>(most - pages);
    return fits ? Result<void>{} : Err(Error::nomem);
}
void set_commit_limit(u64 pages) {
    commit_limit.store(pages, std::memory_order_relaxed);
}

void set_map_limit(u64 count) {
    map_limit.store(count, std::memory_order_relaxed);
}

// --- The tree -----------------------------------------------------------------------------------

Vma& SpaceEditor::insert(std::unique_ptr<Vma> owned) {
    Vma& vma = *owned.release();
    vma.space = &space_;
    if (is_accounted(vma)) vma.flags = vma.flags | VmaFlags::accounted;
    space_.vmas_.insert(vma);
    ++space_.vma_count_;
    account(vma, 1);
    if (vma.mapping) vma.mapping->add_vma(vma);
    return vma;
}

void SpaceEditor::remove(Vma& vma) {
    account(vma, -1);
    if (vma.mapping) vma.mapping->remove_vma(vma);
    space_.vmas_.erase(space_.vmas_.iterator_to(vma));
    --space_.vma_count_;
    note_hole(vma.range.end);
    vma.mapping_next = grave_;
    grave_ = &vma;
}

void SpaceEditor::set_range(Vma& vma, u64 start, u64 end) {
    const u64 offset = vma.file_offset + (start - vma.range.start);
    if (vma.mapping) {
        sync::SpinGuard guard(vma.mapping->vma_lock());
        vma.range = {start, end};
        vma.file_offset = offset;
    } else {
        vma.range = {start, end};
        vma.file_offset = vma.backing ? offset : 0;
    }
}

std::unique_ptr<Vma> SpaceEditor::copy_of(const Vma& old, u64 start, u64 end) {
    auto copy = std::unique_ptr<Vma>(new (std::nothrow) Vma);
    if (!copy) return nullptr;
    copy->range = {start, end};
    copy->file_offset =
        old.mapping || old.backing ? old.file_offset + (start - old.range.start) : 0;
    copy->prot = old.prot;
    copy->max_prot = old.max_prot;
    copy->flags = old.flags;
    copy->placement = old.placement;
    copy->mapping = old.mapping;
    copy->file_size = old.file_size;
    copy->file = old.file;
    copy->backing = old.backing;
    if (copy->backing) copy->backing->vma_made();
    return copy;
}

Result<void> SpaceEditor::split_at(u64 address) {
    Vma* vma = space_.find(address);
    if (vma == nullptr || vma->range.start >= address) return {};
    if (space_.vma_count_ >= map_limit) return Err(Error::nomem);
    std::unique_ptr<Vma> upper = copy_of(*vma, address, vma->range.end);
    if (!upper) return Err(Error::nomem);
    account(*vma, -1);
    set_range(*vma, vma->range.start, address);
    account(*vma, 1);
    insert(std::move(upper));
    return {};
}

bool SpaceEditor::joins(const Vma& a, const Vma& b) {
    if (a.range.end != b.range.start || a.prot != b.prot || a.max_prot != b.max_prot ||
        ((a.flags & ~VmaFlags::tracked) != (b.flags & ~VmaFlags::tracked)) ||
        a.placement != b.placement || a.mapping != b.mapping || !(a.file == b.file) ||
        !(a.backing == b.backing) ||
        has(a.flags, VmaFlags::special) || (a.backing && a.backing->counter() != nullptr))
        return false;
    return a.is_private_anon() || a.file_offset + a.range.size() == b.file_offset;
}

void SpaceEditor::merge(u64 start, u64 end) {
    Vma* vma = space_.find(start);
    if (vma == nullptr) return;
    if (Vma* before = space_.previous(*vma)) vma = before;
    while (Vma* following = space_.next(*vma)) {
        if (joins(*vma, *following)) {
            const u64 to = following->range.end;
            remove(*following);
            account(*vma, -1);
            if (!has(following->flags, VmaFlags::tracked))
                vma->flags = vma->flags & ~VmaFlags::tracked;
            set_range(*vma, vma->range.start, to);
            account(*vma, 1);
            continue;
        }
        if (following->range.start >= end) break;
        vma = following;
    }
}

bool SpaceEditor::covered(u64 start, u64 end) {
    const Vma* vma = space_.find(start);
    while (vma != nullptr && vma->range.start <= start) {
        if (vma->range.end >= end) return true;
        start = vma->range.end;
        vma = space_.next(const_cast<Vma&>(*vma));
    }
    return start >= end;
}

bool SpaceEditor::overlaps(u64 start, u64 end) {
    const Vma* vma = space_.find(start);
    return vma != nullptr && vma->range.start < end;
}

Result<void> SpaceEditor::unmap(u64 start, u64 end) {
    if (start > end || end > arch::kUserLimit) return Err(Error::inval);
    if (!overlaps(start, end)) return {};
    TRY(split_ends(start, end));
    Vma* const first = space_.find(start);
    const Vma* before = space_.previous(*first);
    const u64 floor = before ? before->range.end : 0;
    for_each(start, end, [&](Vma& vma) { remove(vma); });
    const Vma* after = space_.find(end);
    const u64 ceiling = after ? after->range.start : arch::kUserLimit;
    sync::SpinGuard guard(space_.table_lock_);
    TlbBatch batch(space_);
    PageWalk::zap_locked(space_, start, end, batch);
    PageWalk::prune_locked(space_, {floor, ceiling}, {start, end}, batch);
    batch.finish();
    return {};
}

// --- Room ---------------------------------------------------------------------------------------

namespace {
// Where a VMA's claim begins: a stack keeps a gap below itself.
u64 claim_start(const Vma& vma) {
    if (!has(vma.flags, VmaFlags::stack)) return vma.range.start;
    return vma.range.start > kStackGap ? vma.range.start - kStackGap : 0;
}
}  // namespace

// The highest place for `length` bytes below `top`, or 0. Holes that were too small are reported.
u64 SpaceEditor::search_down(u64 top, u64 length, u64& largest_hole) {
    Vma* vma = space_.find(top);
    u64 end = top;
    if (vma != nullptr) {
        end = std::min(end, claim_start(*vma));
        vma = space_.previous(*vma);
    } else if (!space_.vmas_.empty()) {
        vma = &*space_.vmas_.rbegin();
    }
    for (;;) {
        const u64 start = std::max(vma ? vma->range.end : 0, kLowestAddress);
        if (end > start) {
            if (end - start >= length) return end - length;
            largest_hole = std::max(largest_hole, end - start);
        }
        if (vma == nullptr) return 0;
        end = std::min(end, claim_start(*vma));
        vma = space_.previous(*vma);
    }
}

u64 SpaceEditor::search_up(u64 from, u64 limit, u64 length) {
    Vma* vma = space_.find(from);
    while (vma != nullptr) {
        if (claim_start(*vma) >= from && claim_start(*vma) - from >= length) break;
        from = std::max(from, vma->range.end);
        vma = space_.next(*vma);
    }
    return from <= limit && limit - from >= length ? from : 0;
}

void SpaceEditor::note_hole(u64 end) {
    if (space_.search_from_ != 0 && end > space_.search_from_)
        space_.search_from_ = std::min(end, space_.layout.mmap_base);
}

Result<u64> SpaceEditor::find_room(u64 hint, u64 length, MapRequest::Place place) {
    if (length > arch::kUserLimit - kLowestAddress) return Err(Error::nomem);
    if (place == MapRequest::Place::low_2g) {
        const u64 at = search_up(u64{1} << 30, u64{2} << 30, length);
        if (at == 0) return Err(Error::nomem);
        return at;
    }
    hint = align_up(hint, kPageSize);
    if (hint >= kLowestAddress && hint <= arch::kUserLimit - length) {
        const Vma* after = space_.find(hint);
        if (after == nullptr || claim_start(*after) >= hint + length) return hint;
    }
    const u64 base = space_.layout.mmap_base;
    // Above search_from_ there was no hole larger than hole_bytes_.
    if (length <= space_.hole_bytes_ || space_.search_from_ == 0 || space_.search_from_ > base) {
        space_.search_from_ = base;
        space_.hole_bytes_ = 0;
    }
    u64 at = search_down(space_.search_from_, length, space_.hole_bytes_);
    if (at == 0 && space_.search_from_ != base) {
        space_.hole_bytes_ = 0;
        at = search_down(base, length, space_.hole_bytes_);
    }
    if (at != 0) {
        space_.search_from_ = at;
        return at;
    }
    at = search_up(std::max(base, kLowestAddress), arch::kUserLimit, length);
    if (at == 0) return Err(Error::nomem);
    return at;
}

}  // namespace tenon::mm
