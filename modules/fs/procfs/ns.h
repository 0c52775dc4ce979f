// What the module's start and end do for /proc/PID/ns.
#pragma once

#include <tenon/module/context.h>

namespace tenon::procfs {

// Makes the file system that the links lead into; it is there as long as the handle is held.
Result<module::Held> make_ns_files(module::Context& context);
// Links lead nowhere from now on.
void forget_ns_files();

}  // namespace tenon::procfs
