// The per-CPU areas and what each CPU's processor tables look like.
#pragma once

#include <tenon/arch/context.h>
#include <tenon/arch/cpu.h>
#include <tenon/lib/result.h>

namespace tenon::arch::x86 {

// Spec: Intel SDM 3A 8.7.
struct [[gnu::packed]] Tss {
    u32 reserved0 = 0;
    u64 rsp[3] = {};
    u64 reserved1 = 0;
    u64 ist[7] = {};
    u64 reserved2 = 0;
    u16 reserved3 = 0;
    u16 io_map = sizeof(Tss);
};

// Interrupt stack table slots; 0 is "stay on this stack".
enum IstSlot : u8 { kIstDoubleFault = 1, kIstNmi = 2, kIstMachineCheck = 3, kIstDebug = 4 };
inline constexpr u32 kIstStacks = 4;
// The boot CPU needs its trap stacks before there is memory to allocate them from. Whole pages, as
// a trap in a module pushes with the module's rights.
inline constexpr usize kIstStackSize = 8192;
extern u8 boot_ist[kIstStacks][kIstStackSize];

// CPU 0's area is ready when kernel_main() starts. Loads GS, GDT, TSS, IDT and the control
// registers. The stack that traps from user mode start on.
void set_trap_stack(u64 top);
void init_boot_cpu_local(u64 area);
// Allocates the area and stacks of another CPU. Error::nomem.
Result<void> prepare_cpu_local(u32 cpu);
// Runs on the new CPU first of all.
void load_cpu(u32 cpu);
// Offset of a CPU's area, 0 when it has none.
u64 cpu_offset(u32 cpu);

// Floating-point state of user tasks. The kernel itself uses none, so state moves only with a
// switch.

// Finds the state's size and the features to enable; then on each CPU.
void init_fpu();
void load_fpu_cpu();
// Once there is a slab allocator.
Result<void> create_fpu_cache();
// The task leaves / enters this CPU. Interrupts off.
void fpu_switch_out(Context& context);
void fpu_switch_in(Context& context);

}  // namespace tenon::arch::x86
