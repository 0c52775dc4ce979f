// Interrupts between CPUs.
#pragma once

#include <tenon/arch/user_regs.h>
#include <tenon/device/acpi_tables.h>

namespace tenon::arch::x86 {

// Answers the calls and shootdowns that others wait for. Interrupts off. Also called by those who
// wait with interrupts off, or two of them would wait for each other.
void serve_shootdowns();
void serve_calls();
// An NMI: from a CPU that panics, else logged.
void handle_nmi(const UserRegs& regs);

// Which CPUs and controllers firmware lists.

const acpi::Madt& firmware_cpus();
// Reads the MADT; gives the boot CPU number 0 and the others 1...
void init_topology();
// This CPU calls it when it is up.
void mark_online(u32 cpu);

}  // namespace tenon::arch::x86
