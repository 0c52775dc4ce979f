#include "personality/linux/file/leases.h"

#include <tenon/process/process.h>
#include <tenon/time/clock.h>
#include <tenon/vfs/dentry.h>

#include "personality/linux/abi.h"
#include "personality/linux/file/locks.h"
#include "personality/linux/system/settings.h"

namespace tenon::personality {

namespace {

using linux_settings::Setting;

// When a lease that is to be given back from now on is taken away. Without a time: never.
u64 deadline_of_break() {
    const i32 seconds = setting(Setting::lease_break_time);
    if (seconds <= 0) return ~u64{0};
    return time::monotonic_ns() + static_cast<u64>(seconds) * 1'000'000'000;
}

struct Lease {
    vfs::File* file;  // lives: its end takes the lease along
    i32 fd;
    i32 type;  // F_RDLCK, F_WRLCK
    // What somebody waits for, and until when.
    enum class Pending : u8 { none, downgrade, unlock } pending = Pending::none;
    u64 deadline_ns = 0;
    Lease* next = nullptr;

    vfs::Inode& inode() const { return file->inode(); }
    i32 target() const {
        switch (pending) {
            case Pending::unlock:
                return F_UNLCK;
            case Pending::downgrade:
                return F_RDLCK;
            default:
                return type;
        }
    }
};
constinit sync::Mutex g_lock{sync::LockRank::sleeping_leaf};
constinit Lease* g_leases GUARDED_BY(g_lock) = nullptr;
constinit std::atomic<u32> g_changes{0};
constinit sync::WaitQueue g_changed;

void change_locked(Lease& lease, i32 type) REQUIRES(g_lock) {
    if (type == F_UNLCK) {
        Lease** link = &g_leases;
        while (*link != &lease) link = &(*link)->next;
        *link = lease.next;
        g_lease_count.fetch_sub(1, std::memory_order_release);
        delete &lease;
    } else {
        lease.type = type;
        if (type == F_RDLCK && lease.pending == Lease::Pending::downgrade)
            lease.pending = Lease::Pending::none;
    }
    g_changes.fetch_add(1, std::memory_order_release);
    g_changed.wake_all();
}

// Takes what holders did not give up in time.
void time_out_locked() REQUIRES(g_lock) {
    const u64 now = time::monotonic_ns();
    for (Lease *lease = g_leases, *next; lease != nullptr; lease = next) {
        next = lease->next;
        if (lease->pending != Lease::Pending::none && now >= lease->deadline_ns)
            change_locked(*lease, lease->target());
    }
}

// Whether others have the file open in a way that a lease does not allow.
bool is_open_elsewhere(vfs::File& file, i32 type) {
    const i32 writers = file.inode().write_count.load(std::memory_order_acquire);
    if (type == F_RDLCK) return writers > 0;
    if (writers != (file.writable() ? 1 : 0)) return true;
    // Each open file holds the name, and so does the cache while it knows it.
    const vfs::Dentry& name = *file.path().dentry;
    return name.ref_count() > (name.is_unlinked() || name.is_anonymous() ? 1u : 2u);
}

Lease* find_locked(const vfs::File& file) REQUIRES(g_lock) {
    Lease* lease = g_leases;
    while (lease != nullptr && lease->file != &file) lease = lease->next;
    return lease;
}

// Tells the holders; the earliest moment at which a lease in the way ends by itself, or 0.
u64 ask_holders_locked(vfs::Inode& inode, LeaseBreak access) REQUIRES(g_lock) {
    u64 until = 0;
    for (Lease* at = g_leases; at != nullptr; at = at->next) {
        Lease& lease = *at;
        if (&lease.inode() != &inode) continue;
        if (access == LeaseBreak::read && lease.type != F_WRLCK) continue;
        const auto wanted =
            access == LeaseBreak::write ? Lease::Pending::unlock : Lease::Pending::downgrade;
        if (lease.pending < wanted) {
            lease.pending = wanted;
            lease.deadline_ns = deadline_of_break();
            signal_owner(*lease.file, lease.fd, POLL_MSG);
        }
        if (until == 0 || lease.deadline_ns < until) until = lease.deadline_ns;
    }
    return until;
}

}  // namespace

constinit std::atomic<u32> g_lease_count{0};

Result<void> set_lease(vfs::File& file, i32 fd, u64 type) {
    const process::Credentials& cred = process::current_credentials();
    vfs::Inode& inode = file.inode();
    if (type == F_UNLCK) {
        sync::MutexGuard guard(g_lock);
        Lease* own = find_locked(file);
        if (own == nullptr) return Err(Error::again);
        change_locked(*own, F_UNLCK);
        return {};
    }
    if (cred.fsuid != inode.uid && !cred.has(process::Capability::lease)) return Err(Error::acces);
    if (!vfs::is_regular(inode.mode)) return Err(Error::inval);
    if (type != F_RDLCK && type != F_WRLCK) return Err(Error::inval);
    TRY(watch_closes(inode));
    const i32 wanted = static_cast<i32>(type);
    std::unique_ptr<Lease> fresh(new (std::nothrow) Lease{&file, fd, wanted});
    if (!fresh) return Err(Error::nomem);
    sync::MutexGuard guard(g_lock);
    time_out_locked();
    if (is_open_elsewhere(file, wanted)) return Err(Error::again);
    for (Lease* other = g_leases; other != nullptr; other = other->next)
        if (&other->inode() == &inode && other->file != &file &&
            (wanted == F_WRLCK || other->pending == Lease::Pending::unlock))
            return Err(Error::again);
    own_signals(file);
    if (Lease* own = find_locked(file); own != nullptr) {
        change_locked(*own, wanted);
        return {};
    }
    if (setting(Setting::leases_enable) == 0) return Err(Error::inval);
    fresh->next = g_leases;
    g_leases = fresh.release();
    g_lease_count.fetch_add(1, std::memory_order_release);
    return {};
}

i32 lease_of(vfs::File& file) {
    sync::MutexGuard guard(g_lock);
    time_out_locked();
    const Lease* lease = find_locked(file);
    return lease != nullptr ? lease->target() : F_UNLCK;
}

Result<void> break_leases(vfs::Inode& inode, LeaseBreak access, bool nonblock) {
    for (;;) {
        u64 until;
        const u32 seen = g_changes.load(std::memory_order_acquire);
        {
            sync::MutexGuard guard(g_lock);
            time_out_locked();
            until = ask_holders_locked(inode, access);
        }
        if (until == 0) return {};
        if (nonblock) return Err(Error::again);
        auto slept =
            g_changed.wait([&] { return g_changes.load(std::memory_order_acquire) != seen; },
                           sync::WaitMode::interruptible, sync::Deadline{until});
        if (!slept && slept.error() != Error::timedout) return slept;
    }
}

void release_lease(vfs::File& file) {
    sync::MutexGuard guard(g_lock);
    if (Lease* lease = find_locked(file); lease != nullptr) change_locked(*lease, F_UNLCK);
}

}  // namespace tenon::personality
