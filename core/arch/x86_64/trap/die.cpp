// A trap that nobody can handle: registers, trace, end.
#include <tenon/arch/machine.h>
#include <tenon/boot/panic.h>

#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/trap/trap.h"

namespace tenon::arch::x86 {

void print_registers(const UserRegs& r) {
    using boot::panic_line;
    panic_line("rip {:016x} rsp {:016x} rflags {:08x} cs {:x}", r.rip, r.rsp, r.rflags, r.cs);
    panic_line("rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", r.rax, r.rbx, r.rcx, r.rdx);
    panic_line("rsi {:016x} rdi {:016x} rbp {:016x} r8  {:016x}", r.rsi, r.rdi, r.rbp, r.r8);
    panic_line("r9  {:016x} r10 {:016x} r11 {:016x} r12 {:016x}", r.r9, r.r10, r.r11, r.r12);
    panic_line("r13 {:016x} r14 {:016x} r15 {:016x}", r.r13, r.r14, r.r15);
    panic_line("cr0 {:x} cr2 {:016x} cr3 {:x} cr4 {:x}", read_cr0(), read_cr2(), read_cr3(),
               read_cr4());
}

void die(const char* what, const UserRegs& regs, u32 error, u64 address) {
    fmt::Line<128> message("{} (error {:#x}, address {:#x})", what, error, address);
    boot::begin_panic(message.view());
    print_registers(regs);
    print_trace_line(regs.rip);
    print_stack_trace(regs.rbp);
    boot::end_panic();
}

}  // namespace tenon::arch::x86
