// madvise, mincore, msync.
#include <tenon/mm/user_copy.h>
#include <tenon/vfs/inode.h>

#include <algorithm>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/memory/layout.h"

namespace tenon::personality {

namespace {

using mm::VmaFlags;

// Newer than some headers.
constexpr i32 kPopulateRead = 22, kPopulateWrite = 23, kDontneedLocked = 24, kCollapse = 25;

// Advice that sets and clears flags of the mapping.
struct FlagChange {
    VmaFlags set = VmaFlags::none, clear = VmaFlags::none;
    bool known = false;
};
FlagChange flag_change(i32 advice) {
    const auto none = VmaFlags::none;
    switch (advice) {
        case MADV_NORMAL:
            return {none, VmaFlags::sequential | VmaFlags::random, true};
        case MADV_SEQUENTIAL:
            return {VmaFlags::sequential, VmaFlags::random, true};
        case MADV_RANDOM:
            return {VmaFlags::random, VmaFlags::sequential, true};
        case MADV_DONTFORK:
            return {VmaFlags::dont_fork, none, true};
        case MADV_DOFORK:
            return {none, VmaFlags::dont_fork, true};
        case MADV_WIPEONFORK:
            return {VmaFlags::wipe_on_fork, none, true};
        case MADV_KEEPONFORK:
            return {none, VmaFlags::wipe_on_fork, true};
        case MADV_DONTDUMP:
            return {VmaFlags::dont_dump, none, true};
        case MADV_DODUMP:
            return {none, VmaFlags::dont_dump, true};
        case MADV_HUGEPAGE:
            return {VmaFlags::huge, VmaFlags::no_huge, true};
        case MADV_NOHUGEPAGE:
            return {VmaFlags::no_huge, VmaFlags::huge, true};
        default:
            return {};
    }
}

bool known_advice(i32 advice) {
    switch (advice) {
        case MADV_REMOVE:
        case MADV_WILLNEED:
        case MADV_DONTNEED:
        case MADV_FREE:
        case MADV_MERGEABLE:
        case MADV_UNMERGEABLE:
        case MADV_COLD:
        case MADV_PAGEOUT:
        case kPopulateRead:
        case kPopulateWrite:
        case kDontneedLocked:
        case kCollapse:
            return true;
        default:
            return flag_change(advice).known;
    }
}

Result<void> check_flag_change(const mm::Vma& vma, i32 advice) {
    switch (advice) {
        case MADV_WIPEONFORK:
            // Only private anonymous memory can be wiped.
            return vma.file || vma.is_shared() ? Result<void>(Err(Error::inval)) : Result<void>{};
        case MADV_DOFORK:
        case MADV_DODUMP:
            return mm::has(vma.flags, VmaFlags::io) ? Result<void>(Err(Error::inval))
                                                    : Result<void>{};
        default:
            return {};
    }
}

Result<void> remove(mm::AddressSpace& space, u64 start, u64 end) {
    // The holes are punched after the walk: file systems' locks come before the space's.
    u64 at = start;
    while (at < end) {
        Ref<vfs::File> file;
        mm::Mapping* mapping = nullptr;
        Ref<mm::VmaBacking> backing;
        u64 offset = 0, length = 0;
        {
            sync::ReadGuard guard(space.lock);
            mm::Vma* vma = space.find(at);
            if (vma == nullptr || vma->range.start > at) return Err(Error::nomem);
            if (mm::has(vma->flags, VmaFlags::locked)) return Err(Error::inval);
            if (vma->mapping == nullptr) return Err(Error::inval);
            if (!vma->is_shared() || !mm::has(vma->prot, mm::Prot::write)) return Err(Error::acces);
            file = vma->file;
            backing = vma->backing;
            mapping = vma->mapping;
            offset = at - vma->range.start + vma->file_offset;
            length = std::min(end, vma->range.end) - at;
        }
        if (file) {
            TRY(file->ops().call(&vfs::FileOps::allocate, *file,
                                 u32{FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE}, offset, length));
        } else {
            mapping->punch(offset, offset + length);
        }
        at += length;
    }
    return {};
}

Result<void> populate(mm::AddressSpace& space, u64 start, u64 end, bool write) {
    auto r = space.populate(start, end, write);
    if (r) return {};
    switch (r.error()) {
        case Error::acces:
            return Err(Error::inval);  // the protection forbids it
        case Error::io:
            return Err(Error::fault);
        default:
            return r;
    }
}

}  // namespace

Result<i64> sys_madvise(u64 start, u64 length, i32 advice) {
    if (!known_advice(advice) || !page_aligned(start)) return Err(Error::inval);
    const u64 rounded = align_up(length, kPageSize);
    if (length != 0 && rounded == 0) return Err(Error::inval);
    const u64 end = start + rounded;
    if (end < start) return Err(Error::inval);
    if (end == start) return 0;
    mm::AddressSpace& space = own_space();

    if (const FlagChange change = flag_change(advice); change.known) {
        TRY_ASSIGN(const bool whole, walk(space, start, end, [&](mm::Vma& vma) {
                       return check_flag_change(vma, advice);
                   }));
        (void)whole;
        TRY(space.set_flags(start, end, change.set, change.clear));
        return 0;
    }
    switch (advice) {
        case MADV_DONTNEED:
        case kDontneedLocked:
            TRY(space.discard(start, end));
            return 0;
        case MADV_FREE: {
            TRY_ASSIGN(const bool whole, walk(space, start, end, [](mm::Vma& vma) {
                           return vma.is_private_anon() ? Result<void>{} : Err(Error::inval);
                       }));
            (void)whole;
            // Free at once is one of the moments at which these pages may go.
            TRY(space.discard(start, end));
            return 0;
        }
        case MADV_REMOVE:
            TRY(remove(space, start, end));
            return 0;
        case kPopulateRead:
            TRY(populate(space, start, end, false));
            return 0;
        case kPopulateWrite:
            TRY(populate(space, start, end, true));
            return 0;
        default: {
            // Read-ahead, cold pages, page-out, merging, collapsing: nothing to gain yet, but holes are errors.
            TRY_ASSIGN(const bool whole,
                       walk(space, start, end, [](mm::Vma&) { return Result<void>{}; }));
            if (!whole) return Err(Error::nomem);
            if (advice == kCollapse) return Err(Error::inval);  // no huge pages
            return 0;
        }
    }
}

namespace {

// Which pages are in memory: 1 in `out`. Error::nomem on a hole.
Result<void> residency(mm::AddressSpace& space, u64 start, std::span<u8> out) {
    struct Seen {
        u64 start;
        std::span<u8> out;
    } seen{start, out};
    std::memset(out.data(), 0, out.size());
    sync::ReadGuard guard(space.lock);
    space.visit_entries(
        start, start + (out.size() << kPageShift),
        [](u64 va, arch::Pte entry, mm::Page*, void* context) {
            auto& s = *static_cast<Seen*>(context);
            s.out[(va - s.start) >> kPageShift] = entry.present() || entry.is_soft();
            return entry;
        },
        &seen);
    const u64 end = start + (out.size() << kPageShift);
    for (u64 va = start; va < end;) {
        mm::Vma* vma = space.find(va);
        if (vma == nullptr || vma->range.start > va) return Err(Error::nomem);
        const u64 stop = std::min(end, vma->range.end);
        for (; vma->mapping != nullptr && va < stop; va += kPageSize) {
            u8& seen = out[(va - start) >> kPageShift];
            if (seen != 0) continue;
            if (mm::Page* page = vma->mapping->find(vma->index_of(va))) {
                seen = page->test(mm::Page::kUptodate);
                mm::page_unref(page);
            }
        }
        va = stop;
    }
    return {};
}

}  // namespace

Result<i64> sys_mincore(u64 start, u64 length, u64 vector) {
    if (!page_aligned(start)) return Err(Error::inval);
    if (!in_user_space(start, length)) return Err(Error::nomem);
    u64 pages = align_up(length, kPageSize) >> kPageShift;
    if (!in_user_space(vector, pages)) return Err(Error::fault);
    mm::AddressSpace& space = own_space();
    u8 chunk[512];
    while (pages != 0) {
        const usize n = std::min<u64>(pages, sizeof(chunk));
        TRY(residency(space, start, {chunk, n}));
        TRY(mm::copy_to_user(UserAddr{vector}, chunk, n));
        start += n << kPageShift;
        vector += n;
        pages -= n;
    }
    return 0;
}

Result<i64> sys_msync(u64 start, u64 length, i32 flags) {
    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !page_aligned(start) ||
        ((flags & MS_ASYNC) && (flags & MS_SYNC)))
        return Err(Error::inval);
    const u64 end = start + align_up(length, kPageSize);
    if (end < start) return Err(Error::nomem);
    mm::AddressSpace& space = own_space();
    bool hole = false;
    for (u64 at = start; at < end;) {
        Ref<vfs::File> file;
        u64 from = 0, to = 0;
        {
            sync::ReadGuard guard(space.lock);
            mm::Vma* vma = space.find(at);
            if (vma == nullptr || vma->range.start >= end) {
                hole = true;
                break;
            }
            if (vma->range.start > at) {
                hole = true;
                at = vma->range.start;
            }
            if ((flags & MS_INVALIDATE) && mm::has(vma->flags, VmaFlags::locked))
                return Err(Error::busy);
            const u64 stop = std::min(end, vma->range.end);
            if ((flags & MS_SYNC) && vma->is_shared()) {
                file = vma->file;
                from = at - vma->range.start + vma->file_offset;
                to = from + (stop - at);
            }
            at = stop;
        }
        if (file) {
            if (mm::Mapping* mapping = file->inode().mapping()) TRY(mapping->write_back(from, to));
            TRY(file->ops().call(&vfs::FileOps::sync, *file, false));
        }
    }
    if (hole) return Err(Error::nomem);
    return 0;
}

}  // namespace tenon::personality
