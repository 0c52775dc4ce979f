// From the entry stubs to generic code: who gets a trap.
#include "core/arch/x86_64/trap/trap.h"

#include <tenon/arch/context.h>
#include <tenon/arch/fault.h>
#include <tenon/arch/machine.h>
#include <tenon/irq/irq.h>
#include <tenon/process/task.h>
#include <tenon/sched/scheduler.h>

#include "core/arch/x86_64/boot/image.h"
#include "core/arch/x86_64/cpu/features.h"
#include "core/arch/x86_64/cpu/instructions.h"
#include "core/arch/x86_64/smp/smp.h"
#include "core/arch/x86_64/trap/fixup.h"
#include "core/arch/x86_64/trap/vectors.h"

namespace tenon::arch::x86 {

namespace {

// Page-fault error code. Spec: Intel SDM 3A 4.7.
enum PageFaultBit : u32 {
    kPfPresent = 1,
    kPfWrite = 2,
    kPfUser = 4,
    kPfReserved = 8,
    kPfExec = 16
};

constexpr u64 kFlagTrap = 1 << 8, kFlagInterrupt = 1 << 9, kFlagResume = 1 << 16;

struct TrapName {
    UserTrap user;
    char name[28];
};
// No pointers in here: the table needs no relocation. Spec: Intel SDM 3A 6.3.1.
constexpr TrapName kTraps[32] = {
    {UserTrap::divide_error, "divide error"},
    {UserTrap::debug, "debug"},
    {UserTrap::debug, "NMI"},
    {UserTrap::breakpoint, "breakpoint"},
    {UserTrap::overflow, "overflow"},
    {UserTrap::bound, "bound range exceeded"},
    {UserTrap::invalid_opcode, "invalid opcode"},
    {UserTrap::fpu_error, "device not available"},
    {UserTrap::general_protection, "double fault"},
    {UserTrap::fpu_error, "coprocessor segment"},
    {UserTrap::segment_fault, "invalid TSS"},
    {UserTrap::segment_fault, "segment not present"},
    {UserTrap::stack_fault, "stack segment fault"},
    {UserTrap::general_protection, "general protection fault"},
    {UserTrap::general_protection, "page fault"},
    {UserTrap::general_protection, "reserved trap 15"},
    {UserTrap::fpu_error, "x87 floating-point error"},
    {UserTrap::alignment, "alignment check"},
    {UserTrap::general_protection, "machine check"},
    {UserTrap::simd_error, "SIMD floating-point error"},
    {UserTrap::general_protection, "virtualization"},
    {UserTrap::segment_fault, "control protection"},
};

PageFault page_fault_info(u64 address, u32 error) {
    const FaultAccess access = (error & kPfExec)    ? FaultAccess::exec
                               : (error & kPfWrite) ? FaultAccess::write
                                                    : FaultAccess::read;
    return {address, access, (error & kPfUser) != 0, (error & kPfPresent) != 0};
}

void run_interrupt(u32 vector, bool user) {
    preempt_count_add(kHardirqOne);
    if (vector >= kVectorFirstDevice && vector <= kVectorLastDevice)
        irq::dispatch(vector);
    else
        handle_interrupt(vector, user);
    (void)preempt_count_sub_and_test(kHardirqOne);
}

}  // namespace

// Leaves with interrupts off and nothing to do before user mode.
void finish_for_user(UserRegs& regs) {
    Task* task = current();
    for (;;) {
        irq_disable();
        const bool resched = need_resched();
        if (!resched && task->work_flags.load(std::memory_order_relaxed) == 0) [[likely]]
            return;
        irq_enable();
        if (resched)
            sched::schedule();
        else
            process::return_to_user_work(regs);
    }
}

u64 find_fixup(u64 ip) {
    struct Entry {
        i32 from, to;
    };
    const auto* end = reinterpret_cast<const Entry*>(tenon_fixups_end);
    for (const auto* e = reinterpret_cast<const Entry*>(tenon_fixups_start); e < end; ++e)
        if (reinterpret_cast<u64>(&e->from) + static_cast<i64>(e->from) == ip)
            return reinterpret_cast<u64>(&e->to) + static_cast<i64>(e->to);
    return 0;
}

extern "C" {

// Interrupts on. True: SYSRET may be used.
TENON_HIDDEN bool syscall_dispatch(UserRegs* regs) {
    Task* task = current();
    if (task->syscall_entry != nullptr) [[likely]]
        task->syscall_entry(*regs);
    finish_for_user(*regs);
    // SYSRET loads rip from rcx and flags from r11, and faults in kernel mode on a non-canonical
    // rip (Intel SDM 2B SYSRET); it cannot set RF, and TF must take effect after, not before.
    return regs->rcx == regs->rip && regs->r11 == regs->rflags && regs->rip < kUserLimit &&
           regs->cs == UserRegs::kUserCs && regs->ss == UserRegs::kUserSs &&
           (regs->rflags & (kFlagResume | kFlagTrap)) == 0;
}

TENON_HIDDEN void trap_from_user(UserRegs* regs, u32 vector, u32 error) {
    // The user may have set AC, which would open user memory to us.
    if (features().smap) clear_access_flag();
    if (vector == kVectorPageFault) {
        const u64 address = read_cr2();
        irq_enable();
        (void)mm::handle_page_fault(page_fault_info(address, error));
    } else if (vector >= 32) {
        run_interrupt(vector, true);
    } else {
        u64 address = regs->rip;
        if (vector == kVectorDebug) {
            u64 status;
            asm volatile("mov %%dr6, %0" : "=r"(status));
            asm volatile("mov %0, %%dr6" ::"r"(u64{0xffff0ff0}));
            error = static_cast<u32>(status & 0xe00f);
        }
        irq_enable();
        process::handle_user_trap({kTraps[vector].user, address, error, vector}, *regs);
    }
    finish_for_user(*regs);
}

TENON_HIDDEN void trap_from_kernel(UserRegs* regs, u32 vector, u32 error) {
    if (features().smap) clear_access_flag();
    if (vector >= 32) {
        run_interrupt(vector, false);
        if (preempt_count() == 0 && need_resched() && (regs->rflags & kFlagInterrupt)) {
            irq_enable();
            sched::preempt_schedule();
            irq_disable();
        }
        return;
    }
    const u64 address = vector == kVectorPageFault ? read_cr2() : 0;
    const u64 fixup = find_fixup(regs->rip);
    if (fixup != 0 && (vector == kVectorPageFault || vector == kVectorGeneralProtection)) {
        // A guarded user access. Resolving it may sleep, which the interrupted code must allow.
        if (vector == kVectorPageFault && address < kUserLimit && (regs->rflags & kFlagInterrupt) &&
            preempt_count() == 0 && current()->faults_disabled == 0) {
            irq_enable();
            PageFault fault = page_fault_info(address, error);
            fault.user_mode = false;
            const bool resolved = mm::handle_page_fault(fault);
            irq_disable();
            if (resolved) return;
        }
        regs->rip = fixup;
        return;
    }
    die(kTraps[vector].name, *regs, error, address);
}

TENON_HIDDEN void trap_paranoid(UserRegs* regs, u32 vector, u32 error) {
    if (vector == kVectorNmi) {
        handle_nmi(*regs);
        return;
    }
    const u64 address = read_cr2();
    if (vector == kVectorDoubleFault) {
        // A double fault with the stack pointer at a guard page is an overflow: the push faulted.
        const u64 stack = current() != nullptr ? current()->kernel_stack : 0;
        const bool overflow = regs->rsp - (stack - kPageSize) < 2 * kPageSize;
        die(overflow ? "kernel stack overflow" : "double fault", *regs, error, address);
    }
    die(kTraps[vector].name, *regs, error, address);
}

}  // extern "C"
}  // namespace tenon::arch::x86
