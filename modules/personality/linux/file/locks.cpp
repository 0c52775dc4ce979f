// Advisory locks: record locks (POSIX and OFD) and flock.
//
// Each inode that was ever locked carries a FileLocks until it goes. Sleepers wait on the inode's
// queue and try again. Deadlocks among processes are found by walking who waits for whom, under one
// lock that all sleepers of record locks pass; OFD locks and flock do not take part, as in Linux.
#include "personality/linux/file/locks.h"

#include <tenon/process/process.h>
#include <tenon/mm/slab.h>
#include <tenon/vfs/super_block.h>

namespace tenon::personality {

using vfs::File;
using vfs::Inode;

struct FlockHolder {
    File* file;
    LockType type;
    i32 pid;
    ListHook hook;
};

struct FileLocks {
    sync::Mutex lock{sync::LockRank::sleeping_leaf};
    LockRangeList ranges;
    List<FlockHolder, &FlockHolder::hook> holders;
    sync::WaitQueue released;
    std::atomic<u32> releases{0};
    void tell_waiters() {
        releases.fetch_add(1, std::memory_order_release);
        released.wake_all();
    }
    Inode* inode = nullptr;
    ListHook all_hook;
};

namespace {

// Who sleeps for a record lock of whom.
struct Waiter {
    const void* owner;
    const void* blocker;
    Waiter* next;
};
constinit sync::SpinLock waiters_lock{sync::LockRank::spin_leaf};
constinit Waiter* waiters = nullptr;

constinit sync::Mutex all_lock{sync::LockRank::vfs_mount};
struct AllLocks {
    List<FileLocks, &FileLocks::all_hook> list;
};
alignas(AllLocks) constinit u8 all_storage[sizeof(AllLocks)] = {};
constinit bool all_ready = false;
AllLocks& all_locked() {
    if (!all_ready) {
        new (all_storage) AllLocks();
        all_ready = true;
    }
    return *reinterpret_cast<AllLocks*>(all_storage);
}

FileLocks* locks_if_any(Inode& inode) {
    return static_cast<FileLocks*>(inode.locks.load(std::memory_order_acquire));
}

Result<FileLocks*> locks_of(Inode& inode) {
    if (FileLocks* locks = locks_if_any(inode)) return locks;
    auto* fresh = new (std::nothrow) FileLocks();
    if (fresh == nullptr) return Err(Error::nomem);
    fresh->inode = &inode;
    sync::MutexGuard guard(all_lock);
    void* other = nullptr;
    if (!inode.locks.compare_exchange_strong(other, fresh, std::memory_order_acq_rel)) {
        delete fresh;
        return static_cast<FileLocks*>(other);
    }
    all_locked().list.push_back(*fresh);
    return fresh;
}

bool would_deadlock_locked(const void* owner, const void* blocker) {
    // Chains are short; a bound keeps a bug from hanging the machine (Linux gives up at 10).
    for (u32 depth = 0; depth < 64; depth++) {
        if (blocker == owner) return true;
        Waiter* w = waiters;
        while (w != nullptr && w->owner != blocker) w = w->next;
        if (w == nullptr) return false;
        blocker = w->blocker;
    }
    return false;
}

// Registers a sleep in the graph for its duration.
class WaitsFor {
  public:
    WaitsFor(const void* owner, const void* blocker) : entry_{owner, blocker, nullptr} {
        sync::SpinGuard guard(waiters_lock);
        deadlock_ = would_deadlock_locked(owner, blocker);
        if (deadlock_) return;
        entry_.next = waiters;
        waiters = &entry_;
    }
    ~WaitsFor() {
        if (deadlock_) return;
        sync::SpinGuard guard(waiters_lock);
        for (Waiter** link = &waiters; *link != nullptr; link = &(*link)->next)
            if (*link == &entry_) {
                *link = entry_.next;
                return;
            }
    }
    TENON_NONCOPYABLE(WaitsFor);
    bool deadlock() const { return deadlock_; }

