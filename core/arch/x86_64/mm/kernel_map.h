// Kernel mappings that only arch makes.
#pragma once

#include <tenon/lib/result.h>

namespace tenon::arch::x86 {

bool is_mapped(u64 va);
// Makes what is read-only after start-up so.
Result<void> seal_kernel();

}  // namespace tenon::arch::x86
