// process_vm_readv and process_vm_writev.
#include <tenon/mm/user_copy.h>

#include "personality/linux/file/common.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/memory/layout.h"
#include "personality/linux/process/permission.h"

namespace tenon::personality {

namespace {

struct Segments {
    std::unique_ptr<uapi::iovec[]> list;
    u64 count = 0;
};

// Of the other's list nothing is checked but its form: it names somebody else's addresses.
Result<Segments> read_segments(u64 address, u64 count) {
    Segments segments;
    if (count > UIO_MAXIOV) return Err(Error::inval);
    segments.count = count;
    segments.list.reset(new (std::nothrow) uapi::iovec[count + 1]);
    if (!segments.list) return Err(Error::nomem);
    TRY(mm::copy_from_user(segments.list.get(), UserAddr{address}, count * sizeof(uapi::iovec)));
    for (u64 i = 0; i < count; ++i)
        if (static_cast<i64>(segments.list[i].iov_len) < 0) return Err(Error::inval);
    return segments;
}

// Up to a page from or to their address; how much it was.
Result<usize> move_page(mm::AddressSpace& space, u64 address, vfs::IoBuffer& mine,
                        std::span<u8> bounce, bool write) {
    if (!write) {
        TRY_ASSIGN(const usize got,
                   space.access(address, bounce.data(), bounce.size(), false, false));
        return mine.put(bounce.data(), got);
    }
    TRY_ASSIGN(const usize got, mine.get(bounce.data(), bounce.size()));
    return space.access(address, bounce.data(), got, true, false);
}

Result<i64> transfer(i32 pid, u64 local, u64 local_count, u64 remote, u64 remote_count, u64 flags,
                     bool write) {
    if (flags != 0) return Err(Error::inval);
    UserVector vector;
    TRY(vector.load(local, local_count));
    vfs::IoBuffer mine = vector.buffer();
    if (mine.remaining() == 0) return 0;
    TRY_ASSIGN(Segments theirs, read_segments(remote, remote_count));
    u64 total = 0;
    for (u64 i = 0; i < theirs.count; ++i) total |= theirs.list[i].iov_len;
    if (total == 0) return 0;
    Ref<Task> target = process::find_task(pid);
    if (!target) return Err(Error::srch);
    TRY(may_inspect(*target->process));
    Ref<mm::AddressSpace> space = process::space_of(*target);  // it may exec or end meanwhile
    if (!space) return Err(Error::srch);

    auto bounce = std::unique_ptr<u8[]>(new (std::nothrow) u8[kPageSize]);
    if (!bounce) return Err(Error::nomem);
    i64 done = 0;
    for (u64 i = 0; i < theirs.count; ++i) {
        u64 address = reinterpret_cast<u64>(theirs.list[i].iov_base);
        u64 left = theirs.list[i].iov_len;
        while (left != 0 && mine.remaining() != 0) {
            const usize n = std::min<u64>({left, mine.remaining(), kPageSize});
            Result<usize> moved = Err(Error::intr);
            if (!process::fatal_signal_pending())
                moved = move_page(*space, address, mine, {bounce.get(), n}, write);
            if (!moved) return done != 0 ? Result<i64>(done) : Err(moved.error());
            done += static_cast<i64>(*moved);
            if (*moved < n) return done;
            address += n;
            left -= n;
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
