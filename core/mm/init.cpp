#include "core/mm/page_alloc.h"

namespace tenon::mm {

void init(const boot::BootInfo& info) {
    init_page_allocator(info);
    init_slab();
    init_vmalloc();
}

}  // namespace tenon::mm
