#include "personality/linux/poll/wait.h"

#include <tenon/time/clock.h>

#include "personality/linux/linux_task.h"
#include "personality/linux/signal/take.h"

namespace tenon::personality {

PollWaiter::PollWaiter() = default;

// The first queue of a file, which keeps it, lies before the others or with them: in inline_, or in
// a chunk that goes later.
PollWaiter::~PollWaiter() {
    for (u32 i = 0; i < inline_used_; i++) sync::WaitQueue::take_off(inline_[i]);
    while (Chunk* c = chunks_) {
        chunks_ = c->next;
        for (u32 i = 0; i < c->used; i++) sync::WaitQueue::take_off(c->entries[i]);
        delete c;
    }
}

bool PollWaiter::wake(sync::WaitEntry& entry, u32) {
    PollWaiter& owner = *static_cast<Entry&>(entry).owner;
    // The state is published before the sleeper is looked for: pairs with wait().
    owner.woken_.store(true, std::memory_order_release);
    owner.self_.wake_all();
    return true;
}

void PollWaiter::add(sync::WaitQueue& queue) {
    Entry* entry;
    if (inline_used_ < kInline) {
        entry = &inline_[inline_used_++];
    } else {
        if (chunks_ == nullptr || chunks_->used == std::size(chunks_->entries)) {
            auto* fresh = new (std::nothrow) Chunk();
            if (fresh == nullptr) {
                failed_ = true;
                return;
            }
            fresh->next = chunks_;
            fresh->used = 0;
            chunks_ = fresh;
        }
        entry = &chunks_->entries[chunks_->used++];
    }
    entry->owner = this;
    entry->callback = wake;
    if (asked_ != nullptr) entry->file = std::exchange(asked_, nullptr)->share();
    queue.add(*entry);
}

u32 PollWaiter::ask(const vfs::FileRef& file) {
    asked_ = &file;
    const u32 events = file->poll(this);
    asked_ = nullptr;
    return events;
}

Result<void> PollWaiter::wait(sync::Deadline deadline) {
    return self_.wait([this] { return woken_.load(std::memory_order_acquire); },
                      sync::WaitMode::interruptible, deadline);
}

Result<sync::Deadline> deadline_from_timespec(u64 user) {
    if (user == 0) return sync::Deadline::never();
    uapi::__kernel_timespec ts;
    TRY(mm::copy_from_user(&ts, UserAddr{user}, sizeof(ts)));
    if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= 1'000'000'000) return Err(Error::inval);
    if (ts.tv_sec == 0 && ts.tv_nsec == 0) return sync::Deadline{0};
    if (ts.tv_sec > 9'000'000'000) return sync::Deadline::never();
    return sync::Deadline::after_ns(static_cast<u64>(ts.tv_sec) * 1'000'000'000 +
                                    static_cast<u64>(ts.tv_nsec));
}

u64 remaining_ns(sync::Deadline deadline) {
    u64 now = time::monotonic_ns();
    return deadline.ns > now ? deadline.ns - now : 0;
}

Result<i64> finish_timeout(Result<i64> answer, u64 user_timeout, TimeoutKind kind,
                           sync::Deadline deadline) {
    if (user_timeout == 0) return answer;
    if ((linux_task().persona & uapi::STICKY_TIMEOUTS) == 0) {
        if (deadline.ns == 0 || deadline.is_never()) return answer;
        const u64 ns = remaining_ns(deadline);
        const u64 fraction = ns % 1'000'000'000;
        // struct timeval has microseconds where struct timespec has nanoseconds.
        const u64 left[2] = {ns / 1'000'000'000,
                             kind == TimeoutKind::timeval ? fraction / 1000 : fraction};
        static_assert(sizeof(left) == sizeof(uapi::__kernel_timespec) &&
                      sizeof(left) == sizeof(uapi::__kernel_old_timeval));
        if (mm::copy_to_user(UserAddr{user_timeout}, left, sizeof(left))) return answer;
    }
    if (!answer && answer.error() == Error::restart_no_hand) return Err(Error::intr);
    return answer;
}

Result<void> CallMask::apply(u64 user_mask, u64 size) {
    if (user_mask == 0) return {};
    if (size != sizeof(u64)) return Err(Error::inval);
    TRY_ASSIGN(u64 bits, mm::UserIn<u64>(user_mask).read());
    Task* task = current();
    saved_ = task->blocked;
    active_ = true;
    set_blocked(process::SignalSet(bits));
    return {};
}

void CallMask::leave_to_signal() {
    if (!active_) return;
    Task* task = current();
    task->saved_blocked = saved_;
    task->set_work(kWorkRestoreMask);
    active_ = false;
}

CallMask::~CallMask() {
    if (active_) set_blocked(saved_);
}

}  // namespace tenon::personality
