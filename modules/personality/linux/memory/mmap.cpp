// mmap, munmap, mprotect, brk, mremap.
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/file_table.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/memory/layout.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality {

namespace {

using mm::MapRequest;
using mm::Prot;
using mm::VmaFlags;

constexpr u64 kKnownFlags = MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE |
                            MAP_EXECUTABLE | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE |
                            MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT |
                            (63ull << 26) | MAP_UNINITIALIZED;
// The largest offset in a file.
constexpr u64 kLargestFile = INT64_MAX;
// vm.mmap_min_addr, as whole pages.
u64 lowest_fixed() {
    return align_up(static_cast<u64>(setting(linux_settings::Setting::mmap_min_addr)), kPageSize);
}

// The checks on a file, in the order in which Linux makes them.
Result<void> check_file(vfs::File& file, u64 prot, u64 flags, MapRequest& request) {
    const u32 mode = file.inode().mode;
    if ((vfs::is_regular(mode) || (mode & vfs::kTypeMask) == vfs::kBlockDevice) &&
        request.file_offset > align_down(kLargestFile - request.length, kPageSize))
        return Err(Error::overflow);
    switch (flags & MAP_TYPE) {
        case MAP_SHARED_VALIDATE:
            if (flags & ~(kKnownFlags | MAP_SHARED_VALIDATE)) return Err(Error::opnotsupp);
            [[fallthrough]];
        case MAP_SHARED:
            if ((prot & PROT_WRITE) && !file.writable()) return Err(Error::acces);
            if (!file.writable()) request.max_prot = Prot::read | Prot::exec;
            request.flags = request.flags | VmaFlags::shared;
            break;
        case MAP_PRIVATE:
            break;
        default:
            return Err(Error::inval);
    }
    if (!file.readable()) return Err(Error::acces);
    const vfs::Mount* mount = file.path().mount.get();
    if (mount != nullptr && (mount->flags & vfs::kMountNoExec)) {
        if (prot & PROT_EXEC) return Err(Error::perm);
        request.max_prot = request.max_prot & (Prot::read | Prot::write);
    }
    if (flags & MAP_GROWSDOWN) return Err(Error::inval);
    return {};
}

}  // namespace

Result<i64> sys_mmap(u64 address, u64 length, u64 prot, u64 flags, i32 fd, i64 offset) {
    if (!page_aligned(static_cast<u64>(offset))) return Err(Error::inval);
    MapRequest request;
    if (!(flags & MAP_ANONYMOUS)) {
        TRY_ASSIGN(request.file, current()->files->get(fd));
        if (request.file->flags() & vfs::kOpenPath) return Err(Error::badf);
        if (flags & MAP_HUGETLB) return Err(Error::inval);
    } else if (flags & MAP_HUGETLB) {
        // Pages of 2 MiB, 1 GiB, or the usual ones of these; none are reserved.
        const u64 log = (flags >> MAP_HUGE_SHIFT) & MAP_HUGE_MASK;
        return Err(log == 0 || log == 21 || log == 30 ? Error::nomem : Error::inval);
    }
    if (length == 0) return Err(Error::inval);
    length = align_up(length, kPageSize);
    if (length == 0 || length > arch::kUserLimit) return Err(Error::nomem);
    if (request.file && static_cast<u64>(offset) + length < static_cast<u64>(offset))
        return Err(Error::overflow);

    mm::AddressSpace& space = own_space();
    refresh_limits(space);
    request.address = address;
    request.length = length;
    request.prot = prot_of(prot);
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        request.place = flags & MAP_FIXED_NOREPLACE ? MapRequest::Place::fixed_noreplace
                                                    : MapRequest::Place::fixed;
        if (address > arch::kUserLimit - length) return Err(Error::nomem);
        if (!page_aligned(address)) return Err(Error::inval);
        if (address < lowest_fixed() && !process::capable(process::Capability::sys_rawio))
            return Err(Error::perm);
    } else if (flags & MAP_32BIT) {
        request.place = MapRequest::Place::low_2g;
    } else if (address != 0 && address < lowest_fixed()) {
        request.address = lowest_fixed();
    }
    if (flags & MAP_LOCKED) {
        if (!may_lock()) return Err(Error::perm);
        request.flags = request.flags | VmaFlags::locked;
        request.populate = true;
    }
    if ((flags & MAP_POPULATE) && !(flags & MAP_NONBLOCK)) request.populate = true;
    if (flags & MAP_NORESERVE) request.flags = request.flags | VmaFlags::no_reserve;
    if (request.file) {
        request.file_offset = static_cast<u64>(offset);
        TRY(check_file(*request.file, prot, flags, request));
    } else {
        switch (flags & MAP_TYPE) {
            case MAP_SHARED:
                if (flags & MAP_GROWSDOWN) return Err(Error::inval);
                request.flags = request.flags | VmaFlags::shared;
                break;
            case MAP_PRIVATE:
                if (flags & MAP_GROWSDOWN) request.flags = request.flags | VmaFlags::stack;
                break;
            default:
                return Err(Error::inval);
        }
    }
    TRY_ASSIGN(const u64 at, space.map(request));
    return static_cast<i64>(at);
}

