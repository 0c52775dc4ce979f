// iopl: user code at a port. Spec: man 2 iopl; Intel SDM 1 19.5.1.
//
// The level is the one in the flags register, as Linux had it up to 5.4: the CPU itself checks it,
// and a task with level 3 may also turn off interrupts. A child inherits it with the registers.
#include <tenon/arch/context.h>
#include <tenon/process/process.h>

#include "personality/linux/generated/syscalls.h"

namespace tenon::personality {

namespace {

constexpr u32 kLevelShift = 12;
constexpr u64 kLevelMask = u64{3} << kLevelShift;

}  // namespace

Result<i64> sys_iopl(u32 level) {
    if (level > 3) return Err(Error::inval);
    arch::UserRegs& regs = arch::user_regs(*current());
    const u64 old = (regs.rflags & kLevelMask) >> kLevelShift;
    if (level > old && !process::capable(process::Capability::sys_rawio)) return Err(Error::perm);
    regs.rflags = (regs.rflags & ~kLevelMask) | (u64{level} << kLevelShift);
    return 0;
}

}  // namespace tenon::personality
