// Traps that end the kernel, and what to print then.
#pragma once

#include <tenon/arch/user_regs.h>

namespace tenon::arch::x86 {

[[noreturn]] void die(const char* what, const UserRegs& regs, u32 error, u64 address);
void print_registers(const UserRegs& regs);
void print_trace_line(u64 ip);

// The work before user mode. Leaves with interrupts off and nothing more to do.
void finish_for_user(UserRegs& regs);

// Arch's own interrupts, irq context. `user`: user mode was interrupted.
void handle_interrupt(u32 vector, bool user);

inline void clear_access_flag() {
    asm volatile("clac" ::: "memory");
}

}  // namespace tenon::arch::x86
