// IOCB_CMD_POLL: a completion that comes when a file is ready.
//
// A request hangs on the queues that the file names to poll. A wake-up there defers a look at the
// file to a thread (poll/deferred.h), which ends the request if the file is ready. Whoever takes a
// request off its context's list ends it: the thread, io_cancel, or the context's end.
// Spec: Linux fs/aio.c, aio_poll().
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/vfs/file.h>
#include <tenon/vfs/poll.h>

#include "personality/linux/abi.h"
#include "personality/linux/poll/deferred.h"

namespace tenon::personality::aio {

class Context;

struct Completion {
    uapi::io_event event{};
    ListHook hook;
};

class PollRequest final : vfs::PollTable, Deferred {
  public:
    // Begins to wait for `request.aio_buf`'s events, or completes at once. `tell`: an eventfd, or
    // null. Takes `completion` unless it fails. Error::inval: bad arguments, or a file that names
    // no queue; nomem. May sleep.
    static Result<void> submit(Context& context, const uapi::iocb& request, Ref<vfs::File> file,
                               Ref<vfs::File> tell, std::unique_ptr<Completion>& completion);
    // It was taken off the context's list: completes with `result`, or without a completion; frees
    // it. May sleep.
    static void finish(PollRequest* request, i64 result);
    static void drop(PollRequest* request);

    u64 user_request() const { return completion_->event.obj; }
    // A wake-up came before the request was under way.
    bool was_woken() const { return woken_.load(std::memory_order_acquire) != 0; }
    using Deferred::defer;
    ListHook hook;

  private:
    static constexpr u32 kMaxWaits = 4;
    static constexpr u32 kWoken = 1u << 31;  // beside what the wake-ups said
    struct Wait : sync::WaitEntry {
        PollRequest* request = nullptr;
    };
    PollRequest(Context& context, u32 events) : context_(context), events_(events) {}
    void add(sync::WaitQueue& queue) override;
    static bool wake(sync::WaitEntry& entry, u32 events);
    void run() override;
    void leave_queues();
    void complete(i64 result);

    Context& context_;
    const u32 events_;
    Ref<vfs::File> file_, tell_;
    std::unique_ptr<Completion> completion_;
    Wait waits_[kMaxWaits];
    u32 wait_count_ = 0;
    std::atomic<u32> woken_{0};
};

}  // namespace tenon::personality::aio
