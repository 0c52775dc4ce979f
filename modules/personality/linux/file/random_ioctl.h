#pragma once

#include <tenon/lib/result.h>
#include <tenon/vfs/types.h>

namespace tenon::personality {

bool is_random_device(vfs::DeviceNumber number);
// Of /dev/random and /dev/urandom. Errors as man 4 random says.
Result<i64> random_ioctl(u32 cmd, u64 arg);

}  // namespace tenon::personality
