#include "personality/linux/poll/epoll.h"

#include <tenon/mm/slab.h>

namespace tenon::personality {

namespace {

constinit const char kTag = 0;
constinit sync::Mutex watch_lock{sync::LockRank::none};
constinit u64 walk = 0;  // the number of the walk through sets; watch_lock
constexpr u32 kMaxNesting = 5;
constexpr u32 kPrivate = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;
constexpr u32 kExclusiveAllowed =
    EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

}  // namespace

// Waits beyond the two that stand in the item: rare (files with many queues).
struct EpollItem::Extra {
    Extra* next;
    Wait wait;
};

class Epoll::Table final : public vfs::PollTable {
  public:
    explicit Table(EpollItem& item) : item_(item) {}
    void add(sync::WaitQueue& queue) override {
        EpollItem::Wait* wait;
        if (item_.wait_count < EpollItem::kInlineWaits) {
            wait = &item_.waits[item_.wait_count++];
        } else {
            auto* extra = new (std::nothrow) EpollItem::Extra{item_.extra, {}};
            if (extra == nullptr) {
                failed_ = true;
                return;
            }
            item_.extra = extra;
            wait = &extra->wait;
        }
        wait->item = &item_;
        wait->callback = Epoll::woken;
        wait->exclusive = item_.exclusive;
        queue.add(*wait);
    }
    bool failed() const { return failed_; }

