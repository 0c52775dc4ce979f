// eventfd, as other calls use it.
#pragma once

#include <tenon/vfs/file.h>

namespace tenon::personality {

// The eventfd behind a descriptor. Error::badf; inval when it is another kind of file.
Result<Ref<vfs::File>> eventfd_file(i32 fd);
// Adds to its count, up to the most that it holds. Any context; never sleeps.
void signal_eventfd(vfs::File& file, u64 count);

}  // namespace tenon::personality
