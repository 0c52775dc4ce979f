// nanosleep, clock_nanosleep. Spec: man 2 clock_nanosleep.
#include <tenon/mm/user_copy.h>
#include <tenon/sched/scheduler.h>
#include <tenon/time/clock.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/time/clocks.h"

namespace tenon::personality {

namespace {

constexpr u64 kCpuPollNs = 4'000'000;

// Until the clock shows `until_ns`, however it is stepped.
Result<void> sleep_until(const Clock& clock, i64 until_ns) {
    if (clock.is_cpu()) {
        while (clock.now_ns() < until_ns)
            TRY(sched::sleep_until(sync::Deadline::after_ns(kCpuPollNs)));
        return {};
    }
    if (!clock.is_wall()) return sched::sleep_until(clock.deadline_of(until_ns));
    for (;;) {
        const u32 steps = time::realtime_step_count();
        auto result = time::realtime_step_queue().wait(
            [&] { return time::realtime_step_count() != steps; }, sync::WaitMode::interruptible,
            clock.deadline_of(until_ns));
        if (result) continue;  // the clock was stepped
        if (result.error() == Error::timedout) return {};
        return result;
    }
}

// The rest of an interrupted relative sleep; true if nothing is left.
Result<bool> write_rest(const Clock& clock, i64 until_ns, u64 to) {
    const i64 rest = until_ns - clock.now_ns();
    if (rest <= 0) return true;
    if (to != 0) TRY(mm::UserOut<uapi::__kernel_timespec>(to).write(to_timespec(rest)));
    return false;
}

// Relative sleeps run on the monotonic clock (or a CPU clock): nobody can step it.
Result<i64> sleep_relative(i32 clock_id, i64 until_ns, u64 rest_to);

Result<i64> restart(Task::RestartBlock& block) {
    return sleep_relative(static_cast<i32>(block.argument[0]), static_cast<i64>(block.argument[1]),
                          block.argument[2]);
}

Result<i64> sleep_relative(i32 clock_id, i64 until_ns, u64 rest_to) {
    TRY_ASSIGN(const Clock clock, Clock::of(clock_id));
    auto result = sleep_until(clock, until_ns);
    if (result) return 0;
    TRY_ASSIGN(const bool over, write_rest(clock, until_ns, rest_to));
    if (over) return 0;
    Task::RestartBlock& block = current()->restart_block;
    block.argument[0] = static_cast<u64>(static_cast<i64>(clock_id));
    block.argument[1] = static_cast<u64>(until_ns);
    block.argument[2] = rest_to;
    block.function = restart;
    return Err(Error::restart_block);
}

}  // namespace

Result<i64> sys_nanosleep(u64 rqtp, u64 rmtp) {
    TRY_ASSIGN(const auto t, mm::UserIn<uapi::__kernel_timespec>(rqtp).read());
    if (!is_valid(t)) return Err(Error::inval);
    return sleep_relative(CLOCK_MONOTONIC,
                          add_ns(static_cast<i64>(time::monotonic_ns()), to_ns(t)), rmtp);
}

Result<i64> sys_clock_nanosleep(i32 which_clock, i32 flags, u64 rqtp, u64 rmtp) {
    TRY_ASSIGN(const Clock clock, Clock::of(which_clock));
    if (!clock.can_sleep) return Err(Error::opnotsupp);
    TRY_ASSIGN(const auto t, mm::UserIn<uapi::__kernel_timespec>(rqtp).read());
    if (!is_valid(t)) return Err(Error::inval);
    // A thread cannot sleep on its own CPU time.
    if (clock.named && clock.thread.get() == current()) return Err(Error::inval);
    if (clock.alarm && !process::capable(process::Capability::wake_alarm)) return Err(Error::perm);
    if ((flags & TIMER_ABSTIME) == 0) {
        const i32 id = clock.is_cpu() ? which_clock : CLOCK_MONOTONIC;
        const i64 now = clock.is_cpu() ? clock.now_ns() : static_cast<i64>(time::monotonic_ns());
        return sleep_relative(id, add_ns(now, to_ns(t)), rmtp);
    }
    auto result = sleep_until(clock, to_ns(t));
    if (result) return 0;
    return Err(result.error() == Error::restart ? Error::restart_no_hand : result.error());
}

}  // namespace tenon::personality
