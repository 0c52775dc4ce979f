// The texts of /proc/sysvipc and the settings of /proc/sys.
#pragma once

#include <tenon/linux/ipc_files.h>

namespace tenon::personality::ipc {

// Offers the service "linux-ipc".
Result<module::Held> offer_files(module::Context& context);

}  // namespace tenon::personality::ipc
