// The kernel half of the tables: vmalloc, MMIO, module text. Its top level is fixed at boot; tables
// below are added on demand and never freed, as other CPUs may walk them.
#include <tenon/arch/keys.h>
#include <tenon/arch/page_table.h>
#include <tenon/mm/page_alloc.h>
#include <tenon/sync/spinlock.h>

#include "core/arch/x86_64/boot/start.h"
#include "core/arch/x86_64/mm/tlb.h"

namespace tenon::arch {

namespace {

using namespace x86;

constinit sync::SpinLock g_lock{sync::LockRank::spin_leaf};

u64* table_at(u64 phys) {
    return static_cast<u64*>(phys_to_virt({phys}));
}

// The entry for the 4 KiB page at `va`; null when a table is missing or a large page is in the way.
Pte* find_kernel(u64 va) {
    u64 phys = start_state().kernel_root;
    for (u32 level = 3; level > 0; --level) {
        const u64 entry = __atomic_load_n(&table_at(phys)[index_at(va, level)], __ATOMIC_ACQUIRE);
        if ((entry & kPresent) == 0 || (entry & kLarge) != 0) return nullptr;
        phys = entry & kFrameMask;
    }
    return reinterpret_cast<Pte*>(table_at(phys)) + index_at(va, 0);
}

Result<Pte*> ensure_kernel(u64 va) {
    u64 phys = start_state().kernel_root;
    for (u32 level = 3; level > 0; --level) {
        u64& entry = table_at(phys)[index_at(va, level)];
        u64 value = __atomic_load_n(&entry, __ATOMIC_ACQUIRE);
        if (value & kLarge && level < 3) return Err(Error::busy);
        if ((value & kPresent) == 0) {
            TRY_ASSIGN(mm::Page * page,
                       mm::alloc_page(mm::Alloc::zero | mm::Alloc::atomic | mm::Alloc::page_table));
            const u64 fresh = mm::pfn_of(page).phys().value | kPresent | kWrite | kAccessed;
            {
                sync::IrqSpinGuard guard(g_lock);
                value = __atomic_load_n(&entry, __ATOMIC_ACQUIRE);
                if ((value & kPresent) == 0) {
                    value = fresh;
                    __atomic_store_n(&entry, value, __ATOMIC_RELEASE);
                    page = nullptr;
                }
            }
            if (page != nullptr) mm::free_pages(page, 0);
        }
        phys = value & kFrameMask;
    }
    return reinterpret_cast<Pte*>(table_at(phys)) + index_at(va, 0);
}

bool writable_and_executable(PageFlags flags) {
    return has(flags, PageFlags::write) && has(flags, PageFlags::exec);
}

}  // namespace

Result<void> map_kernel_page(u64 va, Pfn pfn, PageFlags flags) {
    TENON_ASSERT(!writable_and_executable(flags));
    TRY_ASSIGN(Pte * pte, ensure_kernel(va));
    pte->store(Pte::make(pfn, flags | PageFlags::global));
    return {};
}

Result<Pfn> unmap_kernel_page(u64 va) {
    Pte* pte = find_kernel(va);
    if (pte == nullptr || !pte->load().present()) return Err(Error::fault);
    return pte->exchange(Pte::none()).pfn();
}

Result<void> protect_kernel(u64 start, usize length_bytes, PageFlags flags) {
    TENON_ASSERT(!writable_and_executable(flags));
    const u64 end = start + length_bytes;
    for (u64 va = start; va < end; va += kPageSize)
        if (find_kernel(va) == nullptr) return Err(Error::fault);
    for (u64 va = start; va < end; va += kPageSize) {
        Pte* pte = find_kernel(va);
        pte->store(pte->load().with_flags(flags | PageFlags::global));
    }
    flush_tlb_kernel(start, end);
    return {};
}

namespace {
constexpr u64 kKeyBits = u64{15} << 59, kCoreKey = u64{1} << 59;

void set_key(u64 va, u64 key) {
    Pte* pte = find_kernel(va);
    if (pte == nullptr || !pte->load().present()) return;
    pte->store(Pte((pte->load().raw() & ~kKeyBits) | key));
    flush_tlb_local_page(va);
}
}  // namespace

void set_core_only(const void* start, usize length_bytes, bool core_only) {
    if (!keys_on()) return;
    const KernelLayout& layout = kernel_layout();
    const u64 from = reinterpret_cast<u64>(start), key = core_only ? kCoreKey : 0;
    for (u64 va = align_down(from, kPageSize); va < from + length_bytes; va += kPageSize) {
        set_key(va, key);
        const Pte* pte = find_kernel(va);
        if (pte != nullptr && (va < layout.direct_map || va >= layout.direct_map_end))
            set_key(layout.direct_map + pte->load().pfn().phys().value, key);
    }
}

bool is_core_only(uptr address) {
    const Pte* pte = find_kernel(address);
    return pte != nullptr && (pte->load().raw() & kKeyBits) != 0;
}

PhysAddr virt_to_phys(const void* p) {
    const u64 va = reinterpret_cast<u64>(p);
    const KernelLayout& layout = kernel_layout();
    if (va >= layout.direct_map && va < layout.direct_map_end) return {va - layout.direct_map};
    TENON_ASSERT(va >= layout.image_start && va < layout.image_end);
    return boot::boot_info().kernel_phys + (va - layout.image_start);
}

Result<const void*> map_firmware_table(PhysAddr start, u64 length_bytes) {
    const KernelLayout& layout = kernel_layout();
    const u64 base = layout.direct_map;
    const u64 phys = start.value;
    if (phys + length_bytes < phys || phys + length_bytes > layout.direct_map_end - base)
        return Err(Error::inval);
    // RAM is mapped already; what the memory map calls reserved is not.
    for (u64 at = align_down(phys, kPageSize); at < phys + length_bytes; at += kPageSize) {
        if (is_mapped(base + at)) continue;
        TRY(map_kernel_page(base + at, Pfn::of({at}), PageFlags::read));
    }
    return static_cast<const void*>(phys_to_virt(start));
}

namespace x86 {

bool is_mapped(u64 va) {
    u64 phys = start_state().kernel_root;
    for (u32 level = 3;; --level) {
        const u64 entry = table_at(phys)[index_at(va, level)];
        if ((entry & kPresent) == 0) return false;
        if (level == 0 || (entry & kLarge) != 0) return true;
        phys = entry & kFrameMask;
    }
}

Result<void> seal_kernel() {
    const u64 start = reinterpret_cast<u64>(tenon_ro_after_init_start);
    const u64 end = reinterpret_cast<u64>(tenon_ro_after_init_end);
    return protect_kernel(start, end - start, PageFlags::read);
}

}  // namespace x86
}  // namespace tenon::arch
