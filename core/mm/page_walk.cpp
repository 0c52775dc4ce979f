#include "core/mm/page_walk.h"

#include "core/mm/page_alloc.h"

namespace tenon::mm {

using arch::PageFlags;
using arch::Pte;

void TlbBatch::add_table(Pfn table) {
    // Any address does: paging-structure caches go with every flush.
    if (start_ >= end_) {
        start_ = 0;
        end_ = kPageSize;
    }
    pages_[count_++] = &frame(table);
    if (count_ == kCapacity) finish();
}

void TlbBatch::finish() {
    if (start_ < end_) {
        const CpuMask cpus = space_.active_cpus();
        if (!cpus.empty()) arch::flush_tlb_user(space_.root(), cpus, start_, end_);
    }
    if (count_ != 0) unref_pages(pages_, count_);
    count_ = 0;
    start_ = ~u64{0};
    end_ = 0;
}

void PageWalk::zap_locked(AddressSpace& space, u64 start, u64 end, TlbBatch& batch) {
    TENON_ASSERT(start <= end && end <= arch::kUserLimit);  // the kernel's tables lie beyond
    i64 anon = 0, file = 0, shmem = 0;
    if (const u64 now = space.resident_pages(); now > space.peak_resident_)
        space.peak_resident_.store(now, std::memory_order_relaxed);
    space.table_.for_each(start, end, [&](u64 va, Pte& slot) {
        if (slot.load().is_none()) return;
        const Pte old = slot.exchange(Pte::none());
        if (!holds_page(old)) {
            batch.add(va, nullptr);
            return;
        }
        Page& page = page_in(old);
        if (page.kind != Page::Kind::file)
            ++anon;
        else if (page.test(Page::kShmem))
            ++shmem;
        else
            ++file;
        batch.add(va, &page);
    });
    if (anon) space.resident_anon_.fetch_sub(anon, std::memory_order_relaxed);
    if (file) space.resident_file_.fetch_sub(file, std::memory_order_relaxed);
    if (shmem) space.resident_shmem_.fetch_sub(shmem, std::memory_order_relaxed);
}

void PageWalk::zap(AddressSpace& space, u64 start, u64 end) {
    sync::SpinGuard guard(space.table_lock_);
    TlbBatch batch(space);
    zap_locked(space, start, end, batch);
    batch.finish();
}

void PageWalk::prune_locked(AddressSpace& space, UserRange hole, UserRange zone, TlbBatch& batch) {
    space.table_.prune(
        hole, zone,
        [](Pfn table, void* context) { static_cast<TlbBatch*>(context)->add_table(table); },
        &batch);
}

void PageWalk::clear(AddressSpace& space) {
    // The tables go next, unread: the entries need not be cleared.
    Page* pages[64];
    u32 n = 0;
    for (const Vma& vma : space.vmas_) {
        space.table_.for_each(vma.range.start, vma.range.end, [&](u64, Pte& slot) {
            const Pte old = slot.load();
            if (!holds_page(old)) return;
            pages[n++] = &page_in(old);
            if (n < std::size(pages)) return;
            unref_pages(pages, n);
            n = 0;
        });
    }
    if (n != 0) unref_pages(pages, n);
}

void PageWalk::protect(AddressSpace& space, const Vma& vma, u64 start, u64 end) {
    sync::SpinGuard guard(space.table_lock_);
    TlbBatch batch(space);
    const bool none = vma.prot == Prot::none;
    const bool may_write = has(vma.prot, Prot::write);
    const PageFlags readable = read_flags(vma);
    space.table_.for_each(start, end, [&](u64 va, Pte& slot) {
        const Pte old = slot.load();
        if (old.is_none()) return;
        if (none) {
            // Special frames need no keeping: they fault in again.
            slot.exchange(holds_page(old) ? make_none_protected(frame_number(&page_in(old)))
                                          : Pte::none());
            batch.add(va, nullptr);
            return;
        }
        if (!old.present()) {
            slot.store(Pte::make({old.soft() >> 1}, readable));
            return;
        }
        // Write access comes back by a fault, which knows who shares the page; but a private page
        // that is ours alone gets it here.
        PageFlags flags = readable | (old.special() ? PageFlags::special : PageFlags::none) |
                          (old.dirty() ? PageFlags::dirty : PageFlags::none);
        if (may_write && !old.special()) {
            const Page& page = page_in(old);
            if (old.writable() || (!vma.is_shared() && page.kind == Page::Kind::anon &&
                                   page.refs.load(std::memory_order_acquire) == 1))
                flags = flags | PageFlags::write;
        }
        const Pte fresh = old.with_flags(flags);
        if (fresh == old) return;
        slot.exchange(fresh);
        batch.add(va, nullptr);
    });
    batch.finish();
}

Result<void> PageWalk::move(AddressSpace& space, u64 from, u64 to, u64 length) {
    u64 done = 0;
    Result<void> result;
    {
        sync::SpinGuard guard(space.table_lock_);
        TlbBatch batch(space);
        space.table_.for_each(from, from + length, [&](u64 va, Pte& slot) {
            if (!result || slot.load().is_none()) return;
            auto target = space.table_.ensure(va - from + to);
            if (!target) {
                result = Err(Error::nomem);
                done = va - from;
                return;
            }
            (*target)->store(slot.exchange(Pte::none()));
            batch.add(va, nullptr);
        });
        batch.finish();
    }
    // Tables at the old place still stand, so going back cannot fail.
    if (!result && done != 0) (void)move(space, to, from, done);
    return result;
}

Result<void> PageWalk::copy_locked(AddressSpace& parent, AddressSpace& child, const Vma& vma,
                                   bool& cow) {
    // Pages of large file mappings come back by faults; of small ones, copying is cheaper.
    constexpr u64 kCopyFilePages = 512;
    const bool keep_file = vma.pages() <= kCopyFilePages;
    if (vma.is_shared() && !keep_file) return {};
    const bool split_writes = !vma.is_shared();
    i64 anon = 0, file = 0, shmem = 0;
    Pte* table = nullptr;  // the child's leaf table for the addresses at hand
    u64 table_start = ~u64{0};
    Result<void> result;
    parent.table_.for_each(vma.range.start, vma.range.end, [&](u64 va, Pte& slot) {
        Pte entry = slot.load();
        if (entry.is_none() || !result) return;
        if (holds_page(entry)) {
            Page& page = page_in(entry);
            if (page.kind == Page::Kind::file) {
                if (!keep_file) return;
                ++(page.test(Page::kShmem) ? shmem : file);
            } else {
                ++anon;
            }
        } else if (has(vma.flags, VmaFlags::io) || !split_writes) {
            return;  // faults in again
        }
        if (align_down(va, kTableSpan) != table_start) {
            auto first = child.table_.ensure(va);
            if (!first) {
                result = Err(Error::nomem);
                anon = file = shmem = 0;
                return;
            }
            table_start = align_down(va, kTableSpan);
            table = *first - ((va - table_start) >> kPageShift);
        }
        if (split_writes && entry.present() && entry.writable()) {
            entry = entry.with_write(false);
            slot.exchange(entry);
            cow = true;
        }
        if (holds_page(entry)) page_ref(&page_in(entry));
        table[(va - table_start) >> kPageShift].store(entry);
    });
    child.resident_anon_.fetch_add(anon, std::memory_order_relaxed);
    child.resident_file_.fetch_add(file, std::memory_order_relaxed);
    child.resident_shmem_.fetch_add(shmem, std::memory_order_relaxed);
    return result;
}

}  // namespace tenon::mm
