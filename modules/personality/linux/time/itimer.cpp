// getitimer, setitimer, alarm. Spec: man 2 setitimer, man 2 alarm.
#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/time/linux_process.h"

namespace tenon::personality {

namespace {

constexpr i64 kNsPerMicrosecond = 1000;

i64 to_ns(const uapi::__kernel_old_timeval& t) {
    return add_ns(personality::to_ns({t.tv_sec, 0}), t.tv_usec * kNsPerMicrosecond);
}
// Up to whole microseconds, so that an armed timer never reads as disarmed.
uapi::__kernel_old_timeval to_timeval(i64 ns) {
    const i64 us = ns / kNsPerMicrosecond + (ns % kNsPerMicrosecond != 0);
    return {us / 1'000'000, us % 1'000'000};
}
bool is_valid(const uapi::__kernel_old_timeval& t) {
    return t.tv_sec >= 0 && t.tv_usec >= 0 && t.tv_usec < 1'000'000;
}

Clock clock_of(u32 which) {
    if (which == ITIMER_REAL) return Clock{Clock::Kind::monotonic};
    Clock clock{Clock::Kind::process_cpu};
    clock.process = current()->process;
    if (which == ITIMER_VIRTUAL) clock.part = Clock::Part::user;
    return clock;
}

Result<ProcessTimer::Setting> set_interval(u32 which, ProcessTimer::Setting setting) {
    constexpr u32 kSignals[] = {process::kSigAlrm, process::kSigVtalrm, process::kSigProf};
    TRY_ASSIGN(LinuxProcess * own, own_linux_process());
    sync::MutexGuard guard(own->mutex);
    auto& slot = own->interval[which];
    if (!slot) {
        if (setting.value_ns == 0) return ProcessTimer::Setting{};
        slot = mm::make<ProcessTimer>(process::current_process(), clock_of(which));
        if (!slot) return Err(Error::nomem);
        slot->info = process::kernel_signal(kSignals[which]);
        slot->rearms_at_once = true;
    }
    return slot->set(setting, false);
}

Result<void> write_setting(u64 to, const ProcessTimer::Setting& s) {
    const uapi::__kernel_old_itimerval out{to_timeval(s.interval_ns), to_timeval(s.value_ns)};
    return mm::UserOut<uapi::__kernel_old_itimerval>(to).write(out);
}

}  // namespace

Result<i64> sys_getitimer(i32 which, u64 value) {
    if (which < ITIMER_REAL || which > ITIMER_PROF) return Err(Error::inval);
    ProcessTimer::Setting s;
    if (LinuxProcess* own = linux_process_of(process::current_process()); own != nullptr) {
        sync::MutexGuard guard(own->mutex);
        if (own->interval[which]) s = own->interval[which]->get();
    }
    TRY(write_setting(value, s));
    return 0;
}

Result<i64> sys_setitimer(i32 which, u64 value, u64 ovalue) {
    uapi::__kernel_old_itimerval in{};
    if (value != 0) {
        TRY_ASSIGN(in, mm::UserIn<uapi::__kernel_old_itimerval>(value).read());
    }
    if (!is_valid(in.it_value) || !is_valid(in.it_interval)) return Err(Error::inval);
    if (which < ITIMER_REAL || which > ITIMER_PROF) return Err(Error::inval);
    const i64 first = to_ns(in.it_value);
    TRY_ASSIGN(const auto old, set_interval(static_cast<u32>(which),
                                            {first, first != 0 ? to_ns(in.it_interval) : 0}));
    if (ovalue != 0) TRY(write_setting(ovalue, old));
    return 0;
}

Result<i64> sys_alarm(u32 seconds) {
    const auto limited = std::min<u32>(seconds, INT32_MAX);
    TRY_ASSIGN(const auto old, set_interval(ITIMER_REAL, {limited * kNsPerSecond, 0}));
    // Rounded to the nearest second, but an armed alarm is never 0.
    const i64 whole = old.value_ns / kNsPerSecond, rest = old.value_ns % kNsPerSecond;
    return whole + ((whole == 0 && rest != 0) || rest >= kNsPerSecond / 2 ? 1 : 0);
}

}  // namespace tenon::personality
