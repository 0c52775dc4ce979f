// x86_64 body of <tenon/arch/user_regs.h>: the frame that every entry builds on the kernel stack.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch {

// Offsets are known to trap/entry.S. The order is the one in which ptrace shows registers.
struct UserRegs {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u64 original_rax;  // system call number; all ones when the entry was a trap
    u64 rip, cs, rflags, rsp, ss;

    static constexpr u64 kNotSyscall = ~u64{0};
    static constexpr u64 kUserCs = 0x33, kUserSs = 0x2b, kUserFlags = 0x202;

    u64 syscall_number() const { return original_rax; }
    u64 syscall_arg(u32 i) const {
        constexpr u64 UserRegs::*kOrder[] = {&UserRegs::rdi, &UserRegs::rsi, &UserRegs::rdx,
                                             &UserRegs::r10, &UserRegs::r8,  &UserRegs::r9};
        return this->*kOrder[i < 5 ? i : 5];
    }
    void set_syscall_result(u64 value) { rax = value; }
    u64 syscall_result() const { return rax; }
    // `syscall` is two bytes long.
    void restart_syscall() {
        rax = original_rax;
        rip -= 2;
    }
    bool in_syscall() const { return original_rax != kNotSyscall; }
    void leave_syscall() { original_rax = kNotSyscall; }

    u64 ip() const { return rip; }
    u64 sp() const { return rsp; }
    void set_ip(u64 value) { rip = value; }
    void set_sp(u64 value) { rsp = value; }
    u64 flags() const { return rflags; }
    bool from_user() const { return (cs & 3) != 0; }

    static UserRegs at_entry(u64 ip, u64 sp) {
        UserRegs regs{};
        regs.original_rax = kNotSyscall;
        regs.rip = ip;
        regs.cs = kUserCs;
        regs.rflags = kUserFlags;
        regs.rsp = sp;
        regs.ss = kUserSs;
        return regs;
    }
};

}  // namespace tenon::arch
