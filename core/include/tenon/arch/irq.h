// Interrupt controllers, as the generic irq layer (irq/irq.h) asks for them.
#pragma once

#include <tenon/arch/cpu.h>
#include <tenon/lib/result.h>

namespace tenon::arch {

// A message-signalled interrupt: what a device writes where.
struct MsiMessage {
    u64 address;
    u32 data;
};

enum class IrqTrigger : u8 { edge_high, edge_low, level_high, level_low, bus_default };

// Vectors are machine interrupt numbers, allocated per system. `irq::dispatch(vector)` is called
// for each with irqs off and the hardirq count raised.
Result<u32> alloc_vector();
void free_vector(u32 vector);
// Routes global system interrupt / legacy ISA line (overrides applied) to a vector on `cpu`,
// masked.
Result<void> route_gsi(u32 gsi, u32 vector, u32 cpu, IrqTrigger trigger);
Result<u32> isa_to_gsi(u32 isa_irq, IrqTrigger& trigger);
void mask_gsi(u32 gsi, bool masked);
MsiMessage compose_msi(u32 vector, u32 cpu);
void end_of_interrupt(u32 vector);
// How many interrupts this CPU has taken so far, NMIs aside. Any context.
u64 interrupts_taken();

}  // namespace tenon::arch
