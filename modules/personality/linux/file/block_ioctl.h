#pragma once

#include <tenon/vfs/file.h>

namespace tenon::personality {

// Of an open block device. Error::notty for a number that block devices do not know.
Result<i64> block_ioctl(vfs::File& file, u32 cmd, u64 arg);

}  // namespace tenon::personality