  private:
    EpollItem& item_;
    bool failed_ = false;
};

const void* Epoll::tag() const {
    return &kTag;
}

Epoll* epoll_of(vfs::File& file) {
    return file.tag() == &kTag ? static_cast<Epoll*>(file.raw_ops()) : nullptr;
}

bool Epoll::mark_ready(EpollItem& item) {
    sync::IrqSpinGuard guard(ready_lock_);
    if (item.ready) return false;
    item.ready = true;
    item.ready_next = nullptr;
    if (ready_last_ != nullptr)
        ready_last_->ready_next = &item;
    else
        ready_first_ = &item;
    ready_last_ = &item;
    ready_count_.fetch_add(1, std::memory_order_release);
    return true;
}

void Epoll::wake_waiters() {
    wait_.wake_one();
    poll_wait_.wake_all(vfs::kPollIn | vfs::kPollRdNorm);
}

// Any context, the file's queue locked.
bool Epoll::woken(sync::WaitEntry& entry, u32 events) {
    EpollItem& item = *static_cast<EpollItem::Wait&>(entry).item;
    u32 wanted = item.events.load(std::memory_order_relaxed);
    if ((wanted & ~kPrivate) == 0) return false;  // a one-shot that has fired
    if (events != 0 && !(events & wanted)) return false;
    Epoll& owner = *item.owner;
    bool somebody = owner.sleepers_.load(std::memory_order_relaxed) != 0;
    owner.mark_ready(item);
    owner.wake_waiters();
    // A wake-up of one goes on to the next unless this one found a waiter.
    return !item.exclusive || somebody;
}

EpollItem* Epoll::take_ready() {
    sync::IrqSpinGuard guard(ready_lock_);
    EpollItem* item = ready_first_;
    if (item == nullptr) return nullptr;
    ready_first_ = item->ready_next;
    if (ready_first_ == nullptr) ready_last_ = nullptr;
    item->ready = false;
    ready_count_.fetch_sub(1, std::memory_order_relaxed);
    return item;
}

void Epoll::unready(EpollItem& item) {
    sync::IrqSpinGuard guard(ready_lock_);
    if (!item.ready) return;
    EpollItem* before = nullptr;
    for (EpollItem* i = ready_first_; i != &item; i = i->ready_next) before = i;
    (before != nullptr ? before->ready_next : ready_first_) = item.ready_next;
    if (ready_last_ == &item) ready_last_ = before;
    item.ready = false;
    ready_count_.fetch_sub(1, std::memory_order_relaxed);
}

EpollItem* Epoll::find_locked(const vfs::File& file, i32 fd) {
    auto i = items_.find(Key{&file, fd}, Order());
    return i == items_.end() ? nullptr : &*i;
}

void Epoll::destroy_locked(EpollItem& item) {
    for (u32 i = 0; i < item.wait_count; i++) sync::WaitQueue::take_off(item.waits[i]);
    while (EpollItem::Extra* e = item.extra) {
        item.extra = e->next;
        sync::WaitQueue::take_off(e->wait);
        delete e;
    }
    // No wake-up can reach it any more.
    unready(item);
    items_.erase(items_.iterator_to(item));
    auto* chain = static_cast<EpollItem*>(item.file->watchers.load(std::memory_order_relaxed));
    if (chain == &item) {
        item.file->watchers.store(item.watch_next, std::memory_order_relaxed);
    } else {
        while (chain->watch_next != &item) chain = chain->watch_next;
        chain->watch_next = item.watch_next;
    }
    delete &item;
}

Epoll::~Epoll() = default;

void Epoll::release(vfs::File&) {
    sync::MutexGuard watch(watch_lock);
    sync::MutexGuard guard(lock_);
    while (!items_.empty()) destroy_locked(*items_.begin());
}

void Epoll::file_closed(vfs::File& file) {
    sync::MutexGuard watch(watch_lock);
    while (auto* item = static_cast<EpollItem*>(file.watchers.load(std::memory_order_relaxed))) {
        Epoll& owner = *item->owner;
        sync::MutexGuard guard(owner.lock_);
        owner.destroy_locked(*item);
    }
}

// How many levels of sets there are from this one down, or kMaxNesting if `goal` is among them. A
// set that many watch is looked at once in a walk. watch_lock held, which keeps all chains still.
u32 Epoll::levels_below(const Epoll& goal) {
    if (this == &goal) return kMaxNesting;
    if (walk_ == walk) return levels_;
    walk_ = walk;
    u32 most = 0;
    for (EpollItem& item : items_) {
        Epoll* below = epoll_of(*item.file);
        if (below != nullptr) most = std::max(most, below->levels_below(goal));
    }
    return levels_ = 1 + most;
}

// And from this one up: a chain that grows at its lower end becomes as deep as one that grows at
// its upper end, and each level costs stack, in poll and in a wake-up.
u32 Epoll::levels_above() {
    if (walk_ == walk) return levels_;
    walk_ = walk;
    u32 most = 0;
    auto* item = static_cast<EpollItem*>(own_->watchers.load(std::memory_order_relaxed));
    for (; item != nullptr; item = item->watch_next)
        most = std::max(most, item->owner->levels_above());
    return levels_ = 1 + most;
}

Result<void> Epoll::add(vfs::File& own, vfs::File& target, i32 fd, const uapi::epoll_event& event) {
    Epoll* nested = epoll_of(target);
    u32 wanted = event.events | EPOLLERR | EPOLLHUP;
    if ((event.events & EPOLLEXCLUSIVE) &&
        (nested != nullptr || (event.events & ~kExclusiveAllowed)))
        return Err(Error::inval);
    auto fresh = mm::make<EpollItem>();
    if (!fresh) return Err(Error::nomem);
    fresh->owner = this;
    fresh->file = &target;
    fresh->fd = fd;
    fresh->events = wanted;
    fresh->data = event.data;
    fresh->exclusive = event.events & EPOLLEXCLUSIVE;

    sync::MutexGuard watch(watch_lock);
    own_ = &own;
    if (nested != nullptr) {
        ++walk;
        const u32 below = nested->levels_below(*this);
        ++walk;
        if (below + levels_above() > kMaxNesting) return Err(Error::loop);
    }
    sync::MutexGuard guard(lock_);
    if (find_locked(target, fd) != nullptr) return Err(Error::exist);
    EpollItem& item = *fresh.release();
    items_.insert(item);
    item.watch_next = static_cast<EpollItem*>(target.watchers.load(std::memory_order_relaxed));
    target.watchers.store(&item, std::memory_order_release);
    Table table(item);
    u32 now = target.poll(&table);
    if (table.failed()) {
        destroy_locked(item);
        return Err(Error::nomem);
    }
    if ((now & wanted) != 0 && mark_ready(item)) wake_waiters();
    return {};
}

Result<void> Epoll::modify(vfs::File& target, i32 fd, const uapi::epoll_event& event) {
    sync::MutexGuard guard(lock_);
    EpollItem* item = find_locked(target, fd);
    if (item == nullptr) return Err(Error::noent);
    if (item->exclusive) return Err(Error::inval);
    u32 wanted = event.events | EPOLLERR | EPOLLHUP;
    item->events.store(wanted, std::memory_order_relaxed);
    item->data = event.data;
    // A wake-up that still saw the old mask is made up for by this look.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if ((target.poll(nullptr) & wanted) != 0 && mark_ready(*item)) wake_waiters();
    return {};
}

Result<void> Epoll::remove(vfs::File& target, i32 fd) {
    sync::MutexGuard watch(watch_lock);
    sync::MutexGuard guard(lock_);
    EpollItem* item = find_locked(target, fd);
    if (item == nullptr) return Err(Error::noent);
    destroy_locked(*item);
    return {};
}

// Reports what is ready, as it turns out when asked. 0: nothing was.
Result<i32> Epoll::send_events(u64 user_events, i32 max_events) {
    sync::MutexGuard guard(lock_);
    i32 count = 0;
    Result<void> failed;
    u32 looked = 0, there = ready_count_.load(std::memory_order_acquire);
    while (count < max_events && looked++ < there) {
        EpollItem* item = take_ready();
        if (item == nullptr) break;
        u32 wanted = item->events.load(std::memory_order_relaxed);
        u32 now = item->file->poll(nullptr) & wanted & ~kPrivate;
        if (now == 0) continue;
        uapi::epoll_event out = {};
        out.events = now;
        out.data = item->data;
        if (!mm::copy_to_user(UserAddr{user_events + count * sizeof(out)}, &out, sizeof(out))) {
            mark_ready(*item);
            if (count == 0) failed = Err(Error::fault);
            break;
        }
        count++;
        if (wanted & EPOLLONESHOT)
            item->events.store(wanted & kPrivate, std::memory_order_relaxed);
        else if (!(wanted & EPOLLET))
            mark_ready(*item);
    }
    if (!failed) return Err(failed.error());
    return count;
}

Result<i64> Epoll::wait(u64 user_events, i32 max_events, sync::Deadline deadline) {
    for (;;) {
        if (ready_count_.load(std::memory_order_acquire) != 0) {
            TRY_ASSIGN(i32 count, send_events(user_events, max_events));
            if (count != 0) {
                // Others may take what is left, or the same level-triggered items.
                if (ready_count_.load(std::memory_order_acquire) != 0) wait_.wake_one();
                return count;
            }
        }
        if (deadline.ns == 0) return 0;
        sleepers_.fetch_add(1, std::memory_order_relaxed);
        Result<void> slept =
            wait_.wait([this] { return ready_count_.load(std::memory_order_acquire) != 0; },
                       sync::WaitMode::interruptible, deadline, true);
        sleepers_.fetch_sub(1, std::memory_order_relaxed);
        if (!slept) {
            if (slept.error() != Error::timedout) return Err(slept.error());
            deadline = sync::Deadline{0};  // one last look
        }
    }
}

u32 Epoll::poll(vfs::File&, vfs::PollTable* table) {
    if (table != nullptr) table->add(poll_wait_);
    if (ready_count_.load(std::memory_order_acquire) == 0) return 0;
    sync::MutexGuard guard(lock_);
    u32 there = ready_count_.load(std::memory_order_acquire);
    while (there-- != 0) {
        EpollItem* item = take_ready();
        if (item == nullptr) break;
        u32 wanted = item->events.load(std::memory_order_relaxed);
        if ((item->file->poll(nullptr) & wanted & ~kPrivate) == 0) continue;
        mark_ready(*item);
        return vfs::kPollIn | vfs::kPollRdNorm;
    }
    return 0;
}

void Epoll::describe(vfs::File&, fmt::Sink& sink) {
    sync::MutexGuard guard(lock_);
    for (EpollItem& item : items_) {
        vfs::Inode& inode = item.file->inode();
        fmt::print(sink, "tfd: {:8} events: {:8x} data: {:16x}  pos:{} ino:{:x} sdev:{:x}\n",
                   item.fd, item.events.load(std::memory_order_relaxed), item.data,
                   item.file->position(), inode.ino(), encode_device(inode.super().device));
    }
}

}  // namespace tenon::personality
