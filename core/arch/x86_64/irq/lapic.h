// The local interrupt controller of each CPU.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

// Finds it (xAPIC registers or x2APIC) and enables this CPU's.
void init_lapic(u64 base_phys);
void load_lapic();
u32 lapic_id();
void lapic_eoi();
// Ends whatever this CPU has in service. Interrupts off, and no handler under way.
void lapic_end_stale();
// A fixed interrupt, by our CPU number.
void send_ipi(u32 cpu, u32 vector);
void send_nmi(u32 cpu);
void send_init(u32 apic_id);
void send_startup(u32 apic_id, u32 page);
// The timer, in ticks after the divider.
void lapic_timer_start(u32 ticks, bool masked);
u32 lapic_timer_left();
void lapic_timer_deadline_mode();

// Our CPU numbers to APIC ids and back.
void set_apic_id(u32 cpu, u32 apic_id);
u32 apic_id_of(u32 cpu);

// IO-APICs: where lines of devices become vectors.

// From the MADT; masks every line, and the legacy controllers.
void init_ioapics();

}  // namespace tenon::arch::x86
