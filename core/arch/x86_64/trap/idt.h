// The interrupt descriptor table, one for all CPUs.
#pragma once

namespace tenon::arch::x86 {
void init_idt();  // fills it
void load_idt();  // on this CPU
}  // namespace tenon::arch::x86
