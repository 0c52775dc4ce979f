// Kernel virtual memory: areas in the vmalloc and module regions, each with a guard page behind it,
// stacks with more.
//
// Areas stand in a tree by address; room is found first-fit from a rover, so that a freed range is
// not used again at once. The rover stays within a window, since page tables, once made, are kept:
// they are bounded by twice the greatest use. Unmapped pages are freed after the shootdown.
#include <tenon/arch/context.h>
#include <tenon/arch/keys.h>
#include <tenon/arch/page_table.h>
#include <tenon/lib/assert.h>
#include <tenon/lib/intrusive.h>
#include <tenon/mm/slab.h>
#include <tenon/mm/vmalloc.h>
#include <tenon/sync/spinlock.h>

#include "core/mm/page_alloc.h"

namespace tenon::mm {

using arch::PageFlags;

namespace {

struct Area {
    u64 start = 0;
    u64 pages = 0;        // mapped
    u64 guard_pages = 1;  // kept free behind
    bool device = false;
    bi::set_member_hook<bi::link_mode<bi::safe_link>> hook;
    u64 end() const { return start + ((pages + guard_pages) << kPageShift); }
    struct ByStart {
        using type = u64;
        u64 operator()(const Area& a) const { return a.start; }
    };
};
using AreaTree =
    bi::set<Area,
            bi::member_hook<Area, bi::set_member_hook<bi::link_mode<bi::safe_link>>, &Area::hook>,
            bi::key_of_value<Area::ByStart>, bi::constant_time_size<false>>;

// One region of the kernel's half.
class Region {
    static constexpr u64 kWindow = u64{8} << 20;

  public:
    void init(u64 start, u64 end) {
        new (&storage_) AreaTree;
        start_ = rover_ = start;
        end_ = end;
    }
    bool place(Area& area) {
        sync::IrqSpinGuard guard(lock_);
        if (rover_ - start_ > 2 * used_ + kWindow) rover_ = start_;
        if (!place_from(area, rover_) && !place_from(area, start_)) return false;
        used_ += area.end() - area.start;
        return true;
    }
    Area* take(u64 start) {
        sync::IrqSpinGuard guard(lock_);
        auto it = areas().find(start);
        if (it == areas().end()) return nullptr;
        Area& area = *it;
        areas().erase(it);
        used_ -= area.end() - area.start;
        return &area;
    }
    Area* find(u64 start) {
        sync::IrqSpinGuard guard(lock_);
        auto it = areas().find(start);
        return it == areas().end() ? nullptr : &*it;
    }

  private:
    AreaTree& areas() { return *std::launder(reinterpret_cast<AreaTree*>(&storage_)); }
    bool place_from(Area& area, u64 from) {
        const u64 need = (area.pages + area.guard_pages) << kPageShift;
        auto it = areas().upper_bound(from);
        if (it != areas().begin()) from = std::max(from, std::prev(it)->end());
        for (; it != areas().end() && it->start - from < need; ++it) from = it->end();
        if (end_ < from || end_ - from < need) return false;
        area.start = from;
        areas().insert(area);
        rover_ = area.end();
        return true;
    }
    sync::SpinLock lock_{sync::LockRank::vmalloc};
    // A Boost tree has no constant constructor: made by init().
    alignas(AreaTree) u8 storage_[sizeof(AreaTree)] = {};
    u64 start_ = 0, end_ = 0, rover_ = 0;
    u64 used_ = 0;  // bytes, guard pages included
};
constinit Region kernel_region, module_region;

// Frames whose kernel mappings are gone from the tables. They are freed when no CPU can have one
// of these in its TLB: many at a time, for all CPUs have to be asked.
class Unmapped {
  public:
    ~Unmapped() { flush(); }
    void add(u64 address, bool is_memory) {
        auto pfn = arch::unmap_kernel_page(address);
        from_ = std::min(from_, address);
        to_ = std::max(to_, address + kPageSize);
        if (pfn && is_memory) frames_[count_++] = *pfn;
        if (count_ == kMost) flush();
    }
    void flush() {
        if (from_ < to_) arch::flush_tlb_kernel(from_, to_);
        from_ = ~u64{0}, to_ = 0;
        for (; count_ != 0; --count_) {
            Page* page = &frame(frames_[count_ - 1]);
            arch::set_core_only(frame_address(page), kPageSize, false);
            free_pages(page, 0);
        }
    }

