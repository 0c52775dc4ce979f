// Registers in the order of struct user_regs_struct, for ptrace and core dumps. Spec: <sys/user.h>.
#pragma once

#include <tenon/arch/user_regs.h>
#include <tenon/process/task.h>

#include <cstddef>
#include <span>

namespace tenon::personality::trace {

// The first 21 are those of arch::UserRegs.
enum : u32 {
    kRegRip = 16,
    kRegCs = 17,
    kRegFlags = 18,
    kRegSs = 20,
    kRegFsBase = 21,
    kRegGsBase,
    kRegDs,
    kRegEs,
    kRegFs,
    kRegGs,
    kRegCount,
};
static_assert(offsetof(arch::UserRegs, rip) == kRegRip * 8 &&
              offsetof(arch::UserRegs, ss) == kRegSs * 8 && sizeof(arch::UserRegs) == 21 * 8);

inline constexpr usize kLegacyBytes = 512;  // FXSAVE's area

// Of a task that does not run, or of the current one.
void fill_general(Task& task, std::span<u64, kRegCount> out);
// The FPU state of a task that does not run, or of the current one, in XSAVE's standard format with
// initial values where a component is not in use. `out` has arch::fpu_state_size() bytes.
Result<void> fill_float(Task& task, std::span<u8> out);

}  // namespace tenon::personality::trace
