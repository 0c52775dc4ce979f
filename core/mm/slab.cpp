// Slab caches with per-CPU magazines, and kmalloc on top of them.
//
// A slab is 2^order pages cut into objects of one stride. Its bookkeeping lives in the Page of its
// first frame: `count` objects handed out, `flags` the index of the first free object (free objects
// chain through their first two bytes), `slab.next/prev` the cache's list of slabs that have room.
// Slabs are naturally aligned, so an object finds its slab by masking its frame number.
//
// In front of the slabs stands a magazine per CPU and cache, an array of object pointers: the usual
// alloc and free are a pop and a push with interrupts off. A magazine is made when a CPU first uses
// a cache; filled and emptied by halves under the cache's lock. At most one empty slab is kept.
//
// What module text asks for comes from classes of its own, each object with the place that asked
// behind it: so an unload can say what was forgotten.
//
// Debug kernels fill free objects with kPoison and verify it when they go out again, which finds
// writes after free, overruns into a free neighbour, and double frees.
#include <tenon/arch/keys.h>
#include <tenon/lib/assert.h>
#include <tenon/mm/slab.h>
#include <tenon/trace/log.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/mm/fail.h"
#include "core/mm/kasan.h"
#include "core/mm/page_alloc.h"
#include "core/mm/poison.h"
#include "core/mm/slab_classes.h"
#include "core/module/crossing.h"
#include "core/module/quota.h"

namespace tenon::mm {

namespace {

constexpr u32 kMaxCaches = 96;
constexpr u32 kNone = ~u32{0};
constexpr u16 kEnd = 0xffff;
constexpr uptr kForgotten = 1;  // as a site: of a module that is gone; another may lie there now

struct Magazine {
    u32 count;
    void* objects[];
};
struct MagazineTable {
    Magazine* slot[kMaxCaches];
};
TENON_PERCPU(MagazineTable, magazines);

constinit sync::SpinLock table_lock{sync::LockRank::spin_leaf};  // guards the table's slots
SlabCache* caches[kMaxCaches];

u16& next_index(void* object) {
    return *static_cast<u16*>(object);
}

}  // namespace

constinit uptr module_text_start = ~uptr{0};
constinit static std::atomic<bool> list_damaged{false};  // told when nothing is locked

// The cache's operations on slabs and magazines.
struct Slabs {
    static SlabCache* class_cache(u32 index);
    static bool is_of_modules(const SlabCache& cache) {
        return &cache >= module_classes && &cache < module_classes + kModuleClassCount;
    }
    static bool is_of_core(const SlabCache& cache) {
        return &cache >= classes && &cache < classes + kClassCount;
    }
    // Who asked for an object of a module's class; 0: nobody, it is free.
    static uptr& site_of(const SlabCache& cache, void* object) {
        return *reinterpret_cast<uptr*>(static_cast<u8*>(object) + cache.object_bytes_ -
                                        sizeof(uptr));
    }
    // As a site: zero, or what a debug kernel fills a free object with.
    static bool is_free(uptr site) { return site == 0 || site == kPoisonWord; }
    static void forget_site(SlabCache& cache, void* object) {
        uptr& site = site_of(cache, object);
        if (is_free(site)) panic("kfree: the object is free already");
        module::uncharge(site, cache.object_bytes_);
        site = 0;
    }
    static void* alloc_for_module(usize size, Alloc flags, uptr site) {
        SlabCache& cache = module_classes[class_of(size)];
        const uptr place = module::call_site(site);
        if (!module::charge(place, cache.object_bytes_)) return nullptr;
        void* object = alloc(cache, size, flags);
        if (object != nullptr)
            site_of(cache, object) = place;
        else
            module::uncharge(place, cache.object_bytes_);
        return object;
    }

