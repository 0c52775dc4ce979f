#pragma once

#include <tenon/vfs/file.h>

namespace tenon::personality {

// The calls about network interfaces, which any socket takes, or those of a family. Error::noioctl for a number that is
// none of them.
Result<i64> interface_ioctl(u16 family, u32 cmd, u64 arg);

}  // namespace tenon::personality
