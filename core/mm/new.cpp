// operator new and delete over kmalloc. Only the std::nothrow forms may fail; the plain ones exist
// because the language wants them, and running out of memory there ends the kernel.
#include <tenon/arch/keys.h>
#include <tenon/lib/assert.h>
#include <tenon/mm/slab.h>

#include <algorithm>
#include <new>

#include "core/mm/page_alloc.h"
#include "core/mm/slab_classes.h"

using tenon::uptr;
using tenon::usize;

namespace {
void* must(usize size, void* site) {
    void* p = tenon::mm::kmalloc_at(size, tenon::mm::Alloc::none, reinterpret_cast<uptr>(site));
    if (p == nullptr) tenon::panic("operator new without std::nothrow: out of memory");
    return p;
}
// The classes of modules know no alignment: theirs has pages of its own where those of the core are
// closed to it.
void* new_aligned(usize size, void* site) {
    const uptr at = reinterpret_cast<uptr>(site);
    if (tenon::arch::keys_on() && at >= tenon::mm::module_text_start)
        size = std::max(size, tenon::mm::kMaxModuleClassBytes + 1);
    return tenon::mm::kmalloc_at(size, tenon::mm::Alloc::none, at);
}
// Classes that are a power of two are aligned to their size.
usize aligned(usize size, std::align_val_t align) {
    usize room = static_cast<usize>(align);
    while (room < size) room *= 2;
    return room;
}
}  // namespace

const std::nothrow_t std::nothrow;

TENON_API void* operator new(usize size) {
    return must(size, __builtin_return_address(0));
}
TENON_API void* operator new[](usize size) {
    return must(size, __builtin_return_address(0));
}
TENON_API void* operator new(usize size, const std::nothrow_t&) noexcept {
    return tenon::mm::kmalloc_at(size, tenon::mm::Alloc::none,
                                 reinterpret_cast<uptr>(__builtin_return_address(0)));
}
TENON_API void* operator new[](usize size, const std::nothrow_t&) noexcept {
    return tenon::mm::kmalloc_at(size, tenon::mm::Alloc::none,
                                 reinterpret_cast<uptr>(__builtin_return_address(0)));
}
TENON_API void* operator new(usize size, std::align_val_t align) {
    return must(aligned(size, align), nullptr);
}
TENON_API void* operator new(usize size, std::align_val_t align, const std::nothrow_t&) noexcept {
    return new_aligned(aligned(size, align), __builtin_return_address(0));
}
TENON_API void operator delete(void* p) noexcept {
    tenon::mm::kfree(p);
}
TENON_API void operator delete[](void* p) noexcept {
    tenon::mm::kfree(p);
}
TENON_API void operator delete(void* p, usize) noexcept {
    tenon::mm::kfree(p);
}
TENON_API void operator delete[](void* p, usize) noexcept {
    tenon::mm::kfree(p);
}
TENON_API void operator delete(void* p, std::align_val_t) noexcept {
    tenon::mm::kfree(p);
}
TENON_API void operator delete(void* p, usize, std::align_val_t) noexcept {
    tenon::mm::kfree(p);
}
