// epoll: a set of watched files with a list of those that may be ready.
//
// An item hangs on the wait queues that its file named. A wake-up there puts it on the ready list
// (in any context, under the list's spin lock) and wakes who waits in epoll_wait. Whether it really
// is ready, the waiter asks the file itself. Level-triggered items go back on the list after they
// were reported; edge-triggered ones wait for the next wake-up.
//
// Locks: watch_lock (which items watch which file; shape of nested sets) -> Epoll::lock_ (items) ->
// queue locks -> ready_lock_. Nested sets take lock_ from outside in; loops are refused when made.
// An item has no reference to its file: the last close removes it, before the file goes.
#pragma once

#include <tenon/lib/intrusive.h>

#include "personality/linux/poll/wait.h"

namespace tenon::personality {

using uapi::__poll_t;  // the EPOLL* macros name it

class Epoll;

struct EpollItem {
    struct Wait : sync::WaitEntry {
        EpollItem* item = nullptr;
    };
    static constexpr u32 kInlineWaits = 2;

    Epoll* owner = nullptr;
    vfs::File* file = nullptr;
    i32 fd = 0;
    std::atomic<u32> events{0};  // wanted, with EPOLLET and friends
    u64 data = 0;
    bool ready = false;  // on the ready list; guarded by ready_lock_
    bool exclusive = false;
    EpollItem* ready_next = nullptr;
    SetHook item_hook;                // Epoll::items_
    EpollItem* watch_next = nullptr;  // chain of File::watchers; watch_lock
    Wait waits[kInlineWaits];
    u32 wait_count = 0;
    struct Extra;
    Extra* extra = nullptr;
};

class Epoll final : public vfs::FileOps {
  public:
    ~Epoll() override;
    u32 poll(vfs::File& file, vfs::PollTable* table) override;
    void release(vfs::File& file) override;
    void describe(vfs::File& file, fmt::Sink& sink) override;
    bool is_stream() const override { return true; }
    // Seeking is allowed and goes nowhere.
    Result<u64> seek(vfs::File&, i64, Whence) override { return u64{0}; }
    const void* tag() const override;

    // `own` is this set's file.
    Result<void> add(vfs::File& own, vfs::File& target, i32 fd, const uapi::epoll_event& event);
    Result<void> modify(vfs::File& target, i32 fd, const uapi::epoll_event& event);
    Result<void> remove(vfs::File& target, i32 fd);
    Result<i64> wait(u64 user_events, i32 max_events, sync::Deadline deadline);
    // A watched file is gone.
    static void file_closed(vfs::File& file);

  private:
    friend struct EpollItem;
    struct Key {
        const vfs::File* file;
        i32 fd;
    };
    struct Order {
        bool operator()(const EpollItem& a, const EpollItem& b) const {
            return a.file != b.file ? a.file < b.file : a.fd < b.fd;
        }
        bool operator()(const Key& a, const EpollItem& b) const {
            return a.file != b.file ? a.file < b.file : a.fd < b.fd;
        }
        bool operator()(const EpollItem& a, const Key& b) const {
            return a.file != b.file ? a.file < b.file : a.fd < b.fd;
        }
    };
    using Items = bi::set<EpollItem, bi::member_hook<EpollItem, SetHook, &EpollItem::item_hook>,
                          bi::compare<Order>, bi::constant_time_size<false>>;
    class Table;

    static bool woken(sync::WaitEntry& entry, u32 events);
    // Puts it on the ready list; true if it was not there.
    bool mark_ready(EpollItem& item);
    void wake_waiters();
    EpollItem* find_locked(const vfs::File& file, i32 fd);
    void destroy_locked(EpollItem& item);  // watch_lock and lock_ held
    EpollItem* take_ready();
    void unready(EpollItem& item);
    u32 levels_below(const Epoll& goal);
    u32 levels_above();
    Result<i32> send_events(u64 user_events, i32 max_events);

    // Under watch_lock: its own file, once it watches something; what the walk of that number
    // found.
    vfs::File* own_ = nullptr;
    u64 walk_ = 0;
    u32 levels_ = 0;
    sync::Mutex lock_{sync::LockRank::none};
    Items items_;
    sync::SpinLock ready_lock_{sync::LockRank::none};
    EpollItem* ready_first_ = nullptr;
    EpollItem* ready_last_ = nullptr;
    std::atomic<u32> ready_count_{0};
    std::atomic<u32> sleepers_{0};                     // in epoll_wait
    sync::WaitQueue wait_{sync::LockRank::none};       // epoll_wait
    sync::WaitQueue poll_wait_{sync::LockRank::none};  // poll on the epoll file itself
};

// Null if the file is no epoll.
Epoll* epoll_of(vfs::File& file);

}  // namespace tenon::personality
