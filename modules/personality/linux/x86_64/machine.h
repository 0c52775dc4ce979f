// What generic parts of the personality ask of the machine's ABI.
#pragma once

#include <tenon/arch/fault.h>
#include <tenon/arch/user_regs.h>
#include <tenon/process/signal.h>

#include "personality/linux/abi.h"

namespace tenon::personality {

inline constexpr u16 kElfMachine = EM_X86_64;
inline constexpr const char kPlatform[] = "x86_64";
inline constexpr u32 kAuditArch = AUDIT_ARCH_X86_64;  // what seccomp filters compare

// Bytes that a signal frame needs at most on this CPU (AT_MINSIGSTKSZ).
u64 min_signal_stack();

// Builds the frame of one signal on the user's stack and points `regs` at the handler. Error::fault
// when the stack is not there.
Result<void> push_signal_frame(arch::UserRegs& regs, const process::SignalInfo& info,
                               const process::SignalAction& action, process::SignalSet mask);

// Makes the interrupted call continue through restart_syscall(2).
void restart_by_block(arch::UserRegs& regs);

// The signal that a trap means, as this ABI reports it.
process::SignalInfo trap_signal(const arch::TrapInfo& trap, const arch::UserRegs& regs);

}  // namespace tenon::personality
