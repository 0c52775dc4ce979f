// Page frames: each an object of its own, beside memory of the host's.
#include <tenon/mm/page_alloc.h>
#include <tenon/mm/slab.h>

#include <cstdlib>
#include <cstring>

#include "world.h"

namespace tenon::mm {

namespace {

struct Frame {
    Page page;
    void* memory;
};

std::map<u64, Page*>& frames() {
    static auto* map = new std::map<u64, Page*>;
    return *map;
}

}  // namespace

// The object is taken as the module's other memory is: counted, and a step that can fail.
Result<Page*> alloc_pages(u32 order, Alloc) {
    auto* frame = static_cast<Frame*>(kmalloc(sizeof(Frame), Alloc::zero));
    if (frame == nullptr) return Err(Error::nomem);
    const usize bytes = kPageSize << order;
    frame->memory = std::aligned_alloc(kPageSize, bytes);
    std::memset(frame->memory, 0, bytes);
    frame->page.refs = 1;
    frame->page.order = static_cast<u8>(order);
    frames()[reinterpret_cast<u64>(frame->memory) >> kPageShift] = &frame->page;
    return &frame->page;
}

void free_pages(Page* page, u32) {
    auto* frame = reinterpret_cast<Frame*>(page);
    frames().erase(reinterpret_cast<u64>(frame->memory) >> kPageShift);
    std::free(frame->memory);
    kfree(frame);
}

void page_unref(Page* page) {
    if (page->refs.fetch_sub(1) == 1) free_pages(page, page->order);
}

Pfn pfn_of(const Page* page) {
    return {reinterpret_cast<u64>(reinterpret_cast<const Frame*>(page)->memory) >> kPageShift};
}

Page* page_of(Pfn pfn) {
    const auto at = frames().find(pfn.value);
    return at != frames().end() ? at->second : nullptr;
}

}  // namespace tenon::mm
