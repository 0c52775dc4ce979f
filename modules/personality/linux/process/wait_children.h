// Waiting for children.
#pragma once

#include <tenon/process/process.h>

namespace tenon::personality {

struct WaitRequest {
    enum class Who : u8 { any, pid, group } who = Who::any;
    i32 id = 0;
    bool exited = true, stopped = false, continued = false;
    bool no_hang = false, no_wait = false /* leave it waitable */;
    bool clones_only = false, all_children = false, this_thread_only = false;
    process::Process* child = nullptr;  // Who::pid by a handle instead of a number (pidfd)
};
struct WaitAnswer {
    i32 pid = 0;
    u32 uid = 0;
    i32 code = 0;    // kCodeExited...
    i32 status = 0;  // exit status, or signal
    i32 wait_status =
        0;  // (status << 8) | signal | 0x80 if dumped; 0x7f | sig << 8 stopped; 0xffff continued
    process::Usage usage;
};
// Error::child when there is none; pid 0 when no_hang found nothing.
Result<WaitAnswer> wait_for_child(const WaitRequest& request);
}  // namespace tenon::personality