  private:
    Waiter entry_;
    bool deadlock_ = false;
};

struct Spares {
    LockRange* range[2] = {};
    Result<void> fill() {
        for (LockRange*& r : range) {
            r = new (std::nothrow) LockRange();
            if (r == nullptr) return Err(Error::nomem);
        }
        return {};
    }
    ~Spares() {
        delete range[0];
        delete range[1];
    }
};

void free_ranges(LockRangeList& dead) {
    while (!dead.empty()) {
        LockRange& r = dead.front();
        dead.pop_front();
        delete &r;
    }
}

}  // namespace

Result<void> set_record_lock(File& file, const RecordLock& wanted, bool wait) {
    if (wanted.type == LockType::unlock && locks_if_any(file.inode()) == nullptr) return {};
    TRY_ASSIGN(FileLocks * locks, locks_of(file.inode()));
    Spares spares;
    TRY(spares.fill());
    for (;;) {
        const void* blocker;
        const u32 seen = locks->releases.load(std::memory_order_acquire);
        {
            LockRangeList dead;
            bool changed = false;
            {
                sync::MutexGuard guard(locks->lock);
                LockRange* conflict = first_conflict(locks->ranges, wanted);
                if (conflict == nullptr) {
                    apply_lock(locks->ranges, wanted, spares.range, dead);
                    changed = true;
                } else {
                    blocker = conflict->lock.owner;
                }
            }
            if (changed) {
                free_ranges(dead);
                // Unlocking frees, and so does a write lock that became a read lock.
                if (wanted.type != LockType::write) locks->tell_waiters();
                return {};
            }
        }
        if (!wait) return Err(Error::again);
        bool posix = wanted.pid >= 0;
        WaitsFor edge(posix ? wanted.owner : nullptr, blocker);
        if (posix && edge.deadlock()) return Err(Error::deadlk);
        // Each release is looked at anew: another lock may be in the way by now, whose owner may
        // wait for this one.
        TRY(locks->released.wait(
            [&] { return locks->releases.load(std::memory_order_acquire) != seen; }));
    }
}

Result<RecordLock> test_record_lock(File& file, const RecordLock& wanted) {
    RecordLock none = wanted;
    none.type = LockType::unlock;
    FileLocks* locks = locks_if_any(file.inode());
    if (locks == nullptr) return none;
    sync::MutexGuard guard(locks->lock);
    LockRange* conflict = first_conflict(locks->ranges, wanted);
    return conflict != nullptr ? conflict->lock : none;
}

void release_record_locks(File& file, const void* owner) {
    FileLocks* locks = locks_if_any(file.inode());
    if (locks == nullptr) return;
    LockRangeList dead;
    {
        sync::MutexGuard guard(locks->lock);
        for (auto i = locks->ranges.begin(); i != locks->ranges.end();) {
            LockRange& r = *i++;
            if (r.lock.owner != owner) continue;
            locks->ranges.erase(locks->ranges.iterator_to(r));
            dead.push_back(r);
        }
    }
    if (dead.empty()) return;
    free_ranges(dead);
    locks->tell_waiters();
}

namespace {

void release_flock(File& file) {
    FileLocks* locks = locks_if_any(file.inode());
    if (locks == nullptr) return;
    std::unique_ptr<FlockHolder> gone;
    {
        sync::MutexGuard guard(locks->lock);
        for (FlockHolder& h : locks->holders)
            if (h.file == &file) {
                locks->holders.erase(locks->holders.iterator_to(h));
                gone.reset(&h);
                break;
            }
    }
    if (gone) locks->tell_waiters();
}

}  // namespace

Result<void> watch_closes(vfs::Inode& inode) {
    TRY(locks_of(inode));
    return {};
}

Result<void> set_flock(File& file, LockType type, bool wait) {
    if (type == LockType::unlock) {
        release_flock(file);
        return {};
    }
    TRY_ASSIGN(FileLocks * locks, locks_of(file.inode()));
    auto fresh = mm::make<FlockHolder>();
    if (!fresh) return Err(Error::nomem);
    auto conflict = [&] {
        for (FlockHolder& h : locks->holders)
            if (h.file != &file && (type == LockType::write || h.type == LockType::write))
                return true;
        return false;
    };
    bool dropped = false;
    for (;;) {
        {
            std::unique_ptr<FlockHolder> old;
            sync::MutexGuard guard(locks->lock);
            for (FlockHolder& h : locks->holders)
                if (h.file == &file) {
                    if (h.type == type) return {};
                    // A conversion is not atomic: the old lock goes first.
                    locks->holders.erase(locks->holders.iterator_to(h));
                    old.reset(&h);
                    dropped = true;
                    break;
                }
            if (!conflict()) {
                fresh->file = &file;
                fresh->type = type;
                fresh->pid = process::current_process().pid;
                locks->holders.push_back(*fresh.release());
                break;
            }
        }
        if (dropped) locks->tell_waiters();
        if (!wait) return Err(Error::again);
        TRY(locks->released.wait([&] {
            sync::MutexGuard guard(locks->lock);
            return !conflict();
        }));
    }
    if (dropped) locks->tell_waiters();
    return {};
}

void release_file_locks(File& file) {
    release_record_locks(file, &file);
    release_flock(file);
}

namespace {
void destroy(FileLocks& locks) {
    free_ranges(locks.ranges);
    delete &locks;
}
}  // namespace

// Nobody has the inode open, so nothing is held.
void release_inode_locks(Inode& inode) {
    auto* locks = static_cast<FileLocks*>(inode.locks.exchange(nullptr, std::memory_order_acq_rel));
    if (locks == nullptr) return;
    {
        sync::MutexGuard guard(all_lock);
        all_locked().list.erase(all_locked().list.iterator_to(*locks));
    }
    destroy(*locks);
}

void forget_all_locks() {
    sync::MutexGuard guard(all_lock);
    while (!all_locked().list.empty()) {
        FileLocks& locks = all_locked().list.front();
        all_locked().list.pop_front();
        locks.inode->locks.store(nullptr, std::memory_order_release);
        destroy(locks);
    }
}

void show_locks(fmt::Sink& out, vfs::File* of, const void* owner) {
    u32 number = 0;
    auto show = [&](Inode& inode, const RecordLock& lock, std::string_view kind) {
        if (of != nullptr) {
            if (&inode != &of->inode() || (lock.owner != of && lock.owner != owner)) return;
            out.write("lock:\t");
        }
        const vfs::DeviceNumber device = inode.super().device;
        fmt::print(out, "{}: {} ADVISORY  {} {} {:02x}:{:02x}:{} {} ", ++number, kind,
                   lock.type == LockType::write ? "WRITE" : "READ ", lock.pid, device.major,
                   device.minor, inode.ino(), lock.start);
        if (lock.end >= kOffsetMax)
            out.write("EOF\n");
        else
            fmt::print(out, "{}\n", lock.end);
    };
    sync::MutexGuard guard(all_lock);
    for (FileLocks& f : all_locked().list) {
        sync::MutexGuard file_guard(f.lock);
        for (FlockHolder& h : f.holders)
            show(*f.inode, {.type = h.type, .owner = h.file, .pid = h.pid}, "FLOCK ");
        for (LockRange& r : f.ranges)
            show(*f.inode, r.lock, r.lock.pid == -1 ? "OFDLCK" : "POSIX ");
    }
}

}  // namespace tenon::personality