    static Result<void> set_up(SlabCache& cache, const char* name, usize size, usize align) {
        cache.name_ = name;
        cache.object_bytes_ = static_cast<u32>(size);
        cache.stride_ = static_cast<u32>(align_up(std::max<usize>(size, 8), align));
        const u32 stride = cache.stride_;
        // The smallest order that holds eight, or wastes at most an eighth.
        u8 order = 0;
        while (order < 3 && (kPageSize << order) / stride < 8 &&
               (kPageSize << order) % stride > (kPageSize << order) / 8)
            ++order;
        while ((kPageSize << order) < stride) ++order;
        cache.order_ = order;
        cache.objects_per_slab_ = static_cast<u32>((kPageSize << order) / stride);
        cache.magazine_size_ = stride <= 256 ? 31 : stride <= 1024 ? 15 : 7;
        sync::IrqSpinGuard guard(table_lock);
        for (u32 id = 0; id < kMaxCaches; ++id) {
            if (caches[id] != nullptr) continue;
            cache.id_ = static_cast<u8>(id);
            caches[id] = &cache;
            return {};
        }
        return Err(Error::nospc);
    }

    static void* object_at(SlabCache& cache, u32 pfn, u32 index) {
        return static_cast<u8*>(arch::phys_to_virt(Pfn{pfn}.phys())) + index * cache.stride_;
    }

    static void link(SlabCache& cache, u32 pfn) {
        Page& page = frame(pfn);
        page.slab.next = cache.partial_;
        page.slab.prev = kNone;
        if (cache.partial_ != kNone) frame(cache.partial_).slab.prev = pfn;
        cache.partial_ = pfn;
    }
    static void unlink(SlabCache& cache, u32 pfn) {
        Page& page = frame(pfn);
        if (page.slab.prev != kNone)
            frame(page.slab.prev).slab.next = page.slab.next;
        else
            cache.partial_ = page.slab.next;
        if (page.slab.next != kNone) frame(page.slab.next).slab.prev = page.slab.prev;
    }

    // Cuts fresh pages into objects and offers them.
    static void add_slab(SlabCache& cache, Page* page) {
        const u32 pfn = static_cast<u32>(frame_number(page).value);
        for (u32 i = 0; i < (1u << cache.order_); ++i) {
            page[i].kind = Page::Kind::slab;
            page[i].slab.cache = &cache;
        }
        const u32 n = cache.objects_per_slab_;
        for (u32 i = 0; i < n; ++i) {
            void* object = object_at(cache, pfn, i);
            if (is_of_modules(cache)) site_of(cache, object) = 0;
            if constexpr (kDebug) poison(object, cache.stride_);
            next_index(object) = i + 1 < n ? static_cast<u16>(i + 1) : kEnd;
            kasan::close(object, cache.stride_);
        }
        if (is_of_core(cache))
            arch::set_core_only(frame_address(page), kPageSize << cache.order_, true);
        page->flags.store(0, std::memory_order_relaxed);
        page->count = 0;
        count(Counter::slab, i64{1} << cache.order_);
        sync::IrqSpinGuard guard(cache.lock_);
        link(cache, pfn);
        ++cache.slabs_;
        ++cache.empty_slabs_;
    }

    // Whether the free object `at` of a slab may be one. Modules write where these lie.
    static bool is_sound(SlabCache& cache, u32 pfn, u16 at) {
        if (at >= cache.objects_per_slab_ || frame(pfn).count >= cache.objects_per_slab_)
            return false;
        if (!is_of_modules(cache)) return true;
        return is_free(site_of(cache, object_at(cache, pfn, at)));
    }

    // Takes up to `wanted` objects. Lock held.
    static u32 take_locked(SlabCache& cache, void** out, u32 wanted) {
        u32 got = 0;
        while (got < wanted && cache.partial_ != kNone) {
            const u32 pfn = cache.partial_;
            Page& page = frame(pfn);
            u16 at = page.flags.load(std::memory_order_relaxed);
            if (page.count == 0) --cache.empty_slabs_;
            while (at != kEnd && got < wanted) {
                if (!is_sound(cache, pfn, at)) [[unlikely]] {
                    // What is free of the slab is out of reach until all of it is.
                    list_damaged = true;
                    at = kEnd;
                    break;
                }
                void* object = object_at(cache, pfn, at);
                at = next_index(object);
                out[got++] = object;
                ++page.count;
            }
            page.flags.store(at, std::memory_order_relaxed);
            if (at == kEnd) unlink(cache, pfn);
        }
        cache.taken_ += got;
        return got;
    }

