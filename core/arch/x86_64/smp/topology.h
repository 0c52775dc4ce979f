// Which CPUs and controllers firmware lists.
#pragma once

#include <tenon/device/acpi_tables.h>

namespace tenon::arch::x86 {

const acpi::Madt& firmware_cpus();
// Reads the MADT; gives the boot CPU number 0 and the others 1...
void init_topology();
// This CPU calls it when it is up.
void mark_online(u32 cpu);

}  // namespace tenon::arch::x86
