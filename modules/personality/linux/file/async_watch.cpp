#include "personality/linux/file/async_watch.h"

#include <tenon/lib/intrusive.h>
#include <tenon/mm/slab.h>
#include <tenon/vfs/dentry.h>
#include <tenon/vfs/inode.h>
#include <tenon/vfs/poll.h>

#include "personality/linux/abi.h"
#include "personality/linux/file/async.h"
#include "personality/linux/poll/deferred.h"

namespace tenon::personality {

namespace {

constexpr u32 kReadable = vfs::kPollIn | vfs::kPollRdNorm;
constexpr u32 kWritable = vfs::kPollOut | vfs::kPollWrNorm;
constexpr u32 kUnsaid = 1u << 31;  // a wake-up that did not say what for

struct AsyncWatch final : vfs::PollTable, Deferred {
    struct Wait : sync::WaitEntry {
        AsyncWatch* watch = nullptr;
    };
    static constexpr u32 kMaxWaits = 2;  // no file of these kinds names more

    vfs::File* file = nullptr;
    i32 fd = 0;
    SetHook hook;
    Wait waits[kMaxWaits];
    u32 wait_count = 0;
    std::atomic<u32> events{0};

    void add(sync::WaitQueue& queue) override;
    void leave_queues();
    void run() override;
};

struct FileOfWatch {
    using type = vfs::File*;
    vfs::File* operator()(const AsyncWatch& watch) const { return watch.file; }
};

// Which files are watched. Not held while a signal is sent. No rank: a file's own locks may be held
// when its last reference goes.
constinit sync::Mutex watches_lock{sync::LockRank::none};
using Watches =
    bi::set<AsyncWatch, bi::member_hook<AsyncWatch, SetHook, &AsyncWatch::hook>, bi::key_of_value<FileOfWatch>>;
constinit Watches* watches = nullptr;  // made with the first watch

// Any context, the file's queue locked. It wakes no sleeper of the file.
bool woken(sync::WaitEntry& entry, u32 events) {
    AsyncWatch& watch = *static_cast<AsyncWatch::Wait&>(entry).watch;
    watch.events.fetch_or(events != 0 ? events : kUnsaid, std::memory_order_release);
    watch.defer();
    return false;
}

void AsyncWatch::add(sync::WaitQueue& queue) {
    if (wait_count == kMaxWaits) return;
    Wait& wait = waits[wait_count++];
    wait.watch = this;
    wait.callback = woken;
    queue.add(wait);
}

void AsyncWatch::leave_queues() {
    for (u32 i = 0; i < wait_count; ++i) sync::WaitQueue::take_off(waits[i]);
}

void AsyncWatch::run() {
    u32 said = events.exchange(0, std::memory_order_acquire);
    if (said & kUnsaid) said |= file->poll(nullptr) & kReadable;
    if ((said & kReadable) && file->readable()) signal_owner(*file, fd, POLL_IN);
    if ((said & kWritable) && file->writable()) signal_owner(*file, fd, POLL_OUT);
}

bool has_signals(const vfs::File& file) {
    const vfs::Mode type = file.inode().mode & vfs::kTypeMask;
    return type == vfs::kFifo || type == vfs::kSocket || type == vfs::kCharDevice;
}

Result<void> make_set_locked() {
    if (watches != nullptr) return {};
    TRY(start_deferring());
    watches = mm::make<Watches>().release();
    if (watches == nullptr) return Err(Error::nomem);
    return {};
}

// Null if the file has none.
std::unique_ptr<AsyncWatch> take_locked(vfs::File& file) {
    if (watches == nullptr) return nullptr;
    auto found = watches->find(&file);
    if (found == watches->end()) return nullptr;
    std::unique_ptr<AsyncWatch> watch(&*found);
    watches->erase(found);
    return watch;
}

// Nothing more comes of it; what it was told before is sent.
void end(std::unique_ptr<AsyncWatch> watch) {
    watch->leave_queues();
    settle_deferred();
}

}  // namespace

Result<void> set_async(vfs::File& file, i32 fd, bool on) {
    if (!on) {
        std::unique_ptr<AsyncWatch> watch;
        {
            sync::MutexGuard guard(watches_lock);
            watch = take_locked(file);
            if (watch) file.set_flags(0, vfs::kOpenAsync);
        }
        if (watch) end(std::move(watch));
        return {};
    }
    if (!has_signals(file)) return Err(Error::notty);
    std::unique_ptr<AsyncWatch> refused;
    {
        sync::MutexGuard guard(watches_lock);
        if (file.flags() & vfs::kOpenAsync) return {};
        TRY(make_set_locked());
        auto fresh = mm::make<AsyncWatch>();
        if (!fresh) return Err(Error::nomem);
        fresh->file = &file;
        fresh->fd = fd;
        AsyncWatch& made = *fresh.release();
        watches->insert(made);
        (void)file.poll(&made);
        if (made.wait_count != 0) {
            file.set_flags(vfs::kOpenAsync, 0);
            return {};
        }
        refused = take_locked(file);  // a device that is always ready
    }
    return Err(Error::notty);
}

void settle_async(vfs::File& file) {
    if (file.flags() & vfs::kOpenAsync) settle_deferred();
}

void async_file_closed(vfs::File& file) {
    std::unique_ptr<AsyncWatch> watch;
    {
        sync::MutexGuard guard(watches_lock);
        watch = take_locked(file);
    }
    if (!watch) return;
    watch->leave_queues();
    watch->withdraw();
}

void stop_async() {
    delete std::exchange(watches, nullptr);
}

}  // namespace tenon::personality
