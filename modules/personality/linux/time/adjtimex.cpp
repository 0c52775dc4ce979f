// adjtimex, clock_adjtime: the state that a time daemon keeps in the kernel.
//
// Everything is checked, kept and answered, and steps (ADJ_SETOFFSET) and the TAI offset take
// effect. Deviates: frequency, tick and slow offsets do not steer the clock; a daemon sees that the
// offset stays and steps in the end. The state of a clock that nobody disciplines is Linux's, too.
// Spec: man 2 adjtimex; Linux kernel/time/ntp.c __do_adjtimex().
#include <tenon/mm/user_copy.h>
#include <tenon/time/clock.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/time/clocks.h"

namespace tenon::personality {

namespace {

constexpr u32 kAdjtime = ADJ_OFFSET_SINGLESHOT & ~u32{ADJ_OFFSET};
constexpr u32 kReadOnly = ADJ_OFFSET_SS_READ & ~u32{ADJ_OFFSET_SINGLESHOT};
constexpr i64 kMinTick = 9'000, kMaxTick = 11'000;  // us, of 1/100 s
constexpr i64 kMaxFrequency = i64{500} << 16;       // 2^-16 ppm
constexpr i64 kPhaseLimit = 16'000'000;             // us
constexpr i64 kMaxOffsetNs = 500'000'000;
constexpr i64 kMaxTai = 100'000;
constexpr i64 kMaxTimeConstant = 10;

struct State {
    i64 offset_ns = 0, frequency = 0, max_error = kPhaseLimit, estimated_error = kPhaseLimit;
    i64 time_constant = 2, tick = 10'000, slow_offset_us = 0;
    i32 status = STA_UNSYNC;
};
constinit sync::Mutex g_lock{sync::LockRank::sleeping_leaf};
constinit State g_state GUARDED_BY(g_lock);
constinit std::atomic<i32> g_tai{0};

Result<void> check(const uapi::timex& t) {
    const bool privileged = process::capable(process::Capability::sys_time);
    if (t.modes & kAdjtime) {
        if (!(t.modes & ADJ_OFFSET)) return Err(Error::inval);
        if (!(t.modes & kReadOnly) && !privileged) return Err(Error::perm);
    } else {
        if (t.modes != 0 && !privileged) return Err(Error::perm);
        if ((t.modes & ADJ_TICK) && (t.tick < kMinTick || t.tick > kMaxTick))
            return Err(Error::inval);
    }
    if (t.modes & ADJ_SETOFFSET) {
        if (!privileged) return Err(Error::perm);
        const i64 limit = t.modes & ADJ_NANO ? kNsPerSecond : 1'000'000;
        if (t.time.tv_usec < 0 || t.time.tv_usec >= limit) return Err(Error::inval);
    }
    constexpr i64 kScale = (kNsPerSecond / 1'000'000 << 32) / 65536;
    if ((t.modes & ADJ_FREQUENCY) && (t.freq > INT64_MAX / kScale || t.freq < INT64_MIN / kScale))
        return Err(Error::inval);
    return {};
}

// A clock that was set is a clock of which nothing is known.
void forget_locked(State& s) REQUIRES(g_lock) {
    s.status |= STA_UNSYNC;
    s.max_error = s.estimated_error = kPhaseLimit;
    s.offset_ns = s.slow_offset_us = 0;
}

void step(const uapi::timex& t) {
    const i64 part = t.modes & ADJ_NANO ? t.time.tv_usec : t.time.tv_usec * 1000;
    time::set_realtime_ns(time::realtime_ns() + t.time.tv_sec * kNsPerSecond + part);
}

void change(State& s, const uapi::timex& t) {
    if (t.modes & ADJ_STATUS) {
        if ((s.status & STA_PLL) && !(t.status & STA_PLL)) s.status = STA_UNSYNC;
        s.status = (s.status & STA_RONLY) | (t.status & ~STA_RONLY);
    }
    if (t.modes & ADJ_NANO) s.status |= STA_NANO;
    if (t.modes & ADJ_MICRO) s.status &= ~STA_NANO;
    if (t.modes & ADJ_FREQUENCY)
        s.frequency = std::clamp<i64>(t.freq, -kMaxFrequency, kMaxFrequency);
    if (t.modes & ADJ_MAXERROR) s.max_error = t.maxerror;
    if (t.modes & ADJ_ESTERROR) s.estimated_error = t.esterror;
    if (t.modes & ADJ_TIMECONST) {
        i64 c = std::max<i64>(t.constant, 0);
        if (!(s.status & STA_NANO)) c += 4;
        s.time_constant = std::min(c, kMaxTimeConstant);
    }
    if ((t.modes & ADJ_TAI) && t.constant >= 0 && t.constant <= kMaxTai)
        g_tai.store(static_cast<i32>(t.constant), std::memory_order_relaxed);
    if ((t.modes & ADJ_OFFSET) && (s.status & STA_PLL)) {
        const bool nano = s.status & STA_NANO;
        const i64 limit = nano ? kMaxOffsetNs : kMaxOffsetNs / 1000;
        s.offset_ns = std::clamp<i64>(t.offset, -limit, limit) * (nano ? 1 : 1000);
    }
    if (t.modes & ADJ_TICK) s.tick = t.tick;
}

bool in_error(i32 status) {
    if (status & (STA_UNSYNC | STA_CLOCKERR)) return true;
    if ((status & (STA_PPSFREQ | STA_PPSTIME)) && !(status & STA_PPSSIGNAL)) return true;
    if ((status & (STA_PPSTIME | STA_PPSJITTER)) == (STA_PPSTIME | STA_PPSJITTER)) return true;
    return (status & STA_PPSFREQ) && (status & (STA_PPSWANDER | STA_PPSERROR));
}

Result<i64> adjust(uapi::timex& t) {
    TRY(check(t));
    if (t.modes & ADJ_SETOFFSET) step(t);
    sync::MutexGuard guard(g_lock);
    State& s = g_state;
    if (t.modes & ADJ_SETOFFSET) forget_locked(s);
    if (t.modes & kAdjtime) {
        const i64 before = s.slow_offset_us;
        if (!(t.modes & kReadOnly)) s.slow_offset_us = t.offset;
        t.offset = before;
    } else {
        if (t.modes != 0) change(s, t);
        t.offset = s.status & STA_NANO ? s.offset_ns : s.offset_ns / 1000;
    }
    t.freq = s.frequency;
    t.maxerror = s.max_error;
    t.esterror = s.estimated_error;
    t.status = s.status;
    t.constant = s.time_constant;
    t.precision = 1;
    t.tolerance = kMaxFrequency;
    t.tick = s.tick;
    t.tai = g_tai.load(std::memory_order_relaxed);
    t.ppsfreq = t.jitter = t.stabil = t.jitcnt = t.calcnt = t.errcnt = t.stbcnt = 0;
    t.shift = 0;
    const i64 now = time::realtime_ns();
    t.time.tv_sec = now / kNsPerSecond;
    t.time.tv_usec = now % kNsPerSecond / (s.status & STA_NANO ? 1 : 1000);
    return in_error(s.status) ? TIME_ERROR : TIME_OK;
}

}  // namespace

void clock_was_set() {
    sync::MutexGuard guard(g_lock);
    forget_locked(g_state);
}

i64 tai_offset_ns() {
    return g_tai.load(std::memory_order_relaxed) * kNsPerSecond;
}

Result<i64> sys_adjtimex(u64 txc_p) {
    TRY_ASSIGN(auto t, mm::UserIn<uapi::timex>(txc_p).read());
    TRY_ASSIGN(const i64 state, adjust(t));
    TRY(mm::UserOut<uapi::timex>(txc_p).write(t));
    return state;
}

Result<i64> sys_clock_adjtime(i32 which_clock, u64 utx) {
    TRY_ASSIGN(auto t, mm::UserIn<uapi::timex>(utx).read());
    TRY_ASSIGN(const Clock clock, Clock::of(which_clock));
    if (which_clock != CLOCK_REALTIME) return Err(Error::opnotsupp);
    TRY_ASSIGN(const i64 state, adjust(t));
    TRY(mm::UserOut<uapi::timex>(utx).write(t));
    return state;
}

}  // namespace tenon::personality
