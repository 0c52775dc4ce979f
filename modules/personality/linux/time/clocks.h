// Clocks by number, and timespec arithmetic.
#pragma once

#include <tenon/lib/result.h>
#include <tenon/process/process.h>
#include <tenon/sync/wait_queue.h>

#include <algorithm>

#include "personality/linux/abi.h"

namespace tenon::personality {

inline constexpr i64 kNsPerSecond = 1'000'000'000;
// Linux's ktime ends here; later times saturate.
inline constexpr i64 kMaxTimeNs = INT64_MAX;

constexpr bool is_valid(const uapi::__kernel_timespec& t) {
    return t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < kNsPerSecond;
}
constexpr i64 to_ns(const uapi::__kernel_timespec& t) {
    return t.tv_sec >= kMaxTimeNs / kNsPerSecond ? kMaxTimeNs : t.tv_sec * kNsPerSecond + t.tv_nsec;
}
constexpr uapi::__kernel_timespec to_timespec(i64 ns) {
    i64 seconds = ns / kNsPerSecond;
    if (ns % kNsPerSecond < 0) --seconds;
    return {seconds, ns - seconds * kNsPerSecond};
}
constexpr i64 add_ns(i64 a, i64 b) {
    return a > kMaxTimeNs - b ? kMaxTimeNs : a + b;
}
// When a timer set to `value_ns` at `now` expires; 0: disarmed.
constexpr i64 expiry_of(i64 value_ns, bool absolute, i64 now) {
    if (value_ns == 0) return 0;
    return absolute ? std::max<i64>(value_ns, 1) : add_ns(now, value_ns);
}

// What a clock number means.
struct Clock {
    enum class Kind : u8 { monotonic, realtime, tai, process_cpu, thread_cpu } kind;
    bool coarse = false, alarm = false;
    bool can_sleep = true, can_time = true, can_set = false;
    bool named = false;  // CPU clock by pid, for another's or one's own
    enum class Part : u8 { all, user } part = Part::all;
    Ref<process::Process> process;  // CPU clocks
    Ref<Task> thread;

    // Error::inval: no such clock.
    static Result<Clock> of(i32 id);
    i64 now_ns() const;
    bool is_cpu() const { return kind == Kind::process_cpu || kind == Kind::thread_cpu; }
    bool is_realtime() const { return kind == Kind::realtime; }
    // Of a clock that is CLOCK_REALTIME: what was set relatively does not hear of its steps and runs
    // on the monotonic clock. Spec: Linux kernel/time/hrtimer.c, __hrtimer_init().
    void run_realtime(bool absolute) { kind = absolute ? Kind::realtime : Kind::monotonic; }
    bool is_wall() const { return kind == Kind::realtime || kind == Kind::tai; }
    // A time of this clock (not a CPU clock) as a deadline on the monotonic one, as of now.
    sync::Deadline deadline_of(i64 ns) const;
};

// CLOCK_REALTIME was stepped: what adjtimex keeps does not hold any more. May sleep.
void clock_was_set();
// How far CLOCK_TAI is ahead of CLOCK_REALTIME.
i64 tai_offset_ns();
// CPU time of all threads of a process, ns.
u64 process_cpu_ns(process::Process& process, Clock::Part part);

}  // namespace tenon::personality
