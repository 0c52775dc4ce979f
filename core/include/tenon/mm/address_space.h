// A user address space: VMAs, page tables, accounting.
//
// Locking: `lock` (rw) guards the VMA tree; faults take it for reading (per-VMA locks and RCU
// lookup replace that in time); the page-table lock is inside. All addresses are user addresses;
// all ranges are page-aligned and below arch::kUserLimit.
#pragma once

#include <tenon/arch/context.h>
#include <tenon/arch/fault.h>
#include <tenon/arch/page_table.h>
#include <tenon/lib/intrusive.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/mm/mapping.h>
#include <tenon/mm/page.h>
#include <tenon/sync/mutex.h>

#include <span>
#include <string_view>

namespace tenon::vfs {
class File;
}

namespace tenon::mm {

enum class Prot : u8 { none = 0, read = 1, write = 2, exec = 4 };
constexpr Prot operator|(Prot a, Prot b) {
    return static_cast<Prot>(static_cast<u8>(a) | static_cast<u8>(b));
}
constexpr Prot operator&(Prot a, Prot b) {
    return static_cast<Prot>(static_cast<u8>(a) & static_cast<u8>(b));
}
constexpr bool has(Prot set, Prot bit) {
    return (set & bit) == bit && bit != Prot::none;
}

enum class VmaFlags : u32 {
    none = 0,
    shared = 1 << 0,
    stack = 1 << 1,  // grows down on a fault below it (MAP_GROWSDOWN)
    locked = 1 << 2,
    dont_fork = 1 << 3,
    wipe_on_fork = 1 << 4,
    dont_dump = 1 << 5,
    no_reserve = 1 << 6,
    io = 1 << 7,  // device memory: no struct Page, not copied on fork
    sequential = 1 << 8,
    random = 1 << 9,
    special = 1 << 10,  // vDSO and such: not merged, not remapped in parts
    huge = 1 << 11,
    no_huge = 1 << 12,
    heap = 1 << 13,       // brk, for /proc/maps
    accounted = 1 << 14,  // was writable once: stays counted
    tracked = 1 << 15,    // its entries' dirty bits tell what was written since somebody asked
};
constexpr VmaFlags operator|(VmaFlags a, VmaFlags b) {
    return static_cast<VmaFlags>(static_cast<u32>(a) | static_cast<u32>(b));
}
constexpr VmaFlags operator&(VmaFlags a, VmaFlags b) {
    return static_cast<VmaFlags>(static_cast<u32>(a) & static_cast<u32>(b));
}
constexpr VmaFlags operator~(VmaFlags a) {
    return static_cast<VmaFlags>(~static_cast<u32>(a));
}
constexpr bool has(VmaFlags set, VmaFlags bit) {
    return (set & bit) != VmaFlags::none;
}

// How pages of special mappings (vDSO, device memory, shared-memory segments) come in. Core-owned,
// reference counted.
class VmaBacking : public RefCounted<VmaBacking> {
  public:
    virtual ~VmaBacking() = default;
    // Gives the frame for page `index` of the backing object: either a referenced Page or a raw
    // frame (special).
    struct Frame {
        Page* page = nullptr;
        Pfn pfn{};
    };
    virtual Result<Frame> fault(u64 index, bool write) = 0;
    virtual std::string_view name() const { return {}; }  // "[vdso]"
    // Backings that are a page cache (shared memory) answer these; then fault() is not called.
    virtual Mapping* mapping() { return nullptr; }
    virtual std::atomic<u64>* size_bytes() { return nullptr; }
    // Device number and inode for /proc/PID/maps; 0: none.
    virtual u64 inode_number() const { return 0; }
    // Non-null (whose it is): it is told of each VMA that holds it, by map, fork or split, and of
    // its end, which may sleep; such VMAs are not merged.
    virtual const void* counter() const { return nullptr; }
    virtual void vma_made() {}
    virtual void vma_gone() {}
};

// On which nodes a personality was asked to have the pages; kept to be told. 0: nothing was asked.
struct Placement {
    u32 policy = 0;  // the personality's number of it
    u64 nodes = 0;   // the first 64 that were named, a bit each
    bool operator==(const Placement&) const = default;
};

class Vma {
  public:
    UserRange range;
    u64 file_offset = 0;  // bytes, page-aligned: of `range.start` in the file or backing object
    Prot prot = Prot::none;
    Prot max_prot = Prot::read | Prot::write | Prot::exec;  // what mprotect may grant
    VmaFlags flags = VmaFlags::none;
    Placement placement;                    // what was asked of this range
    Mapping* mapping = nullptr;             // page cache of the file or of shared memory, or null
    std::atomic<u64>* file_size = nullptr;  // bytes; pages past it are SIGBUS. With `mapping`
    Ref<vfs::File> file;                    // or null
    Ref<VmaBacking> backing;                // or null
    class AddressSpace* space = nullptr;
    // Tree and reverse-map hooks. A VMA with a mapping changes its range under Mapping::vma_lock().
    bi::set_member_hook<bi::link_mode<bi::safe_link>, bi::optimize_size<true>> tree_hook;
    Vma* mapping_next = nullptr;
    Vma** mapping_link = nullptr;