    // Gives objects back; pages that came free are chained at `dead`. Lock held.
    static void put_locked(SlabCache& cache, void** objects, u32 n, u32& dead) {
        for (u32 i = 0; i < n; ++i) {
            const uptr base =
                reinterpret_cast<uptr>(objects[i]) & ~((uptr{kPageSize} << cache.order_) - 1);
            Page& page = frame_of_address(reinterpret_cast<void*>(base));
            const u32 pfn = static_cast<u32>(frame_number(&page).value);
            const u16 first = page.flags.load(std::memory_order_relaxed);
            next_index(objects[i]) = first;
            page.flags.store(
                static_cast<u16>((reinterpret_cast<uptr>(objects[i]) - base) / cache.stride_),
                std::memory_order_relaxed);
            if (first == kEnd) link(cache, pfn);
            if (--page.count != 0) continue;
            if (cache.empty_slabs_ == 0) {
                ++cache.empty_slabs_;
                continue;
            }
            unlink(cache, pfn);
            --cache.slabs_;
            page.slab.next = dead;
            dead = pfn;
        }
        cache.taken_ -= n;
    }

    static void free_slabs(SlabCache& cache, u32 dead) {
        while (dead != kNone) {
            Page& page = frame(dead);
            dead = page.slab.next;
            count(Counter::slab, -(i64{1} << cache.order_));
            for (u32 i = 0; i < (1u << cache.order_); ++i) (&page)[i].kind = Page::Kind::kernel;
            kasan::open(frame_address(&page), kPageSize << cache.order_, kPageSize << cache.order_);
            if (is_of_core(cache))
                arch::set_core_only(frame_address(&page), kPageSize << cache.order_, false);
            free_pages(&page, cache.order_);
        }
    }

    static void put(SlabCache& cache, void** objects, u32 n) {
        u32 dead = kNone;
        {
            sync::IrqSpinGuard guard(cache.lock_);
            put_locked(cache, objects, n, dead);
        }
        free_slabs(cache, dead);
    }

    // One object past the magazines; makes a slab if it must.
    static void* take_one(SlabCache& cache, Alloc flags) {
        for (;;) {
            {
                sync::IrqSpinGuard guard(cache.lock_);
                void* object;
                if (take_locked(cache, &object, 1) == 1) return object;
            }
            const Alloc page_flags =
                static_cast<Alloc>(static_cast<u32>(flags) & ~static_cast<u32>(Alloc::zero));
            auto page = alloc_pages(cache.order_, page_flags);
            if (!page) return nullptr;
            add_slab(cache, *page);
        }
    }

    static Magazine* make_magazine(SlabCache& cache) {
        const usize bytes = sizeof(Magazine) + cache.magazine_size_ * sizeof(void*);
        auto* made = static_cast<Magazine*>(take_one(*class_cache(class_of(bytes)), Alloc::atomic));
        if (made == nullptr) return nullptr;
        kasan::open(made, bytes, bytes);
        made->count = 0;
        return made;
    }

    [[gnu::noinline]] static void* alloc_slow(SlabCache& cache, Alloc flags) {
        {
            IrqGuard irqs_off;
            Magazine*& slot = magazines.local().slot[cache.id_];
            if (slot == nullptr) slot = make_magazine(cache);
            if (Magazine* magazine = slot; magazine != nullptr && magazine->count == 0) {
                cache.lock_.lock_raw();
                magazine->count =
                    take_locked(cache, magazine->objects, (cache.magazine_size_ + 1u) / 2);
                cache.lock_.unlock_raw();
                if (magazine->count != 0) return magazine->objects[--magazine->count];
            }
        }
        void* const object = take_one(cache, flags);
        if (list_damaged) [[unlikely]] {
            list_damaged = false;
            log::err("slab {}: a list of free objects was overwritten", cache.name_);
        }
        return object;
    }

