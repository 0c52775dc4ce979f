// Timers that send signals. Theory: README.md in this folder.
#include <tenon/mm/slab.h>

#include "personality/linux/signal/take.h"
#include "personality/linux/time/linux_process.h"

namespace tenon::personality {

namespace {

// A CPU-time clock is looked at no more often than this.
constexpr i64 kCpuPollNs = 1'000'000;
// Ignored signals do not come faster than this.
constexpr i64 kIgnoredIntervalNs = 4'000'000;

}  // namespace

ProcessTimer::ProcessTimer(process::Process& owner, Clock clock)
    : owner_(owner), clock_(std::move(clock)), timer_(&fired) {}

ProcessTimer::~ProcessTimer() {
    timer_.cancel_sync();
}

void ProcessTimer::fired(time::Timer& timer) {
    container_of_offset<ProcessTimer>(&timer, offsetof(ProcessTimer, timer_))->expired();
}

// For the hardware: the wall-clock time before which the clock cannot show the expiry.
void ProcessTimer::arm_locked() {
    if (expiry_ns_ == 0 || silent) {
        timer_.cancel();
        return;
    }
    if (!clock_.is_cpu()) {
        const auto deadline = clock_.deadline_of(expiry_ns_);
        if (deadline.is_never())
            timer_.cancel();
        else
            timer_.arm_at(deadline.ns);
        return;
    }
    const i64 threads =
        clock_.kind == Clock::Kind::process_cpu ? std::max<i64>(owner_.live_threads, 1) : 1;
    const i64 left = std::max((expiry_ns_ - clock_.now_ns()) / threads, kCpuPollNs);
    timer_.arm_at(sync::Deadline::after_ns(static_cast<u64>(left)).ns);
}

// Moves the expiry past `now` by whole periods; how many.
i64 ProcessTimer::forward_locked(i64 now) {
    if (interval_ns_ == 0 || expiry_ns_ > now) return 0;
    const i64 periods = (now - expiry_ns_) / interval_ns_ + 1;
    expiry_ns_ = add_ns(expiry_ns_, periods * interval_ns_);
    return periods;
}

void ProcessTimer::send() {
    // May be gone or going: then nobody gets it.
    if (target)
        (void)process::send_to_task(*target, info);
    else
        (void)process::send_to_process(owner_, info);
}

// In an interrupt.
void ProcessTimer::expired() {
    bool sends = false;
    {
        sync::IrqSpinGuard guard(lock_);
        if (expiry_ns_ == 0) return;
        const i64 now = clock_.now_ns();
        if (now < expiry_ns_) {
            // A CPU-time clock that stood still, or a wall clock that was stepped back.
            arm_locked();
            return;
        }
        sends = true;
        if (interval_ns_ == 0) {
            expiry_ns_ = 0;
        } else if (rearms_at_once) {
            (void)forward_locked(now);
            arm_locked();
        } else if (is_ignored(owner_, info.signal)) {
            (void)forward_locked(add_ns(now, kIgnoredIntervalNs));
            arm_locked();
        } else {
            pending_ = true;
        }
    }
    if (sends) send();
}

u32 ProcessTimer::signal_taken() {
    sync::IrqSpinGuard guard(lock_);
    if (pending_) {
        pending_ = false;
        overrun_ = std::max<i64>(forward_locked(clock_.now_ns()) - 1, 0);
        arm_locked();
    } else {
        overrun_ = 0;
    }
    last_overrun_ = static_cast<u32>(std::min<i64>(overrun_, INT32_MAX));
    return last_overrun_;
}

ProcessTimer::Setting ProcessTimer::get_locked(i64 now) {
    if (expiry_ns_ == 0) return {0, 0};
    if (pending_ || silent) (void)forward_locked(now);
    const i64 left = expiry_ns_ - now;
    // Expired, but the interrupt is not here yet: the least that is not "disarmed".
    if (left <= 0) return {silent ? 0 : 1, interval_ns_};
    return {left, interval_ns_};
}

ProcessTimer::Setting ProcessTimer::get() {
    sync::IrqSpinGuard guard(lock_);
    return get_locked(clock_.now_ns());
}

ProcessTimer::Setting ProcessTimer::set(Setting setting, bool absolute) {
    Setting old;
    {
        sync::IrqSpinGuard guard(lock_);
        const i64 now = clock_.now_ns();
        old = get_locked(now);
        pending_ = false;
        interval_ns_ = setting.interval_ns;
        expiry_ns_ = expiry_of(setting.value_ns, absolute, now);
        arm_locked();
    }
    return old;
}

LinuxProcess::~LinuxProcess() {
    delete_timers();
}

ProcessTimer* LinuxProcess::find(i32 id) {
    for (ProcessTimer& t : timers)
        if (t.id == id) return &t;
    return nullptr;
}

void LinuxProcess::delete_timers() {
    timers.clear_and_dispose([](ProcessTimer* t) { delete t; });
}

Result<LinuxProcess*> own_linux_process() {
    static constinit sync::Mutex making{sync::LockRank::sleeping_leaf};
    process::Process& self = process::current_process();
    if (auto* existing = linux_process_of(self); existing != nullptr) return existing;
    auto fresh = mm::make<LinuxProcess>();
    if (!fresh) return Err(Error::nomem);
    sync::MutexGuard guard(making);
    if (!self.extension) self.extension = std::move(fresh);
    return linux_process_of(self);
}

LinuxProcess* linux_process_of(process::Process& process) {
    return static_cast<LinuxProcess*>(process.extension.get());
}

u32 timer_signal_taken(u32 timer_id) {
    LinuxProcess* own = linux_process_of(process::current_process());
    if (own == nullptr) return 0;
    sync::MutexGuard guard(own->mutex);
    ProcessTimer* timer = own->find(static_cast<i32>(timer_id));
    return timer != nullptr ? timer->signal_taken() : 0;
}

void drop_for_exec(process::Process& process) {
    LinuxProcess* own = linux_process_of(process);
    if (own == nullptr) return;
    sync::MutexGuard guard(own->mutex);
    own->delete_timers();
    own->aio.destroy_all();
}

void drop_for_exit(process::Process& process) {
    LinuxProcess* own = linux_process_of(process);
    if (own == nullptr) return;
    sync::MutexGuard guard(own->mutex);
    own->delete_timers();
    for (auto& timer : own->interval) timer.reset();
    own->aio.destroy_all();
}

}  // namespace tenon::personality
