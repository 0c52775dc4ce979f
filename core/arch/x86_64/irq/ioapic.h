// IO-APICs: where lines of devices become vectors.
#pragma once

namespace tenon::arch::x86 {

// From the MADT; masks every line, and the legacy controllers.
void init_ioapics();

}  // namespace tenon::arch::x86
