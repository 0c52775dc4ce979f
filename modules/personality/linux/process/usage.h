#pragma once

#include <tenon/process/process.h>

namespace tenon::personality {

Result<void> write_rusage(u64 to, const process::Usage& usage);

}  // namespace tenon::personality
