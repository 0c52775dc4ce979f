#pragma once

#include <tenon/vfs/file.h>

namespace tenon::personality {

// The calls about network interfaces, which any socket takes. Error::noioctl for a number that is
// none of them.
Result<i64> interface_ioctl(u32 cmd, u64 arg);

}  // namespace tenon::personality
