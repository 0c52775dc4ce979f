// User page tables. Spec: Intel SDM 3A 4.5.
#include <tenon/arch/page_table.h>
#include <tenon/mm/page_alloc.h>

#include <cstring>
#include <utility>

#include "core/arch/x86_64/boot/start.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/mm/tlb.h"

extern "C" void clear_page(void* page);

namespace tenon::arch {

extern "C" {
[[gnu::section(".ro_after_init")]] constinit u64 tenon_direct_map = 0;
}

namespace {

using namespace x86;

constexpr u64 kTableBits = kPresent | kWrite | kUser | kAccessed;
constexpr usize kRootUserEntries = 256;

u64* table_at(u64 phys) {
    return static_cast<u64*>(phys_to_virt({phys}));
}
u64 load(const u64& entry) {
    return __atomic_load_n(&entry, __ATOMIC_RELAXED);
}

Result<u64> new_table() {
    TRY_ASSIGN(mm::Page * page, mm::alloc_page(mm::Alloc::zero | mm::Alloc::page_table));
    return mm::pfn_of(page).phys().value;
}

void free_table(u64 phys) {
    mm::free_pages(mm::page_of(Pfn::of({phys})), 0);
}

void free_tree(u64 phys, u32 level, usize entries) {
    if (level > 0) {
        const u64* table = table_at(phys);
        for (usize i = 0; i < entries; ++i)
            if (table[i] & kPresent) free_tree(table[i] & kFrameMask, level - 1, kEntries);
    }
    free_table(phys);
}

void release_tree(u64 phys, u32 level, void (*release)(Pfn, void*), void* context) {
    if (level > 0) {
        const u64* table = table_at(phys);
        for (usize i = 0; i < kEntries; ++i)
            if (table[i] & kPresent)
                release_tree(table[i] & kFrameMask, level - 1, release, context);
    }
    release(Pfn::of({phys}), context);
}

// Unlinks subtrees on the way to `zone` that lie wholly in `hole`; `base` is the first address of
// this table.
void prune_table(u64 phys, u32 level, u64 base, UserRange hole, UserRange zone,
                 void (*release)(Pfn, void*), void* context) {
    const u64 step = u64{1} << (12 + 9 * level);
    u64* table = table_at(phys);
    usize i = zone.start <= base ? 0 : (zone.start - base) / step;
    for (u64 from = base + i * step; i < kEntries && from < zone.end; ++i, from += step) {
        if ((table[i] & kPresent) == 0) continue;
        const u64 child = table[i] & kFrameMask;
        if (from >= hole.start && from + step <= hole.end) {
            __atomic_store_n(&table[i], 0, __ATOMIC_RELEASE);
            release_tree(child, level - 1, release, context);
        } else if (level > 1) {
            prune_table(child, level - 1, from, hole, zone, release, context);
        }
    }
}

}  // namespace

u64 Pte::to_bits(PageFlags flags) {
    u64 bits = 0;
    if (has(flags, PageFlags::read) || has(flags, PageFlags::write) || has(flags, PageFlags::exec))
        bits |= kPresent | kAccessed;
    if (has(flags, PageFlags::write)) bits |= kWrite;
    if (has(flags, PageFlags::user))
        bits |= kUser;
    else
        bits |= kDirty;  // kernel pages: spare the walker the write
    if (!has(flags, PageFlags::exec) && features().nx) bits |= kNoExec;
    if (has(flags, PageFlags::global)) bits |= kGlobal;
    if (has(flags, PageFlags::uncached)) bits |= kCacheDisable | kWriteThrough;
    if (has(flags, PageFlags::write_combine))
        bits |= features().pat ? kPatWriteCombine : kCacheDisable | kWriteThrough;
    if (has(flags, PageFlags::special)) bits |= kSoftSpecial;
    if (has(flags, PageFlags::dirty)) bits |= kDirty;
    if (has(flags, PageFlags::accessed)) bits |= kAccessed;
    return bits;
}

PageFlags Pte::flags() const {
    PageFlags f = PageFlags::none;
    auto add = [&](bool on, PageFlags flag) {
        if (on) f = f | flag;
    };
    add(present(), PageFlags::read);
    add(writable(), PageFlags::write);
    add(present() && exec(), PageFlags::exec);
    add(user(), PageFlags::user);
    add(bits_ & kGlobal, PageFlags::global);
    add(bits_ & kCacheDisable, PageFlags::uncached);
    add(bits_ & kPatWriteCombine, PageFlags::write_combine);
    add(special(), PageFlags::special);
    add(dirty(), PageFlags::dirty);
    add(accessed(), PageFlags::accessed);
    return f;
}

Result<PageTable> PageTable::create() {
    TRY_ASSIGN(const u64 root, new_table());
    // The kernel half never changes at this level (boot/start.cpp reserves its entries).
    std::memcpy(table_at(root) + kRootUserEntries,
                table_at(start_state().kernel_root) + kRootUserEntries,
                (kEntries - kRootUserEntries) * sizeof(u64));
    PageTable table;
    table.root_ = {root};
    return table;
}

PageTable::PageTable(PageTable&& other) noexcept : root_(std::exchange(other.root_, PhysAddr{})) {}
PageTable& PageTable::operator=(PageTable&& other) noexcept {
    std::swap(root_, other.root_);
    return *this;
}
PageTable::~PageTable() {
    if (root_.value != 0) free_tree(root_.value, 3, kRootUserEntries);
}

Pte* PageTable::find_table(u64 va, u64& next) const {
    u64 phys = root_.value;
    for (u32 level = 3; level > 0; --level) {
        const u64 step = u64{1} << (12 + 9 * level);
        next = align_down(va, step) + step;
        const u64 entry = load(table_at(phys)[index_at(va, level)]);
        if ((entry & kPresent) == 0) return nullptr;
        phys = entry & kFrameMask;
    }
    return reinterpret_cast<Pte*>(table_at(phys));
}

Pte* PageTable::find(u64 va) const {
    u64 next = 0;
    Pte* table = find_table(va, next);
    return table == nullptr ? nullptr : table + index_at(va, 0);
}

Result<Pte*> PageTable::ensure(u64 va) {
    u64 phys = root_.value;
    for (u32 level = 3; level > 0; --level) {
        u64& entry = table_at(phys)[index_at(va, level)];
        u64 value = load(entry);
        if ((value & kPresent) == 0) {
            TRY_ASSIGN(const u64 table, new_table());
            value = table | kTableBits;
            // Release: the table's zeroes come before its address.
            __atomic_store_n(&entry, value, __ATOMIC_RELEASE);
        }
        phys = value & kFrameMask;
    }
    return reinterpret_cast<Pte*>(table_at(phys)) + index_at(va, 0);
}

void PageTable::prune(UserRange hole, UserRange zone, void (*release)(Pfn, void*), void* context) {
    if (root_.value != 0) prune_table(root_.value, 3, 0, hole, zone, release, context);
}

void PageTable::activate() const {
    load_root(root_.value);
}
void PageTable::activate_kernel() {
    load_root(start_state().kernel_root);
}

}  // namespace tenon::arch
