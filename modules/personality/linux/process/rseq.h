// Restartable sequences. Spec: man 2 rseq (Linux Documentation/userspace-api), <linux/rseq.h>.
#pragma once

#include <tenon/arch/user_regs.h>

namespace tenon::personality {

// The task was preempted or moved: an interrupted critical section starts over, cpu_id is renewed.
void rseq_on_return(arch::UserRegs& regs);
// A handler is about to run: the interrupted section must be aborted first.
void rseq_before_signal(arch::UserRegs& regs);

}  // namespace tenon::personality
