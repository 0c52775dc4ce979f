// One-shot timers on the monotonic clock, per CPU, in a tree by expiry (tickless).
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/types.h>

namespace tenon::time {

// `callback` runs in irq context, irqs off. It may re-arm the timer.
class Timer {
  public:
    using Callback = void (*)(Timer&);
    explicit Timer(Callback callback) : callback_(callback) {}
    ~Timer();  // cancels, waiting for a running callback
    TENON_NONCOPYABLE(Timer);

    // (Re)arms for an absolute monotonic time. Any context.
    TENON_API void arm_at(u64 deadline_ns);
    // False if it was not armed (fired or never armed). Does not wait for a callback that runs on
    // another CPU.
    TENON_API bool cancel();
    // As cancel, then waits until the callback is not running. Not from the callback itself.
    TENON_API bool cancel_sync();
    bool armed() const { return armed_; }
    u64 deadline_ns() const { return deadline_ns_; }

  private:
    friend struct TimerQueue;
    Callback callback_;
    u64 deadline_ns_ = 0;
    u32 cpu_ = 0;
    volatile bool armed_ = false;
    bi::set_member_hook<bi::link_mode<bi::safe_link>> hook_;
};

}  // namespace tenon::time
