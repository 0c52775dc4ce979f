// remap_file_pages; process_madvise, process_mrelease.
// Spec: the man pages of these names; Linux mm/mmap.c, mm/madvise.c, mm/oom_kill.c.
#include <tenon/mm/user_copy.h>
#include <tenon/vfs/file.h>

#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/ipc/shm.h"
#include "personality/linux/memory/layout.h"
#include "personality/linux/process/permission.h"
#include "personality/linux/process/pidfd.h"

namespace tenon::personality {

// As Linux since 4.0: the pages become a mapping of their own.
Result<i64> sys_remap_file_pages(u64 start, u64 size, u64 prot, u64 page, u32 flags) {
    if (prot != 0) return Err(Error::inval);
    start = align_down(start, kPageSize);
    size = align_down(size, kPageSize);
    if (start + size <= start) return Err(Error::inval);
    if (page + (size >> kPageShift) < page) return Err(Error::inval);
    mm::AddressSpace& space = own_space();
    mm::MapRequest request;
    {
        sync::ReadGuard guard(space.lock);
        mm::Vma* vma = space.find(start);
        if (vma == nullptr || vma->range.start > start || !vma->is_shared())
            return Err(Error::inval);
        const mm::Vma& first = *vma;
        while (vma->range.end < start + size) {
            const u64 end = vma->range.end;
            vma = space.next(*vma);
            if (vma == nullptr || vma->range.start != end || !(vma->file == first.file) ||
                !(vma->backing == first.backing) || vma->prot != first.prot)
                return Err(Error::inval);
        }
        request.file = first.file;
        if (!first.file) request.backing = first.backing;
        request.prot = first.prot;
        request.max_prot = first.max_prot;
        request.flags = mm::VmaFlags::shared;
        if (mm::has(first.flags, mm::VmaFlags::locked))
            request.flags = request.flags | mm::VmaFlags::locked;
    }
    request.address = start;
    request.length = size;
    request.place = mm::MapRequest::Place::fixed;
    request.file_offset = page << kPageShift;
    request.populate = !(flags & MAP_NONBLOCK);
    if (request.backing && ipc::is_attachment(*request.backing))
        TRY(ipc::reattach(request));
    else
        TRY(space.map(request));
    return 0;
}

Result<i64> sys_process_madvise(i32 pidfd, u64 vec, u64 vlen, i32 behavior, u32 flags) {
    constexpr i32 kCollapse = 25;
    if (flags != 0) return Err(Error::inval);
    UserVector vector;
    TRY(vector.load(vec, vlen));
    TRY_ASSIGN(auto target, process_of_pidfd(pidfd));
    if (behavior != MADV_COLD && behavior != MADV_PAGEOUT && behavior != MADV_WILLNEED &&
        behavior != kCollapse)
        return Err(Error::inval);
    Ref<mm::AddressSpace> space;
    if (Ref<Task> task = process::find_task(target->pid); task) space = process::space_of(*task);
    if (!space) return Err(Error::srch);
    TRY(may_inspect(*target));
    if (!process::capable(process::Capability::sys_nice)) return Err(Error::perm);
    // None of these has an effect that can be seen, but holes are errors.
    vfs::IoBuffer buffer = vector.buffer();
    i64 done = 0;
    while (buffer.remaining() != 0) {
        const auto part = buffer.front();
        auto one = [&]() -> Result<void> {
            if (!page_aligned(part.base)) return Err(Error::inval);
            const u64 end = part.base + align_up(part.length_bytes, kPageSize);
            TRY_ASSIGN(const bool whole,
                       walk(*space, part.base, end, [](mm::Vma&) { return Result<void>{}; }));
            if (!whole) return Err(Error::nomem);
            if (behavior == kCollapse) return Err(Error::inval);  // no huge pages
            return {};
        };
        if (auto r = one(); !r) return done != 0 ? Result<i64>(done) : Err(r.error());
        done += static_cast<i64>(part.length_bytes);
        buffer.skip(part.length_bytes);
    }
    return done;
}

// A process that is being killed gives its memory back on its way out; there is nothing to hurry.
Result<i64> sys_process_mrelease(i32 pidfd, u32 flags) {
    if (flags != 0) return Err(Error::inval);
    TRY_ASSIGN(auto target, process_of_pidfd(pidfd));
    Ref<Task> task = process::find_task(target->pid);
    if (!task || !process::space_of(*task)) return Err(Error::srch);
    return target->group_exiting ? Result<i64>(0) : Err(Error::inval);
}

}  // namespace tenon::personality
