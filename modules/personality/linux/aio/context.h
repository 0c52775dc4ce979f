// Native asynchronous I/O: io_setup and its family.
//
// A context is a queue of completions with a bound on how many requests may be under way or not yet
// collected. Requests are carried out inside io_submit, in the caller: so does Linux with every
// file that is not opened with O_DIRECT on a disk. What a request cannot begin with is io_submit's
// error; what comes of it is the result in its completion.
//
// The context's number is the address of a mapping in the process, as in Linux, whose C library
// looks there for a ring that it may empty without a call. Deviates: there is none (the magic
// number is absent), so that it always calls.
// Contexts belong to the address space and end with it; a child with a copy of it has none.
// IOCB_CMD_POLL is under way until its file is ready (poll_request.h); every other request is done
// when io_submit returns.
// Spec: man 2 io_setup, io_submit, io_getevents, io_cancel; Linux fs/aio.c.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/mm/address_space.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/wait_queue.h>

#include "personality/linux/abi.h"
#include "personality/linux/aio/poll_request.h"

namespace tenon::personality::aio {

class Context : public RefCounted<Context> {
  public:
    // `requests`: as many as the caller asked for, which count against the system's limit.
    // Error::again beyond it; nomem.
    static Result<Ref<Context>> create(u32 requests);
    ~Context();

    // Room for one more completion. Error::again. Given back by complete() or give_back().
    Result<std::unique_ptr<Completion>> reserve();
    void give_back(std::unique_ptr<Completion> unused);
    void complete(std::unique_ptr<Completion> done);
    // Copies up to `most` completions out, waiting until there are `least`. How many. Error::fault,
    // restart (a signal, and none copied), inval (destroyed meanwhile).
    Result<i64> collect(i64 least, i64 most, u64 events, sync::Deadline deadline);
    // Ends all waiting, and what is under way. May sleep.
    void destroy();
    // `request` is under way from now on. Error::inval: the context was destroyed.
    Result<void> begin(PollRequest& request);
    // It is no longer under way: false if somebody else ended it before.
    bool end(PollRequest& request);
    // Ends the request whose iocb is at `user_request`, with a completion of its own. Error::inval:
    // there is none. May sleep.
    Result<void> cancel(u64 user_request);

    u64 id = 0;  // the address
    u64 mapped_bytes = 0;
    Ref<Context> next;  // in the space's list

  private:
    Context(u32 requests, u32 slots) : requests_(requests), slots_(slots) {}
    Result<i64> take(i64 most, u64 events);
    const u32 requests_, slots_;
    sync::Mutex mutex_{sync::LockRank::pipe};  // user memory is copied under it
    List<Completion, &Completion::hook> done_;
    List<PollRequest, &PollRequest::hook> under_way_;
    std::atomic<u32> used_{0};  // reserved, or in done_
    std::atomic<u32> ready_{0};
    std::atomic<bool> dead_{false};
    sync::WaitQueue wait_;
};

// Of one address space.
class Contexts final : public mm::SpaceExtension {
  public:
    ~Contexts() override;
    // Of the caller's space; made if it has none and `make`. Null.
    static Contexts* own(bool make);
    void add(Ref<Context> context);
    Ref<Context> find(u64 id);
    Ref<Context> remove(u64 id);

  private:
    sync::Mutex mutex_{sync::LockRank::sleeping_leaf};
    Ref<Context> first_;
};

}  // namespace tenon::personality::aio