    [[gnu::noinline]] static void free_slow(SlabCache& cache, void* object) {
        void* spill[16];
        u32 n = 0;
        {
            IrqGuard irqs_off;
            Magazine*& slot = magazines.local().slot[cache.id_];
            if (slot == nullptr) slot = make_magazine(cache);
            if (Magazine* magazine = slot; magazine != nullptr) {
                // The older half goes; what was freed last is warm.
                if (magazine->count == cache.magazine_size_) {
                    n = (cache.magazine_size_ + 1u) / 2;
                    std::copy_n(magazine->objects, n, spill);
                    std::copy(magazine->objects + n, magazine->objects + magazine->count,
                              magazine->objects);
                    magazine->count -= n;
                }
                magazine->objects[magazine->count++] = object;
                object = nullptr;
            }
        }
        if (n != 0) put(cache, spill, n);
        if (object != nullptr) put(cache, &object, 1);
    }

    // `size_bytes` is what the caller may use of it.
    static void* alloc(SlabCache& cache, usize size_bytes, Alloc flags) {
        if (testing::fails_by_request()) [[unlikely]]
            return nullptr;
        void* object = nullptr;
        {
            IrqGuard irqs_off;
            Magazine* magazine = magazines.local().slot[cache.id_];
            if (magazine != nullptr && magazine->count != 0) [[likely]]
                object = magazine->objects[--magazine->count];
        }
        if (object == nullptr) [[unlikely]] {
            object = alloc_slow(cache, flags);
            if (object == nullptr) return nullptr;
        }
        kasan::open(object, cache.stride_, cache.stride_);
        if constexpr (kDebug) {
            check_poison(&cache, cache.name_, object, cache.stride_);
            std::memset(object, 0x5a, cache.stride_);
        }
        if (has(flags, Alloc::zero)) std::memset(object, 0, cache.object_bytes_);
        kasan::open(object, size_bytes, cache.stride_);
        return object;
    }

    static void free(SlabCache& cache, void* object) {
        if constexpr (kDebug) {
            if constexpr (kasan::kEnabled) {
                kasan::close(object, cache.stride_);
                kasan::open(object, cache.stride_, cache.stride_);
            }
            const auto* bytes = static_cast<const u8*>(object);
            if (cache.stride_ >= 16 &&
                std::all_of(bytes + 2, bytes + cache.stride_, [](u8 b) { return b == kPoison; })) {
                log::err("slab {}: object {:#x} is free already", cache.name_,
                         reinterpret_cast<u64>(object));
                panic("double free");
            }
            poison(object, cache.stride_);
            kasan::close(object, cache.stride_);
        }
        {
            IrqGuard irqs_off;
            Magazine* magazine = magazines.local().slot[cache.id_];
            if (magazine != nullptr && magazine->count < cache.magazine_size_) [[likely]] {
                magazine->objects[magazine->count++] = object;
                return;
            }
        }
        free_slow(cache, object);
    }

    static u64 in_magazines(const SlabCache& cache) {
        u64 sum = 0;
        for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu) {
            const Magazine* magazine = magazines.of(cpu).slot[cache.id_];
            if (magazine != nullptr) sum += magazine->count;
        }
        return sum;
    }

    static SlabCache::Info info(const SlabCache& cache) {
        const u64 cached = in_magazines(cache);
        return {.name = cache.name_,
                .object_bytes = cache.stride_,
                .active_objects = cache.taken_ > cached ? cache.taken_ - cached : 0,
                .total_objects = cache.slabs_ * cache.objects_per_slab_,
                .slabs = cache.slabs_,
                .pages_per_slab = u64{1} << cache.order_};
    }

    static usize usable_bytes(const SlabCache& cache) {
        return is_of_modules(cache) ? cache.object_bytes_ - sizeof(uptr) : cache.stride_;
    }

    static void visit_sites(SlabCache& cache, u32 pfn, uptr text, usize text_bytes,
                            void (*visit)(uptr, usize, void*), void* context) {
        if (!is_aligned(pfn, u64{1} << cache.order_)) return;  // not the slab's first page
        for (u32 i = 0; i < cache.objects_per_slab_; ++i) {
            uptr& site = site_of(cache, object_at(cache, pfn, i));
            if (site - text >= text_bytes) continue;
            visit(site, usable_bytes(cache), context);
            site = kForgotten;
        }
    }

