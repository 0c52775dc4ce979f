// One advisory record lock.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::vfs {

enum class LockType : u8 { read, write, unlock };
struct RecordLock {
    LockType type;
    u64 start = 0, end = ~u64{0};  // [start, end], bytes
    const void* owner = nullptr;   // FileTable* (POSIX) or File* (OFD)
    i32 pid = 0;                   // reported by F_GETLK; -1 for OFD
};

}  // namespace tenon::vfs
