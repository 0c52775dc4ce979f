// Futex queues: hashed wait queues keyed by a place in memory.
#pragma once

#include <tenon/mm/address_space.h>
#include <tenon/sync/wait_queue.h>

namespace tenon::process::futex {

using Key = mm::AddressSpace::PageKey;

// Sleeps while *address == expected. Errors: again (value differs), timedout, restart, fault.
TENON_API Result<void> wait(u64 address, bool shared, u32 expected, u32 bitset,
                            sync::Deadline deadline);
TENON_API Result<u32> wake(u64 address, bool shared, u32 count, u32 bitset);
// `expected` non-null: CMP_REQUEUE. Returns woken (+ requeued as the ABI wants: the caller adds).
struct Requeued {
    u32 woken, moved;
};
TENON_API Result<Requeued> requeue(u64 from, u64 to, bool shared, u32 wake_count, u32 move_count,
                                   const u32* expected);
TENON_API Result<u32> wake_op(u64 first, u64 second, bool shared, u32 wake_first, u32 wake_second,
                              u32 operation);

}  // namespace tenon::process::futex
