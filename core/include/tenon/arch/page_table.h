// Page tables: four levels (by the contract: a radix tree of pages of entries), user half per
// address space, kernel half shared.
//
// impl/page_table.h defines class Pte (one leaf or table entry, a u64 inside) with:
//   static Pte make(Pfn, PageFlags); static Pte none();
//   bool present() const; Pfn pfn() const; PageFlags flags() const; bool
//   writable/dirty/accessed/user/exec() const; Pte with_write(bool) / with_clean() / with_old() /
//   with_flags(PageFlags) const; bool is_none() const; software bit: Pte with_special() / special()
//   (frame has no struct Page: MMIO, vDSO data) Not-present entries can carry 58 software bits:
//   static Pte make_soft(u64); u64 soft() const; bool is_soft() const.
#pragma once

#include <tenon/arch/cpu.h>
#include <tenon/lib/result.h>

namespace tenon::arch {

enum class PageFlags : u32 {
    none = 0,
    read = 1 << 0,
    write = 1 << 1,
    exec = 1 << 2,
    user = 1 << 3,
    global = 1 << 4,
    uncached = 1 << 5,
    write_combine = 1 << 6,
    special = 1 << 7,  // no struct Page behind the frame
    dirty = 1 << 8,
    accessed = 1 << 9,
};
constexpr PageFlags operator|(PageFlags a, PageFlags b) {
    return static_cast<PageFlags>(static_cast<u32>(a) | static_cast<u32>(b));
}
constexpr bool has(PageFlags set, PageFlags flag) {
    return (static_cast<u32>(set) & static_cast<u32>(flag)) != 0;
}

class Pte;

// A user address space's tables. Not thread-safe: the owner's page-table lock is held by every
// caller.
class PageTable {
  public:
    // Allocates the root with the kernel half filled in. May sleep.
    static Result<PageTable> create();
    PageTable() = default;
    PageTable(PageTable&&) noexcept;
    PageTable& operator=(PageTable&&) noexcept;
    ~PageTable();  // frees all table pages; leaves must be gone

    // The leaf entry for `va`, or null where no table exists.
    Pte* find(u64 va) const;
    // The leaf entry, tables allocated on the way. Error::nomem.
    Result<Pte*> ensure(u64 va);
    // Calls fn(va, Pte&) for each leaf slot of existing tables in [start, end); skips absent
    // subtrees whole.
    template <typename Fn>
    void for_each(u64 start, u64 end, Fn&& fn) const;
    // Only of the leaf table (2 MiB) or the absent subtree that `start` lies in; where to go on.
    template <typename Fn>
    u64 for_each_of_one(u64 start, u64 end, Fn&& fn) const;
    // Unlinks the table pages that cover a part of `zone` and lie wholly in `hole`, which holds it,
    // and hands each to `release`: the caller frees them after the TLB shootdown.
    void prune(UserRange hole, UserRange zone, void (*release)(Pfn, void*), void* context);

    PhysAddr root() const { return root_; }
    // Makes this the current CPU's user address space. Irqs or preemption off.
    void activate() const;
    // Activates tables that hold no user half (for kernel threads and dying tasks).
    static void activate_kernel();

  private:
    // The leaf table that covers `va`, or null; `next` is where the next one may begin.
    Pte* find_table(u64 va, u64& next) const;

    PhysAddr root_{};
};

// --- TLB
// -----------------------------------------------------------------------------------------------------------

// Drops translations of [start, end) of the address space with root `root` on every CPU in `cpus`
// (this one included if set) and returns when all have done so. May be called with spin locks held
// and irqs on or off (a waiting CPU serves shootdowns that come in). More than 32 pages flush all.
TENON_API void flush_tlb_user(PhysAddr root, CpuMask cpus, u64 start, u64 end);
TENON_API void flush_tlb_kernel(u64 start, u64 end);
inline void flush_tlb_local_page(u64 va);

// --- Kernel mappings (vmalloc, MMIO, module text)
// ---------------------------------------------------------------------

// Maps/unmaps single 4 KiB pages in the kernel half. Spin-lock safe except for table allocation
// (Error::nomem).
Result<void> map_kernel_page(u64 va, Pfn pfn, PageFlags flags);
// Clears the entry and returns the frame it held; no TLB flush.
Result<Pfn> unmap_kernel_page(u64 va);
// Changes the protection of mapped kernel pages and flushes. W^X is asserted: never write and exec
// together.
Result<void> protect_kernel(u64 start, usize length_bytes, PageFlags flags);

// [core] Physical memory that firmware left tables in, readable at its direct-map address.
Result<const void*> map_firmware_table(PhysAddr start, u64 length_bytes);

// Regions of the kernel half, fixed after boot (randomised).
struct KernelLayout {
    u64 direct_map;  // virtual address of physical 0
    u64 direct_map_end;
    u64 vmalloc_start, vmalloc_end;
    u64 module_start, module_end;  // within +-2 GiB of the kernel image, for 32-bit relocations
    u64 image_start, image_end;
};
TENON_API const KernelLayout& kernel_layout();

inline void* phys_to_virt(PhysAddr pa);
// For addresses in the direct map or the kernel image only.
TENON_API PhysAddr virt_to_phys(const void* p);

}  // namespace tenon::arch

#include <tenon/arch/impl/page_table.h>  // IWYU pragma: export
