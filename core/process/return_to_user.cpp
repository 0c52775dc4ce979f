// What arch asks for on the way back to user mode, and when user code traps.
#include <tenon/arch/fault.h>
#include <tenon/process/personality.h>

#include "core/process/internal.h"

namespace tenon::process {

void return_to_user_work(arch::UserRegs& regs) {
    Task& self = *current();
    const u32 work = self.work_flags.load(std::memory_order_acquire);
    if (work & kWorkReschedule) {
        self.clear_work(kWorkReschedule);
        sched::schedule();
    }
    Personality* personality = self.process->personality;
    if (personality == nullptr) {
        self.clear_work(~0u);
        return;
    }
    if (work & (kWorkSignal | kWorkNotify | kWorkRestoreMask)) personality->deliver(regs);
    if (work & kWorkTrace) self.clear_work(kWorkTrace);  // nobody traces yet
}

void handle_user_trap(const arch::TrapInfo& trap, arch::UserRegs& regs) {
    Process& process = current_process();
    if (process.personality != nullptr)
        process.personality->user_trap(trap, regs);
    else
        exit_group(kSigIll);
}

}  // namespace tenon::process
