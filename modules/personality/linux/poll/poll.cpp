// poll and ppoll. Spec: man 2 poll.
#include "personality/linux/error_number.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/poll/wait.h"

namespace tenon::personality {

namespace {

constexpr u32 kAlways = POLLERR | POLLHUP;
static_assert(POLLIN == vfs::kPollIn && POLLOUT == vfs::kPollOut && POLLPRI == vfs::kPollPri &&
              POLLERR == vfs::kPollErr && POLLHUP == vfs::kPollHup && POLLNVAL == vfs::kPollNval &&
              POLLRDNORM == vfs::kPollRdNorm && POLLRDBAND == vfs::kPollRdBand &&
              POLLWRNORM == vfs::kPollWrNorm && POLLWRBAND == vfs::kPollWrBand &&
              POLLRDHUP == vfs::kPollRdHup);

struct FdArray {
    static constexpr usize kInline = 32;
    uapi::pollfd small[kInline];
    std::unique_ptr<uapi::pollfd[]> big;
    uapi::pollfd* data = small;
};

u32 check(uapi::pollfd& p, PollWaiter* table) {
    if (p.fd < 0) return 0;
    Result<vfs::FileRef> file = current()->files->borrow(p.fd);
    if (!file || (*file)->is_path_only()) return POLLNVAL;
    u32 wanted = static_cast<u16>(p.events) | kAlways;
    return (table != nullptr ? table->ask(*file) : (*file)->poll(nullptr)) & wanted;
}

// Asks every file; `table` is dropped as soon as one is ready.
[[gnu::noinline]] i64 scan(std::span<uapi::pollfd> fds, PollWaiter* table) {
    i64 ready = 0;
    for (uapi::pollfd& p : fds) {
        const u32 events = check(p, table);
        p.revents = static_cast<i16>(events);
        if (events == 0) continue;
        ready++;
        table = nullptr;
    }
    return ready;
}

Result<i64> wait_until_ready(std::span<uapi::pollfd> fds, sync::Deadline deadline) {
    PollWaiter waiter;
    PollWaiter* table = &waiter;
    Result<void> slept;
    for (;;) {
        waiter.clear_signal();
        const i64 ready = scan(fds, table);
        table = nullptr;
        if (ready != 0) return ready;
        if (!slept) break;
        if (!waiter.complete()) return Err(Error::nomem);
        slept = waiter.wait(deadline);
        // One more look: what became ready at the same moment counts.
    }
    if (slept.error() != Error::timedout) return Err(slept.error());
    return 0;
}

Result<i64> do_poll(u64 ufds, u32 nfds, sync::Deadline deadline) {
    if (nfds > descriptor_limit()) return Err(Error::inval);
    FdArray array;
    if (nfds > FdArray::kInline) {
        array.big.reset(new (std::nothrow) uapi::pollfd[nfds]);
        if (!array.big) return Err(Error::nomem);
        array.data = array.big.get();
    }
    const std::span<uapi::pollfd> fds(array.data, nfds);
    TRY(mm::copy_from_user(fds.data(), UserAddr{ufds}, fds.size_bytes()));
    i64 ready = 0;
    if (deadline.ns == 0) {
        ready = scan(fds, nullptr);  // nothing is waited for, so nothing is registered
    } else {
        TRY_ASSIGN(ready, wait_until_ready(fds, deadline));
    }
    u64 at = ufds + offsetof(uapi::pollfd, revents);
    for (const uapi::pollfd& p : fds) {
        TRY(mm::UserOut<i16>(at).write(p.revents));
        at += sizeof(p);
    }
    return ready;
}

// Goes on with what is left of the time-out after a stop, or a signal without a handler.
Result<i64> restart_poll(Task::RestartBlock& block) {
    Result<i64> r = do_poll(block.argument[0], static_cast<u32>(block.argument[1]),
                            sync::Deadline{block.argument[2]});
    if (!r && r.error() == Error::restart) return Err(Error::restart_block);
    return r;
}

}  // namespace

Result<i64> sys_poll(u64 ufds, u32 nfds, i32 timeout) {
    sync::Deadline deadline = sync::Deadline::never();
    if (timeout == 0)
        deadline = sync::Deadline{0};
    else if (timeout > 0)
        deadline = sync::Deadline::after_ns(static_cast<u64>(timeout) * 1'000'000);
    Result<i64> r = do_poll(ufds, nfds, deadline);
    if (!r && r.error() == Error::restart) {
        Task::RestartBlock& block = current()->restart_block;
        block.function = restart_poll;
        block.argument[0] = ufds;
        block.argument[1] = nfds;
        block.argument[2] = deadline.ns;
        return Err(Error::restart_block);
    }
    return r;
}

Result<i64> sys_ppoll(u64 ufds, u32 nfds, u64 tsp, u64 sigmask, u64 sigsetsize) {
    TRY_ASSIGN(sync::Deadline deadline, deadline_from_timespec(tsp));
    CallMask mask;
    TRY(mask.apply(sigmask, sigsetsize));
    Result<i64> r = do_poll(ufds, nfds, deadline);
    if (!r && r.error() == Error::restart) {
        mask.leave_to_signal();
        r = Err(Error::restart_no_hand);
    }
    return finish_timeout(r, tsp, TimeoutKind::timespec, deadline);
}

}  // namespace tenon::personality
