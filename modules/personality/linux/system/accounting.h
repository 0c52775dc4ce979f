// acct(2), for the end of processes and of the module.
#pragma once

namespace tenon::process {
class Process;
}

namespace tenon::personality {

// The last thread of `process`, which calls it, ends: writes its record if accounting is on. May
// sleep.
void account_for(process::Process& process);
// Module unload.
void stop_accounting();

}  // namespace tenon::personality
