// What lies at an address of the kernel's data, for messages.
#include <tenon/arch/context.h>

#include "core/mm/page_alloc.h"

namespace tenon::mm {

void describe_data(uptr address, fmt::Sink& out) {
    const arch::KernelLayout& layout = arch::kernel_layout();
    const uptr array = reinterpret_cast<uptr>(frames);
    const Page* page = nullptr;
    if (address >= layout.direct_map && address < layout.direct_map_end)
        page = page_of(Pfn::of({address - layout.direct_map}));
    if (address - array < frame_count * sizeof(Page))
        out.write("frame array");
    else if (address >= layout.image_start && address < layout.image_end)
        fmt::print(out, "core image+{:#x}", address - layout.image_start);
    else if (page != nullptr && page->kind == Page::Kind::slab)
        fmt::print(out, "an object of {}", cache_name(*page));
    else
        out.write(page != nullptr && page->kind == Page::Kind::page_table ? "page table"
                                                                          : "core memory");
}

}  // namespace tenon::mm
