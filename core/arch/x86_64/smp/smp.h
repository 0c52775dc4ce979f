// Interrupts between CPUs.
#pragma once

#include <tenon/arch/user_regs.h>

namespace tenon::arch::x86 {

// Answers the calls and shootdowns that others wait for. Interrupts off. Also called by those who
// wait with interrupts off, or two of them would wait for each other.
void serve_shootdowns();
void serve_calls();
// An NMI: from a CPU that panics, else logged.
void handle_nmi(const UserRegs& regs);

}  // namespace tenon::arch::x86
