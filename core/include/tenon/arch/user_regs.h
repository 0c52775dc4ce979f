// The user-mode registers of a task, saved at the bottom of its kernel stack on every entry.
//
// impl/user_regs.h defines struct UserRegs with these methods, all inline:
//   u64 syscall_number() const;  u64 syscall_arg(u32 i) const;     i in 0..5
//   void set_syscall_result(u64); u64 syscall_result() const;
//   void restart_syscall();      back to the instruction, number restored from the saved original
//   bool in_syscall() const; void leave_syscall();   whether the entry was a system call (original
//   number kept) u64 ip() const; u64 sp() const; void set_ip(u64); void set_sp(u64); u64 flags()
//   const; static UserRegs at_entry(u64 ip, u64 sp);        all else zero, user flags and segments
//   set
// plus the named machine registers for arch-specific code (signal frames, ptrace).
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch {
struct UserRegs;
}

#include <tenon/arch/impl/user_regs.h>  // IWYU pragma: export
