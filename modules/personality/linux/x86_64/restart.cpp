// Going back into an interrupted system call.
#include <asm/unistd.h>

#include "personality/linux/x86_64/machine.h"

namespace tenon::personality {

void restart_by_block(arch::UserRegs& regs) {
    regs.restart_syscall();
    regs.set_syscall_result(__NR_restart_syscall);  // the register that holds the number
}

}  // namespace tenon::personality
