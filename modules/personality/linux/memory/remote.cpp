// process_vm_readv and process_vm_writev.
#include <tenon/mm/user_copy.h>

#include "personality/linux/generated/syscalls.h"
#include "personality/linux/memory/layout.h"

namespace tenon::personality {

namespace {

constexpr u64 kMaxSegments = 1024;

struct Segments {
    std::unique_ptr<uapi::iovec[]> list;
    u64 count = 0;
};

Result<Segments> read_segments(u64 address, u64 count) {
    Segments segments;
    if (count > kMaxSegments) return Err(Error::inval);
    segments.count = count;
    segments.list.reset(new (std::nothrow) uapi::iovec[count + 1]);
    if (!segments.list) return Err(Error::nomem);
    TRY(mm::copy_from_user(segments.list.get(), UserAddr{address}, count * sizeof(uapi::iovec)));
    for (u64 i = 0; i < count; ++i) {
        if (segments.list[i].iov_len > u64{1} << 62) return Err(Error::inval);
    }
    return segments;
}

// As ptrace's rule for attaching: the same user throughout, or CAP_SYS_PTRACE.
Result<void> may_access(Task& target) {
    if (target.process.get() == &process::current_process()) return {};
    const process::Credentials& mine = process::current_credentials();
    const Ref<process::Credentials> theirs = target.credentials;
    const bool same = mine.uid == theirs->uid && mine.uid == theirs->euid &&
                      mine.uid == theirs->suid && mine.gid == theirs->gid &&
                      mine.gid == theirs->egid && mine.gid == theirs->sgid;
    if (!same && !process::capable(process::Capability::sys_ptrace)) return Err(Error::perm);
    if (!target.process->dumpable && !process::capable(process::Capability::sys_ptrace))
        return Err(Error::perm);
    return {};
}

Result<i64> transfer(i32 pid, u64 local, u64 local_count, u64 remote, u64 remote_count, u64 flags,
                     bool write) {
    if (flags != 0) return Err(Error::inval);
    TRY_ASSIGN(Segments mine, read_segments(local, local_count));
    if (local_count == 0 || remote_count == 0) return 0;
    TRY_ASSIGN(Segments theirs, read_segments(remote, remote_count));
    Ref<Task> target = process::find_task(pid);
    if (!target) return Err(Error::srch);
    TRY(may_access(*target));
    Ref<mm::AddressSpace> space = target->space;
    if (!space) return Err(Error::srch);

    auto bounce = std::unique_ptr<u8[]>(new (std::nothrow) u8[kPageSize]);
    if (!bounce) return Err(Error::nomem);
    i64 done = 0;
    u64 at = 0, used = 0;  // in our list
    for (u64 i = 0; i < theirs.count; ++i) {
        u64 address = reinterpret_cast<u64>(theirs.list[i].iov_base);
        u64 left = theirs.list[i].iov_len;
        while (left != 0) {
            while (at < mine.count && used == mine.list[at].iov_len) {
                ++at;
                used = 0;
            }
            if (at == mine.count) return done;
            const u64 own = reinterpret_cast<u64>(mine.list[at].iov_base) + used;
            usize n = std::min<u64>({left, mine.list[at].iov_len - used, kPageSize});
            Result<usize> moved = n;
            if (write) {
                if (!mm::copy_from_user(bounce.get(), UserAddr{own}, n)) moved = Err(Error::fault);
                if (moved) moved = space->access(address, bounce.get(), n, true, false);
            } else {
                moved = space->access(address, bounce.get(), n, false, false);
                if (moved && !mm::copy_to_user(UserAddr{own}, bounce.get(), *moved))
                    moved = Err(Error::fault);
            }
            if (!moved) {
                if (done != 0) return done;
                return Err(moved.error());
            }
            done += static_cast<i64>(*moved);
            if (*moved < n) return done;
            address += n;
            left -= n;
            used += n;
        }
    }
    return done;
}

}  // namespace

Result<i64> sys_process_vm_readv(i32 pid, u64 local, u64 local_count, u64 remote, u64 remote_count,
                                 u64 flags) {
    return transfer(pid, local, local_count, remote, remote_count, flags, false);
}

Result<i64> sys_process_vm_writev(i32 pid, u64 local, u64 local_count, u64 remote, u64 remote_count,
                                  u64 flags) {
    return transfer(pid, local, local_count, remote, remote_count, flags, true);
}

}  // namespace tenon::personality
