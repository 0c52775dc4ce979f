// mlock and its relatives. Nothing is ever paged out, so locking is accounting and bringing in.
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/memory/layout.h"

namespace tenon::personality {

namespace {

using mm::VmaFlags;

// Locked pages that the range holds already: they do not count twice.
u64 locked_within(mm::AddressSpace& space, u64 start, u64 end) {
    u64 bytes = 0;
    (void)walk(space, start, end, [&](mm::Vma& vma) {
        if (mm::has(vma.flags, VmaFlags::locked))
            bytes += std::min(end, vma.range.end) - std::max(start, vma.range.start);
        return Result<void>{};
    });
    return bytes;
}

// Brings the pages of a range in, mapping by mapping, and stops where one cannot be used at all.
// Sleeps; the mappings may change meanwhile.
// Spec: Linux mm/gup.c, populate_vma_page_range().
Result<void> bring_in_range(mm::AddressSpace& space, u64 start, u64 end) {
    for (u64 at = start; at < end;) {
        u64 until;
        bool written;
        {
            sync::ReadGuard guard(space.lock);
            const mm::Vma* vma = space.find(at);
            if (vma == nullptr || vma->range.start > at) return Err(Error::nomem);
            if (vma->prot == mm::Prot::none) return Err(Error::fault);
            until = std::min(end, vma->range.end);
            // Shared pages are not written before somebody writes.
            written = mm::has(vma->prot, mm::Prot::write) && !vma->is_shared();
        }
        auto r = space.populate(at, until, written);
        if (!r && r.error() != Error::acces) return r;
        at = until;
    }
    return {};
}

Result<i64> lock_range(u64 start, u64 length, bool bring_in) {
    if (!may_lock()) return Err(Error::perm);
    length = align_up(length + (start & (kPageSize - 1)), kPageSize);
    start = align_down(start, kPageSize);
    const u64 end = start + length;
    if (end < start) return Err(Error::inval);
    if (end == start) return 0;
    mm::AddressSpace& space = own_space();
    const u64 limit = lock_limit();
    if (limit != ~u64{0}) {
        u64 total = (space.footprint().locked_pages << kPageShift) + length;
        if (total > limit) total -= std::min(total, locked_within(space, start, end));
        if (total > limit) return Err(Error::nomem);
    }
    TRY(space.set_flags(start, end, VmaFlags::locked, VmaFlags::none));
    if (!bring_in) return 0;
    if (auto r = bring_in_range(space, start, end); !r) {
        // Spec: POSIX wants these two exchanged.
        if (r.error() == Error::fault || r.error() == Error::io) return Err(Error::nomem);
        return Err(r.error() == Error::nomem ? Error::again : r.error());
    }
    return 0;
}

void for_all(mm::AddressSpace& space, VmaFlags set, VmaFlags clear) {
    (void)space.set_flags(0, arch::kUserLimit, set, clear);
}

}  // namespace

Result<i64> sys_mlock(u64 start, u64 length) {
    return lock_range(start, length, true);
}

Result<i64> sys_mlock2(u64 start, u64 length, i32 flags) {
    if (flags & ~MLOCK_ONFAULT) return Err(Error::inval);
    return lock_range(start, length, !(flags & MLOCK_ONFAULT));
}

Result<i64> sys_munlock(u64 start, u64 length) {
    length = align_up(length + (start & (kPageSize - 1)), kPageSize);
    start = align_down(start, kPageSize);
    if (start + length < start) return Err(Error::inval);
    if (length == 0) return 0;
    TRY(own_space().set_flags(start, start + length, VmaFlags::none, VmaFlags::locked));
    return 0;
}

Result<i64> sys_mlockall(i32 flags) {
    if (flags == 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
        return Err(Error::inval);
    if (!may_lock()) return Err(Error::perm);
    mm::AddressSpace& space = own_space();
    const u64 limit = lock_limit();
    if ((flags & MCL_CURRENT) && limit != ~u64{0} &&
        (space.footprint().total_pages << kPageShift) > limit)
        return Err(Error::nomem);
    space.future_flags = flags & MCL_FUTURE ? VmaFlags::locked : VmaFlags::none;
    space.future_populate = (flags & MCL_FUTURE) && !(flags & MCL_ONFAULT);
    if (!(flags & MCL_CURRENT)) return 0;
    for_all(space, VmaFlags::locked, VmaFlags::none);
    if (flags & MCL_ONFAULT) return 0;
    for (u64 at = 0;;) {
        UserRange range;
        {
            sync::ReadGuard guard(space.lock);
            mm::Vma* vma = space.find(at);
            if (vma == nullptr) break;
            range = vma->range;
        }
        (void)bring_in_range(space, range.start, range.end);
        at = range.end;
    }
    return 0;
}

Result<i64> sys_munlockall() {
    mm::AddressSpace& space = own_space();
    space.future_flags = VmaFlags::none;
    space.future_populate = false;
    for_all(space, VmaFlags::none, VmaFlags::locked);
    return 0;
}

}  // namespace tenon::personality
