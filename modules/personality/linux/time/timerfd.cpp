// timerfd_*. Spec: man 2 timerfd_create.
#include <tenon/mm/slab.h>
#include <tenon/mm/user_copy.h>
#include <tenon/time/clock.h>
#include <tenon/time/timer.h>
#include <tenon/vfs/file_table.h>
#include <tenon/vfs/pipe.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/time/clocks.h"
#include "personality/linux/time/step_listener.h"

namespace tenon::personality {

namespace {

constinit const char kTag = 0;

class TimerFd final : public vfs::FileOps, StepListener {
  public:
    TimerFd(i32 clock_id, Clock clock)
        : clock_id_(clock_id), clock_(std::move(clock)), on_realtime_(clock_.is_realtime()), timer_(&fired) {
        if (clock_.is_wall()) listen();
    }
    ~TimerFd() override {
        stop_listening();
        timer_.cancel_sync();
    }

    struct Setting {
        i64 value_ns = 0, interval_ns = 0;
    };
    Setting set(Setting setting, u32 flags) {
        sync::IrqSpinGuard guard(lock_);
        const Setting old = get_locked(clock_.now_ns());
        const bool absolute = (flags & TFD_TIMER_ABSTIME) != 0;
        if (on_realtime_) clock_.run_realtime(absolute);
        const i64 now = clock_.now_ns();
        flags_ = flags;
        ticks_ = 0;
        canceled_ = false;
        interval_ns_ = setting.interval_ns;
        expiry_ns_ = expiry_of(setting.value_ns, absolute, now);
        arm_locked();
        return old;
    }
    Setting get() {
        sync::IrqSpinGuard guard(lock_);
        return get_locked(clock_.now_ns());
    }

    Result<usize> read(vfs::File& file, vfs::IoBuffer& buffer, u64&) override {
        if (buffer.remaining() < sizeof(u64)) return Err(Error::inval);
        u64 ticks = 0;
        bool canceled = false;
        auto take = [&] {
            sync::IrqSpinGuard guard(lock_);
            canceled = std::exchange(canceled_, false);
            if (ticks_ == 0 && !canceled) return false;
            if (ticks_ != 0 && interval_ns_ != 0) {
                // The periods that passed since the one that was counted.
                const i64 now = clock_.now_ns();
                if (now >= expiry_ns_) {
                    const i64 periods = (now - expiry_ns_) / interval_ns_ + 1;
                    expiry_ns_ = add_ns(expiry_ns_, periods * interval_ns_);
                    ticks_ += static_cast<u64>(periods) - 1;
                }
                arm_locked();
            }
            ticks = std::exchange(ticks_, 0);
            return true;
        };
        if (file.nonblocking()) {
            if (!take()) return Err(Error::again);
        } else {
            TRY(queue_.wait(take));
        }
        if (canceled) return Err(Error::canceled);
        return buffer.put(&ticks, sizeof(ticks));
    }
    u32 poll(vfs::File&, vfs::PollTable* table) override {
        if (table != nullptr) table->add(queue_);
        sync::IrqSpinGuard guard(lock_);
        return ticks_ != 0 || canceled_ ? vfs::kPollIn | 0u : 0;
    }
    void describe(vfs::File&, fmt::Sink& sink) override {
        const Setting s = get();
        fmt::print(sink,
                   "clockid: {}\nticks: {}\nsettime flags: 0{}{}\nit_value: ({}, {})\n"
                   "it_interval: ({}, {})\n",
                   clock_id_, ticks_, "", flags_, s.value_ns / kNsPerSecond,
                   s.value_ns % kNsPerSecond, s.interval_ns / kNsPerSecond,
                   s.interval_ns % kNsPerSecond);
    }
    bool is_stream() const override { return true; }
    const void* tag() const override { return &kTag; }

