// The vDSO: a small shared object of our own, mapped into every program, that reads the clocks
// without entering the kernel.
#pragma once

#include <tenon/mm/address_space.h>

namespace tenon::personality::vdso {

Result<void> init();
void exit();
// Maps data page and code into `space`; sets layout.vdso (0 when there is none).
Result<void> map(mm::AddressSpace& space);
// Publishes the clock's parameters again, after the real-time clock was set.
void update();

}  // namespace tenon::personality::vdso
