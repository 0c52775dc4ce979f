// Programs that the kernel starts for its own ends ("user-mode helpers").
#pragma once

#include <tenon/vfs/file.h>

#include "personality/linux/exec/arguments.h"

namespace tenon::personality {

struct HelperRequest {
    ArgumentBlock arguments;   // the first is the path of the program; taken
    Ref<vfs::File> input;      // its descriptor 0, the only one; taken
    u64 core_limit = ~u64{0};  // its RLIMIT_CORE
};

// Runs the program as root, with no environment, in the root of everything, as a child of the
// kernel's own process, which nobody waits for. Returns once it runs, or why it does not: as
// execve. Thread context; sleeps, and no signal ends that.
Result<void> start_helper(HelperRequest& request);

}  // namespace tenon::personality
