// /dev/mem and /dev/port.
#pragma once

#include <tenon/module/context.h>
#include <tenon/vfs/file.h>

namespace tenon::mem {

// Error::perm without CAP_SYS_RAWIO, Error::nomem. `context`: the module's, for what is mapped.
Result<module::Gated<vfs::FileOps>> open_memory(module::Context& context);
Result<module::Gated<vfs::FileOps>> open_ports();

}  // namespace tenon::mem
