// mmap, munmap, mprotect, brk and the advice that changes flags: what changes the tree of VMAs.
#include <tenon/mm/address_space.h>
#include <tenon/vfs/inode.h>

#include <algorithm>

#include "core/mm/page_alloc.h"
#include "core/mm/page_walk.h"
#include "core/mm/space_editor.h"

namespace tenon::mm {

namespace {

bool page_range_ok(u64 start, u64 length) {
    return is_aligned(start, kPageSize) && length <= arch::kUserLimit &&
           start <= arch::kUserLimit - length;
}

// Fills in where the pages come from.
Result<void> bind_source(Vma& vma, const MapRequest& request) {
    vma.file = request.file;
    vma.backing = request.backing;
    vma.file_offset = request.file_offset;
    if (vma.backing) {
        vma.backing->vma_made();
        vma.mapping = vma.backing->mapping();
        vma.file_size = vma.backing->size_bytes();
    } else if (vma.file) {
        vma.mapping = vma.file->inode().mapping();
        vma.file_size = &vma.file->inode().size_bytes;
        if (vma.mapping == nullptr) return Err(Error::nodev);
    }
    if (vma.is_private_anon()) vma.file_offset = 0;
    return {};
}

}  // namespace

Result<u64> AddressSpace::map(const MapRequest& original) {
    MapRequest request = original;
    if (request.length == 0) return Err(Error::inval);
    const u64 length = align_up(request.length, kPageSize);
    if (length == 0 || length > arch::kUserLimit) return Err(Error::nomem);
    if (request.file_offset + length < request.file_offset) return Err(Error::overflow);
    // The file's owner may refuse, or bring a backing (devices).
    if (request.file && !request.backing)
        TRY(request.file->ops().call(&vfs::FileOps::map, *request.file, request));
    if (!request.file && !request.backing && has(request.flags, VmaFlags::shared)) {
        TRY_ASSIGN(request.backing, make_shared_memory(length, "/dev/zero (deleted)",
                                                       !has(request.flags, VmaFlags::no_reserve)));
        request.file_offset = 0;
    }

    auto vma = std::unique_ptr<Vma>(new (std::nothrow) Vma);
    if (!vma) return Err(Error::nomem);
    vma->prot = request.prot;
    vma->max_prot = request.max_prot;
    TRY(bind_source(*vma, request));

    const bool fixed = request.place == MapRequest::Place::fixed ||
                       request.place == MapRequest::Place::fixed_noreplace;
    u64 start = request.address;
    bool populate = request.populate;
    {
        SpaceEditor editor(*this);
        vma->flags = request.flags | future_flags;
        if (commit_is_strict()) vma->flags = vma->flags & ~VmaFlags::no_reserve;
        populate |= future_populate && has(vma->flags, VmaFlags::locked);
        if (fixed) {
            if (!is_aligned(start, kPageSize)) return Err(Error::inval);
            if (start > arch::kUserLimit - length) return Err(Error::nomem);
            if (request.place == MapRequest::Place::fixed_noreplace &&
                editor.overlaps(start, start + length))
                return Err(Error::exist);
        } else {
            TRY_ASSIGN(start, editor.find_room(start, length, request.place));
        }
        vma->range = {start, start + length};
        if (vma_count_ > map_limit) return Err(Error::nomem);
        if (has(vma->flags, VmaFlags::locked) &&
            ((locked_pages_ << kPageShift) + length) > limit_locked)
            return Err(Error::again);
        const bool data =
            has(vma->prot, Prot::write) && !vma->is_shared() && !has(vma->flags, VmaFlags::stack);
        TRY(editor.check_limits(length >> kPageShift, is_accounted(*vma), data));
        if (fixed) TRY(editor.unmap(start, start + length));
        editor.insert(std::move(vma));
        editor.merge(start, start + length);
    }
    if (populate) (void)this->populate(start, start + length, has(request.prot, Prot::write));
    return start;
}

Result<void> AddressSpace::unmap(u64 start, u64 length) {
    length = align_up(length, kPageSize);
    if (length == 0 || !page_range_ok(start, length)) return Err(Error::inval);
    SpaceEditor editor(*this);
    return editor.unmap(start, start + length);
}

Result<void> AddressSpace::protect(u64 start, u64 length, Prot prot) {
    length = align_up(length, kPageSize);
    if (length == 0) return {};
    if (!page_range_ok(start, length)) return Err(Error::nomem);
    const u64 end = start + length;
    SpaceEditor editor(*this);
    if (!editor.covered(start, end)) return Err(Error::nomem);
    Result<void> allowed;
    u64 new_data = 0, promised = 0;
    editor.for_each(start, end, [&](Vma& vma) {
        if ((prot & vma.max_prot) != prot) allowed = Err(Error::acces);
        if (has(prot, Prot::write) && !has(vma.prot, Prot::write) && !vma.is_shared())
            new_data += vma.pages();
        if (has(prot, Prot::write) && !vma.is_shared() && !has(vma.flags, VmaFlags::no_reserve) &&
            !is_accounted(vma))
            promised += vma.pages();
    });
    TRY(allowed);
    if (promised != 0) TRY(may_commit(promised));
    if (new_data != 0 && ((data_pages_ + new_data) << kPageShift) > limit_data)
        return Err(Error::nomem);
    TRY(editor.split_ends(start, end));
    editor.for_each(start, end, [&](Vma& vma) {
        if (vma.prot == prot) return;
        editor.account(vma, -1);
        vma.prot = prot;
        if (is_accounted(vma)) vma.flags = vma.flags | VmaFlags::accounted;
        editor.account(vma, 1);
        PageWalk::protect(*this, vma, vma.range.start, vma.range.end);
    });
    editor.merge(start, end);
    return {};
}

Result<void> AddressSpace::set_flags(u64 start, u64 end, VmaFlags set, VmaFlags clear) {
    SpaceEditor editor(*this);
    const bool whole = editor.covered(start, end);
    TRY(editor.split_ends(start, end));
    editor.for_each(start, end, [&](Vma& vma) {
        editor.account(vma, -1);
        vma.flags = (vma.flags & ~clear) | set;
        editor.account(vma, 1);
    });
    editor.merge(start, end);
    return whole ? Result<void>{} : Err(Error::nomem);
}

Result<void> AddressSpace::set_placement(u64 start, u64 end, const Placement& placement) {
    SpaceEditor editor(*this);
    const bool clears = placement == Placement{};
    if (clears ? !editor.overlaps(start, end) : !editor.covered(start, end))
        return Err(Error::fault);
    TRY(editor.split_ends(start, end));
    editor.for_each(start, end, [&](Vma& vma) { vma.placement = placement; });
    editor.merge(start, end);
    return {};
}

u64 AddressSpace::set_brk(u64 new_brk) {
    u64 populate_from = 0, populate_to = 0;
    {
        SpaceEditor editor(*this);
        const u64 old = layout.brk;
        if (new_brk < layout.brk_start || new_brk >= arch::kUserLimit) return old;
        const u64 old_end = align_up(old, kPageSize), new_end = align_up(new_brk, kPageSize);
        if (((new_brk - layout.brk_start) + (layout.data_end - layout.data_start)) > limit_data)
            return old;
        if (new_end < old_end) {
            if (!editor.unmap(new_end, old_end)) return old;
        } else if (new_end > old_end) {
            // A page of room stays before what follows, the stack's gap included.
            if (editor.overlaps(old_end, new_end + kPageSize)) return old;
            const Vma* after = find(new_end);
            if (after != nullptr && has(after->flags, VmaFlags::stack) &&
                after->range.start - new_end < kStackGap)
                return old;
            const u64 pages = (new_end - old_end) >> kPageShift;
            if (!editor.check_limits(pages, true, true) || vma_count_ > map_limit) return old;
            if (has(future_flags, VmaFlags::locked) &&
                ((locked_pages_ + pages) << kPageShift) > limit_locked)
                return old;
            auto vma = std::unique_ptr<Vma>(new (std::nothrow) Vma);
            if (!vma) return old;
            vma->range = {old_end, new_end};
            vma->prot = Prot::read | Prot::write;
            vma->flags = VmaFlags::heap | future_flags;
            if (has(vma->flags, VmaFlags::locked) && future_populate) {
                populate_from = old_end;
                populate_to = new_end;
            }
            editor.insert(std::move(vma));
            editor.merge(old_end, new_end);
        }
        layout.brk = new_brk;
    }
    if (populate_from != populate_to) (void)populate(populate_from, populate_to, true);
    return new_brk;
}

Result<void> AddressSpace::discard(u64 start, u64 end) {
    sync::ReadGuard guard(lock);
    bool hole = false;
    u64 at = start;
    for (Vma* vma = find(start); vma != nullptr && vma->range.start < end; vma = next(*vma)) {
        if (vma->range.start > at) hole = true;
        at = vma->range.end;
        if (has(vma->flags, VmaFlags::locked) || has(vma->flags, VmaFlags::io))
            return Err(Error::inval);
        PageWalk::zap(*this, std::max(start, vma->range.start), std::min(end, vma->range.end));
    }
    return hole || at < end ? Err(Error::nomem) : Result<void>{};
}

Result<void> AddressSpace::populate(u64 start, u64 end, bool write) {
    for (u64 va = align_down(start, kPageSize); va < end; va += kPageSize) {
        sync::ReadGuard guard(lock);
        Vma* vma = find(va);
        if (vma == nullptr || vma->range.start > va) return Err(Error::nomem);
        const arch::Pte entry = PageWalk::load(*this, va);
        if (entry.present() && (!write || entry.writable())) continue;
        // Shared pages are not written before somebody writes.
        const bool as_write = write && has(vma->prot, Prot::write) && !vma->is_shared();
        TRY(PageWalk::resolve(*this, *vma, va,
                              write && (as_write || !has(vma->prot, Prot::write))
                                  ? arch::FaultAccess::write
                                  : arch::FaultAccess::read,
                              false));
    }
    return {};
}

// Shared memory without a file: a backing that is nothing but a page cache.

namespace {

class ZeroSource final : public PageSource {
  public:
    Result<void> read_page(Mapping&, Page&, u64) override { return {}; }
    Result<void> write_page(Mapping&, Page&, u64) override { return {}; }
    bool memory_only() const override { return true; }
};
constinit ZeroSource zero_source;

constinit std::atomic<u64> next_inode{1024};

class SharedMemory final : public VmaBacking {
  public:
    SharedMemory(u64 length_bytes, u64 reserved_pages, std::string_view name)
        : size_(length_bytes),
          reserved_pages_(static_cast<i64>(reserved_pages)),
          name_(name),
          inode_(next_inode.fetch_add(1)) {
        committed_pages.fetch_add(reserved_pages_);
    }
    ~SharedMemory() override { committed_pages.fetch_sub(reserved_pages_); }
    Result<Frame> fault(u64, bool) override { return Err(Error::io); }
    std::string_view name() const override { return name_; }
    Mapping* mapping() override { return &mapping_; }
    std::atomic<u64>* size_bytes() override { return &size_; }
    u64 inode_number() const override { return inode_; }

  private:
    Mapping mapping_{&zero_source};
    std::atomic<u64> size_;
    const i64 reserved_pages_;
    std::string_view name_;
    u64 inode_;
};

}  // namespace

Result<Ref<VmaBacking>> make_shared_memory(u64 length_bytes, std::string_view name, bool reserve) {
    length_bytes = align_up(length_bytes, kPageSize);
    const u64 pages = reserve || commit_is_strict() ? length_bytes >> kPageShift : 0;
    TRY(may_commit(pages));
    auto* memory = new (std::nothrow) SharedMemory(length_bytes, pages, name);
    if (memory == nullptr) return Err(Error::nomem);
    return adopt_ref<VmaBacking>(memory);
}

}  // namespace tenon::mm
