#include "personality/linux/aio/poll_request.h"

#include "personality/linux/aio/context.h"
#include "personality/linux/poll/eventfd.h"

namespace tenon::personality::aio {

void PollRequest::add(sync::WaitQueue& queue) {
    if (wait_count_ == kMaxWaits) return;
    Wait& wait = waits_[wait_count_++];
    wait.request = this;
    wait.callback = wake;
    queue.add(wait);
}

// Any context, the file's queue locked. It wakes no sleeper of the file.
bool PollRequest::wake(sync::WaitEntry& entry, u32 events) {
    PollRequest& request = *static_cast<Wait&>(entry).request;
    if (events != 0 && !(events & request.events_)) return false;
    request.woken_.fetch_or(events | kWoken, std::memory_order_release);
    request.defer();
    return false;
}

void PollRequest::leave_queues() {
    for (u32 i = 0; i < wait_count_; ++i) sync::WaitQueue::take_off(waits_[i]);
}

void PollRequest::complete(i64 result) {
    completion_->event.res = result;
    context_.complete(std::move(completion_));
    if (tell_) signal_eventfd(*tell_, 1);
}

void PollRequest::run() {
    // Its end waits for this look as long as the request is there.
    const Ref<Context> context(&context_);
    const u32 ready = file_->poll(nullptr) & events_;
    if (ready == 0 || !context_.end(*this)) return;
    leave_queues();
    forget();
    // What the wake-up said, as in Linux, if it was a plain one; whoever has an eventfd hears of what
    // was asked for alone.
    const u32 said = woken_.load(std::memory_order_relaxed) & ~kWoken;
    const bool plain = !tell_ && said != 0 && !(said & (vfs::kPollErr | vfs::kPollHup));
    complete(plain ? said : ready);
    delete this;
}

void PollRequest::finish(PollRequest* request, i64 result) {
    request->leave_queues();
    request->withdraw();
    request->complete(result);
    delete request;
}

void PollRequest::drop(PollRequest* request) {
    request->leave_queues();
    request->withdraw();
    delete request;
}

Result<void> PollRequest::submit(Context& context, const uapi::iocb& request, Ref<vfs::File> file,
                                 Ref<vfs::File> tell, std::unique_ptr<Completion>& completion) {
    if (static_cast<u16>(request.aio_buf) != request.aio_buf || request.aio_offset != 0 ||
        request.aio_nbytes != 0 || request.aio_rw_flags != 0)
        return Err(Error::inval);
    TRY(start_deferring());
    const u32 events = static_cast<u32>(request.aio_buf) | vfs::kPollErr | vfs::kPollHup;
    auto* fresh = new (std::nothrow) PollRequest(context, events);
    if (fresh == nullptr) return Err(Error::nomem);
    fresh->file_ = std::move(file);
    fresh->tell_ = std::move(tell);
    fresh->completion_ = std::move(completion);
    // Once it is on the list, anybody may end it: after that it is looked at no more here.
    const u32 ready = fresh->file_->poll(fresh) & events;
    const bool waits = fresh->wait_count_ != 0;
    if (ready == 0 && waits) {
        if (auto r = context.begin(*fresh); !r) {
            completion = std::move(fresh->completion_);
            drop(fresh);
            return r;
        }
        return {};
    }
    if (ready == 0) {
        completion = std::move(fresh->completion_);
        drop(fresh);
        return Err(Error::inval);
    }
    finish(fresh, ready);
    return {};
}

}  // namespace tenon::personality::aio
