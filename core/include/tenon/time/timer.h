// One-shot timers on the monotonic clock, per CPU, in a tree by expiry (tickless).
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/types.h>

#include <atomic>

namespace tenon::time {

// `callback` runs in irq context, irqs off. It may re-arm the timer.
class Timer {
  public:
    using Callback = void (*)(Timer&);
    explicit Timer(Callback callback) : callback_(callback) {}
    TENON_API ~Timer();  // cancels, waiting for a running callback
    TENON_NONCOPYABLE(Timer);

    // (Re)arms for an absolute monotonic time. Any context.
    TENON_API void arm_at(u64 deadline_ns);
    // False if it was not armed (fired or never armed). Does not wait for a callback that runs on
    // another CPU.
    TENON_API bool cancel();
    // As cancel, then waits until the callback is not running. Not from the callback itself.
    TENON_API bool cancel_sync();
    bool armed() const { return armed_.load(std::memory_order_relaxed); }
    u64 deadline_ns() const { return deadline_ns_; }

  private:
    friend struct TimerQueue;
    Callback callback_;
    u64 deadline_ns_ = 0;
    std::atomic<u32> cpu_{0};  // whose queue it is on, or was on last
    std::atomic<bool> armed_{false};
    bi::set_member_hook<bi::link_mode<bi::safe_link>> hook_;
};

// How many are armed, on all CPUs: counted one by one, for tests.
TENON_API u32 armed_timers();

// [sched] This CPU's one-shot interrupt should come no later than this. Irqs off.
void request_interrupt(u64 deadline_ns);
// [sched] Runs the expired timers of this CPU and arms the hardware for the next. Irqs off.
void run_expired(u64 now_ns);
// [irqs off] Asks this CPU's timer again for an interrupt that is long overdue.
void ask_again();

}  // namespace tenon::time
