// Who may look into whom, and whose limits and priorities one may change.
#pragma once

#include <tenon/process/process.h>

namespace tenon::personality {

// ptrace's access check (PTRACE_MODE_*_REALCREDS). Error::perm. Spec: man 2 ptrace, "access mode
// checking".
Result<void> may_inspect(process::Process& target);

}  // namespace tenon::personality
