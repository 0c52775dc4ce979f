// Leases (F_SETLEASE): a holder learns by signal that somebody opens or truncates its file, and has
// some time to get ready before that goes on.
//
// A lease belongs to an open file. Who breaks one waits until the holder has given it up or lowered
// it, or until the time is over: then it is taken. All leases hang in one list under one mutex;
// while there are none, an open costs one load. Deviates: the file is opened before its lease is
// broken, and truncated after; the only one to see it is another open of the same moment. Spec: man
// 2 fcntl, "Leases"; Linux fs/locks.c __break_lease().
#pragma once

#include <tenon/lib/result.h>
#include <tenon/vfs/file.h>

#include "personality/linux/file/async.h"

namespace tenon::personality {

// F_SETLEASE and F_GETLEASE. `fd` is what the signal names. May sleep.
Result<void> set_lease(vfs::File& file, i32 fd, u64 type);
i32 lease_of(vfs::File& file);

extern std::atomic<u32> g_lease_count;
inline bool leases_exist() {
    return g_lease_count.load(std::memory_order_acquire) != 0;
}
// Waits until no lease is in the way of an access. `nonblock`: Error::again instead.
// Error::restart.
enum class LeaseBreak : u8 { read, write };
Result<void> break_leases(vfs::Inode& inode, LeaseBreak access, bool nonblock);
// The last reference to the file goes.
void release_lease(vfs::File& file);

}  // namespace tenon::personality