  private:
    static void fired(time::Timer& timer) {
        auto& self = *container_of_offset<TimerFd>(&timer, offsetof(TimerFd, timer_));
        {
            sync::IrqSpinGuard guard(self.lock_);
            if (self.expiry_ns_ == 0) return;
            if (self.clock_.now_ns() < self.expiry_ns_) {
                self.arm_locked();
                return;
            }
            ++self.ticks_;
            if (self.interval_ns_ == 0)
                self.expiry_ns_ = 0;  // else the read arms the next period
        }
        self.queue_.wake_all(vfs::kPollIn);
    }
    void clock_stepped() override {
        bool wakes = false;
        {
            sync::IrqSpinGuard guard(lock_);
            if ((flags_ & TFD_TIMER_ABSTIME) == 0 || expiry_ns_ == 0) return;
            if ((flags_ & TFD_TIMER_CANCEL_ON_SET) != 0) wakes = canceled_ = true;
            if (ticks_ == 0) arm_locked();
        }
        if (wakes) queue_.wake_all(vfs::kPollIn);
    }
    void arm_locked() {
        const auto deadline =
            expiry_ns_ == 0 ? sync::Deadline::never() : clock_.deadline_of(expiry_ns_);
        if (deadline.is_never())
            timer_.cancel();
        else
            timer_.arm_at(deadline.ns);
    }
    Setting get_locked(i64 now) const {
        if (expiry_ns_ == 0) return {0, interval_ns_};
        i64 next = expiry_ns_;
        if (interval_ns_ != 0 && next <= now)
            next += ((now - next) / interval_ns_ + 1) * interval_ns_;
        return {std::max<i64>(next - now, 1), interval_ns_};
    }

    const i32 clock_id_;
    Clock clock_;
    const bool on_realtime_;
    time::Timer timer_;
    sync::WaitQueue queue_{sync::LockRank::wait_queue2};
    // Taken under the step queue's lock; timers are armed under it.
    sync::SpinLock lock_{sync::LockRank::dentry_parent};
    i64 expiry_ns_ = 0, interval_ns_ = 0;
    u64 ticks_ = 0;
    u32 flags_ = 0;
    bool canceled_ = false;
};

// Error::badf, or inval when it is no timerfd.
Result<Ref<vfs::File>> timerfd_file(i32 fd, TimerFd*& timer) {
    TRY_ASSIGN(auto file, current()->files->get(fd));
    if (file->tag() != &kTag) return Err(Error::inval);
    timer = static_cast<TimerFd*>(file->raw_ops());
    return file;
}

Result<void> write_setting(u64 to, const TimerFd::Setting& s) {
    const uapi::__kernel_itimerspec out{to_timespec(s.interval_ns), to_timespec(s.value_ns)};
    return mm::UserOut<uapi::__kernel_itimerspec>(to).write(out);
}

}  // namespace

Result<i64> sys_timerfd_create(i32 clockid, i32 flags) {
    if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) != 0) return Err(Error::inval);
    switch (clockid) {
        case CLOCK_MONOTONIC:
        case CLOCK_REALTIME:
        case CLOCK_REALTIME_ALARM:
        case CLOCK_BOOTTIME:
        case CLOCK_BOOTTIME_ALARM: break;
        default: return Err(Error::inval);
    }
    TRY_ASSIGN(Clock clock, Clock::of(clockid));
    if (clock.alarm && !process::capable(process::Capability::wake_alarm)) return Err(Error::perm);
    auto ops = mm::make<TimerFd>(clockid, std::move(clock));
    if (!ops) return Err(Error::nomem);
    u32 open_flags = vfs::kOpenRead | vfs::kOpenWrite;
    if ((flags & TFD_NONBLOCK) != 0) open_flags |= vfs::kOpenNonblock;
    TRY_ASSIGN(auto file, vfs::make_anonymous_file(
                              "[timerfd]", module::Gated<vfs::FileOps>::own(std::move(ops), nullptr),
                              open_flags));
    TRY_ASSIGN(const i32 fd, current()->files->install(
                                 std::move(file), (flags & TFD_CLOEXEC) != 0,
                                 process::current_process().limit(process::Limits::nofile)));
    return fd;
}

Result<i64> sys_timerfd_settime(i32 ufd, i32 flags, u64 utmr, u64 otmr) {
    TRY_ASSIGN(const auto in, mm::UserIn<uapi::__kernel_itimerspec>(utmr).read());
    if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0 || !is_valid(in.it_value) ||
        !is_valid(in.it_interval))
        return Err(Error::inval);
    TimerFd* timer = nullptr;
    TRY_ASSIGN(auto file, timerfd_file(ufd, timer));
    const auto old =
        timer->set({to_ns(in.it_value), to_ns(in.it_interval)}, static_cast<u32>(flags));
    if (otmr != 0) TRY(write_setting(otmr, old));
    return 0;
}

Result<i64> sys_timerfd_gettime(i32 ufd, u64 otmr) {
    TimerFd* timer = nullptr;
    TRY_ASSIGN(auto file, timerfd_file(ufd, timer));
    TRY(write_setting(otmr, timer->get()));
    return 0;
}

}  // namespace tenon::personality
