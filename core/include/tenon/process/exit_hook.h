// Who wants to know that a process is gone for good (waited for, its number free again).
#pragma once

#include <tenon/lib/types.h>

namespace tenon::process {

// One listener; null removes it and waits until no call is under way. Called in thread context,
// without locks. May sleep.
using ExitHook = void (*)(i32 pid);
TENON_API void set_exit_hook(ExitHook hook);
// [core/process]
void call_exit_hook(i32 pid);

}  // namespace tenon::process
