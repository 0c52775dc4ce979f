#pragma once

#include <tenon/lib/result.h>
#include <tenon/vfs/path.h>

namespace tenon::personality {

// Opens what was found already, with open(2)'s flags; the new descriptor.
Result<i64> open_resolved(const vfs::Path& path, u32 flags);

}  // namespace tenon::personality
