#include "core/mm/buddy.h"

#include <bit>

namespace tenon::mm {

void BuddyZone::init(Page* frames, u64 start_pfn, u64 end_pfn) {
    frames_ = frames;
    start_ = start_pfn;
    end_ = end_pfn;
    for (u32& head : heads_) head = kNoFrame;
}

void BuddyZone::push(u32 pfn, u32 order) {
    Page& page = frames_[pfn];
    page.kind = Page::Kind::free;
    page.order = static_cast<u8>(order);
    page.free = {.next = heads_[order], .prev = kNoFrame};
    if (heads_[order] != kNoFrame) frames_[heads_[order]].free.prev = pfn;
    heads_[order] = pfn;
    non_empty_ |= 1u << order;
    ++counts_[order];
}

void BuddyZone::unlink(u32 pfn, u32 order) {
    Page& page = frames_[pfn];
    if (page.free.prev != kNoFrame)
        frames_[page.free.prev].free.next = page.free.next;
    else
        heads_[order] = page.free.next;
    if (page.free.next != kNoFrame) frames_[page.free.next].free.prev = page.free.prev;
    if (heads_[order] == kNoFrame) non_empty_ &= ~(1u << order);
    page.kind = Page::Kind::none;
    --counts_[order];
}

void BuddyZone::add_range(u64 start_pfn, u64 end_pfn) {
    start_pfn = start_pfn < start_ ? start_ : start_pfn;
    end_pfn = end_pfn > end_ ? end_ : end_pfn;
    for (u64 pfn = start_pfn; pfn < end_pfn;) {
        u32 order = pfn == 0 ? kMaxOrder : static_cast<u32>(std::countr_zero(pfn));
        if (order > kMaxOrder) order = kMaxOrder;
        while (pfn + (u64{1} << order) > end_pfn) --order;
        push(static_cast<u32>(pfn), order);
        pfn += u64{1} << order;
    }
    if (start_pfn < end_pfn) {
        managed_ += end_pfn - start_pfn;
        set_free_pages(free_pages() + (end_pfn - start_pfn));
    }
}

u32 BuddyZone::alloc(u32 order) {
    const u32 fitting = non_empty_ & (~u32{0} << order);
    if (fitting == 0) return kNoFrame;
    u32 found = static_cast<u32>(std::countr_zero(fitting));
    const u32 pfn = heads_[found];
    unlink(pfn, found);
    // The upper halves go back, largest first.
    while (found > order) {
        --found;
        push(pfn + (1u << found), found);
    }
    set_free_pages(free_pages() - (u64{1} << order));
    Page& page = frames_[pfn];
    page.kind = Page::Kind::kernel;
    page.order = static_cast<u8>(order);
    page.flags.store(0, std::memory_order_relaxed);
    page.refs.store(1, std::memory_order_relaxed);
    page.owner = 0;
    return pfn;
}

void BuddyZone::free(u32 pfn, u32 order) {
    set_free_pages(free_pages() + (u64{1} << order));
    frames_[pfn].refs.store(0, std::memory_order_relaxed);
    while (order < kMaxOrder) {
        const u32 buddy = pfn ^ (1u << order);
        if (buddy < start_ || buddy + (u64{1} << order) > end_) break;
        const Page& other = frames_[buddy];
        if (other.kind != Page::Kind::free || other.order != order) break;
        unlink(buddy, order);
        frames_[pfn].kind = Page::Kind::none;
        pfn &= ~(1u << order);
        ++order;
    }
    push(pfn, order);
}

}  // namespace tenon::mm
