// This CPU's root table and translations.
#pragma once

#include <tenon/lib/types.h>

namespace tenon::arch::x86 {

// Loads CR3 unless it is there already. Interrupts or preemption off.
void load_root(u64 root_phys);
// Drops every translation, global ones included.
void flush_all_local();

}  // namespace tenon::arch::x86
