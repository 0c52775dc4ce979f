// Requests: from the submitter's list to the driver and back.
#include <tenon/sched/scheduler.h>
#include <tenon/time/clock.h>

#include "disk.h"

namespace tenon::block {

namespace {

constexpr u64 kMs = 1'000'000;

// The submitter has a request, and who is just handing it to the driver: the last frees it.
void drop(IoRequest* request) {
    if (request->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete request;
}

// Never twice, so that a handle names one issue of one request of one disk.
u64 next_generation() {
    constinit static std::atomic<u64> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

IoRequest::IoRequest(Operation operation, u64 sector, u64 sectors,
                     std::span<const Segment> segments) {
    operation_ = operation;
    sector_ = sector;
    sectors_ = sectors;
    segment_count_ = static_cast<u32>(segments.size());
    for (u32 i = 0; i < segment_count_; ++i) segments_[i] = segments[i];
}

Result<void> Disk::transfer(Operation operation, u64 sector, u64 sectors,
                            std::span<const Segment> segments) {
    auto* const request = new (std::nothrow) IoRequest(operation, sector, sectors, segments);
    if (request == nullptr) return Err(Error::nomem);
    HardwareQueue* queue = nullptr;
    {
        sync::IrqSpinGuard guard(lock_);
        if (state() != State::dead) {
            queue = &queues_[arch::cpu_id() % options_.queues];
            request->sequence = next_sequence_++;
            request->started_ns = time::monotonic_ns();
            queue->waiting.push_back(*request);
        }
    }
    if (queue == nullptr) {
        drop(request);
        return Err(Error::io);
    }
    while (dispatch_one(*queue)) {
    }
    // To the end, whatever signals come: the pages are the caller's.
    (void)queue->done.wait([&] { return request->done.load(std::memory_order_acquire); },
                           sync::WaitMode::uninterruptible);
    const Error status = request->status;
    drop(request);
    return status == Error::none ? Result<void>{} : Err(status);
}

void Disk::dispatch() {
    for (u32 i = 0; i < options_.queues; ++i) {
        while (dispatch_one(queues_[i])) {
        }
    }
}

// Hands the first that waits to the driver. False: nothing waits, or the driver has enough.
bool Disk::dispatch_one(HardwareQueue& queue) {
    module::Gated<DiskOps> ops;
    IoRequest* request = nullptr;
    bool first = false;
    {
        sync::IrqSpinGuard guard(lock_);
        if (state() != State::live || queue.waiting.empty()) return false;
        const u32 base = queue.index() * options_.queue_depth;
        u32 tag = base;
        while (tag < base + options_.queue_depth && slots_[tag].request != nullptr) ++tag;
        if (tag == base + options_.queue_depth) return false;
        request = &queue.waiting.front();
        queue.waiting.pop_front();
        const u64 now = time::monotonic_ns(), generation = next_generation();
        slots_[tag] = {request, generation};
        request->issue({(generation << 24) | (u64{tag} << 8) | index_});
        request->deadline_ns = now + options_.timeout_ns;
        request->refs.fetch_add(1, std::memory_order_relaxed);
        first = in_flight_++ == 0;
        if (first) statistics_.busy_since_ns = now;
        ++calls_;
        ops = ops_.alias();
    }
    if (first && !ticking_.exchange(true)) arm(500 * kMs);
    const RequestHandle handle = request->handle();
    const auto taken = ops.call(&DiskOps::submit, static_cast<Queue&>(queue),
                                static_cast<const Request&>(*request));
    ops.reset();
    bool go_on = true;
    if (!taken) {
        submission_failed(queue, handle, taken.error());
        go_on = taken.error() != Error::nodev && taken.error() != Error::again;
    }
    drop(request);
    bool last;
    {
        sync::IrqSpinGuard guard(lock_);
        if (taken) refused_since_ns_ = 0;
        last = --calls_ == 0;
    }
    if (last && state() != State::live) calls_ended_.wake_all();
    return go_on;
}

// nodev is the gate's word: the instance is on its way out, or stopped for a while.
void Disk::submission_failed(HardwareQueue& queue, RequestHandle handle, Error error) {
    const u32 tag = (handle.value >> 8) & 0xffff;
    const u64 generation = handle.value >> 24;
    if (error != Error::nodev && error != Error::again) {
        (void)complete(tag, generation, error);
        return;
    }
    {
        sync::IrqSpinGuard guard(lock_);
        if (IoRequest* request = take_locked(tag, generation)) wait_again_locked(*request);
        if (error == Error::nodev && refused_since_ns_ == 0)
            refused_since_ns_ = time::monotonic_ns();
    }
    arm(2 * kMs);
}

// The request in the slot, out of it; null when the handle is of another.
IoRequest* Disk::take_locked(u32 tag, u64 generation) {
    if (tag >= options_.queues * options_.queue_depth) return nullptr;
    Slot& slot = slots_[tag];
    if (slot.request == nullptr || slot.generation != generation) return nullptr;
    if (--in_flight_ == 0) statistics_.busy_ns += time::monotonic_ns() - statistics_.busy_since_ns;
    return std::exchange(slot.request, nullptr);
}

// Back into the list, by age. `hook` is free.
void Disk::wait_again_locked(IoRequest& request) {
    auto& list = queue_of_tag((request.handle().value >> 8) & 0xffff).waiting;
    auto at = list.begin();
    while (at != list.end() && at->sequence < request.sequence) ++at;
    list.insert(at, request);
}

bool Disk::complete(u32 tag, u64 generation, Error status) {
    IoRequest* request;
    bool more;
    {
        sync::IrqSpinGuard guard(lock_);
        request = take_locked(tag, generation);
        if (request == nullptr) {
            ++statistics_.refused;
            return false;
        }
        auto& kind = statistics_.by_operation[static_cast<u8>(request->operation())];
        ++kind.requests;
        kind.sectors += request->sectors();
        kind.ns += time::monotonic_ns() - request->started_ns;
        more = !queue_of_tag(tag).waiting.empty();
    }
    finish(*request, queue_of_tag(tag), status);
    if (more) (void)work_.queue();
    return true;
}

// The submitter may free the request as soon as `done` is seen.
void Disk::finish(IoRequest& request, HardwareQueue& queue, Error status) {
    request.status = status;
    request.done.store(true, std::memory_order_release);
    queue.done.wake_all();
}

void Disk::fail_waiting(Error error) {
    for (u32 i = 0; i < options_.queues; ++i) {
        for (;;) {
            IoRequest* request;
            {
                sync::IrqSpinGuard guard(lock_);
                if (queues_[i].waiting.empty()) break;
                request = &queues_[i].waiting.front();
                queues_[i].waiting.pop_front();
            }
            finish(*request, queues_[i], error);
        }
    }
}

}  // namespace tenon::block
