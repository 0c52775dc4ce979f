// The core asks here when memory is short.
#pragma once

#include <tenon/mm/page_alloc.h>

namespace tenon::personality {

mm::OomAnswer out_of_memory(u32 order);

}  // namespace tenon::personality
