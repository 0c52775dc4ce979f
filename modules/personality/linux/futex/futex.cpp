// futex, futex_waitv. Spec: man 2 futex.
#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/process/futex.h>
#include <tenon/time/clock.h>

#include "personality/linux/futex/pi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/time/clocks.h"

namespace tenon::personality {

namespace {

namespace futex = process::futex;

constexpr u32 kAllBits = FUTEX_BITSET_MATCH_ANY;

Result<i64> wait_on(u64 address, futex::Scope scope, u32 expected, u32 bitset,
                 const futex::Until& until);

Result<i64> restart_wait(Task::RestartBlock& block) {
    return wait_on(block.argument[0], static_cast<futex::Scope>(block.argument[1]),
                static_cast<u32>(block.argument[2]), static_cast<u32>(block.argument[3]),
                {sync::Deadline{block.argument[4]}, block.argument[5] != 0});
}

// A time-out goes on where it was after a signal without a handler; with one, the call ends.
Result<i64> wait_on(u64 address, futex::Scope scope, u32 expected, u32 bitset,
                 const futex::Until& until) {
    auto result = futex::wait(address, scope, expected, bitset, until);
    if (result) return 0;
    if (result.error() != Error::restart || until.deadline.is_never()) return Err(result.error());
    Task::RestartBlock& block = current()->restart_block;
    block.argument[0] = address;
    block.argument[1] = static_cast<u64>(scope);
    block.argument[2] = expected;
    block.argument[3] = bitset;
    block.argument[4] = until.deadline.ns;
    block.argument[5] = until.wall;
    block.function = restart_wait;
    return Err(Error::restart_block);
}

Result<futex::Until> until_time(u64 timeout, bool realtime) {
    TRY_ASSIGN(const auto t, mm::UserIn<uapi::__kernel_timespec>(timeout).read());
    if (!is_valid(t)) return Err(Error::inval);
    const i64 ns = to_ns(t);
    if (ns == kMaxTimeNs) return futex::Until{};
    return futex::Until{{static_cast<u64>(ns)}, realtime};
}

Result<futex::Until> until_after(u64 timeout) {
    TRY_ASSIGN(const auto t, mm::UserIn<uapi::__kernel_timespec>(timeout).read());
    if (!is_valid(t)) return Err(Error::inval);
    const Clock clock{Clock::Kind::monotonic};
    return futex::Until{
        clock.deadline_of(add_ns(static_cast<i64>(time::monotonic_ns()), to_ns(t)))};
}

// Counts are ints in the ABI; waking looks at each waiter first, so that 0 wakes one.
u32 at_least_one(u32 count) {
    return static_cast<i32>(count) <= 0 ? 1 : count;
}

// Spec: man 2 futex, FUTEX_WAKE_OP: op(4) cmp(4) oparg(12) cmparg(12), both arguments signed.
futex::WakeOp wake_op_from(u32 encoded) {
    static_assert(static_cast<u32>(arch::UserAtomicOp::xor_) == FUTEX_OP_XOR);
    using W = futex::WakeOp;
    constexpr u8 kWhen[16] = {W::equal,           W::less | W::greater, W::less,
                              W::less | W::equal, W::greater,           W::greater | W::equal};
    u32 argument = static_cast<u32>(static_cast<i32>(encoded << 8) >> 20);
    if ((encoded >> 28) & FUTEX_OP_OPARG_SHIFT) argument = u32{1} << (argument & 31);
    return {.change = static_cast<arch::UserAtomicOp>((encoded >> 28) & 7),
            .argument = argument,
            .when = kWhen[(encoded >> 24) & 15],
            .compared = static_cast<i32>(encoded << 20) >> 20};
}

}  // namespace

Result<i64> sys_futex(u64 uaddr, i32 op, u32 val, u64 utime, u64 uaddr2, u32 val3) {
    const i32 command = op & FUTEX_CMD_MASK;
    const bool realtime = (op & FUTEX_CLOCK_REALTIME) != 0;
    const auto scope =
        (op & FUTEX_PRIVATE_FLAG) != 0 ? futex::Scope::process_private : futex::Scope::shared;
    // The time-out is read before the command is looked at closer.
    futex::Until until;
    if (utime != 0) {
        if (command == FUTEX_WAIT) {
            TRY_ASSIGN(until, until_after(utime));
        } else if (command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI ||
                   command == FUTEX_LOCK_PI2) {
            TRY_ASSIGN(until, until_time(utime, realtime || command == FUTEX_LOCK_PI));
        }
    }
    if (realtime && command != FUTEX_WAIT_BITSET && command != FUTEX_WAIT_REQUEUE_PI &&
        command != FUTEX_LOCK_PI2)
        return Err(Error::nosys);
    switch (command) {
        case FUTEX_WAIT:
            return wait_on(uaddr, scope, val, kAllBits, until);
        case FUTEX_WAIT_BITSET:
            if (val3 == 0) return Err(Error::inval);
            return wait_on(uaddr, scope, val, val3, until);
        case FUTEX_WAKE:
        case FUTEX_WAKE_BITSET: {
            const u32 bits = command == FUTEX_WAKE ? kAllBits : val3;
            if (bits == 0) return Err(Error::inval);
            TRY_ASSIGN(const u32 woken, futex::wake(uaddr, scope, at_least_one(val), bits));
            return woken;
        }
        case FUTEX_REQUEUE:
        case FUTEX_CMP_REQUEUE: {
            const auto move = static_cast<u32>(utime);  // the slot of the time-out
            if (static_cast<i32>(val) < 0 || static_cast<i32>(move) < 0) return Err(Error::inval);
            const bool compare = command == FUTEX_CMP_REQUEUE;
            TRY_ASSIGN(const auto done,
                       futex::requeue(uaddr, uaddr2, scope, val, move, compare ? &val3 : nullptr));
            return done.woken + done.moved;
        }
        case FUTEX_WAKE_OP: {
            TRY_ASSIGN(const u32 woken,
                       futex::wake_op(uaddr, uaddr2, scope, at_least_one(val),
                                      at_least_one(static_cast<u32>(utime)), wake_op_from(val3)));
            return woken;
        }
        case FUTEX_LOCK_PI:
        case FUTEX_LOCK_PI2:
            TRY(pi::lock(uaddr, scope, until, false));
            return 0;
        case FUTEX_TRYLOCK_PI:
            TRY(pi::lock(uaddr, scope, {}, true));
            return 0;
        case FUTEX_UNLOCK_PI:
            TRY(pi::unlock(uaddr, scope));
            return 0;
        default:
            return Err(Error::nosys);
    }
}

Result<i64> sys_futex_waitv(u64 waiters, u32 nr_futexes, u32 flags, u64 timeout, i32 clockid) {
    if (flags != 0) return Err(Error::inval);
    if (nr_futexes == 0 || nr_futexes > futex::kMaxWaitv || waiters == 0) return Err(Error::inval);
    futex::Until until;
    if (timeout != 0) {
        if (clockid != CLOCK_REALTIME && clockid != CLOCK_MONOTONIC) return Err(Error::inval);
        TRY_ASSIGN(until, until_time(timeout, clockid == CLOCK_REALTIME));
    }
    std::unique_ptr<futex::WaitSpec[]> specs(new (std::nothrow) futex::WaitSpec[nr_futexes]);
    if (!specs) return Err(Error::nomem);
    for (u32 i = 0; i < nr_futexes; ++i) {
        TRY_ASSIGN(const auto w, mm::UserIn<uapi::futex_waitv>(waiters).read(i));
        if ((w.flags & ~(FUTEX_32 | FUTEX_PRIVATE_FLAG)) != 0 || w.__reserved != 0 ||
            (w.flags & FUTEX_32) == 0)
            return Err(Error::inval);
        specs[i] = {w.uaddr,
                    (w.flags & FUTEX_PRIVATE_FLAG) != 0 ? futex::Scope::process_private
                                                        : futex::Scope::shared,
                    static_cast<u32>(w.val)};
    }
    TRY_ASSIGN(const u32 index, futex::wait_many({specs.get(), nr_futexes}, until));
    return index;
}

}  // namespace tenon::personality
