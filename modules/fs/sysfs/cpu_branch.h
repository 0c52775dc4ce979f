// /sys/devices/system/cpu/cpuN: caches and topology.
#pragma once

#include "branch.h"

namespace tenon::sysfs {

// Paths begin with "system", "cpu", "cpuN".
bool find_in_cpu(const Parts& path, u32 cpu, Found& out);
void list_cpu(const Parts& path, u32 cpu, Lister& out);
Result<void> show_of_cpu(const Parts& path, u32 cpu, Text& out);

}  // namespace tenon::sysfs
