// timer_create and company. Spec: man 2 timer_create, timer_settime, timer_getoverrun.
#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/time/linux_process.h"

namespace tenon::personality {

namespace {

// The fields of struct sigevent that the kernel reads. Error::inval as Linux's good_sigevent().
Result<void> apply_event(ProcessTimer& timer, const uapi::sigevent_t& event) {
    switch (event.sigev_notify) {
        case SIGEV_SIGNAL | SIGEV_THREAD_ID: {
            auto task = process::find_task(event._sigev_un._tid);
            if (!task || task->process != current()->process) return Err(Error::inval);
            timer.target = std::move(task);
            break;
        }
        case SIGEV_SIGNAL:
        case SIGEV_THREAD: timer.by_thread = event.sigev_notify == SIGEV_THREAD; break;
        case SIGEV_NONE:
            timer.silent = true;
            timer.info.signal = static_cast<u32>(event.sigev_signo);  // only to be shown
            return {};
        default: return Err(Error::inval);
    }
    if (event.sigev_signo <= 0 || event.sigev_signo > static_cast<i32>(process::kSignalCount))
        return Err(Error::inval);
    timer.info.signal = static_cast<u32>(event.sigev_signo);
    return {};
}

// Runs `use` with the timer of the calling process, or answers Error::inval.
template <typename F>
Result<void> with_timer(i32 id, F&& use) {
    LinuxProcess* own = linux_process_of(process::current_process());
    if (own == nullptr) return Err(Error::inval);
    sync::MutexGuard guard(own->mutex);
    ProcessTimer* timer = own->find(id);
    if (timer == nullptr) return Err(Error::inval);
    use(*timer);
    return {};
}

Result<void> write_setting(u64 to, const ProcessTimer::Setting& s) {
    const uapi::__kernel_itimerspec out{to_timespec(s.interval_ns), to_timespec(s.value_ns)};
    return mm::UserOut<uapi::__kernel_itimerspec>(to).write(out);
}

}  // namespace

Result<i64> sys_timer_create(i32 which_clock, u64 timer_event_spec, u64 created_timer_id) {
    uapi::sigevent_t event{};
    if (timer_event_spec != 0) {
        TRY_ASSIGN(event, mm::UserIn<uapi::sigevent_t>(timer_event_spec).read());
    }
    TRY_ASSIGN(Clock clock, Clock::of(which_clock));
    // Every CPU clock can; only the thread's cannot be slept on.
    if (!clock.can_time) return Err(Error::opnotsupp);
    if (clock.alarm && !process::capable(process::Capability::wake_alarm)) return Err(Error::perm);
    TRY_ASSIGN(LinuxProcess * own, own_linux_process());
    auto timer = mm::make<ProcessTimer>(process::current_process(), std::move(clock));
    if (!timer) return Err(Error::again);
    timer->info.code = process::kCodeTimer;
    timer->info.signal = process::kSigAlrm;
    if (timer_event_spec != 0) TRY(apply_event(*timer, event));
    i32 id;
    {
        sync::MutexGuard guard(own->mutex);
        do {
            id = own->next_timer_id;
            own->next_timer_id = (id + 1) & INT32_MAX;
        } while (own->find(id) != nullptr);
    }
    timer->id = id;
    // The caller's CPU clocks as Linux names them: of process or thread 0, by the scheduler's count.
    timer->clock_id = which_clock == CLOCK_PROCESS_CPUTIME_ID  ? -6
                      : which_clock == CLOCK_THREAD_CPUTIME_ID ? -2
                                                               : which_clock;
    timer->info.timer_id = static_cast<u32>(id);
    timer->info.value = timer_event_spec != 0 ? reinterpret_cast<u64>(event.sigev_value.sival_ptr)
                                              : static_cast<u64>(id);
    TRY(mm::UserOut<i32>(created_timer_id).write(id));
    sync::MutexGuard guard(own->mutex);
    own->timers.push_back(*timer.release());
    return 0;
}

Result<i64> sys_timer_settime(i32 timer_id, i32 flags, u64 new_setting, u64 old_setting) {
    if (new_setting == 0) return Err(Error::inval);
    TRY_ASSIGN(const auto in, mm::UserIn<uapi::__kernel_itimerspec>(new_setting).read());
    if (!is_valid(in.it_value) || !is_valid(in.it_interval)) return Err(Error::inval);
    ProcessTimer::Setting old;
    TRY(with_timer(timer_id, [&](ProcessTimer& timer) {
        const i64 first = to_ns(in.it_value);
        old = timer.set({first, first != 0 ? to_ns(in.it_interval) : 0},
                        (flags & TIMER_ABSTIME) != 0);
    }));
    if (old_setting != 0) TRY(write_setting(old_setting, old));
    return 0;
}

Result<i64> sys_timer_gettime(i32 timer_id, u64 setting) {
    ProcessTimer::Setting now;
    TRY(with_timer(timer_id, [&](ProcessTimer& timer) { now = timer.get(); }));
    TRY(write_setting(setting, now));
    return 0;
}

Result<i64> sys_timer_getoverrun(i32 timer_id) {
    i64 overrun = 0;
    TRY(with_timer(timer_id, [&](ProcessTimer& timer) { overrun = timer.last_overrun(); }));
    return overrun;
}

Result<i64> sys_timer_delete(i32 timer_id) {
    LinuxProcess* own = linux_process_of(process::current_process());
    if (own == nullptr) return Err(Error::inval);
    std::unique_ptr<ProcessTimer> dead;
    sync::MutexGuard guard(own->mutex);
    ProcessTimer* timer = own->find(timer_id);
    if (timer == nullptr) return Err(Error::inval);
    own->timers.erase(own->timers.iterator_to(*timer));
    dead.reset(timer);
    return 0;
}

}  // namespace tenon::personality