  private:
    static constexpr u32 kMost = 64;
    Pfn frames_[kMost];
    u32 count_ = 0;
    u64 from_ = ~u64{0}, to_ = 0;
};

// Unmaps and, unless it is device memory, frees the first `pages` of the area.
void release(Area& area, u64 pages, Counter counter) {
    Unmapped unmapped;
    for (u64 i = 0; i < pages; ++i) unmapped.add(area.start + (i << kPageShift), !area.device);
    unmapped.flush();
    if (!area.device && counter != Counter::count_) count(counter, -static_cast<i64>(pages));
}

constexpr u64 kLargeAreaPages = 256;

// With Alloc::no_oom no program is killed for it.
Result<void*> allocate(Region& region, usize size, Alloc flags, Counter counter) {
    auto area = make<Area>();
    if (!area) return Err(Error::nomem);
    area->pages = align_up(size, kPageSize) >> kPageShift;
    if (area->pages == 0) return Err(Error::inval);
    if (has(flags, Alloc::stack)) area->guard_pages = kStackGuardBytes >> kPageShift;
    // What cannot be had is refused before others feel it.
    if (area->pages > kLargeAreaPages && memory_stats().free_pages <= area->pages)
        return Err(Error::nomem);
    if (!region.place(*area)) return Err(Error::nomem);
    Result<void> result;
    u64 mapped = 0;
    while (mapped < area->pages) {
        auto page = alloc_page(flags);
        if (!page) {
            result = Err(page.error());
            break;
        }
        result = arch::map_kernel_page(area->start + (mapped << kPageShift), frame_number(*page),
                                       PageFlags::read | PageFlags::write | PageFlags::global);
        if (!result) {
            free_pages(*page, 0);
            break;
        }
        // Nobody writes past the mapping: an overrun in the direct map is not to reach it.
        arch::set_core_only(frame_address(*page), kPageSize, true);
        ++mapped;
    }
    if (!result) {
        release(*area, mapped, Counter::count_);
        region.take(area->start);
        return Err(result.error());
    }
    if (counter != Counter::count_) count(counter, static_cast<i64>(mapped));
    return reinterpret_cast<void*>(area.release()->start);
}

void free_area(Region& region, void* p, Counter counter) {
    if (p == nullptr) return;
    Area* area = region.find(reinterpret_cast<u64>(p));
    TENON_ASSERT(area != nullptr);
    release(*area, area->pages, counter);
    region.take(area->start);
    delete area;
}

}  // namespace

void init_vmalloc() {
    const arch::KernelLayout& layout = arch::kernel_layout();
    kernel_region.init(layout.vmalloc_start, layout.vmalloc_end);
    module_region.init(layout.module_start, layout.module_end);
}

Result<void*> vmalloc(usize size_bytes) {
    return allocate(kernel_region, size_bytes, Alloc::zero | Alloc::no_oom, Counter::vmalloc);
}

void vfree(void* p) {
    free_area(kernel_region, p, Counter::vmalloc);
}

Result<volatile void*> map_mmio(PhysAddr start, usize length_bytes, PageFlags cache) {
    const u64 first = align_down(start.value, kPageSize);
    const u64 end = align_up(start.value + length_bytes, kPageSize);
    if (length_bytes == 0 || end <= first) return Err(Error::inval);
    auto area = make<Area>();
    if (!area) return Err(Error::nomem);
    area->pages = (end - first) >> kPageShift;
    area->device = true;
    if (!kernel_region.place(*area)) return Err(Error::nomem);
    for (u64 i = 0; i < area->pages; ++i) {
        auto r = arch::map_kernel_page(
            area->start + (i << kPageShift), Pfn::of(PhysAddr{first + (i << kPageShift)}),
            PageFlags::read | PageFlags::write | PageFlags::global | PageFlags::special | cache);
        if (r) continue;
        release(*area, i, Counter::count_);
        kernel_region.take(area->start);
        return Err(r.error());
    }
    return reinterpret_cast<volatile void*>(area.release()->start + (start.value - first));
}

void unmap_mmio(volatile void* p) {
    if (p == nullptr) return;
    const u64 start = align_down(reinterpret_cast<u64>(p), kPageSize);
    free_area(kernel_region, reinterpret_cast<void*>(start), Counter::count_);
}

// --- Kernel stacks ------------------------------------------------------------------------------
//
// What is kept free behind the area below is the guard of a stack. Free stacks are kept: a few
// per CPU, the rest in a common chain, which also serves when freeing may not sleep, as at the end
// of a task; who reaps one trims the chain. It runs through the stacks' lowest words.

namespace {

// The chain is trimmed when it has grown to twice what it keeps.
constexpr u32 kStacksPerCpu = 4, kSpareStacks = 16;
struct StackCache {
    u32 count;
    void* stacks[kStacksPerCpu];
};
TENON_PERCPU(StackCache, stack_cache);
constinit sync::SpinLock spare_lock{sync::LockRank::spin_leaf};
void* spare_stacks;
u32 spare_count;

void* take_spare(u32 keep) {
    sync::IrqSpinGuard guard(spare_lock);
    if (spare_count <= keep) return nullptr;
    void* stack = spare_stacks;
    spare_stacks = *static_cast<void**>(stack);
    --spare_count;
    return stack;
}

}  // namespace

Result<void*> alloc_stack(Alloc how) {
    {
        IrqGuard guard;
        StackCache& cache = stack_cache.local();
        if (cache.count != 0) return cache.stacks[--cache.count];
    }
    if (void* stack = take_spare(0)) return stack;
    return allocate(kernel_region, arch::kKernelStackSize, Alloc::stack | how, Counter::count_);
}

Result<void*> alloc_kernel_stack() {
    return alloc_stack(Alloc::none);
}

void free_kernel_stack(void* stack) {
    {
        IrqGuard guard;
        StackCache& cache = stack_cache.local();
        if (cache.count < kStacksPerCpu) {
            cache.stacks[cache.count++] = stack;
            return;
        }
    }
    {
        sync::IrqSpinGuard guard(spare_lock);
        *static_cast<void**>(stack) = spare_stacks;
        spare_stacks = stack;
        ++spare_count;
    }
    if (may_sleep()) trim_kernel_stacks();
}

void trim_kernel_stacks() {
    {
        sync::IrqSpinGuard guard(spare_lock);
        if (spare_count < 2 * kSpareStacks) return;
    }
    Area* areas[kSpareStacks];
    u32 count = 0;
    {
        Unmapped unmapped;
        while (count < kSpareStacks) {
            void* extra = take_spare(kSpareStacks);
            if (extra == nullptr) break;
            Area* area = areas[count++] = kernel_region.find(reinterpret_cast<u64>(extra));
            for (u64 i = 0; i < area->pages; ++i)
                unmapped.add(area->start + (i << kPageShift), true);
        }
    }
    while (count != 0) {
        Area* area = areas[--count];
        kernel_region.take(area->start);
        delete area;
    }
}

// --- Module memory ------------------------------------------------------------------------------

Result<void*> alloc_module_memory(usize size_bytes) {
    return allocate(module_region, size_bytes, Alloc::zero | Alloc::no_oom, Counter::vmalloc);
}

void free_module_memory(void* p, usize) {
    free_area(module_region, p, Counter::vmalloc);
}

void init(const boot::BootInfo& info) {
    init_page_allocator(info);
    init_slab();
    init_vmalloc();
}

}  // namespace tenon::mm
