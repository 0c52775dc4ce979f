// Shared memory segments.
#pragma once

#include <tenon/mm/address_space.h>
#include <tenon/vfs/file.h>

#include "personality/linux/ipc/namespace.h"

namespace tenon::personality::ipc {

// In Object::mode, beside the permissions; not in linux-libc-dev's headers.
inline constexpr u32 kShmDest = 01000;    // SHM_DEST: goes with the last detach
inline constexpr u32 kShmLocked = 02000;  // SHM_LOCKED

class Segment final : public Object {
  public:
    Segment(i32 its_key, u32 flags, u64 size, Ref<vfs::File> its_memory);
    static Result<Ref<Object>> make(i32 key, u64 size, u32 flags);

    const u64 size_bytes;
    // Guarded by Object::lock.
    Ref<vfs::File> memory;  // a tmpfs file without a name; null once nobody can attach any more
    u64 attached = 0;       // VMAs, and attaches under way
    i64 attach_time = 0, detach_time = 0, change_time;
    i32 creator_pid, last_pid = 0;
    i32 creator_tid;    // 0: that task has ended
    u32 locked_by = 0;  // uid, with kShmLocked in the mode

    // Nobody needs it any more: the last detach, or nobody attached at all, destroys it.
    bool is_done() const;
    u64 resident_pages() const;
};

// One user (VMA, or attach under way) less; destroys what is done. No locks held.
void let_go(Ref<Segment> segment);

// Whether a VMA's backing is an attachment of a segment.
bool is_attachment(const mm::VmaBacking& backing);
// remap_file_pages(2) of a range of the caller's that `request.backing`, an attachment, is behind.
// What was there goes first, and a removed segment with it if nothing else has it attached: then
// Error::inval, and the range is free, as in Linux. May sleep.
Result<void> reattach(mm::MapRequest& request);
// The same for all segments (shm_rmid_forced was set). Those whose creator lives are left alone.
void destroy_orphans(Namespace& ns);
// The task ends: what it made may be nobody's now.
void creator_exits(i32 tid);

}  // namespace tenon::personality::ipc
