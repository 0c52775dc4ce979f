// Advisory locks: POSIX record locks (owned by a process), OFD locks and flock (owned by a
// description).
#pragma once

#include <tenon/vfs/file.h>
#include <tenon/vfs/lock_types.h>

namespace tenon::vfs {

TENON_API Result<void> set_record_lock(File& file, const RecordLock& lock,
                                       bool wait);  // again, deadlk, restart
TENON_API Result<RecordLock> test_record_lock(
    File& file, const RecordLock& lock);  // type unlock: none conflicts
TENON_API void release_record_locks(File& file, const void* owner);
TENON_API Result<void> set_flock(File& file, LockType type, bool wait);
// Leases and /proc/locks come later: visit for the listing.
TENON_API void for_each_lock(void (*visit)(Inode&, const RecordLock&, bool is_flock, bool blocked,
                                           void*),
                             void* context);

}  // namespace tenon::vfs
