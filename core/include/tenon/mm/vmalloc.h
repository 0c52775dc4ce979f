// Virtually contiguous kernel memory, MMIO windows and stacks with guard pages.
#pragma once

#include <tenon/lib/result.h>
#include <tenon/mm/page_alloc.h>

namespace tenon::mm {

// Zeroed, page-granular, a guard page after it. May sleep.
TENON_API Result<void*> vmalloc(usize size_bytes);
TENON_API void vfree(void* p);
// Device memory. `length_bytes` is rounded out to pages; the returned pointer keeps the offset.
TENON_API Result<volatile void*> map_mmio(PhysAddr start, usize length_bytes,
                                          arch::PageFlags cache = arch::PageFlags::uncached);
TENON_API void unmap_mmio(volatile void* p);
// [core] Kernel stacks (guard page below), cached per CPU. Returns the lowest usable address.
Result<void*> alloc_kernel_stack();
void free_kernel_stack(void* stack);
// [core] Module memory within reach of 32-bit relocations: written while rw, then protected by
// section.
Result<void*> alloc_module_memory(usize size_bytes);
void free_module_memory(void* p, usize size_bytes);

}  // namespace tenon::mm
