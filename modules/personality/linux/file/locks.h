// Advisory locks: POSIX record locks (owned by a process), OFD locks and flock (owned by a
// description).
#pragma once

#include <tenon/vfs/inode.h>

#include "personality/linux/file/lock_ranges.h"

namespace tenon::personality {

// Error::again, deadlk, restart.
Result<void> set_record_lock(vfs::File& file, const RecordLock& wanted, bool wait);
// The lock in the way; type unlock: none.
Result<RecordLock> test_record_lock(vfs::File& file, const RecordLock& wanted);
Result<void> set_flock(vfs::File& file, LockType type, bool wait);

// For the core's hooks (vfs::FileHooks).
void release_record_locks(vfs::File& file, const void* owner);
void release_file_locks(vfs::File& file);     // the description goes: OFD locks and flock
void release_inode_locks(vfs::Inode& inode);  // the inode goes
// /proc/locks; the fdinfo of `of`: what it holds, and what the table `owner` holds of its inode.
void show_locks(fmt::Sink& out, vfs::File* of, const void* owner);
void forget_all_locks();                      // the personality goes

// From now on the end of each open file of this inode is told (FileHooks::file_closed).
Result<void> watch_closes(vfs::Inode& inode);

}  // namespace tenon::personality
