// Classic BPF, as far as seccomp takes it: programs of 32-bit instructions over one constant block
// of data, without loops (jumps go forward only), so that every program ends.
// Spec: Linux Documentation/networking/filter.rst; kernel/seccomp.c seccomp_check_filter().
#pragma once

#include <tenon/lib/result.h>

#include "personality/linux/abi.h"

namespace tenon::personality::bpf {

using Instruction = uapi::sock_filter;

// Whether every instruction is one that filters of system calls may hold, every jump stays inside,
// no scratch word is read before it is written, and the last instruction returns. Error::inval;
// Error::nomem.
Result<void> check(std::span<const Instruction> program);

// Runs a program that check() let pass. `data` is what BPF_LD|BPF_ABS reads, in words of 32 bits.
// Any context; never sleeps.
u32 run(std::span<const Instruction> program, std::span<const u32> data);

}  // namespace tenon::personality::bpf