Result<i64> sys_munmap(u64 start, u64 length) {
    if (!page_aligned(start) || length == 0 || !in_user_space(start, length))
        return Err(Error::inval);
    TRY(own_space().unmap(start, length));
    return 0;
}

Result<i64> sys_mprotect(u64 start, u64 length, u64 prot) {
    const u64 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP)) return Err(Error::inval);
    prot &= ~u64{PROT_GROWSDOWN | PROT_GROWSUP};
    if (!page_aligned(start)) return Err(Error::inval);
    if (length == 0) return 0;
    length = align_up(length, kPageSize);
    if (start + length <= start) return Err(Error::nomem);
    if (prot & ~u64{PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM}) return Err(Error::inval);
    mm::AddressSpace& space = own_space();
    refresh_limits(space);
    if (grows != 0) {
        sync::ReadGuard guard(space.lock);
        const mm::Vma* vma = space.find(start);
        if (vma == nullptr || vma->range.start >= start + length) return Err(Error::nomem);
        if (grows == PROT_GROWSUP || !mm::has(vma->flags, VmaFlags::stack))
            return Err(Error::inval);
        length += start - vma->range.start;
        start = vma->range.start;
    }
    TRY(space.protect(start, length, prot_of(prot)));
    return 0;
}

Result<i64> sys_brk(u64 brk) {
    mm::AddressSpace& space = own_space();
    refresh_limits(space);
    return static_cast<i64>(space.set_brk(brk));
}

Result<i64> sys_mremap(u64 old_address, u64 old_length, u64 new_length, u64 flags,
                       u64 new_address) {
    static_assert(MREMAP_MAYMOVE == static_cast<int>(mm::AddressSpace::Remap::may_move) &&
                  MREMAP_FIXED == static_cast<int>(mm::AddressSpace::Remap::fixed) &&
                  MREMAP_DONTUNMAP == static_cast<int>(mm::AddressSpace::Remap::dont_unmap));
    if (flags & ~u64{MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP}) return Err(Error::inval);
    mm::AddressSpace& space = own_space();
    refresh_limits(space);
    TRY_ASSIGN(const u64 at, space.remap(old_address, old_length, new_length,
                                         static_cast<u8>(flags), new_address));
    return static_cast<i64>(at);
}

// Protection keys need a CPU feature that is not used: only the key that everything has exists.
Result<i64> sys_pkey_mprotect(u64 start, u64 length, u64 prot, i32 key) {
    if (key != -1) return Err(Error::inval);
    return sys_mprotect(start, length, prot);
}

Result<i64> sys_pkey_alloc(u64 flags, u64 rights) {
    if (flags != 0 || (rights & ~u64{PKEY_ACCESS_MASK})) return Err(Error::inval);
    return Err(Error::nospc);
}

Result<i64> sys_pkey_free(i32) {
    return Err(Error::inval);
}

}  // namespace tenon::personality
