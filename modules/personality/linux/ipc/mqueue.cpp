#include "personality/linux/ipc/mqueue.h"

#include <tenon/lib/format.h>
#include <tenon/mm/slab.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/poll.h>

#include <algorithm>

#include "personality/linux/socket/common.h"
#include "personality/linux/time/clocks.h"

namespace tenon::personality::ipc {

namespace {

constexpr i64 kMostMessages = 65536, kMostBytes = 16 << 20;  // HARD_MSGMAX, HARD_MSGSIZEMAX
// What Linux charges beside the bytes: for each message, and for each priority that can be.
constexpr u64 kMessageCost = 48, kPriorityCost = 48;

// How much each user's queues hold. Few users have any: a list.
struct Charge {
    u32 uid;
    u64 bytes;
    u32 queues;
    Charge* next;
};
constinit sync::Mutex charge_lock{sync::LockRank::sleeping_leaf};
constinit Charge* charges = nullptr;
constinit i32 queue_total = 0;

Result<void> charge(u32 uid, u64 bytes) {
    const u64 limit = process::current_process().limit(process::Limits::msgqueue);
    sync::MutexGuard guard(charge_lock);
    if (queue_total >= current_namespace().mq_queues_max.load() &&
        !process::capable(process::Capability::sys_resource))
        return Err(Error::nospc);
    Charge* found = charges;
    while (found != nullptr && found->uid != uid) found = found->next;
    if ((found != nullptr ? found->bytes : 0) + bytes > limit) return Err(Error::mfile);
    if (found == nullptr) {
        found = new (std::nothrow) Charge{uid, 0, 0, charges};
        if (found == nullptr) return Err(Error::nomem);
        charges = found;
    }
    found->bytes += bytes;
    ++found->queues;
    ++queue_total;
    return {};
}

void discharge(u32 uid, u64 bytes) {
    sync::MutexGuard guard(charge_lock);
    --queue_total;
    for (Charge** at = &charges; *at != nullptr; at = &(*at)->next) {
        Charge* c = *at;
        if (c->uid != uid) continue;
        c->bytes -= bytes;
        if (--c->queues == 0) {
            *at = c->next;
            delete c;
        }
        return;
    }
}

}  // namespace

// Spec: Linux ipc/mqueue.c, mqueue_get_inode().
Result<std::unique_ptr<PosixQueue>> PosixQueue::make(const uapi::mq_attr* wanted) {
    const Namespace& ns = current_namespace();
    const i64 most = ns.mq_msg_max.load(), most_bytes = ns.mq_msgsize_max.load();
    i64 messages = std::min<i64>(most, ns.mq_msg_default.load());
    i64 bytes = std::min<i64>(most_bytes, ns.mq_msgsize_default.load());
    if (wanted != nullptr) {
        messages = wanted->mq_maxmsg;
        bytes = wanted->mq_msgsize;
    }
    const bool free = process::capable(process::Capability::sys_resource);
    if (messages <= 0 || bytes <= 0 || messages > (free ? kMostMessages : most) ||
        bytes > (free ? kMostBytes : most_bytes))
        return Err(Error::inval);
    const u64 cost = static_cast<u64>(messages) * static_cast<u64>(bytes) +
                     static_cast<u64>(messages) * kMessageCost +
                     static_cast<u64>(std::min<i64>(messages, MQ_PRIO_MAX)) * kPriorityCost;
    const u32 uid = process::current_credentials().uid;
    TRY(charge(uid, cost));
    std::unique_ptr<PosixQueue> queue(new (std::nothrow) PosixQueue(messages, bytes, uid, cost));
    if (!queue) {
        discharge(uid, cost);
        return Err(Error::nomem);
    }
    return queue;
}

PosixQueue::~PosixQueue() {
    while (!messages_.empty()) {
        MessagePtr dead(&messages_.front());
        messages_.pop_front();
    }
    discharge(uid_, charge_);
}

// --- Messages, under the lock
// ----------------------------------------------------------------------

void PosixQueue::insert(MessagePtr message) {
    auto at = messages_.end();
    while (at != messages_.begin() && std::prev(at)->type < message->type) --at;
    ++count_;
    bytes_ += message->length;
    messages_.insert(at, *message.release());
}

MessagePtr PosixQueue::take_first() {
    MessagePtr first(&messages_.front());
    messages_.pop_front();
    --count_;
    bytes_ -= first->length;
    return first;
}

void PosixQueue::enqueue(Sleepers& list, QueueSleeper& sleeper) {
    auto at = list.end();
    while (at != list.begin() && std::prev(at)->priority > sleeper.priority) --at;
    list.insert(at, sleeper);
}

// --- Sleeping
// --------------------------------------------------------------------------------------

// The deadline is on the wall clock, which may be stepped; the queue's lock is not held.
Result<void> PosixQueue::sleep(Sleepers& list, QueueSleeper& sleeper,
                               std::optional<i64> deadline_ns) {
    Result<void> waited;
    for (;;) {
        const Clock clock{Clock::Kind::realtime};
        const u32 steps = time::realtime_step_count();
        const auto deadline =
            deadline_ns ? clock.deadline_of(*deadline_ns) : sync::Deadline::never();
        waited = sleeper.done.wait(sync::WaitMode::interruptible, deadline);
        if (waited || waited.error() != Error::timedout || steps == time::realtime_step_count())
            break;
    }
    if (waited) return {};
    sync::SpinGuard guard(lock_);
    if (!sleeper.hook.is_linked()) return {};  // it was served meanwhile
    list.erase(list.iterator_to(sleeper));
    return waited;
}

namespace {

// SAFETY: the sleeper may leave as soon as it is completed, so it is off the list before.
template <typename Sleepers>
QueueSleeper& take_sleeper(Sleepers& list) {
    QueueSleeper& sleeper = list.front();
    list.pop_front();
    return sleeper;
}

i32 own_priority() {
    const sched::Params& params = current()->sched.params;
    if (params.policy == sched::Policy::fifo || params.policy == sched::Policy::rr)
        return -100 - params.rt_priority;
    return params.nice;
}

}  // namespace

Result<void> PosixQueue::send(MessagePtr message, bool nonblocking,
                              std::optional<i64> deadline_ns) {
    QueueSleeper sleeper;
    Notification due;
    {
        sync::SpinGuard guard(lock_);
        if (count_ < max_messages) {
            if (!receivers_.empty()) {
                QueueSleeper& receiver = take_sleeper(receivers_);
                receiver.message = std::move(message);
                receiver.done.complete();
                return {};
            }
            insert(std::move(message));
            // Told once, of the first message in an empty queue.
            if (count_ == 1 && notification_.owner) due = std::exchange(notification_, {});
        } else if (nonblocking) {
            return Err(Error::again);
        } else {
            sleeper.message = std::move(message);
            sleeper.priority = own_priority();
            enqueue(senders_, sleeper);
        }
    }
    if (sleeper.message) return sleep(senders_, sleeper, deadline_ns);
    if (due.owner) due.tell(NOTIFY_WOKENUP);
    polled_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
    return {};
}

Result<MessagePtr> PosixQueue::receive(bool nonblocking, std::optional<i64> deadline_ns) {
    QueueSleeper sleeper;
    MessagePtr message;
    {
        sync::SpinGuard guard(lock_);
        if (count_ > 0) {
            message = take_first();
            if (!senders_.empty()) {
                QueueSleeper& sender = take_sleeper(senders_);
                insert(std::move(sender.message));
                sender.done.complete();
                return message;
            }
        } else if (nonblocking) {
            return Err(Error::again);
        } else {
            sleeper.priority = own_priority();
            enqueue(receivers_, sleeper);
        }
    }
    if (message) {
        polled_.wake_all(vfs::kPollOut | vfs::kPollWrNorm);
        return message;
    }
    TRY(sleep(receivers_, sleeper, deadline_ns));
    return std::move(sleeper.message);
}

// --- The rest
// --------------------------------------------------------------------------------------

i64 PosixQueue::count() {
    sync::SpinGuard guard(lock_);
    return count_;
}

u32 PosixQueue::poll(vfs::PollTable* table) {
    if (table != nullptr) table->add(polled_);
    sync::SpinGuard guard(lock_);
    u32 events = 0;
    if (count_ > 0) events |= vfs::kPollIn | vfs::kPollRdNorm;
    if (count_ < max_messages) events |= vfs::kPollOut | vfs::kPollWrNorm;
    return events;
}

void PosixQueue::describe(fmt::Sink& out) {
    u64 bytes;
    i32 kind = 0, signal = 0, pid = 0;
    {
        sync::SpinGuard guard(lock_);
        bytes = bytes_;
        if (notification_.owner) {
            kind = notification_.kind;
            if (kind == SIGEV_SIGNAL) signal = notification_.signal;
            pid = notification_.owner->pid;
        }
    }
    fmt::print(out, "QSIZE:{:<10} NOTIFY:{:<5} SIGNO:{:<5} NOTIFY_PID:{:<6}\n", bytes, kind, signal,
               pid);
}

Result<void> PosixQueue::set_notification(Notification notification) {
    sync::SpinGuard guard(lock_);
    if (notification_.owner) return Err(Error::busy);
    notification_ = std::move(notification);
    return {};
}

bool PosixQueue::drop_notification() {
    Notification dropped;
    {
        sync::SpinGuard guard(lock_);
        if (notification_.owner.get() != &process::current_process()) return false;
        dropped = std::exchange(notification_, {});
    }
    if (dropped.kind == SIGEV_THREAD) dropped.tell(NOTIFY_REMOVED);
    return true;
}

void Notification::tell(u8 why) {
    if (kind == SIGEV_SIGNAL && signal != 0) {
        process::SignalInfo info{.signal = static_cast<u32>(signal), .code = process::kCodeMesgq};
        info.pid = own_pid();
        info.uid = process::current_credentials().uid;
        info.value = value;
        (void)process::send_to_process(*owner, info);
    } else if (kind == SIGEV_THREAD && socket) {
        cookie[NOTIFY_COOKIE_LEN - 1] = why;
        if (auto to = socket_of(*socket))
            (void)inside(*to, [&](net::Socket& s) { return s.deliver_from_kernel(cookie); });
    }
}

}  // namespace tenon::personality::ipc
