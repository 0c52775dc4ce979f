// What the memory calls share.
#pragma once

#include <tenon/mm/address_space.h>
#include <tenon/process/process.h>

#include "personality/linux/abi.h"

namespace tenon::personality {

inline mm::Prot prot_of(u64 bits) {
    mm::Prot prot = mm::Prot::none;
    if (bits & PROT_READ) prot = prot | mm::Prot::read;
    if (bits & PROT_WRITE) prot = prot | mm::Prot::write;
    if (bits & PROT_EXEC) prot = prot | mm::Prot::exec;
    return prot;
}

inline mm::AddressSpace& own_space() {
    return *current()->space;
}

// Bytes that may be locked; all of them with CAP_IPC_LOCK.
inline u64 lock_limit() {
    if (process::capable(process::Capability::ipc_lock)) return ~u64{0};
    return process::current_process().limits.value[process::Limits::memlock].soft;
}
inline bool may_lock() {
    return lock_limit() != 0;
}

// The space checks what rlimits allow; they are the process's.
inline void refresh_limits(mm::AddressSpace& space) {
    const process::Limits& limits = process::current_process().limits;
    space.limit_total = limits.value[process::Limits::as].soft;
    space.limit_data = limits.value[process::Limits::data].soft;
    space.layout.stack_limit_bytes = limits.value[process::Limits::stack].soft;
    space.limit_locked = lock_limit();
}

inline bool page_aligned(u64 address) {
    return is_aligned(address, kPageSize);
}
// As access_ok(): the range lies in user space.
inline bool in_user_space(u64 start, u64 length) {
    return length <= arch::kUserLimit && start <= arch::kUserLimit - length;
}

// Visits the parts of VMAs in [start, end) in order; false if there was a hole. `fn` returns a
// Result<void>; the first error ends the walk. The space's lock is held for reading meanwhile.
template <typename Fn>
Result<bool> walk(mm::AddressSpace& space, u64 start, u64 end, Fn&& fn) {
    sync::ReadGuard guard(space.lock);
    u64 at = start;
    bool whole = true;
    for (mm::Vma* vma = space.find(start); vma != nullptr && vma->range.start < end;
         vma = space.next(*vma)) {
        if (vma->range.start > at) whole = false;
        TRY(fn(*vma));
        at = vma->range.end;
    }
    return whole && at >= end;
}

}  // namespace tenon::personality
