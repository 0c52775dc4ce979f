// shmctl. Spec: man 2 shmctl.
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>
#include <tenon/vfs/inode.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/ipc/shm.h"

namespace tenon::personality {

using namespace ipc;

namespace {

Result<i64> information(Namespace& ns, u64 to) {
    uapi::shminfo64 out{};
    out.shmmax = ns.shm_max.load();
    out.shmmin = 1;
    out.shmmni = out.shmseg = static_cast<u64>(ns.shm_mni.load());
    out.shmall = ns.shm_all.load();
    i32 highest;
    {
        sync::ReadGuard guard(ns.shm.lock);
        highest = ns.shm.highest_slot();
    }
    TRY(mm::UserOut<uapi::shminfo64>(to).write(out));
    return std::max(highest, 0);
}

Result<i64> usage(Namespace& ns, u64 to) {
    uapi::shm_info out{};
    i32 highest;
    {
        sync::ReadGuard guard(ns.shm.lock);
        out.used_ids = static_cast<i32>(ns.shm.count());
        out.shm_tot = ns.shm.weight();
        ns.shm.for_each(
            [&](Object& o) { out.shm_rss += static_cast<Segment&>(o).resident_pages(); });
        highest = ns.shm.highest_slot();
    }
    TRY(mm::UserOut<uapi::shm_info>(to).write(out));
    return std::max(highest, 0);
}

Result<i64> status(Namespace& ns, i32 id, i32 cmd, u64 to) {
    return tell_status<Segment, uapi::shmid64_ds>(
        ns.shm, id, cmd != IPC_STAT, cmd == SHM_STAT_ANY, to,
        [](const Segment& segment, uapi::shmid64_ds& out) {
            out.shm_perm = segment.describe();
            out.shm_segsz = segment.size_bytes;
            out.shm_atime = segment.attach_time;
            out.shm_dtime = segment.detach_time;
            out.shm_ctime = segment.change_time;
            out.shm_cpid = segment.creator_pid;
            out.shm_lpid = segment.last_pid;
            out.shm_nattch = segment.attached;
        });
}

Result<i64> set(Namespace& ns, i32 id, u64 from) {
    TRY_ASSIGN(const auto in, mm::UserIn<uapi::shmid64_ds>(from).read());
    sync::WriteGuard guard(ns.shm.lock);
    TRY_ASSIGN(auto segment, lock_object<Segment>(ns.shm, id));
    TRY(segment->may_control());
    TRY(segment->set_owner(in.shm_perm));
    segment->change_time = now_seconds();
    return 0;
}

// While it is attached it lives on, without its key.
Result<i64> remove(Namespace& ns, i32 id) {
    Ref<Segment> segment;
    {
        sync::WriteGuard guard(ns.shm.lock);
        TRY_ASSIGN(auto locked, lock_object<Segment>(ns.shm, id));
        TRY(locked->may_control());
        locked->mode |= kShmDest;
        ns.shm.forget_key(*locked);
        segment = Ref(&*locked);
        ++segment->attached;  // for let_go()
    }
    let_go(std::move(segment));
    return 0;
}

// Segments are never paged out: a lock is what it allows and counts.
Result<void> charge_lock(Namespace& ns, const Segment& wanted, u32 uid) {
    const u64 limit = process::current_process().limit(process::Limits::memlock);
    if (limit == ~u64{0} || process::capable(process::Capability::ipc_lock)) return {};
    u64 pages = wanted.weight;
    ns.shm.for_each([&](Object& o) {
        const auto& s = static_cast<const Segment&>(o);
        if ((s.mode & kShmLocked) && s.locked_by == uid) pages += s.weight;
    });
    if (pages > limit >> kPageShift) return Err(Error::nomem);
    return {};
}

Result<i64> lock(Namespace& ns, i32 id, i32 cmd) {
    const process::Credentials& cred = process::current_credentials();
    sync::WriteGuard guard(ns.shm.lock);
    Segment* segment;
    {
        TRY_ASSIGN(auto locked, lock_object<Segment>(ns.shm, id));
        segment = &*locked;  // the table's lock keeps it
        if (!cred.has(process::Capability::ipc_lock)) {
            if (cred.euid != locked->uid && cred.euid != locked->cuid) return Err(Error::perm);
            if (cmd == SHM_LOCK && process::current_process().limit(process::Limits::memlock) == 0)
                return Err(Error::perm);
        }
        if (cmd == SHM_UNLOCK) {
            locked->mode &= ~kShmLocked;
            return 0;
        }
        if (locked->mode & kShmLocked) return 0;
    }
    TRY(charge_lock(ns, *segment, cred.uid));
    sync::SpinGuard own(segment->lock);
    segment->mode |= kShmLocked;
    segment->locked_by = cred.uid;
    return 0;
}

}  // namespace

u64 ipc::Segment::resident_pages() const {
    const mm::Mapping* pages = memory ? memory->inode().mapping_if_any() : nullptr;
    return pages ? pages->page_count() : 0;
}

Result<i64> sys_shmctl(i32 id, i32 cmd, u64 buf) {
    if (cmd < 0 || id < 0) return Err(Error::inval);
    Namespace& ns = current_namespace();
    switch (cmd) {
        case IPC_INFO:
            return information(ns, buf);
        case SHM_INFO:
            return usage(ns, buf);
        case IPC_STAT:
        case SHM_STAT:
        case SHM_STAT_ANY:
            return status(ns, id, cmd, buf);
        case IPC_SET:
            return set(ns, id, buf);
        case IPC_RMID:
            return remove(ns, id);
        case SHM_LOCK:
        case SHM_UNLOCK:
            return lock(ns, id, cmd);
        default:
            return Err(Error::inval);
    }
}

}  // namespace tenon::personality