    Vma() = default;
    ~Vma();
    TENON_NONCOPYABLE(Vma);
    u64 pages() const { return range.size() >> kPageShift; }
    bool is_shared() const { return has(flags, VmaFlags::shared); }
    bool is_private_anon() const { return mapping == nullptr && !backing; }
    // Page number in the mapping or backing object of user address `va`.
    u64 index_of(u64 va) const { return (va - range.start + file_offset) >> kPageShift; }
};

// True for private writable memory that no file backs up: it counts as promised memory.
TENON_API bool is_accounted(const Vma& vma);

struct MapRequest {
    u64 address = 0;  // hint, or the place when fixed
    u64 length = 0;   // bytes, rounded up
    Prot prot = Prot::none;
    VmaFlags flags = VmaFlags::none;
    enum class Place : u8 { hint, fixed, fixed_noreplace, low_2g } place = Place::hint;
    Ref<vfs::File> file;
    u64 file_offset = 0;
    Ref<VmaBacking> backing;
    Prot max_prot = Prot::read | Prot::write | Prot::exec;
    bool populate = false;
};

// What a personality hangs on an address space (contexts of native AIO). Ends with the space.
class SpaceExtension {
  public:
    virtual ~SpaceExtension() = default;
};

// Why the address space refuses an access:
//   Error::fault  nothing is mapped there (SEGV_MAPERR)
//   Error::acces  the mapping does not allow it (SEGV_ACCERR)
//   Error::io     mapped, but past the end of the file, or unreadable (BUS_ADRERR)
//   Error::nomem  memory ran out and the OOM killer found no way (the caller is dying)
class AddressSpace : public RefCounted<AddressSpace> {
  public:
    TENON_API static Result<Ref<AddressSpace>> create();
    TENON_API ~AddressSpace();

    // Errors as mmap(2): nomem, inval, exist (noreplace), perm, acces, again (locked limit). A file
    // is asked through FileOps::map.
    TENON_API Result<u64> map(const MapRequest& request);
    TENON_API Result<void> unmap(u64 start, u64 length);
    // nomem on a hole, acces beyond max_prot
    TENON_API Result<void> protect(u64 start, u64 length, Prot prot);
    enum class Remap : u8 { none = 0, may_move = 1, fixed = 2, dont_unmap = 4 };
    TENON_API Result<u64> remap(u64 old_start, u64 old_length, u64 new_length, u8 remap_flags,
                                u64 new_address);
    // A copy for fork: private pages become copy-on-write in both.
    Result<Ref<AddressSpace>> fork();
    // Drops pages of [start,end) without unmapping (MADV_DONTNEED); nomem on a hole, inval for
    // locked or special memory.
    TENON_API Result<void> discard(u64 start, u64 end);
    // Brings pages in as if they were touched; nomem on a hole, fault where access is not allowed.
    TENON_API Result<void> populate(u64 start, u64 end, bool write);
    // Changes flags of the VMAs in the range (madvise, mlock), splitting as needed; nomem on a
    // hole, after the rest was changed.
    TENON_API Result<void> set_flags(u64 start, u64 end, VmaFlags set, VmaFlags clear);
    // Error::fault with nothing changed: on a hole; to clear it, where nothing is mapped at all.
    TENON_API Result<void> set_placement(u64 start, u64 end, const Placement& placement);
    // brk: [brk_start, brk). Returns the new (or unchanged) break.
    TENON_API u64 set_brk(u64 new_brk);

    Result<void> handle_fault(const arch::PageFault& fault);
    // Reads/writes another space's memory (ptrace, /proc/PID/mem, argv of a task). Bytes done.
    // `force` ignores protection as ptrace does.
    TENON_API Result<usize> access(u64 address, void* buffer, usize length, bool write, bool force);
    // A stable (physical) key for a shared futex: mapping + offset, or this space + address for
    // private pages.
    struct PageKey {
        const void* object;
        u64 offset;
    };
    TENON_API Result<PageKey> futex_key(u64 address, bool shared);
    // The VMA that contains or follows `address`; `lock` held.
    TENON_API Vma* find(u64 address);
    TENON_API Vma* next(Vma& vma);
    TENON_API Vma* previous(Vma& vma);
    TENON_API Vma* first();
    struct Footprint {
        u64 total_pages, resident_anon, resident_file, resident_shmem, stack_pages, data_pages,
            exec_pages, locked_pages, page_table_pages, peak_total, peak_resident;
    };
    TENON_API Footprint footprint() const;
    TENON_API u64 resident_pages() const;
    TENON_API void reset_peak_resident();  // Footprint::peak_resident begins anew
    // Calls `visit` for each entry of [start, end) that is not none, with its page (null: special);
    // what it returns becomes the entry. Under the page-table lock, which is let go after each
    // table: no sleep. `lock` held.
    using EntryVisit = arch::Pte (*)(u64 va, arch::Pte entry, Page* page, void* context);
    TENON_API void visit_entries(u64 start, u64 end, EntryVisit visit, void* context);