    // How many bytes came free.
    static u64 free_sites(SlabCache& cache, u32 pfn, uptr text, usize text_bytes) {
        u64 freed = 0;
        if (!is_aligned(pfn, u64{1} << cache.order_)) return freed;
        // The slab goes when the magazines give back its last object.
        for (u32 i = 0; i < cache.objects_per_slab_ && frame(pfn).slab.cache == &cache; ++i) {
            void* object = object_at(cache, pfn, i);
            if (site_of(cache, object) - text >= text_bytes) continue;
            site_of(cache, object) = 0;
            free(cache, object);
            freed += cache.object_bytes_;
        }
        return freed;
    }

    static void tear_down(SlabCache& cache) {
        // SAFETY: nobody uses the cache any more, so no CPU touches its magazine.
        for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu) {
            Magazine*& slot = magazines.of(cpu).slot[cache.id_];
            if (slot == nullptr) continue;
            put(cache, slot->objects, slot->count);
            void* memory = slot;
            slot = nullptr;
            const usize bytes = sizeof(Magazine) + cache.magazine_size_ * sizeof(void*);
            free(*class_cache(class_of(bytes)), memory);
        }
        if (cache.taken_ != 0) log::err("slab {}: {} objects leaked", cache.name_, cache.taken_);
        u32 dead = kNone;
        {
            sync::IrqSpinGuard guard(cache.lock_);
            while (cache.partial_ != kNone && frame(cache.partial_).count == 0) {
                const u32 pfn = cache.partial_;
                unlink(cache, pfn);
                frame(pfn).slab.next = dead;
                dead = pfn;
            }
        }
        free_slabs(cache, dead);
        sync::IrqSpinGuard guard(table_lock);
        caches[cache.id_] = nullptr;
    }

    static SlabCache classes[kClassCount], module_classes[kModuleClassCount];
    static SlabCache* make() { return new (std::nothrow) SlabCache; }
};

constinit SlabCache Slabs::classes[kClassCount];
constinit SlabCache Slabs::module_classes[kModuleClassCount];

SlabCache* Slabs::class_cache(u32 index) {
    return &classes[index];
}

void init_slab() {
    for (u32 i = 0; i < kClassCount; ++i) {
        const usize size = kClassBytes[i];
        const usize align = std::has_single_bit(size) ? size : size % 16 == 0 ? 16 : 8;
        (void)Slabs::set_up(Slabs::classes[i], kClassNames[i], size, align);
        if (i >= kModuleClassCount) continue;
        (void)Slabs::set_up(Slabs::module_classes[i], kModuleClassNames[i], size + sizeof(uptr),
                            size < 16 ? 8 : 16);
    }
    module_text_start = arch::kernel_layout().module_start;
}

Result<SlabCache*> SlabCache::create(const char* name, usize size_bytes, usize align_bytes) {
    if (size_bytes == 0 || size_bytes > kMaxClassBytes) return Err(Error::inval);
    SlabCache* cache = Slabs::make();
    if (cache == nullptr) return Err(Error::nomem);
    if (auto r = Slabs::set_up(*cache, name, size_bytes, std::max<usize>(align_bytes, 8)); !r) {
        delete cache;
        return Err(r.error());
    }
    return cache;
}

void SlabCache::destroy(SlabCache* cache) {
    Slabs::tear_down(*cache);
    delete cache;
}

void* SlabCache::alloc(Alloc flags) {
    return Slabs::alloc(*this, object_bytes_, flags);
}

void SlabCache::free(void* object) {
    Slabs::free(*this, object);
}

void for_each_cache(void (*visit)(const SlabCache::Info&, void*), void* context) {
    for (SlabCache* cache : caches) {
        if (cache != nullptr) visit(Slabs::info(*cache), context);
    }
}

// --- kmalloc ------------------------------------------------------------------------------------

namespace {

u32 order_of(usize size) {
    const usize pages = (size + kPageSize - 1) >> kPageShift;
    return static_cast<u32>(std::bit_width(pages - 1));
}

void* kmalloc_pages(usize size, Alloc flags, uptr site) {
    if (size > (kPageSize << 10)) return nullptr;
    auto page = alloc_pages_at(order_of(size), flags, site);
    if (!page) return nullptr;
    kasan::open(frame_address(*page), size, kPageSize << order_of(size));
    return frame_address(*page);
}

}  // namespace

