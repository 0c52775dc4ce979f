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
    : owner_(owner), clock_(std::move(clock)), on_realtime_(clock_.is_realtime()), timer_(&fired) {
    if (clock_.is_wall()) listen();
}

ProcessTimer::~ProcessTimer() {
    stop_listening();
    timer_.cancel_sync();
}

void ProcessTimer::fired(time::Timer& timer) {
    container_of_offset<ProcessTimer>(&timer, offsetof(ProcessTimer, timer_))->expired();
}

void ProcessTimer::clock_stepped() {
    sync::IrqSpinGuard guard(lock_);
    if (clock_.is_wall() && !pending_) arm_locked();
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

// Whom it goes to may be gone or going: then nobody gets it.
Result<void> ProcessTimer::send() {
    return target ? process::send_to_task(*target, info) : process::send_to_process(owner_, info);
}

// SIGXCPU at the soft limit and at each second after it, SIGKILL at the hard one. Spec: Linux
// kernel/time/posix-cpu-timers.c, check_process_timers().
void ProcessTimer::limit_reached_locked(i64 used_ns) {
    process::Limits::Pair& limit = owner_.limits.value[process::Limits::cpu];
    const u64 used = static_cast<u64>(used_ns) / 1'000'000'000;
    if (used >= limit.hard) {
        info = process::kernel_signal(process::kSigKill);
        expiry_ns_ = 0;
        return;
    }
    info = process::kernel_signal(process::kSigXcpu);
    ++limit.soft;
    expiry_ns_ = to_ns({static_cast<i64>(limit.soft), 0});
    arm_locked();
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
        if (enforces_limit) {
            limit_reached_locked(now);
        } else if (interval_ns_ == 0) {
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
    if (!sends || send()) return;
    // No memory or no room to queue it: nobody will take it, so the next period starts here.
    sync::IrqSpinGuard guard(lock_);
    if (!pending_) return;
    pending_ = false;
    (void)forward_locked(add_ns(clock_.now_ns(), kIgnoredIntervalNs));
    arm_locked();
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
        old = get_locked(clock_.now_ns());
        if (on_realtime_) clock_.run_realtime(absolute);
        const i64 now = clock_.now_ns();
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

namespace {

Result<LinuxProcess*> make_linux_process(process::Process& process) {
    static constinit sync::Mutex making{sync::LockRank::sleeping_leaf};
    if (auto* existing = linux_process_of(process); existing != nullptr) return existing;
    auto fresh = mm::make<LinuxProcess>();
    if (!fresh) return Err(Error::nomem);
    sync::MutexGuard guard(making);
    if (!process.extension) process.extension = std::move(fresh);
    return linux_process_of(process);
}

}  // namespace

Result<LinuxProcess*> own_linux_process() {
    return make_linux_process(process::current_process());
}

Result<void> enforce_cpu_limit(process::Process& process) {
    const u64 soft = process.limit(process::Limits::cpu);
    TRY_ASSIGN(LinuxProcess * its, make_linux_process(process));
    sync::MutexGuard guard(its->mutex);
    {
        // Its clock holds the process; drop_for_exit() frees it, unless that has been here.
        sync::IrqSpinGuard tree(process::tree_lock());
        if (process.live_threads == 0) return {};
    }
    if (!its->cpu_limit) {
        if (soft == ~u64{0}) return {};
        Clock clock{Clock::Kind::process_cpu};
        clock.process = Ref(&process);
        its->cpu_limit = mm::make<ProcessTimer>(process, std::move(clock));
        if (!its->cpu_limit) return Err(Error::nomem);
        its->cpu_limit->enforces_limit = true;
    }
    constexpr u64 kMostSeconds = INT64_MAX / 1'000'000'000;
    if (soft > kMostSeconds)
        its->cpu_limit->disarm();
    else
        its->cpu_limit->set({to_ns({std::max<i64>(static_cast<i64>(soft), 1), 0}), 0}, true);
    return {};
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
}

void drop_for_exit(process::Process& process) {
    LinuxProcess* own = linux_process_of(process);
    if (own == nullptr) return;
    sync::MutexGuard guard(own->mutex);
    own->delete_timers();
    for (auto& timer : own->interval) timer.reset();
    own->cpu_limit.reset();
}

}  // namespace tenon::personality
