// Process groups and sessions; errors as setpgid(2), setsid(2).
#pragma once

#include <tenon/lib/result.h>

namespace tenon::personality {

Result<void> set_group(i32 pid, i32 group);
Result<i32> new_session();

}  // namespace tenon::personality
