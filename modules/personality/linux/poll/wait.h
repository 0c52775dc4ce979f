// Waiting on many files at once: what poll, select and epoll share.
#pragma once

#include <tenon/vfs/poll.h>

#include "personality/linux/file/common.h"

namespace tenon::personality {

// Registers the calling task on queues; wait() then sleeps until one of them was woken.
class PollWaiter final : public vfs::PollTable {
  public:
    PollWaiter();
    ~PollWaiter();
    TENON_NONCOPYABLE(PollWaiter);
    void add(sync::WaitQueue& queue) override;
    // Asks the file, and keeps it as long as one of its queues is registered: another thread may
    // close the descriptor.
    u32 ask(const vfs::FileRef& file);
    // False when a queue could not be added: memory ran out.
    bool complete() const { return !failed_; }
    // Errors as WaitQueue::wait(): restart, timedout.
    Result<void> wait(sync::Deadline deadline);
    void clear_signal() { woken_.store(false, std::memory_order_relaxed); }

  private:
    struct Entry : sync::WaitEntry {
        PollWaiter* owner;
        vfs::FileRef file;  // with the first queue of each
    };
    struct Chunk {
        Chunk* next;
        u32 used;
        Entry entries[14];
    };
    static bool wake(sync::WaitEntry& entry, u32 events);
    static constexpr u32 kInline = 8;
    Entry inline_[kInline];
    u32 inline_used_ = 0;
    Chunk* chunks_ = nullptr;
    const vfs::FileRef* asked_ = nullptr;  // of the file that adds its first queue
    bool failed_ = false;
    std::atomic<bool> woken_{false};
    sync::WaitQueue self_{sync::LockRank::none};  // woken under any other queue
};

// A time-out argument as an absolute deadline: null is never, zero is Deadline{0}. Error::inval for
// a malformed one.
Result<sync::Deadline> deadline_from_timespec(u64 user);
// What is left until then; 0 when it has passed.
u64 remaining_ns(sync::Deadline deadline);
// The end of select, pselect6 and ppoll, with `answer`: writes what is left to the caller's
// time-out (null: there is none). Where that cannot be or personality(STICKY_TIMEOUTS) forbids it,
// the call is not begun again after a signal, or it would wait for the whole time once more.
enum class TimeoutKind : u8 { timeval, timespec };
Result<i64> finish_timeout(Result<i64> answer, u64 user_timeout, TimeoutKind kind,
                           sync::Deadline deadline);

// A signal mask that holds for one call.
class CallMask {
  public:
    ~CallMask();
    CallMask() = default;
    TENON_NONCOPYABLE(CallMask);
    // Error::inval unless `size` is 8; a null mask changes nothing.
    Result<void> apply(u64 user_mask, u64 size);
    // The call ends by a signal: the mask stays until its handler has been set up.
    void leave_to_signal();

  private:
    bool active_ = false;
    process::SignalSet saved_;
};

}  // namespace tenon::personality
