// Instructions for code that a personality maps into user mode (a vDSO). Includes nothing of the
// kernel, for such code is no part of it.
//
// impl/user_code.h defines, in tenon::arch::user:
//   long system_call(long number, long a, long b);   the kernel's raw answer
//   unsigned long long read_counter();               the clock's counter, not read ahead of earlier
//   loads
#pragma once

#include <tenon/arch/impl/user_code.h>
