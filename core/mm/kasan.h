// The kernel address sanitizer (preset kasan): every access of compiled code to RAM is checked
// against a shadow that knows which bytes are allocated. In other presets nothing is left of it.
//
// One shadow byte stands for eight bytes of physical memory: 0 all may be used, 1 to 7 only so many
// at the front, more: none. The shadow is looked up by place in the direct map, so that slab
// objects and pages are covered; stacks, vmalloc and the image, which live elsewhere, are not. GCC
// calls us before each access (asan-instrumentation-with-call-threshold=0), so no layout is laid
// down.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::mm::kasan {

#if TENON_KASAN
inline constexpr bool kEnabled = true;
// Boot: the shadow lies at `memory` and covers `bytes` of physical memory, all of it usable.
void init(u8* memory, u64 bytes);
// The first `used_bytes` of `room_bytes` may be accessed. `p` is aligned to 8.
void open(const void* p, usize used_bytes, usize room_bytes);
// None of it may. Stops the kernel if it was not open: freed twice.
void close(const void* p, usize room_bytes);
// For accesses that the compiler does not see. Stops the kernel on a bad one.
void check(const void* p, usize size_bytes, bool is_write);
#else
inline constexpr bool kEnabled = false;
inline void init(u8*, u64) {}
inline void open(const void*, usize, usize) {}
inline void close(const void*, usize) {}
inline void check(const void*, usize, bool) {}
#endif

}  // namespace tenon::mm::kasan
