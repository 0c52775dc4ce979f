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
// Contexts belong to the process and end with it or with exec; a child has none.
// Limits: IOCB_CMD_POLL is refused as by a kernel before 4.18; nothing is ever under way, so that
// io_cancel finds nothing.
// Spec: man 2 io_setup, io_submit, io_getevents, io_cancel; Linux fs/aio.c.
#pragma once

#include <tenon/lib/intrusive.h>
#include <tenon/lib/ref.h>
#include <tenon/lib/result.h>
#include <tenon/sync/mutex.h>
#include <tenon/sync/wait_queue.h>

#include "personality/linux/abi.h"

namespace tenon::personality::aio {

struct Completion {
    uapi::io_event event{};
    ListHook hook;
};

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
    // Ends all waiting.
    void destroy();

    u64 id = 0;  // the address
    u64 mapped_bytes = 0;
    Ref<Context> next;  // in the process's list

  private:
    Context(u32 requests, u32 slots) : requests_(requests), slots_(slots) {}
    Result<i64> take(i64 most, u64 events);
    const u32 requests_, slots_;
    sync::Mutex mutex_{sync::LockRank::pipe};  // user memory is copied under it
    List<Completion, &Completion::hook> done_;
    std::atomic<u32> used_{0};  // reserved, or in done_
    std::atomic<u32> ready_{0};
    std::atomic<bool> dead_{false};
    sync::WaitQueue wait_;
};

// Of one process; guarded by LinuxProcess::mutex.
struct Contexts {
    Ref<Context> first;
    ~Contexts() { destroy_all(); }
    Ref<Context> find(u64 id) const;
    Ref<Context> remove(u64 id);
    void destroy_all();
};

}  // namespace tenon::personality::aio
