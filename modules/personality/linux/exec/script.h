// "#!" programs.
#pragma once

#include <tenon/process/personality.h>

namespace tenon::personality::script {

// Replaces the program by its interpreter and runs that. Error::noexec when it is no script.
Result<void> exec(process::ExecRequest& request);

}  // namespace tenon::personality::script
