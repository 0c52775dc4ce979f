// What the kernel gives the first program, which inherits nothing.
#pragma once

#include <tenon/process/process.h>

namespace tenon::personality {

// The resource limits that process 1 starts with, as Linux's.
void set_first_limits(process::Limits& limits);
// Opens /dev/console as descriptors 0, 1 and 2 of the calling task, unless it has files already. A
// root without the node gets one, as Linux's own initial root has. Logs why if there is no console:
// the program runs without one. May sleep.
void open_first_console();

}  // namespace tenon::personality
