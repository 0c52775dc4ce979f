// The priority of a task's requests to disks.
#pragma once

#include <tenon/lib/result.h>

namespace tenon::personality {

// May the caller use this class and level? Error::perm, inval.
Result<void> check_io_priority(u32 priority);

}  // namespace tenon::personality
