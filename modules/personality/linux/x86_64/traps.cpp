// Which signal a trap of x86-64 becomes. Spec: Linux arch/x86/kernel/traps.c; man 2 sigaction
// (si_code).
#include <tenon/arch/context.h>

#include "personality/linux/linux_task.h"
#include "personality/linux/personality.h"
#include "personality/linux/x86_64/machine.h"

namespace tenon::personality {

namespace {

constexpr u64 kTrapFlag = 1 << 8;
constexpr u32 kDebugVector = 1;

// The unmasked exception that is pending. Spec: Intel SDM 1 8.1.3.3, 11.5.1.
i32 float_code(bool simd) {
    const auto state = arch::fpu_save();
    if (!state) return FPE_FLTINV;
    u32 error;
    if (simd) {
        u32 mxcsr;
        std::memcpy(&mxcsr, state->data() + 24, sizeof(mxcsr));
        error = ~(mxcsr >> 7) & mxcsr;
    } else {
        u16 control, status;
        std::memcpy(&control, state->data(), sizeof(control));
        std::memcpy(&status, state->data() + 2, sizeof(status));
        error = status & ~control;
    }
    if (error & 0x01) return FPE_FLTINV;
    if (error & 0x04) return FPE_FLTDIV;
    if (error & 0x08) return FPE_FLTOVF;
    if (error & 0x12) return FPE_FLTUND;
    if (error & 0x20) return FPE_FLTRES;
    return 0;
}

process::SignalInfo make(u32 signal, i32 code, u64 address) {
    process::SignalInfo info{.signal = signal, .code = code};
    info.value = address;
    return info;
}

}  // namespace

process::SignalInfo trap_signal(const arch::TrapInfo& trap, const arch::UserRegs& regs) {
    using arch::UserTrap;
    switch (trap.trap) {
        case UserTrap::divide_error:
            return make(SIGFPE, FPE_INTDIV, regs.ip());
        case UserTrap::debug:
            // The status register's bits: 0 to 3 are breakpoints, 14 a single step.
            return make(SIGTRAP,
                        (trap.error_code & 0x4000) ? TRAP_TRACE
                        : (trap.error_code & 0xf)  ? TRAP_HWBKPT
                                                   : TRAP_BRKPT,
                        regs.ip());
        case UserTrap::breakpoint:
            return make(SIGTRAP, SI_KERNEL, 0);
        case UserTrap::invalid_opcode:
            return make(SIGILL, ILL_ILLOPN, regs.ip());
        case UserTrap::fpu_error:
            return make(SIGFPE, float_code(false), regs.ip());
        case UserTrap::simd_error:
            return make(SIGFPE, float_code(true), regs.ip());
        case UserTrap::segment_fault:
        case UserTrap::stack_fault:
            return make(SIGBUS, SI_KERNEL, 0);
        case UserTrap::alignment:
            return make(SIGBUS, BUS_ADRALN, 0);
        case UserTrap::overflow:
        case UserTrap::bound:
        case UserTrap::general_protection:
        case UserTrap::bad_syscall_entry:
            break;
    }
    return make(SIGSEGV, SI_KERNEL, 0);
}

void LinuxPersonality::user_trap(const arch::TrapInfo& trap, arch::UserRegs& regs) {
    Task& self = *current();
    LinuxTask& task = linux_task();
    if (trap.trap == arch::UserTrap::general_protection && run_port_instruction(regs)) {
        // Single-stepping sees this instruction as any other.
        if (regs.rflags & kTrapFlag)
            user_trap({arch::UserTrap::debug, regs.ip(), 0x4000, kDebugVector}, regs);
        return;
    }
    task.trap_number = trap.vector;
    task.trap_error = trap.error_code;
    if (trap.trap == arch::UserTrap::debug) {
        task.trap_error = 0;
        task.trace.debug_status = trap.error_code & 0x400f;
    }
    process::force_signal(self, trap_signal(trap, regs));
}

void LinuxPersonality::user_fault(const arch::PageFault& fault, Error why, arch::UserRegs&) {
    Task& self = *current();
    LinuxTask& task = linux_task();
    task.trap_number = 14;
    task.trap_address = fault.address;
    // As the CPU encodes it. Spec: Intel SDM 3A 4.7.
    task.trap_error = (fault.present ? 1 : 0) | (fault.access == arch::FaultAccess::write ? 2 : 0) |
                      4 | (fault.access == arch::FaultAccess::exec ? 16 : 0);
    process::SignalInfo info;
    switch (why) {
        case Error::io:
        case Error::nodata:
            info = make(SIGBUS, BUS_ADRERR, fault.address);
            break;
        case Error::hwpoison:
            info = make(SIGBUS, BUS_MCEERR_AR, fault.address);
            break;
        case Error::acces:
            info = make(SIGSEGV, SEGV_ACCERR, fault.address);
            break;
        case Error::nomem:
            info = make(SIGKILL, SI_KERNEL, 0);
            break;
        default:
            info = make(SIGSEGV, SEGV_MAPERR, fault.address);
            break;
    }
    info.trap = 14;
    process::force_signal(self, info);
}

}  // namespace tenon::personality
