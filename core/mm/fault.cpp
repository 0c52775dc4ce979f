// Page faults: how an access to user memory becomes a page-table entry.
//
// The space is locked for reading, so VMAs and tables stand still; entries change only under the
// page-table lock. Each path prepares a page first (which may sleep) and installs it only if the
// entry is still what it was; else the access is simply retried by the CPU.
//
// A page of a file may be dropped from the cache (truncate) between being found and being
// installed. Truncation first clears Page::mapping, then unmaps; installation checks Page::mapping
// under the page-table lock: one of the two sees the other.
#include <tenon/process/personality.h>
#include <tenon/sync/rcu.h>
#include <tenon/vfs/file.h>
#include <tenon/vfs/inode.h>

#include <algorithm>
#include <cstring>

#include "core/mm/page_alloc.h"
#include "core/mm/page_walk.h"
#include "core/mm/space_editor.h"

namespace tenon::mm {

using arch::FaultAccess;
using arch::PageFlags;
using arch::Pte;

namespace {

bool allows(const Vma& vma, FaultAccess access) {
    switch (access) {
        case FaultAccess::write:
            return has(vma.prot, Prot::write);
        case FaultAccess::exec:
            return has(vma.prot, Prot::exec);
        case FaultAccess::read:
            break;
    }
    // Hardware has no page that may be written or executed but not read.
    return vma.prot != Prot::none;
}

// A write to a shared file page: the page shows it.
void note_shared_write(const Vma& vma, Page& page) {
    if (vma.mapping == nullptr || !vma.is_shared()) return;
    vma.mapping->mark_dirty(&page);
}

constexpr u64 kAround = 16;  // pages that a fault maps if they are cached

}  // namespace

Result<void> PageWalk::anonymous(AddressSpace& space, Vma& vma, u64 va, bool write) {
    if (!write) {
        sync::SpinGuard guard(space.table_lock_);
        TRY_ASSIGN(Pte * slot, space.table_.ensure(va));
        if (slot->load().is_none())
            slot->store(Pte::make(zero_frame, read_flags(vma) | PageFlags::special));
        return {};
    }
    TRY_ASSIGN(Page * fresh, alloc_page(Alloc::zero | Alloc::user));
    PageHold page(fresh);
    page->kind = Page::Kind::anon;
    count(Counter::anon, 1);
    sync::SpinGuard guard(space.table_lock_);
    TRY_ASSIGN(Pte * slot, space.table_.ensure(va));
    if (!slot->load().is_none()) return {};  // somebody else was faster
    slot->store(Pte::make(frame_number(page.release()),
                          has(vma.prot, Prot::write) ? write_flags(vma) : read_flags(vma)));
    space.resident_anon_.fetch_add(1, std::memory_order_relaxed);
    return {};
}

// Maps what is cached of the pages around `va`, whose own is mapped; read-only unless writing needs
// no notice. As Linux's, they end with the table only: which write faults changes a file's times.
void PageWalk::map_around(AddressSpace& space, Vma& vma, u64 va) {
    const u64 window = kAround << kPageShift;
    const u64 start = std::max(align_down(va, window), vma.range.start);
    u64 end = std::min({start + window, align_down(va, kTableSpan) + kTableSpan, vma.range.end});
    const u64 size = vma.file_size->load(std::memory_order_acquire);
    const u64 file_end_va = vma.range.start + align_up(size, kPageSize) - vma.file_offset;
    if (align_up(size, kPageSize) <= vma.file_offset) return;
    end = std::min(end, file_end_va);
    const bool writable = vma.is_shared() && has(vma.prot, Prot::write) &&
                          vma.mapping->source() != nullptr && vma.mapping->source()->memory_only();
    const PageFlags flags = writable ? write_flags(vma) : read_flags(vma);

    // The mapping's lock comes before the table lock: pages are gathered first.
    Page* pages[kAround];
    u32 n = 0;
    for (u64 at = start; at < end; at += kPageSize) {
        Page* page = at == va ? nullptr : vma.mapping->find(vma.index_of(at));
        if (page != nullptr && !page->test(Page::kUptodate)) {
            page_unref(page);
            page = nullptr;
        }
        pages[n++] = page;
    }
    i64 file = 0, shmem = 0;
    {
        sync::SpinGuard guard(space.table_lock_);
        auto slot = space.table_.ensure(start);  // the window lies in one table
        for (u32 i = 0; i < n && slot; ++i) {
            Page* page = pages[i];
            Pte& entry = (*slot)[i];
            if (page == nullptr || page->mapping != vma.mapping || !entry.load().is_none())
                continue;
            entry.store(Pte::make(frame_number(page), flags));
            ++(page->test(Page::kShmem) ? shmem : file);
            pages[i] = nullptr;
        }
    }
    for (u32 i = 0; i < n; ++i) {
        if (pages[i] != nullptr) page_unref(pages[i]);
    }
    if (file) space.resident_file_.fetch_add(file, std::memory_order_relaxed);
    if (shmem) space.resident_shmem_.fetch_add(shmem, std::memory_order_relaxed);
}

Result<void> PageWalk::from_mapping(AddressSpace& space, Vma& vma, u64 va, bool write) {
    const u64 index = vma.index_of(va);
    const u64 size = vma.file_size->load(std::memory_order_acquire);
    if (index >= align_up(size, kPageSize) >> kPageShift) return Err(Error::io);
    auto got = vma.mapping->get(index, true);
    if (!got) {
        // What a read(2) would call EIO or ENOSPC is a bus error here.
        return Err(got.error() == Error::nomem ? Error::nomem : Error::io);
    }
    PageHold page(*got);

    if (write && !vma.is_shared()) {
        TRY_ASSIGN(Page * fresh, alloc_page(Alloc::user));
        PageHold copy(fresh);
        std::memcpy(frame_address(copy.get()), frame_address(page.get()), kPageSize);
        page.reset();
        copy->kind = Page::Kind::anon;
        count(Counter::anon, 1);
        sync::SpinGuard guard(space.table_lock_);
        TRY_ASSIGN(Pte * slot, space.table_.ensure(va));
        if (!slot->load().is_none()) return {};
        slot->store(Pte::make(frame_number(copy.release()),
                              has(vma.prot, Prot::write) ? write_flags(vma) : read_flags(vma)));
        space.resident_anon_.fetch_add(1, std::memory_order_relaxed);
        return {};
    }

    if (write) {
        note_shared_write(vma, *page);
        // As Linux where files are in memory: a page that was read before it is written does not.
        if (vma.is_shared() && vma.file) vma.file->inode().touch_mtime();
    }
    {
        sync::SpinGuard guard(space.table_lock_);
        TRY_ASSIGN(Pte * slot, space.table_.ensure(va));
        if (!slot->load().is_none() || page->mapping != vma.mapping) return {};
        slot->store(
            Pte::make(frame_number(page.get()), write ? write_flags(vma) : read_flags(vma)));
        count_page(space, *page.release(), 1);
    }
    if (!has(vma.flags, VmaFlags::random)) map_around(space, vma, va);
    return {};
}

Result<void> PageWalk::from_backing(AddressSpace& space, Vma& vma, u64 va, bool write) {
    TRY_ASSIGN(VmaBacking::Frame got, vma.backing->fault(vma.index_of(va), write));
    PageHold page(got.page);
    const PageFlags flags =
        vma.is_shared() && has(vma.prot, Prot::write) ? write_flags(vma) : read_flags(vma);
    sync::SpinGuard guard(space.table_lock_);
    TRY_ASSIGN(Pte * slot, space.table_.ensure(va));
    if (!slot->load().is_none()) return {};
    if (page) {
        slot->store(Pte::make(frame_number(page.get()), flags));
        count_page(space, *page.release(), 1);
    } else {
        slot->store(Pte::make(got.pfn, flags | PageFlags::special));
    }
    return {};
}

// A write to a page that is there but not writable: copy it, or find that it is ours alone.
Result<void> PageWalk::write_to_present(AddressSpace& space, Vma& vma, u64 va, Pte seen,
                                        bool force) {
    const PageFlags flags = has(vma.prot, Prot::write) ? write_flags(vma) : read_flags(vma);
    if (vma.is_shared()) {
        if (!has(vma.prot, Prot::write)) return Err(force ? Error::io : Error::acces);
        if (holds_page(seen)) note_shared_write(vma, page_in(seen));
        sync::SpinGuard guard(space.table_lock_);
        Pte* slot = space.table_.find(va);
        if (slot == nullptr || slot->load().pfn() != seen.pfn() || !slot->load().present())
            return {};
        slot->store(slot->load().with_flags(
            flags | (seen.special() ? PageFlags::special : PageFlags::none)));
        arch::flush_tlb_local_page(va);
        return {};
    }
    PageHold old;
    {
        sync::SpinGuard guard(space.table_lock_);
        Pte* slot = space.table_.find(va);
        if (slot == nullptr) return {};
        const Pte entry = slot->load();
        if (!entry.present() || entry.pfn() != seen.pfn() || entry.writable()) {
            arch::flush_tlb_local_page(va);
            return {};
        }
        if (holds_page(entry)) {
            Page& page = page_in(entry);
            // Pairs with the release in page_unref(): the other holder's accesses are over.
            if (page.kind == Page::Kind::anon && page.refs.load(std::memory_order_acquire) == 1) {
                slot->store(entry.with_flags(flags));
                arch::flush_tlb_local_page(va);
                return {};
            }
            page_ref(&page);
            old.reset(&page);
        }
    }
    const bool zero = !holds_page(seen) && seen.pfn() == zero_frame;
    TRY_ASSIGN(Page * fresh, alloc_page(zero ? Alloc::zero | Alloc::user : Alloc::user));
    PageHold drop(fresh);
    if (!zero) std::memcpy(frame_address(fresh), arch::phys_to_virt(seen.pfn().phys()), kPageSize);
    fresh->kind = Page::Kind::anon;
    count(Counter::anon, 1);
    sync::SpinGuard guard(space.table_lock_);
    Pte* slot = space.table_.find(va);
    const Pte entry = slot ? slot->load() : Pte::none();
    if (entry.present() && entry.pfn() == seen.pfn() && !entry.writable()) {
        slot->store(Pte::make(frame_number(drop.release()), flags));
        arch::flush_tlb_user(space.table_.root(), space.active_cpus(), va, va + kPageSize);
        if (old) count_page(space, *old, -1);
        space.resident_anon_.fetch_add(1, std::memory_order_relaxed);
        drop.reset(old.get());  // the entry's reference
    }
    return {};
}

Result<void> PageWalk::resolve(AddressSpace& space, Vma& vma, u64 va, FaultAccess access,
                               bool force) {
    va = align_down(va, kPageSize);
    const bool write = access == FaultAccess::write;
    if (!force && !allows(vma, access)) return Err(Error::acces);
    const Pte entry = load(space, va);
    if (entry.is_none()) {
        if (vma.is_private_anon()) return anonymous(space, vma, va, write);
        return vma.mapping != nullptr ? from_mapping(space, vma, va, write)
                                      : from_backing(space, vma, va, write);
    }
    if (entry.is_soft()) return force ? Err(Error::io) : Err(Error::acces);
    if (write && !entry.writable()) return write_to_present(space, vma, va, entry, force);
    // Another thread was faster, or this CPU remembers less access than there is.
    arch::flush_tlb_local_page(va);
    return {};
}

Result<void> AddressSpace::grow_stack(u64 va) {
    SpaceEditor editor(*this);
    Vma* vma = find(va);
    if (vma != nullptr && vma->range.start <= va) return {};
    if (vma == nullptr || !has(vma->flags, VmaFlags::stack)) return Err(Error::fault);
    const u64 start = align_down(va, kPageSize);
    if (vma->range.end - start > layout.stack_limit_bytes) return Err(Error::fault);
    if ((total_pages_ << kPageShift) + vma->range.start - start > limit_total)
        return Err(Error::fault);
    if (const Vma* below = previous(*vma)) {
        const bool accessible = below->prot != Prot::none && !has(below->flags, VmaFlags::stack);
        if (below->range.end > start || (accessible && start - below->range.end < kStackGap))
            return Err(Error::fault);
    } else if (start < kStackGap) {
        return Err(Error::fault);
    }
    editor.account(*vma, -1);
    vma->range.start = start;
    editor.account(*vma, 1);
    return {};
}

// Makes one access possible, growing the stack if that is what it takes.
Result<void> AddressSpace::fault_in(u64 va, FaultAccess access, bool force) {
    if (va >= arch::kUserLimit) return Err(Error::fault);
    {
        sync::ReadGuard guard(lock);
        Vma* vma = find(va);
        if (vma == nullptr) return Err(Error::fault);
        if (va >= vma->range.start) [[likely]]
            return PageWalk::resolve(*this, *vma, va, access, force);
        if (!has(vma->flags, VmaFlags::stack)) return Err(Error::fault);
    }
    TRY(grow_stack(va));
    sync::ReadGuard guard(lock);
    Vma* vma = find(va);
    if (vma == nullptr || va < vma->range.start) return Err(Error::fault);
    return PageWalk::resolve(*this, *vma, va, access, force);
}

Result<void> AddressSpace::handle_fault(const arch::PageFault& fault) {
    return fault_in(fault.address, fault.access, false);
}

bool handle_page_fault(const arch::PageFault& fault) {
    Task& task = *current();
    if (!task.space || task.faults_disabled != 0) return false;
    // A user copy under a spin lock is a bug of the kernel's; a page that is there needs no sleep.
    if (!may_sleep()) return false;
    ++task.minor_faults;
    counters.local().faults.fetch_add(1, std::memory_order_relaxed);
    const Result<void> result = task.space->handle_fault(fault);
    if (result) [[likely]]
        return true;
    if (result.error() == Error::nomem && (fault.user_mode || !process::fatal_signal_pending())) {
        // The killer chose somebody: this task on its way out, or another whose memory comes back.
        sched::yield();
        return true;
    }
    if (fault.user_mode && task.process && task.process->personality != nullptr)
        task.process->personality->user_fault(fault, result.error(), arch::user_regs(task));
    return false;
}

FaultsDisabled::FaultsDisabled() {
    ++current()->faults_disabled;
}
FaultsDisabled::~FaultsDisabled() {
    --current()->faults_disabled;
}

}  // namespace tenon::mm