void* kmalloc(usize size, Alloc flags) {
    return kmalloc_at(size, flags, reinterpret_cast<uptr>(__builtin_return_address(0)));
}

void* kmalloc_at(usize size, Alloc flags, uptr site) {
    if (size > kMaxClassBytes) [[unlikely]] {
        return kmalloc_pages(size, flags, site);
    }
    if (site >= module_text_start) {
        if (size <= kMaxModuleClassBytes) return Slabs::alloc_for_module(size, flags, site);
        // The classes are the core's: what a failed module had of them could not be found.
        return kmalloc_pages(size, flags, site);
    }
    return Slabs::alloc(*Slabs::class_cache(class_of(size)), size, flags);
}

void* kmalloc_open(usize size) {
    if (!arch::keys_on()) return kmalloc(size);
    if (size > kMaxModuleClassBytes) return kmalloc_pages(size, Alloc::none, 0);
    return Slabs::alloc_for_module(size, Alloc::none,
                                   reinterpret_cast<uptr>(__builtin_return_address(0)));
}

void kfree(void* p) {
    if (p == nullptr) return;
    Page& page = frame_of_address(p);
    if (page.kind == Page::Kind::slab) [[likely]] {
        SlabCache& cache = *static_cast<SlabCache*>(page.slab.cache);
        if (Slabs::is_of_modules(cache)) Slabs::forget_site(cache, p);
        Slabs::free(cache, p);
        return;
    }
    TENON_ASSERT(page.kind == Page::Kind::kernel && frame_address(&page) == p);
    free_pages(&page, page.order);
}

usize kmalloc_usable_size(const void* p) {
    if (p == nullptr) return 0;
    const Page& page = frame_of_address(p);
    if (page.kind != Page::Kind::slab) return kPageSize << page.order;
    return Slabs::usable_bytes(*static_cast<const SlabCache*>(page.slab.cache));
}

void for_each_left_by(uptr text, usize text_bytes,
                      void (*visit)(uptr site, usize size_bytes, void*), void* context) {
    for (u64 pfn = 0; pfn < frame_count; ++pfn) {
        const Page& page = frame(pfn);
        if (page.kind != Page::Kind::slab) continue;
        auto* cache = static_cast<SlabCache*>(page.slab.cache);
        if (Slabs::is_of_modules(*cache))
            Slabs::visit_sites(*cache, static_cast<u32>(pfn), text, text_bytes, visit, context);
    }
}

u64 free_left_by(uptr text, usize text_bytes) {
    u64 freed = 0;
    for (u64 pfn = 0; pfn < frame_count; ++pfn) {
        Page& page = frame(pfn);
        if (page.kind == Page::Kind::kernel && page.refs.load(std::memory_order_relaxed) != 0 &&
            page.site - text < text_bytes) {
            freed += kPageSize << page.order;
            free_pages(&page, page.order);
            continue;
        }
        if (page.kind != Page::Kind::slab) continue;
        auto* cache = static_cast<SlabCache*>(page.slab.cache);
        if (Slabs::is_of_modules(*cache))
            freed += Slabs::free_sites(*cache, static_cast<u32>(pfn), text, text_bytes);
    }
    return freed;
}

void* krealloc(void* p, usize new_size, Alloc flags) {
    const usize old = kmalloc_usable_size(p);
    if (p != nullptr && new_size <= old && new_size > old / 4) {
        kasan::open(p, new_size, old);
        return p;
    }
    void* fresh = kmalloc_at(new_size, flags, reinterpret_cast<uptr>(__builtin_return_address(0)));
    if (fresh == nullptr) return nullptr;
    if (kasan::kEnabled && p != nullptr) kasan::open(p, old, old);
    if (p != nullptr) std::memcpy(fresh, p, std::min(old, new_size));
    kfree(p);
    return fresh;
}

const char* cache_name(const Page& page) {
    return Slabs::info(*static_cast<SlabCache*>(page.slab.cache)).name;
}

}  // namespace tenon::mm
