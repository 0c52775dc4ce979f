#include "personality/linux/file/async_watch.h"

#include <tenon/lib/intrusive.h>
#include <tenon/mm/slab.h>
#include <tenon/sched/kthread.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/poll.h>

#include "personality/linux/abi.h"
#include "personality/linux/file/async.h"

namespace tenon::personality {

namespace {

constexpr u32 kReadable = vfs::kPollIn | vfs::kPollRdNorm;
constexpr u32 kWritable = vfs::kPollOut | vfs::kPollWrNorm;
constexpr u32 kUnsaid = 1u << 31;  // a wake-up that did not say what for

struct AsyncWatch final : vfs::PollTable {
    struct Wait : sync::WaitEntry {
        AsyncWatch* watch = nullptr;
    };
    static constexpr u32 kMaxWaits = 2;  // no file of these kinds names more

    vfs::File* file = nullptr;
    i32 fd = 0;
    SetHook hook;
    Wait waits[kMaxWaits];
    u32 wait_count = 0;
    // --- guarded by pending_lock
    u32 events = 0;
    bool pending = false;
    AsyncWatch* next = nullptr;

    void add(sync::WaitQueue& queue) override;
};

struct FileOfWatch {
    using type = vfs::File*;
    vfs::File* operator()(const AsyncWatch& watch) const { return watch.file; }
};

// Which files are watched. Held while a signal is sent, so that a watch stays until it was. No
// rank: a file's own locks may be held when its last reference goes.
constinit sync::Mutex watches_lock{sync::LockRank::none};
using Watches =
    bi::set<AsyncWatch, bi::member_hook<AsyncWatch, SetHook, &AsyncWatch::hook>, bi::key_of_value<FileOfWatch>>;
struct State {
    Watches watches;
    sched::KThread* thread = nullptr;
};
constinit State* state = nullptr;  // made with the first watch

// Taken under any queue's lock.
constinit sync::SpinLock pending_lock{sync::LockRank::none};
constinit AsyncWatch* pending_first = nullptr;
constinit sync::WaitQueue pending_queue{sync::LockRank::none};

// Any context, the file's queue locked. It wakes no sleeper of the file.
bool woken(sync::WaitEntry& entry, u32 events) {
    AsyncWatch& watch = *static_cast<AsyncWatch::Wait&>(entry).watch;
    {
        sync::IrqSpinGuard guard(pending_lock);
        watch.events |= events != 0 ? events : kUnsaid;
        if (watch.pending) return false;
        watch.pending = true;
        watch.next = std::exchange(pending_first, &watch);
    }
    pending_queue.wake_one();
    return false;
}

void AsyncWatch::add(sync::WaitQueue& queue) {
    if (wait_count == kMaxWaits) return;
    Wait& wait = waits[wait_count++];
    wait.watch = this;
    wait.callback = woken;
    queue.add(wait);
}

AsyncWatch* take_pending(u32& events) {
    sync::IrqSpinGuard guard(pending_lock);
    AsyncWatch* watch = pending_first;
    if (watch == nullptr) return nullptr;
    pending_first = watch->next;
    watch->pending = false;
    events = std::exchange(watch->events, 0);
    return watch;
}

bool have_pending() {
    sync::IrqSpinGuard guard(pending_lock);
    return pending_first != nullptr;
}

void deliver_locked() {
    u32 events = 0;
    while (AsyncWatch* watch = take_pending(events)) {
        vfs::File& file = *watch->file;
        if (events & kUnsaid) events |= file.poll(nullptr) & kReadable;
        if ((events & kReadable) && file.readable()) signal_owner(file, watch->fd, POLL_IN);
        if ((events & kWritable) && file.writable()) signal_owner(file, watch->fd, POLL_OUT);
    }
}

void run(void*) {
    while (!sched::KThread::should_stop()) {
        (void)pending_queue.wait([] { return have_pending() || sched::KThread::should_stop(); });
        sync::MutexGuard guard(watches_lock);
        deliver_locked();
    }
}

bool has_signals(const vfs::File& file) {
    const vfs::Mode type = file.inode().mode & vfs::kTypeMask;
    return type == vfs::kFifo || type == vfs::kSocket || type == vfs::kCharDevice;
}

Result<void> make_state_locked() {
    if (state != nullptr) return {};
    auto fresh = mm::make<State>();
    if (!fresh) return Err(Error::nomem);
    TRY_ASSIGN(fresh->thread, sched::KThread::start("async_io", run, nullptr));
    state = fresh.release();
    return {};
}

void remove_locked(vfs::File& file) {
    if (state == nullptr) return;
    auto found = state->watches.find(&file);
    if (found == state->watches.end()) return;
    AsyncWatch& watch = *found;
    for (u32 i = 0; i < watch.wait_count; ++i) sync::WaitQueue::take_off(watch.waits[i]);
    {
        sync::IrqSpinGuard guard(pending_lock);
        for (AsyncWatch** at = &pending_first; *at != nullptr; at = &(*at)->next) {
            if (*at != &watch) continue;
            *at = watch.next;
            break;
        }
    }
    state->watches.erase(found);
    delete &watch;
}

}  // namespace

Result<void> set_async(vfs::File& file, i32 fd, bool on) {
    sync::MutexGuard guard(watches_lock);
    if (on == ((file.flags() & vfs::kOpenAsync) != 0)) return {};
    if (!on) {
        deliver_locked();
        remove_locked(file);
        file.set_flags(0, vfs::kOpenAsync);
        return {};
    }
    if (!has_signals(file)) return Err(Error::notty);
    TRY(make_state_locked());
    auto watch = mm::make<AsyncWatch>();
    if (!watch) return Err(Error::nomem);
    watch->file = &file;
    watch->fd = fd;
    AsyncWatch& made = *watch.release();
    state->watches.insert(made);
    (void)file.poll(&made);
    if (made.wait_count == 0) {  // a device that is always ready
        remove_locked(file);
        return Err(Error::notty);
    }
    file.set_flags(vfs::kOpenAsync, 0);
    return {};
}

void settle_async(vfs::File& file) {
    if (!(file.flags() & vfs::kOpenAsync)) return;
    sync::MutexGuard guard(watches_lock);
    deliver_locked();
}

void async_file_closed(vfs::File& file) {
    sync::MutexGuard guard(watches_lock);
    remove_locked(file);
}

void stop_async() {
    if (state == nullptr) return;
    sched::KThread::stop(state->thread);
    delete std::exchange(state, nullptr);
}

}  // namespace tenon::personality
