// clock_*, gettimeofday, time. Spec: the man pages of these names.
#include "personality/linux/time/clocks.h"

#include <tenon/mm/user_copy.h>
#include <tenon/time/clock.h>

#include "personality/linux/exec/vdso_data.h"
#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

using vdso::kCoarseTickNs;
constexpr i64 kNsPerMicrosecond = 1000;

// Negative numbers: ~pid above three bits, of which bit 2 says "thread". Spec: Linux
// include/linux/posix-timers.h.
Result<Clock> named_cpu_clock(i32 id) {
    const u32 which = static_cast<u32>(id) & 3;
    const i32 pid = ~(id >> 3);
    if (which == 3) return Err(Error::inval);  // a descriptor of a clock device
    Clock clock{Clock::Kind::process_cpu};
    clock.named = true;
    clock.can_set = true;  // that is, refused with EPERM
    clock.part = which == 1 ? Clock::Part::user : Clock::Part::all;
    if ((id & 4) != 0) {
        clock.kind = Clock::Kind::thread_cpu;
        clock.thread = pid == 0 ? Ref<Task>(current()) : process::find_task(pid);
        if (!clock.thread || clock.thread->process != current()->process) return Err(Error::inval);
    } else {
        clock.process = pid == 0 ? current()->process : process::find_process(pid);
        if (!clock.process) return Err(Error::inval);
    }
    return clock;
}

Result<void> write_time(u64 to, i64 ns) {
    return mm::UserOut<uapi::__kernel_timespec>(to).write(to_timespec(ns));
}

}  // namespace

u64 process_cpu_ns(process::Process& process, Clock::Part part) {
    if (&process == &process::current_process()) (void)sched::cpu_time_ns(*current());
    const process::Usage usage = process::usage_of(process);
    return part == Clock::Part::user ? usage.user_ns : usage.user_ns + usage.system_ns;
}

Result<Clock> Clock::of(i32 id) {
    if (id < 0) return named_cpu_clock(id);
    Clock clock{Kind::monotonic};
    switch (id) {
        case CLOCK_REALTIME:
            clock.kind = Kind::realtime;
            clock.can_set = true;
            break;
        case CLOCK_REALTIME_ALARM:
            clock.kind = Kind::realtime;
            clock.alarm = true;
            break;
        case CLOCK_REALTIME_COARSE:
            clock.kind = Kind::realtime;
            clock.coarse = true;
            clock.can_sleep = clock.can_time = false;
            break;
        case CLOCK_TAI: clock.kind = Kind::tai; break;
        case CLOCK_MONOTONIC:
        case CLOCK_BOOTTIME: break;
        case CLOCK_BOOTTIME_ALARM: clock.alarm = true; break;
        case CLOCK_MONOTONIC_RAW: clock.can_sleep = clock.can_time = false; break;
        case CLOCK_MONOTONIC_COARSE:
            clock.coarse = true;
            clock.can_sleep = clock.can_time = false;
            break;
        case CLOCK_PROCESS_CPUTIME_ID:
            clock.kind = Kind::process_cpu;
            clock.process = current()->process;
            break;
        case CLOCK_THREAD_CPUTIME_ID:
            clock.kind = Kind::thread_cpu;
            clock.thread = Ref<Task>(current());
            clock.can_sleep = false;
            break;
        default: return Err(Error::inval);
    }
    return clock;
}

i64 Clock::now_ns() const {
    i64 ns = 0;
    switch (kind) {
        case Kind::monotonic: ns = static_cast<i64>(time::monotonic_ns()); break;
        case Kind::realtime:
            ns = time::realtime_ns();
            break;
        case Kind::tai: ns = time::realtime_ns() + tai_offset_ns(); break;
        case Kind::process_cpu: return static_cast<i64>(process_cpu_ns(*process, part));
        case Kind::thread_cpu:
            ns = static_cast<i64>(sched::cpu_time_ns(*thread));
            return part == Part::user ? static_cast<i64>(thread->user_ns) : ns;
    }
    return coarse ? ns - ns % kCoarseTickNs : ns;
}

sync::Deadline Clock::deadline_of(i64 ns) const {
    if (ns == kMaxTimeNs) return sync::Deadline::never();
    if (is_wall()) ns -= time::realtime_offset_ns();
    if (kind == Kind::tai) ns -= tai_offset_ns();
    return {ns > 0 ? static_cast<u64>(ns) : 0};
}

Result<i64> sys_clock_gettime(i32 which_clock, u64 tp) {
    TRY_ASSIGN(const Clock clock, Clock::of(which_clock));
    TRY(write_time(tp, clock.now_ns()));
    return 0;
}

Result<i64> sys_clock_getres(i32 which_clock, u64 tp) {
    TRY_ASSIGN(const Clock clock, Clock::of(which_clock));
    if (tp != 0) TRY(write_time(tp, clock.coarse ? kCoarseTickNs : 1));
    return 0;
}

Result<i64> sys_clock_settime(i32 which_clock, u64 tp) {
    TRY_ASSIGN(const Clock clock, Clock::of(which_clock));
    if (!clock.can_set) return Err(Error::inval);
    TRY_ASSIGN(const auto t, mm::UserIn<uapi::__kernel_timespec>(tp).read());
    if (clock.is_cpu()) return Err(Error::perm);
    if (!is_valid(t) || t.tv_sec >= kMaxTimeNs / kNsPerSecond) return Err(Error::inval);
    if (!process::capable(process::Capability::sys_time)) return Err(Error::perm);
    time::set_realtime_ns(to_ns(t));
    clock_was_set();
    return 0;
}

Result<i64> sys_gettimeofday(u64 tv, u64 tz) {
    if (tv != 0) {
        const i64 now = time::realtime_ns();
        const uapi::__kernel_old_timeval t{now / kNsPerSecond,
                                           now % kNsPerSecond / kNsPerMicrosecond};
        TRY(mm::UserOut<uapi::__kernel_old_timeval>(tv).write(t));
    }
    if (tz != 0) TRY(mm::UserOut<uapi::timezone>(tz).write(uapi::timezone{0, 0}));
    return 0;
}

Result<i64> sys_settimeofday(u64 tv, u64 tz) {
    uapi::__kernel_old_timeval t{};
    if (tv != 0) {
        TRY_ASSIGN(t, mm::UserIn<uapi::__kernel_old_timeval>(tv).read());
        if (t.tv_usec < 0 || t.tv_usec > 1'000'000) return Err(Error::inval);
    }
    if (tz != 0) TRY(mm::UserIn<uapi::timezone>(tz).read());
    const i64 ns_part = t.tv_usec * kNsPerMicrosecond;
    if (tv != 0 && (t.tv_sec < 0 || ns_part >= kNsPerSecond)) return Err(Error::inval);
    if (!process::capable(process::Capability::sys_time)) return Err(Error::perm);
    if (tv != 0) {
        time::set_realtime_ns(t.tv_sec * kNsPerSecond + ns_part);
        clock_was_set();
    }
    return 0;
}

Result<i64> sys_time(u64 tloc) {
    const i64 now = time::realtime_ns() / kNsPerSecond;
    if (tloc != 0) TRY(mm::UserOut<i64>(tloc).write(now));
    return now;
}

}  // namespace tenon::personality
