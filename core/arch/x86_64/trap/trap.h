// Traps that end the kernel, and what to print then.
#pragma once

#include <tenon/arch/user_regs.h>
#include <tenon/lib/types.h>

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

// Who uses which interrupt vector. A device's come from alloc_vector(), between the two bounds.

enum Vector : u32 {
    kVectorDebug = 1,
    kVectorNmi = 2,
    kVectorBreakpoint = 3,
    kVectorDoubleFault = 8,
    kVectorGeneralProtection = 13,
    kVectorPageFault = 14,
    kVectorMachineCheck = 18,
    kVectorFirstDevice = 0x30,
    kVectorLastDevice = 0xdf,
    kVectorTimer = 0xf0,
    kVectorReschedule = 0xf1,
    kVectorCall = 0xf2,
    kVectorShootdown = 0xf3,
    kVectorApicError = 0xfe,
    kVectorSpurious = 0xff,
};

}  // namespace tenon::arch::x86

// Instructions that may fault on a user address, and where to go on then.
//
// An entry is two distances, from the entry's own words to the instruction and to its continuation,
// so that it needs no relocation.
#define TENON_FIXUP(from, to)                          \
    "\n\t.pushsection .fixups, \"a\"\n\t.balign 4\n\t" \
    ".long " from " - .\n\t.long " to " - .\n\t.popsection\n"

namespace tenon::arch::x86 {

// The continuation for a fault at `ip`, or 0.
u64 find_fixup(u64 ip);

// The interrupt descriptor table, one for all CPUs.

void init_idt();  // fills it
void load_idt();  // on this CPU
}  // namespace tenon::arch::x86
