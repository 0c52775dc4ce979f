// The page cache: one tree of pages a file.
//
// A page in the tree holds one reference. find() takes another without a lock: it reads the tree
// under RCU, refuses a page whose count is already 0 (it is being freed; frames always have a Page,
// so looking is safe), and looks again whether the page is still the one at that place.
//
// A page goes into the tree before it is filled, so that two readers do not both read it in; the
// others sleep until it is up to date, or failed and gone.
//
// An extent is a run of frames that boot set aside (files of the initrd): its pages belong to the
// file without standing in the tree until somebody looks. What is in the tree wins.
#include <tenon/mm/mapping.h>

#include <algorithm>
#include <cstring>

#include "core/mm/page_alloc.h"
#include "core/mm/page_walk.h"

namespace tenon::mm {

namespace {

constinit sync::WaitQueue fill_queues[8];
sync::WaitQueue& queue_of(const Page* page) {
    return fill_queues[(reinterpret_cast<uptr>(page) / sizeof(Page)) % std::size(fill_queues)];
}

bool try_ref(Page* page) {
    u32 n = page->refs.load(std::memory_order_relaxed);
    while (n != 0) {
        if (page->refs.compare_exchange_weak(n, n + 1, std::memory_order_acquire,
                                             std::memory_order_relaxed))
            return true;
    }
    return false;
}

}  // namespace

Mapping::~Mapping() {
    drop_pages(0, ~u64{0});
}

Page* Mapping::find(u64 index) {
    for (;;) {
        {
            sync::RcuGuard guard;
            auto* page = static_cast<Page*>(tree_.find(index));
            if (page == nullptr) break;
            if (try_ref(page)) {
                if (tree_.find(index) == page) return page;
                page_unref(page);
            }
        }
        arch::cpu_relax();
    }
    return in_extent(index) ? materialize(index) : nullptr;
}

// Moves one page of the extent into the tree.
Page* Mapping::materialize(u64 index) {
    sync::SpinGuard guard(lock_);
    if (auto* page = static_cast<Page*>(tree_.find(index))) {
        page_ref(page);
        return page;
    }
    if (!in_extent(index)) return nullptr;
    Page* page = &frame(extent_first_ + index);
    page->kind = Page::Kind::file;
    page->order = 0;
    page->refs.store(2, std::memory_order_relaxed);
    page->mapping = this;
    page->index = index;
    const bool shmem = source_ != nullptr && source_->memory_only();
    page->flags.store(Page::kUptodate | (shmem ? Page::kShmem : 0), std::memory_order_relaxed);
    if (!tree_.insert(index, page)) {
        page->kind = Page::Kind::none;
        page->refs.store(0, std::memory_order_relaxed);
        return nullptr;
    }
    --extent_left_;
    pages_.fetch_add(1, std::memory_order_relaxed);
    count(Counter::file, 1);
    if (shmem) count(Counter::shmem, 1);
    return page;
}

void Mapping::insert_locked(u64 index, Page* page) {
    page->kind = Page::Kind::file;
    page->mapping = this;
    page->index = index;
    pages_.fetch_add(1, std::memory_order_relaxed);
    count(Counter::file, 1);
    if (source_ != nullptr && source_->memory_only()) {
        page->set(Page::kShmem);
        count(Counter::shmem, 1);
    }
}

Result<void> Mapping::wait_filled(Page* page) {
    (void)queue_of(page).wait([&] { return page->test(Page::kUptodate | Page::kFailed); },
                              sync::WaitMode::uninterruptible);
    return page->test(Page::kUptodate) ? Result<void>{} : Err(Error::io);
}

Result<Page*> Mapping::get(u64 index, bool for_write) {
    for (;;) {
        if (Page* page = find(index)) {
            if (page->test(Page::kUptodate)) [[likely]]
                return page;
            const Result<void> filled = wait_filled(page);
            if (filled) return page;
            page_unref(page);
            return Err(filled.error());
        }
        const bool memory_only = source_ == nullptr || source_->memory_only();
        if (memory_only && !for_write) {
            Page* zero = &frame(zero_frame);
            page_ref(zero);
            return zero;
        }
        TRY_ASSIGN(Page * fresh, alloc_page(Alloc::zero | Alloc::user));
        // A memory-only file has nothing to read: its pages go in ready.
        if (memory_only) {
            if (source_ != nullptr) {
                if (auto r = source_->read_page(*this, *fresh, index); !r) {
                    page_unref(fresh);
                    return Err(r.error());
                }
            }
            fresh->set(Page::kUptodate);
        }
        // The caller's reference; the tree has the other.
        fresh->refs.store(2, std::memory_order_relaxed);
        Result<void> result;
        {
            sync::SpinGuard guard(lock_);
            result = tree_.find(index) != nullptr || in_extent(index) ? Err(Error::exist)
                                                                      : Result<void>{};
            if (result) {
                insert_locked(index, fresh);
                result = tree_.insert(index, fresh);
                if (!result) uncount_locked(fresh);
            }
        }
        if (!result) {
            fresh->kind = Page::Kind::kernel;
            fresh->refs.store(1, std::memory_order_relaxed);
            page_unref(fresh);
            if (result.error() == Error::exist) continue;
            return Err(result.error());
        }
        if (memory_only) return fresh;
        result = source_->read_page(*this, *fresh, index);
        if (result) {
            fresh->set(Page::kUptodate);
        } else {
            fresh->set(Page::kFailed);
            sync::SpinGuard guard(lock_);
            if (tree_.find(index) == fresh) {
                tree_.erase(index);
                uncount_locked(fresh);
                fresh->refs.fetch_sub(1, std::memory_order_release);
            }
        }
        queue_of(fresh).wake_all();
        if (result) return fresh;
        page_unref(fresh);
        return Err(result.error());
    }
}

void Mapping::uncount_locked(Page* page) {
    page->mapping = nullptr;
    pages_.fetch_sub(1, std::memory_order_relaxed);
    count(Counter::file, -1);
    if (page->test(Page::kShmem)) count(Counter::shmem, -1);
}

Result<void> Mapping::adopt(u64 index, Page* page) {
    sync::SpinGuard guard(lock_);
    if (in_extent(index)) return Err(Error::exist);
    page->set(Page::kUptodate);
    TRY(tree_.insert(index, page));
    insert_locked(index, page);
    return {};
}

void Mapping::adopt_extent(Pfn first, u64 pages) {
    sync::SpinGuard guard(lock_);
    extent_first_ = first.value;
    extent_left_ = pages;
    extent_pages_.store(pages, std::memory_order_release);
    unreserve(pages);
}

void Mapping::mark_dirty(Page* page) {
    if (page->test(Page::kDirty)) return;
    page->set(Page::kDirty);
    if (!page->test(Page::kShmem)) count(Counter::dirty, 1);
}

// --- Dropping -----------------------------------------------------------------------------------

// Takes pages [first, end) out of the tree and the extent.
void Mapping::drop_pages(u64 first, u64 end) {
    // The extent ends where pages are dropped; what stands behind the cut goes into the tree first.
    const u64 extent = extent_pages_.load(std::memory_order_relaxed);
    if (first < extent) {
        for (u64 i = end; i < extent; ++i) {
            if (Page* page = find(i)) page_unref(page);
        }
        u64 gone_from = first, gone_to = std::min(end, extent);
        // Frames that never were looked at have no Page to count; they go straight back.
        for (u64 i = gone_from; i < gone_to; ++i) {
            sync::SpinGuard guard(lock_);
            if (tree_.find(i) != nullptr || extent_left_ == 0) continue;
            release_boot_memory(Pfn{extent_first_ + i}.phys(), kPageSize);
            --extent_left_;
        }
        extent_pages_.store(first, std::memory_order_release);
    }
    for (;;) {
        Page* batch[16];
        u32 n = 0;
        {
            sync::SpinGuard guard(lock_);
            u64 at = first, found = 0;
            while (n < std::size(batch)) {
                auto* page = static_cast<Page*>(tree_.next(at, found));
                if (page == nullptr || found >= end) break;
                tree_.erase(found);
                page->mapping = nullptr;
                batch[n++] = page;
                if (found == ~u64{0}) break;
                at = found + 1;
            }
            first = at;
        }
        if (n == 0) break;
        for (u32 i = 0; i < n; ++i) {
            if (batch[i]->test(Page::kShmem))
                count(Counter::shmem, -1);
            else if (batch[i]->test(Page::kDirty))
                count(Counter::dirty, -1);
            page_unref(batch[i]);
        }
        count(Counter::file, -static_cast<i64>(n));
        pages_.fetch_sub(n, std::memory_order_relaxed);
    }
}

struct VmaReverse {
    // Unmaps file pages [first, end) from one VMA; its mapping's lock is held.
    static void unmap(Vma& vma, u64 first, u64 end) {
        const u64 vma_first = vma.file_offset >> kPageShift, vma_end = vma_first + vma.pages();
        first = std::max(first, vma_first);
        end = std::min(end, vma_end);
        if (first >= end) return;
        PageWalk::zap(*vma.space, vma.range.start + ((first - vma_first) << kPageShift),
                      vma.range.start + ((end - vma_first) << kPageShift));
    }
    static void protect(Vma& vma, u64 index) {
        const u64 vma_first = vma.file_offset >> kPageShift;
        if (!vma.is_shared() || index < vma_first || index >= vma_first + vma.pages()) return;
        const u64 va = vma.range.start + ((index - vma_first) << kPageShift);
        AddressSpace& space = *vma.space;
        sync::SpinGuard guard(space.table_lock_);
        arch::Pte* slot = space.table_.find(va);
        if (slot == nullptr || !slot->load().present() || !slot->load().writable()) return;
        slot->exchange(slot->load().with_write(false).with_clean());
        arch::flush_tlb_user(space.root(), space.active_cpus(), va, va + kPageSize);
    }
};

void Mapping::unmap(u64 first, u64 end) {
    sync::SpinGuard guard(lock_);
    for (Vma* vma = vmas_; vma != nullptr; vma = vma->mapping_next)
        VmaReverse::unmap(*vma, first, end);
}

void Mapping::zero_part(u64 start_byte, u64 end_byte) {
    if (start_byte >= end_byte) return;
    Page* page = find(start_byte >> kPageShift);
    if (page == nullptr) return;
    const u64 offset = start_byte & (kPageSize - 1);
    std::memset(static_cast<u8*>(page_address(page)) + offset, 0, end_byte - start_byte);
    mark_dirty(page);
    page_unref(page);
}

void Mapping::truncate(u64 start_byte) {
    const u64 first = align_up(start_byte, kPageSize) >> kPageShift;
    drop_pages(first, ~u64{0});
    unmap(first, ~u64{0});
    zero_part(start_byte, first << kPageShift);
}

void Mapping::punch(u64 start_byte, u64 end_byte) {
    if (start_byte >= end_byte) return;
    const u64 first = align_up(start_byte, kPageSize) >> kPageShift, end = end_byte >> kPageShift;
    if (first > end) {
        zero_part(start_byte, end_byte);
        return;
    }
    zero_part(start_byte, first << kPageShift);
    zero_part(end << kPageShift, end_byte);
    if (first == end) return;
    drop_pages(first, end);
    unmap(first, end);
}

Result<void> Mapping::write_back(u64 start_byte, u64 end_byte) {
    if (source_ == nullptr || source_->memory_only()) return {};
    Result<void> result;
    u64 index = start_byte >> kPageShift;
    const u64 end = end_byte == ~u64{0} ? ~u64{0} : align_up(end_byte, kPageSize) >> kPageShift;
    while (index < end) {
        Page* page;
        u64 found = 0;
        {
            sync::SpinGuard guard(lock_);
            page = static_cast<Page*>(tree_.next(index, found));
            if (page == nullptr || found >= end) break;
            index = found + 1;
            if (!page->test(Page::kDirty)) continue;
            page_ref(page);
            page->clear(Page::kDirty);
            count(Counter::dirty, -1);
            // From here on a store through a mapping faults, and marks the page again.
            for (Vma* vma = vmas_; vma != nullptr; vma = vma->mapping_next)
                VmaReverse::protect(*vma, found);
        }
        if (auto r = source_->write_page(*this, *page, found); !r) {
            mark_dirty(page);
            result = r;
        }
        page_unref(page);
    }
    return result;
}

// --- Questions ----------------------------------------------------------------------------------

u64 Mapping::page_count() const {
    sync::SpinGuard guard(lock_);
    return pages_.load(std::memory_order_relaxed) + extent_left_;
}

u64 Mapping::next_present(u64 index) const {
    if (in_extent(index)) return index;
    sync::SpinGuard guard(lock_);
    u64 found = 0;
    return tree_.next(index, found) ? found : ~u64{0};
}

u64 Mapping::next_absent(u64 index) const {
    if (in_extent(index)) index = extent_pages_.load(std::memory_order_relaxed);
    sync::RcuGuard guard;
    return tree_.next_gap(index);
}

// --- VMAs ---------------------------------------------------------------------------------------

void Mapping::add_vma_locked(Vma& vma) {
    vma.mapping_next = vmas_;
    if (vmas_) vmas_->mapping_link = &vma.mapping_next;
    vma.mapping_link = &vmas_;
    vmas_ = &vma;
    if (vma.is_shared() && has(vma.max_prot, Prot::write))
        writable_mappings_.fetch_add(1, std::memory_order_relaxed);
}

void Mapping::remove_vma_locked(Vma& vma) {
    *vma.mapping_link = vma.mapping_next;
    if (vma.mapping_next) vma.mapping_next->mapping_link = vma.mapping_link;
    vma.mapping_link = nullptr;
    if (vma.is_shared() && has(vma.max_prot, Prot::write))
        writable_mappings_.fetch_sub(1, std::memory_order_relaxed);
}

void Mapping::add_vma(Vma& vma) {
    sync::SpinGuard guard(lock_);
    add_vma_locked(vma);
}

void Mapping::remove_vma(Vma& vma) {
    sync::SpinGuard guard(lock_);
    remove_vma_locked(vma);
}

}  // namespace tenon::mm