    // Makes this CPU use the space: loads the tables, and takes the CPU out of the shootdown set of
    // the space it used before. Irqs or preemption off. Kernel threads keep the last one (lazily).
    void activate();
    // Leaves whatever space this CPU uses, for tables without a user half. Same context.
    static void activate_kernel();
    // Set at exec by the executable format, read by /proc.
    struct Layout {
        u64 brk_start = 0, brk = 0;
        u64 mmap_base = 0;  // top-down search starts here
        u64 stack_top = 0, stack_limit_bytes = 8ull << 20;
        u64 code_start = 0, code_end = 0, data_start = 0, data_end = 0;
        u64 arg_start = 0, arg_end = 0, env_start = 0, env_end = 0;
        u64 vdso = 0;
        u64 aux[2 * 32] = {};  // the auxiliary vector as built
        u32 aux_count = 0;
    } layout;
    sync::RwMutex lock{sync::LockRank::address_space};
    CpuMask active_cpus() const { return CpuMask(active_.load(std::memory_order_acquire)); }
    PhysAddr root() const { return table_.root(); }
    // Limits set by the personality from rlimits: bytes.
    u64 limit_total = ~u64{0}, limit_data = ~u64{0}, limit_locked = ~u64{0};
    // mlockall(MCL_FUTURE): flags for mappings to come.
    VmaFlags future_flags = VmaFlags::none;
    bool future_populate = false;
    // membarrier's registrations, a personality's word.
    std::atomic<u32> barrier_state{0};
    std::atomic<SpaceExtension*> extension{nullptr};  // set once

  private:
    friend class SpaceEditor;  // core/mm/space_editor.h: what changes the tree, lock held
    friend class PageWalk;     // core/mm/page_walk.h: what changes the tables
    friend struct VmaReverse;  // core/mm/mapping.cpp
    AddressSpace() = default;
    struct ByAddress {
        using type = u64;
        u64 operator()(const Vma& vma) const { return vma.range.start; }
    };
    using VmaTree =
        bi::set<Vma,
                bi::member_hook<
                    Vma, bi::set_member_hook<bi::link_mode<bi::safe_link>, bi::optimize_size<true>>,
                    &Vma::tree_hook>,
                bi::key_of_value<ByAddress>, bi::constant_time_size<false>>;
    Result<void> fault_in(u64 va, arch::FaultAccess access, bool force);
    Result<void> grow_stack(u64 va);
    Result<Page*> page_for_access(u64 va, bool write, bool force, Pfn& special);

    VmaTree vmas_;
    arch::PageTable table_;
    sync::SpinLock table_lock_{sync::LockRank::page_table};
    std::atomic<u64> active_{0};
    std::atomic<i64> resident_anon_{0}, resident_file_{0}, resident_shmem_{0};
    // Guarded by lock for writing:
    u64 total_pages_ = 0, peak_total_ = 0, locked_pages_ = 0, data_pages_ = 0, stack_pages_ = 0,
        exec_pages_ = 0, accounted_pages_ = 0;
    u64 vma_count_ = 0;
    std::atomic<u64> peak_resident_{0};  // up to the last time that pages went
    // Top-down search for room starts here: above it no hole is larger than hole_bytes_.
    u64 search_from_ = 0, hole_bytes_ = 0;
};

// How many pages may be promised, private writable and shared: without bound, or a RAM in one go.
inline constexpr u64 kCommitAlways = ~u64{0} >> 1;
inline constexpr u64 kCommitHeuristic = ~u64{0};
TENON_API void set_commit_limit(u64 pages);  // or so many in all; no_reserve counts for nothing
// How many mappings a space may have, beyond one.
TENON_API void set_map_limit(u64 count);

// Memory that is shared but belongs to no file: MAP_SHARED|MAP_ANONYMOUS, System V segments. All
// VMAs that hold it see the same pages; it is a backing with a page cache. `reserve`: it counts as
// promised. Error::nomem.
TENON_API Result<Ref<VmaBacking>> make_shared_memory(u64 length_bytes, std::string_view name,
                                                     bool reserve);

// Faults on user memory fail at once instead of being resolved, while one lives (copies under
// page-cache locks).
class FaultsDisabled {
  public:
    FaultsDisabled();
    ~FaultsDisabled();
};

}  // namespace tenon::mm
