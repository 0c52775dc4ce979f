// Other people's memory: ptrace, /proc/PID, process_vm_readv, futex keys.
#include <tenon/mm/user_copy.h>
#include <tenon/vfs/file.h>

#include <algorithm>
#include <cstring>

#include "core/mm/page_walk.h"

namespace tenon::mm {

using arch::FaultAccess;
using arch::Pte;

// The page at `va`, brought in as the access needs it, with a reference; or a special frame.
Result<Page*> AddressSpace::page_for_access(u64 va, bool write, bool force, Pfn& special) {
    for (u32 attempt = 0; attempt < 8; ++attempt) {
        {
            sync::ReadGuard guard(lock);
            Vma* vma = find(va);
            if (vma == nullptr || vma->range.start > va || has(vma->flags, VmaFlags::io))
                return Err(Error::fault);
            const Prot needed = write ? Prot::write : Prot::read;
            if (!has(vma->prot, needed)) {
                // By force, private memory may be changed and any be read that could be.
                if (!force || !has(vma->max_prot, needed) || (write && vma->is_shared()))
                    return Err(Error::fault);
            }
            sync::SpinGuard table_guard(table_lock_);
            const Pte* slot = table_.find(va);
            const Pte entry = slot ? slot->load() : Pte::none();
            if (holds_page(entry)) {
                Page* page = &page_in(entry);
                const bool own = !vma->is_shared() && page->kind == Page::Kind::anon &&
                                 page->refs.load(std::memory_order_acquire) == 1;
                if (!write || entry.writable() || own) {
                    page_ref(page);
                    return page;
                }
            } else if (entry.present() && !write) {
                special = entry.pfn();
                return nullptr;
            }
        }
        TRY(fault_in(va, write ? FaultAccess::write : FaultAccess::read, force));
    }
    return Err(Error::fault);
}

Result<usize> AddressSpace::access(u64 address, void* buffer, usize length, bool write,
                                   bool force) {
    usize done = 0;
    while (done < length) {
        const u64 va = address + done;
        const usize offset = va & (kPageSize - 1);
        const usize n = std::min(length - done, kPageSize - offset);
        Pfn special;
        auto page = page_for_access(align_down(va, kPageSize), write, force, special);
        if (!page) {
            if (done != 0) return done;
            return Err(page.error());
        }
        u8* at =
            static_cast<u8*>(*page ? frame_address(*page) : arch::phys_to_virt(special.phys())) +
            offset;
        u8* mine = static_cast<u8*>(buffer) + done;
        if (write) {
            std::memcpy(at, mine, n);
            if ((*page)->kind == Page::Kind::file) (*page)->set(Page::kDirty);
        } else {
            std::memcpy(mine, at, n);
        }
        if (*page) page_unref(*page);
        done += n;
    }
    return done;
}

Result<AddressSpace::PageKey> AddressSpace::futex_key(u64 address, bool shared) {
    if (address >= arch::kUserLimit) return Err(Error::fault);
    if (!shared) return PageKey{this, address};
    sync::ReadGuard guard(lock);
    Vma* vma = find(address);
    if (vma == nullptr || vma->range.start > address) return Err(Error::fault);
    if (vma->mapping != nullptr && vma->is_shared())
        return PageKey{vma->mapping, address - vma->range.start + vma->file_offset};
    return PageKey{this, address};
}

Result<usize> copy_string_from_user(std::span<char> to, UserAddr from, Error too_long) {
    const isize n = arch::copy_string_from_user_raw(to.data(), from.value, to.size());
    if (n < 0) return Err(Error::fault);
    if (static_cast<usize>(n) >= to.size()) return Err(too_long);
    return static_cast<usize>(n);
}

}  // namespace tenon::mm
