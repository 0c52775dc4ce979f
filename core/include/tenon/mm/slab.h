// Small objects: kmalloc size classes from 8 B and typed caches, with per-CPU magazines.
// Debug builds poison freed objects and check red zones.
#pragma once

#include <tenon/mm/page_alloc.h>
#include <tenon/sync/spinlock.h>

#include <memory>
#include <new>

namespace tenon::mm {

// Null when memory is out. Sizes above 8 KiB come from whole pages; alignment is 16 for size >= 16.
// What a module has not given back when it is unloaded is reported with the place that asked.
TENON_API void* kmalloc(usize size_bytes, Alloc flags = Alloc::none);
TENON_API void kfree(void* p);  // null is fine; any context but NMI
TENON_API usize kmalloc_usable_size(const void* p);
TENON_API void* krealloc(void* p, usize new_size_bytes, Alloc flags = Alloc::none);

// A cache of equal objects. Created at boot or by a module; shows in /proc/slabinfo. The name must
// outlive it. Objects come as they are, not cleared.
class SlabCache {
  public:
    TENON_NONCOPYABLE(SlabCache);
    TENON_API static Result<SlabCache*> create(const char* name, usize size_bytes,
                                               usize align_bytes);
    TENON_API static void destroy(SlabCache* cache);  // all objects must be back
    TENON_API void* alloc(Alloc flags = Alloc::none);
    TENON_API void free(void* object);
    struct Info {
        const char* name;
        usize object_bytes;
        u64 active_objects, total_objects, slabs, pages_per_slab;
    };

  private:
    friend struct Slabs;  // core/mm/slab.cpp
    constexpr SlabCache() = default;
    const char* name_ = nullptr;
    u32 object_bytes_ = 0;  // as asked for
    u32 stride_ = 0;        // from object to object
    u32 objects_per_slab_ = 0;
    u8 order_ = 0;  // pages of a slab: 2^order
    u8 id_ = 0;     // slot in every CPU's table of magazines
    u8 magazine_size_ = 0;
    u32 partial_ = ~u32{0};  // frames of slabs with free objects, a list through Page::slab
    u32 empty_slabs_ = 0;    // of those, without any object in use
    u64 slabs_ = 0;
    u64 taken_ = 0;  // objects out of the slabs: in use, or in magazines
    sync::SpinLock lock_{sync::LockRank::slab};
};
TENON_API void for_each_cache(void (*visit)(const SlabCache::Info&, void*), void* context);

// kmalloc'ed construction: null on no memory, destroyed by delete or std::unique_ptr.
template <typename T, typename... Args>
std::unique_ptr<T> make(Args&&... args) {
    return std::unique_ptr<T>(new (std::nothrow) T(std::forward<Args>(args)...));
}

}  // namespace tenon::mm
