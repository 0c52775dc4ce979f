// Zones, per-CPU lists, and what happens when they are empty.
//
// An allocation of one page without a zone wish takes the top of this CPU's list, irqs off. An
// empty list is filled from the zones, highest first, a batch at a time; a long one gives half a
// batch back. Everything else goes to the zones. Below the reserve only `atomic` allocations are
// served; others ask the personality to end a process.
#include "core/mm/page_alloc.h"

#include <tenon/arch/keys.h>
#include <tenon/lib/assert.h>
#include <tenon/module/gate.h>
#include <tenon/process/task.h>
#include <tenon/sync/spinlock.h>
#include <tenon/trace/log.h>

#include <algorithm>
#include <cstring>

#include "core/mm/buddy.h"
#include "core/mm/fail.h"
#include "core/mm/kasan.h"
#include "core/module/crossing.h"
#include "core/module/quota.h"

namespace tenon::mm {

Page* frames;
u64 frame_count;
Pfn zero_frame;
TENON_PERCPU(Counters, counters);
constinit std::atomic<i64> committed_pages{0};
constinit std::atomic<u64> oom_kills{0};
constinit std::atomic<OomHandler> oom_handler{nullptr};

namespace {

enum : u32 { kZoneDma, kZoneDma32, kZoneNormal, kZoneCount };
constexpr u64 kDmaEnd = (u64{16} << 20) >> kPageShift, kDma32End = (u64{4} << 30) >> kPageShift;

struct Zone {
    sync::SpinLock lock{sync::LockRank::page_allocator};
    BuddyZone buddy;
};
// One memory node until SRAT is looked at; every path below takes its zones from a node.
struct Node {
    Zone zones[kZoneCount];
};
constinit Node node0;

struct CpuPages {
    u32 count;
    u32 head;  // a chain through Page::free.next
};
TENON_PERCPU(CpuPages, cpu_pages);

constexpr u32 kRefillOrder = 3;
u32 list_batch = 16, list_high = 96;  // pages; fixed at boot by the size of RAM
u64 reserve = 64;
u64 module_reserve = 64;  // what modules leave to the others
u64 total_ram, reserved_ram;
// RAM by frame number, as firmware gave it; for page_of() of odd addresses.
struct Extent {
    u64 start, end;
};
Extent ram[64];
u32 ram_count;

Zone& zone_of(u64 pfn) {
    return node0.zones[pfn >= kDma32End ? kZoneNormal : pfn >= kDmaEnd ? kZoneDma32 : kZoneDma];
}

u32 top_zone(Alloc flags) {
    if (has(flags, Alloc::dma)) return kZoneDma;
    if (has(flags, Alloc::dma32)) return kZoneDma32;
    return kZoneNormal;
}

u64 free_in_zones() {
    u64 sum = 0;
    for (const Zone& zone : node0.zones) sum += zone.buddy.free_pages();
    return sum;
}

Page* take_from_zones(u32 order, Alloc flags) {
    for (u32 z = top_zone(flags) + 1; z-- > 0;) {
        Zone& zone = node0.zones[z];
        if (zone.buddy.free_pages() >> order == 0) continue;
        sync::IrqSpinGuard guard(zone.lock);
        const u32 pfn = zone.buddy.alloc(order);
        if (pfn != kNoFrame) return &frame(pfn);
    }
    return nullptr;
}

// Fills this CPU's list; irqs off.
void refill(CpuPages& list) {
    u32 wanted = list_batch;
    for (u32 z = kZoneCount; z-- > 0 && wanted != 0;) {
        Zone& zone = node0.zones[z];
        if (zone.buddy.free_pages() == 0) continue;
        // While memory is plenty, eight at a time: splitting down to single pages costs more.
        const u32 order = zone.buddy.free_pages() > 64 * reserve ? kRefillOrder : 0;
        zone.lock.lock_raw();
        while (wanted != 0) {
            u32 pfn = zone.buddy.alloc(order);
            if (pfn == kNoFrame) break;
            for (u32 n = 1u << order; n != 0; --n, ++pfn) {
                frame(pfn).kind = Page::Kind::kernel;
                frame(pfn).order = 0;
                frame(pfn).free.next = list.head;
                list.head = pfn;
                ++list.count;
                if (wanted != 0) --wanted;
            }
        }
        zone.lock.unlock_raw();
    }
}

// Gives `n` pages of this CPU's list back to their zones; irqs off.
void drain(CpuPages& list, u32 n) {
    Zone* held = nullptr;
    for (; n != 0 && list.count != 0; --n) {
        const u32 pfn = list.head;
        list.head = frame(pfn).free.next;
        --list.count;
        Zone& zone = zone_of(pfn);
        if (held != &zone) {
            if (held) held->lock.unlock_raw();
            held = &zone;
            held->lock.lock_raw();
        }
        zone.buddy.free(pfn, 0);
    }
    if (held) held->lock.unlock_raw();
}

Page* take_from_list() {
    IrqGuard guard;
    CpuPages& list = cpu_pages.local();
    if (list.count == 0) [[unlikely]] {
        refill(list);
        if (list.count == 0) return nullptr;
    }
    Page& page = frame(list.head);
    list.head = page.free.next;
    --list.count;
    return &page;
}

constexpr bool wants_zone(Alloc flags) {
    return has(flags, Alloc::dma) || has(flags, Alloc::dma32);
}

Page* try_alloc(u32 order, Alloc flags) {
    if (order == 0 && !wants_zone(flags)) return take_from_list();
    return take_from_zones(order, flags);
}

bool below_reserve(u32 order) {
    return free_in_zones() < reserve + (u64{1} << order);
}

// The ways out when memory is short. Null: none.
Page* alloc_slow(u32 order, Alloc flags) {
    if (has(flags, Alloc::atomic) || !may_sleep()) return try_alloc(order, flags);
    for (u32 round = 0; round < 16; ++round) {
        {
            IrqGuard guard;
            drain(cpu_pages.local(), ~0u);
        }
        if (!below_reserve(order)) {
            if (Page* page = try_alloc(order, flags)) return page;
            if (order > 3 || wants_zone(flags)) return nullptr;  // fragmented: killing is no cure
        }
        if (has(flags, Alloc::no_oom) || order > 3) return nullptr;
        const OomHandler handler = oom_handler.load(std::memory_order_acquire);
        const OomAnswer answer = handler != nullptr ? handler(order) : OomAnswer::hopeless;
        if (answer == OomAnswer::killed || answer == OomAnswer::killed_caller)
            oom_kills.fetch_add(1, std::memory_order_relaxed);
        if (answer == OomAnswer::hopeless || answer == OomAnswer::killed_caller) return nullptr;
    }
    return nullptr;
}

void account(Page& page, Alloc flags, u32 order) {
    if (has(flags, Alloc::page_table)) {
        page.kind = Page::Kind::page_table;
        arch::set_core_only(frame_address(&page), kPageSize << order, true);
        count(Counter::page_table, i64{1} << order);
    } else if (has(flags, Alloc::stack)) {
        page.kind = Page::Kind::stack;
        count(Counter::stack, i64{1} << order);
    }
}

void unaccount(Page& page, u32 order) {
    switch (page.kind) {
        case Page::Kind::anon:
            count(Counter::anon, -(i64{1} << order));
            break;
        case Page::Kind::page_table:
            arch::set_core_only(frame_address(&page), kPageSize << order, false);
            count(Counter::page_table, -(i64{1} << order));
            break;
        case Page::Kind::stack:
            count(Counter::stack, -(i64{1} << order));
            break;
        case Page::Kind::kernel:
            if (page.site != 0) [[unlikely]]
                module::uncharge(page.site, kPageSize << order);
            break;
        default:
            break;
    }
}

}  // namespace

u32 current_memory_owner() {
    const Task* task = arch::current();
    if (task == nullptr || task->gate == nullptr) return 0;
    return task->gate->owner_tag();
}

Result<Page*> alloc_pages(u32 order, Alloc flags) {
    return alloc_pages_at(order, flags, reinterpret_cast<uptr>(__builtin_return_address(0)));
}

Result<Page*> alloc_pages_at(u32 order, Alloc flags, uptr site) {
    if (order > kMaxOrder || testing::fails_by_request()) return Err(Error::nomem);
    const u32 owner = current_memory_owner();
    // A module that can fail does not take the last of the memory, nor has programs killed for it.
    if (owner != 0 && free_in_zones() < module_reserve) [[unlikely]]
        return Err(Error::nomem);
    const uptr place = site >= module_text_start ? module::call_site(site) : 0;
    if (place != 0 && !module::charge(place, kPageSize << order)) return Err(Error::nomem);
    Page* page = nullptr;
    const bool listed = order == 0 && !wants_zone(flags);
    // The list's own pages may be taken at any time; only its filling looks at the reserve.
    if (has(flags, Alloc::atomic) || (listed && cpu_pages.local().count != 0) ||
        !below_reserve(order)) [[likely]]
        page = try_alloc(order, flags);
    if (page == nullptr) [[unlikely]] {
        page = alloc_slow(order, flags);
        if (page == nullptr) {
            if (place != 0) module::uncharge(place, kPageSize << order);
            return Err(Error::nomem);
        }
    }
    page->kind = Page::Kind::kernel;
    page->flags.store(0, std::memory_order_relaxed);
    page->refs.store(1, std::memory_order_relaxed);
    page->owner = owner;
    page->site = place;
    account(*page, flags, order);
    kasan::open(frame_address(page), kPageSize << order, kPageSize << order);
    if (has(flags, Alloc::zero)) std::memset(frame_address(page), 0, kPageSize << order);
    return page;
}

void free_pages(Page* page, u32 order) {
    TENON_DEBUG_ASSERT(page->kind != Page::Kind::free && page->kind != Page::Kind::reserved);
    TENON_DEBUG_ASSERT(page->order == order);
    unaccount(*page, order);
    kasan::close(frame_address(page), kPageSize << order);
    const u32 pfn = static_cast<u32>(frame_number(page).value);
    if (order == 0) {
        page->kind = Page::Kind::none;
        page->refs.store(0, std::memory_order_relaxed);
        IrqGuard guard;
        CpuPages& list = cpu_pages.local();
        page->free.next = list.head;
        list.head = pfn;
        if (++list.count > list_high) [[unlikely]]
            drain(list, list_batch);
        return;
    }
    Zone& zone = zone_of(pfn);
    sync::IrqSpinGuard guard(zone.lock);
    zone.buddy.free(pfn, order);
}

void unref_pages(Page** pages, u32 n) {
    i64 anon = 0;
    IrqGuard guard;
    CpuPages& list = cpu_pages.local();
    for (u32 i = 0; i < n; ++i) {
        Page* page = pages[i];
        if (page->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
        if (page->order != 0) {
            free_pages(page, page->order);
            continue;
        }
        if (page->kind == Page::Kind::anon)
            ++anon;
        else
            unaccount(*page, 0);
        kasan::close(frame_address(page), kPageSize);
        page->kind = Page::Kind::none;
        page->free.next = list.head;
        list.head = static_cast<u32>(frame_number(page).value);
        ++list.count;
    }
    if (anon != 0) count(Counter::anon, -anon);
    if (list.count > list_high) drain(list, list.count - list_high + list_batch);
}

namespace {

bool is_frame(const Page* page) {
    const uptr offset = reinterpret_cast<uptr>(page) - reinterpret_cast<uptr>(frames);
    return offset < frame_count * sizeof(Page) && offset % sizeof(Page) == 0;
}

// Whether the last reference may be a module's: of page contents, not of what the core took.
bool modules_may_free(const Page& page) {
    return page.kind == Page::Kind::anon || page.kind == Page::Kind::file ||
           (page.kind == Page::Kind::kernel && page.site != 0);
}

}  // namespace

void page_unref(Page* page) {
    const uptr returns_to = reinterpret_cast<uptr>(__builtin_return_address(0));
    const bool by_module = returns_to >= module_text_start;
    // The module's fault, when one is inside: its call ends there.
    if (by_module && !is_frame(page)) [[unlikely]]
        panic("page_unref: not a page");
    if (page->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (by_module && !modules_may_free(*page)) [[unlikely]] {
        page->refs.fetch_add(1, std::memory_order_relaxed);
        panic("page_unref: the last reference is not the module's");
    }
    free_pages(page, page->order);
}

Page* page_of(Pfn pfn) {
    for (u32 i = 0; i < ram_count; ++i) {
        if (pfn.value >= ram[i].start && pfn.value < ram[i].end) return &frame(pfn);
    }
    return nullptr;
}

Pfn pfn_of(const Page* page) {
    return frame_number(page);
}

// --- Boot ---------------------------------------------------------------------------------------

namespace {

bool is_ram(boot::MemoryKind kind) {
    using enum boot::MemoryKind;
    return kind == usable || kind == kernel || kind == initrd || kind == boot_data ||
           kind == acpi_tables;
}

void note_ram(u64 start, u64 end) {
    if (ram_count != 0 && ram[ram_count - 1].end == start) {
        ram[ram_count - 1].end = end;
    } else if (ram_count < std::size(ram)) {
        ram[ram_count++] = {start, end};
    }
}

}  // namespace

void init_page_allocator(const boot::BootInfo& info) {
    u64 ram_end = 0;
    for (const boot::MemoryRange& range : info.memory()) {
        if (!is_ram(range.kind)) continue;
        const u64 start = Pfn::of(range.start).value, end = Pfn::of(range.end()).value;
        note_ram(start, end);
        ram_end = std::max(ram_end, end);
        total_ram += end - start;
        if (range.kind != boot::MemoryKind::usable) reserved_ram += end - start;
    }
    // The array comes out of the end of the highest usable range that is large enough: low memory
    // is scarce. Zones are what is left.
    frame_count = ram_end;
    const u64 shadow_bytes = kasan::kEnabled ? frame_count << (kPageShift - 3) : 0;
    const u64 array_bytes = align_up(frame_count * sizeof(Page), kPageSize);
    const u64 array_pages = align_up(array_bytes + shadow_bytes, kPageSize) >> kPageShift;
    u64 array_start = 0;
    for (const boot::MemoryRange& range : info.memory()) {
        if (range.kind != boot::MemoryKind::usable) continue;
        if (range.length_bytes >> kPageShift < array_pages) continue;
        array_start = Pfn::of(range.end()).value - array_pages;
    }
    if (array_start == 0) panic("memory: no room for the page frame array");
    frames = static_cast<Page*>(arch::phys_to_virt(Pfn{array_start}.phys()));
    std::memset(static_cast<void*>(frames), 0, frame_count * sizeof(Page));
    if (kasan::kEnabled)
        kasan::init(reinterpret_cast<u8*>(frames) + array_bytes, frame_count << kPageShift);
    arch::set_core_only(frames, array_bytes, true);
    reserved_ram += array_pages;

    node0.zones[kZoneDma].buddy.init(frames, 0, std::min(kDmaEnd, frame_count));
    node0.zones[kZoneDma32].buddy.init(frames, kDmaEnd,
                                       std::clamp(frame_count, kDmaEnd, kDma32End));
    node0.zones[kZoneNormal].buddy.init(frames, kDma32End, std::max(frame_count, kDma32End));
    for (const boot::MemoryRange& range : info.memory()) {
        if (range.kind != boot::MemoryKind::usable) continue;
        u64 start = Pfn::of(range.start).value;
        const u64 end = Pfn::of(range.end()).value;
        if (start == 0) start = 1;  // frame 0 stays out of use: its number means "none" to many
        for (Zone& zone : node0.zones) {
            if (array_start >= start && array_start < end) {
                zone.buddy.add_range(start, array_start);
                zone.buddy.add_range(array_start + array_pages, end);
            } else {
                zone.buddy.add_range(start, end);
            }
        }
    }
    reserve = std::clamp<u64>(total_ram / 512, 32, 2048);
    module_reserve = total_ram / 32;
    list_batch = total_ram >= (u64{200} << 20 >> kPageShift) ? 64 : 8;
    list_high = list_batch * 6;

    auto zero = alloc_pages(0, Alloc::zero);
    if (!zero) panic("memory: none is free");
    (*zero)->kind = Page::Kind::reserved;
    zero_frame = frame_number(*zero);
    log::info("memory: {} MiB of RAM, {} KiB for the frame array, {} KiB reserved at boot",
              total_ram >> (20 - kPageShift), array_pages << (kPageShift - 10),
              reserved_ram << (kPageShift - 10));
}

void release_boot_memory(PhysAddr start, u64 length_bytes) {
    const u64 first = align_up(start.value, kPageSize) >> kPageShift;
    const u64 end = (start.value + length_bytes) >> kPageShift;
    for (u64 pfn = first; pfn < end; ++pfn) {
        TENON_ASSERT(page_of({pfn}) != nullptr && frame(pfn).kind == Page::Kind::none);
        Zone& zone = zone_of(pfn);
        sync::IrqSpinGuard guard(zone.lock);
        zone.buddy.free(static_cast<u32>(pfn), 0);
    }
    if (end > first) unreserve(end - first);
}

void unreserve(u64 pages) {
    reserved_ram -= pages;
}

void set_oom_handler(OomHandler handler) {
    oom_handler.store(handler, std::memory_order_release);
}

// --- Accounts -----------------------------------------------------------------------------------

u64 counter_sum(Counter which) {
    i64 sum = 0;
    for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu)
        sum += counters.of(cpu).value[static_cast<u8>(which)].load(std::memory_order_relaxed);
    return sum < 0 ? 0 : static_cast<u64>(sum);
}

u64 free_page_count() {
    u64 sum = free_in_zones();
    for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu) sum += cpu_pages.of(cpu).count;
    return sum;
}

u64 ram_pages() {
    return total_ram;
}

MemoryEvents memory_events() {
    MemoryEvents events{};
    for (u32 cpu = 0; cpu < arch::online_cpus(); ++cpu)
        events.faults += counters.of(cpu).faults.load(std::memory_order_relaxed);
    events.oom_kills = oom_kills.load(std::memory_order_relaxed);
    return events;
}

void for_each_zone(void (*visit)(const ZoneInfo&, void*), void* context) {
    static constexpr const char* kNames[kZoneCount] = {"DMA", "DMA32", "Normal"};
    for (u32 z = 0; z < kZoneCount; ++z) {
        Zone& zone = node0.zones[z];
        if (zone.buddy.managed_pages() == 0) continue;
        ZoneInfo info{.node = 0,
                      .name = kNames[z],
                      .managed_pages = zone.buddy.managed_pages(),
                      .free_pages = zone.buddy.free_pages(),
                      .free_blocks = {}};
        {
            sync::IrqSpinGuard guard(zone.lock);
            for (u32 order = 0; order <= kMaxOrder; ++order)
                info.free_blocks[order] = zone.buddy.free_blocks(order);
        }
        visit(info, context);
    }
}

MemoryStats memory_stats() {
    MemoryStats stats{};
    stats.free_pages = free_page_count();
    stats.reserved_pages = reserved_ram;
    // What Linux calls MemTotal: RAM less the kernel image and what boot kept.
    stats.total_pages = total_ram - reserved_ram;
    stats.slab_pages = counter_sum(Counter::slab);
    stats.page_table_pages = counter_sum(Counter::page_table);
    stats.kernel_stack_pages = counter_sum(Counter::stack);
    stats.vmalloc_pages = counter_sum(Counter::vmalloc);
    stats.file_pages = counter_sum(Counter::file);
    stats.shmem_pages = counter_sum(Counter::shmem);
    stats.anon_pages = counter_sum(Counter::anon);
    stats.dirty_pages = counter_sum(Counter::dirty);
    // File pages that could be read again count as available, less half for the working set.
    const u64 droppable = stats.file_pages > stats.shmem_pages + stats.dirty_pages
                              ? (stats.file_pages - stats.shmem_pages - stats.dirty_pages) / 2
                              : 0;
    const u64 gross = stats.free_pages + droppable;
    stats.available_pages = gross > reserve ? gross - reserve : 0;
    stats.committed_pages =
        static_cast<u64>(std::max<i64>(0, committed_pages.load(std::memory_order_relaxed)));
    return stats;
}

}  // namespace tenon::mm
