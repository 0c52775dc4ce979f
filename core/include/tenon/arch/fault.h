// What trap entry hands to generic code.
#pragma once

#include <tenon/arch/user_regs.h>

namespace tenon::arch {

enum class FaultAccess : u8 { read, write, exec };

struct PageFault {
    u64 address;
    FaultAccess access;
    bool user_mode;  // raised by user code (else: by a guarded user copy)
    bool present;    // a protection fault on a present page
};

// Exceptions that user code raises, in the terms that a personality turns into signals.
enum class UserTrap : u8 {
    divide_error,
    debug,
    breakpoint,
    overflow,
    bound,
    invalid_opcode,
    fpu_error,
    simd_error,
    segment_fault,
    general_protection,
    stack_fault,
    alignment,
    bad_syscall_entry,
};
struct TrapInfo {
    UserTrap trap;
    u64 address;     // faulting ip, or data address where known
    u32 error_code;  // machine's own
    u32 vector;      // machine's own
};

}  // namespace tenon::arch

namespace tenon::mm {
// Resolves a page fault of the current task. True: retry the instruction. False: user code gets a
// signal (already sent for user_mode faults), a user copy gets its fix-up.
bool handle_page_fault(const arch::PageFault& fault);
}  // namespace tenon::mm

namespace tenon::process {
// User code trapped; the personality sends the signal. Irqs on.
void handle_user_trap(const arch::TrapInfo& trap, arch::UserRegs& regs);
// Work before going back to user mode: reschedule, signals, tracing. Called with irqs on while
// current()->work_flags() is not 0.
void return_to_user_work(arch::UserRegs& regs);
}  // namespace tenon::process
