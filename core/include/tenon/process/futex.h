// Futex queues: hashed wait queues keyed by a place in memory. Spec: man 2 futex.
//
// Addresses are of aligned 32-bit words in the calling task's address space. A private key is the
// address space and the address; a shared one the page cache and the offset, so that it is the same
// in every process that maps the page.
#pragma once

#include <tenon/arch/user_copy.h>
#include <tenon/mm/address_space.h>
#include <tenon/sync/wait_queue.h>
#include <tenon/time/clock.h>

namespace tenon::process::futex {

// What a word's queue goes by.
using Key = mm::AddressSpace::PageKey;

// Whose words are the same: those of one process, or of all that map the page.
enum class Scope : u8 { process_private, shared };

// When a sleep ends: a time of the monotonic clock, or of the wall clock, however it is stepped.
struct Until {
    sync::Deadline deadline;
    bool wall = false;
};
// Sleeps until ready() or then; who makes it ready wakes the task. Errors: timedout, restart.
template <typename Ready>
Result<void> sleep(Ready&& ready, const Until& until) {
    constexpr auto kMode = sync::WaitMode::interruptible;
    if (sync::WaitQueue nobody; !until.wall) return nobody.wait(ready, kMode, until.deadline);
    for (;;) {
        const u32 steps = time::realtime_step_count();
        const i64 ns = static_cast<i64>(until.deadline.ns) - time::realtime_offset_ns();
        auto result = time::realtime_step_queue().wait(
            [&] { return ready() || time::realtime_step_count() != steps; }, kMode,
            {ns > 0 ? static_cast<u64>(ns) : 0});
        if (!result || ready()) return result;
    }
}

// Sleeps while *address == expected. Errors: again (value differs), timedout, restart, fault,
// inval.
TENON_API Result<void> wait(u64 address, Scope scope, u32 expected, u32 bitset, const Until& until);
TENON_API Result<u32> wake(u64 address, Scope scope, u32 count, u32 bitset);
// `expected` non-null: CMP_REQUEUE, Error::again when *from differs. The ABI's result is the sum
// for CMP_REQUEUE and `woken` alone for REQUEUE.
struct Requeued {
    u32 woken, moved;
};
TENON_API Result<Requeued> requeue(u64 from, u64 to, Scope scope, u32 wake_count, u32 move_count,
                                   const u32* expected);
// Changes *second, wakes at the first, and at the second if the old value compares to `compared` as
// `when` says. Error::nosys for an unknown change, and after it for an empty `when`.
struct WakeOp {
    enum : u8 { less = 1, equal = 2, greater = 4 };
    arch::UserAtomicOp change;
    u32 argument;
    u8 when;
    i32 compared;
};
TENON_API Result<u32> wake_op(u64 first, u64 second, Scope scope, u32 wake_first, u32 wake_second,
                              const WakeOp& op);
// futex_waitv: sleeps until one of them is woken; its index. A word that differs already: again.
struct WaitSpec {
    u64 address;
    Scope scope;
    u32 expected;
};
inline constexpr u32 kMaxWaitv = 128;
TENON_API Result<u32> wait_many(std::span<const WaitSpec> specs, const Until& until);

}  // namespace tenon::process::futex
