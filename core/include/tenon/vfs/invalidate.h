// For file systems whose names vanish behind the cache's back (procfs, devfs).
#pragma once

#include <tenon/vfs/dentry.h>

namespace tenon::vfs {

// Drops `name` and what lies below it from the dentry cache, if it is there. May sleep.
TENON_API void invalidate_child(Dentry& parent, std::string_view name);

}  // namespace tenon::vfs
