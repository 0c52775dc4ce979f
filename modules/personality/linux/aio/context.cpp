#include "personality/linux/aio/context.h"

#include <tenon/arch/cpu.h>
#include <tenon/mm/user_copy.h>
#include <tenon/vfs/file.h>

#include "personality/linux/memory/layout.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality::aio {

namespace {

constexpr u32 kRingHeaderBytes = 32;
constexpr u64 kMaxEvents = 0x10000000 / sizeof(uapi::io_event);

std::atomic<i32>& requests_of_all() {
    return counter(linux_settings::Setting::aio_nr);
}

}  // namespace

Result<Ref<Context>> Context::create(u32 requests) {
    // As many slots as Linux's ring has: it shares them out to CPUs in batches.
    u64 slots = std::max<u64>(requests, u64{arch::possible_cpus()} * 4) * 2;
    if (slots > kMaxEvents) return Err(Error::inval);
    const u32 most = static_cast<u32>(setting(linux_settings::Setting::aio_max_nr));
    if (requests > most) return Err(Error::again);
    const u64 bytes = align_up(kRingHeaderBytes + (slots + 2) * sizeof(uapi::io_event), kPageSize);
    slots = (bytes - kRingHeaderBytes) / sizeof(uapi::io_event);
    std::atomic<i32>& all = requests_of_all();
    const i32 own = static_cast<i32>(requests);
    i32 total = all.load(std::memory_order_relaxed);
    do {
        if (static_cast<u32>(total) + requests > most) return Err(Error::again);
    } while (!all.compare_exchange_weak(total, total + own, std::memory_order_relaxed));
    auto context = adopt_ref(new (std::nothrow) Context(requests, static_cast<u32>(slots - 1)));
    if (!context) {
        all.fetch_sub(own, std::memory_order_relaxed);
        return Err(Error::nomem);
    }
    mm::MapRequest request;
    request.length = context->mapped_bytes = bytes;
    request.prot = mm::Prot::read | mm::Prot::write;
    TRY_ASSIGN(context->id, own_space().map(request));
    return context;
}

Context::~Context() {
    done_.clear_and_dispose([](Completion* c) { delete c; });
    requests_of_all().fetch_sub(static_cast<i32>(requests_), std::memory_order_relaxed);
}

Result<std::unique_ptr<Completion>> Context::reserve() {
    u32 used = used_.load(std::memory_order_relaxed);
    do {
        if (used >= slots_) return Err(Error::again);
    } while (!used_.compare_exchange_weak(used, used + 1, std::memory_order_relaxed));
    std::unique_ptr<Completion> fresh(new (std::nothrow) Completion);
    if (fresh) return fresh;
    used_.fetch_sub(1, std::memory_order_relaxed);
    return Err(Error::again);
}

void Context::give_back(std::unique_ptr<Completion>) {
    used_.fetch_sub(1, std::memory_order_relaxed);
}

void Context::complete(std::unique_ptr<Completion> done) {
    {
        sync::MutexGuard guard(mutex_);
        done_.push_back(*done.release());
        ready_.fetch_add(1, std::memory_order_release);
    }
    wait_.wake_all();
}

Result<i64> Context::take(i64 most, u64 events) {
    i64 taken = 0;
    sync::MutexGuard guard(mutex_);
    while (taken < most && !done_.empty()) {
        Completion& first = done_.front();
        const u64 to = events + static_cast<u64>(taken) * sizeof(uapi::io_event);
        // What cannot be handed out stays.
        if (!mm::copy_to_user(UserAddr{to}, &first.event, sizeof(first.event)))
            return Err(Error::fault);
        done_.pop_front();
        delete &first;
        ready_.fetch_sub(1, std::memory_order_relaxed);
        used_.fetch_sub(1, std::memory_order_relaxed);
        ++taken;
    }
    return taken;
}

Result<i64> Context::collect(i64 least, i64 most, u64 events, sync::Deadline deadline) {
    i64 got = 0;
    for (;;) {
        auto more = take(most - got, events + static_cast<u64>(got) * sizeof(uapi::io_event));
        if (!more) return got != 0 ? Result<i64>(got) : Err(more.error());
        got += *more;
        if (dead_.load(std::memory_order_acquire))
            return got != 0 ? Result<i64>(got) : Err(Error::inval);
        if (got >= least || deadline.ns == 0) return got;
        auto slept = wait_.wait(
            [&] {
                return ready_.load(std::memory_order_acquire) != 0 ||
                       dead_.load(std::memory_order_acquire);
            },
            sync::WaitMode::interruptible, deadline);
        if (slept) continue;
        if (slept.error() == Error::timedout || got != 0) return got;
        return Err(slept.error());
    }
}

void Context::destroy() {
    dead_.store(true, std::memory_order_release);
    wait_.wake_all();
    for (;;) {
        PollRequest* request = nullptr;
        {
            sync::MutexGuard guard(mutex_);
            if (under_way_.empty()) return;
            request = &under_way_.front();
            under_way_.pop_front();
        }
        PollRequest::drop(request);
    }
}

Result<void> Context::begin(PollRequest& request) {
    sync::MutexGuard guard(mutex_);
    if (dead_.load(std::memory_order_acquire)) return Err(Error::inval);
    under_way_.push_back(request);
    if (request.was_woken()) request.defer();  // that look found nothing to end
    return {};
}

bool Context::end(PollRequest& request) {
    sync::MutexGuard guard(mutex_);
    if (!request.hook.is_linked()) return false;
    under_way_.erase(under_way_.iterator_to(request));
    return true;
}

Result<void> Context::cancel(u64 user_request) {
    PollRequest* request = nullptr;
    {
        sync::MutexGuard guard(mutex_);
        for (PollRequest& r : under_way_) {
            if (r.user_request() != user_request) continue;
            request = &r;
            break;
        }
        if (request == nullptr) return Err(Error::inval);
        under_way_.erase(under_way_.iterator_to(*request));
    }
    PollRequest::finish(request, 0);
    return {};
}

namespace {
constinit sync::Mutex making_lock{sync::LockRank::sleeping_leaf};
}

Contexts* Contexts::own(bool make) {
    std::atomic<mm::SpaceExtension*>& slot = own_space().extension;
    auto* its = static_cast<Contexts*>(slot.load(std::memory_order_acquire));
    if (its != nullptr || !make) return its;
    sync::MutexGuard guard(making_lock);
    its = static_cast<Contexts*>(slot.load(std::memory_order_relaxed));
    if (its != nullptr) return its;
    its = new (std::nothrow) Contexts;
    slot.store(its, std::memory_order_release);
    return its;
}

void Contexts::add(Ref<Context> context) {
    sync::MutexGuard guard(mutex_);
    context->next = std::move(first_);
    first_ = std::move(context);
}

Ref<Context> Contexts::find(u64 id) {
    sync::MutexGuard guard(mutex_);
    Ref<Context> at = first_;
    while (at && at->id != id) at = at->next;
    return at;
}

Ref<Context> Contexts::remove(u64 id) {
    sync::MutexGuard guard(mutex_);
    Ref<Context>* link = &first_;
    while (*link && (*link)->id != id) link = &(*link)->next;
    Ref<Context> found = *link;
    if (found) *link = std::move(found->next);
    return found;
}

Contexts::~Contexts() {
    while (first_) {
        Ref<Context> gone = std::move(first_);
        first_ = std::move(gone->next);
        gone->destroy();
    }
}

}  // namespace tenon::personality::aio
