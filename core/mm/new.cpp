// operator new and delete over kmalloc. Only the std::nothrow forms may fail; the plain ones exist
// because the language wants them, and running out of memory there ends the kernel.
#include <tenon/lib/assert.h>
#include <tenon/mm/slab.h>

#include <new>

using tenon::usize;

namespace {
void* must(usize size) {
    void* p = tenon::mm::kmalloc(size);
    if (p == nullptr) tenon::panic("operator new without std::nothrow: out of memory");
    return p;
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
    return must(size);
}
TENON_API void* operator new[](usize size) {
    return must(size);
}
TENON_API void* operator new(usize size, const std::nothrow_t&) noexcept {
    return tenon::mm::kmalloc(size);
}
TENON_API void* operator new[](usize size, const std::nothrow_t&) noexcept {
    return tenon::mm::kmalloc(size);
}
TENON_API void* operator new(usize size, std::align_val_t align) {
    return must(aligned(size, align));
}
TENON_API void* operator new(usize size, std::align_val_t align, const std::nothrow_t&) noexcept {
    return tenon::mm::kmalloc(aligned(size, align));
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
