// An NMI to every CPU at a steady pace, by the HPET: what reaches code that keeps interrupts off.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

bool watchdog_runs();
// [ioapic] `gsi` delivers an NMI to all CPUs, by its edge. False: no such line.
bool route_nmi(u32 gsi);

}  // namespace tenon::arch::x86
