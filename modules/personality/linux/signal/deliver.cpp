// On the way back to user mode: restart or end interrupted calls, build frames, fix rseq.
#include <tenon/mm/user_copy.h>

#include "personality/linux/error_number.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/personality.h"
#include "personality/linux/process/rseq.h"
#include "personality/linux/signal/take.h"
#include "personality/linux/time/linux_process.h"
#include "personality/linux/x86_64/machine.h"

namespace tenon::personality {

namespace {

i64 interrupted_code(const arch::UserRegs& regs) {
    return regs.in_syscall() ? -static_cast<i64>(regs.syscall_result()) : 0;
}

void set_interrupted(arch::UserRegs& regs) {
    regs.set_syscall_result(static_cast<u64>(-static_cast<i64>(EINTR)));
}

// A handler is about to run.
void finish_call_before_handler(arch::UserRegs& regs, const process::SignalAction& action) {
    switch (interrupted_code(regs)) {
        case kRestartBlock:
        case kRestartNoHand:
            set_interrupted(regs);
            break;
        case kRestartSys:
            if (action.flags & SA_RESTART)
                regs.restart_syscall();
            else
                set_interrupted(regs);
            break;
        case kRestartNoIntr:
            regs.restart_syscall();
            break;
        default:
            break;
    }
    regs.leave_syscall();
}

void finish_call_without_handler(arch::UserRegs& regs) {
    switch (interrupted_code(regs)) {
        case kRestartSys:
        case kRestartNoHand:
        case kRestartNoIntr:
            regs.restart_syscall();
            regs.leave_syscall();
            break;
        case kRestartBlock:
            restart_by_block(regs);
            regs.leave_syscall();
            break;
        default:
            break;
    }
}

void handle(arch::UserRegs& regs, const process::SignalInfo& info,
            const process::SignalAction& action) {
    Task& self = *current();
    finish_call_before_handler(regs, action);
    rseq_before_signal(regs);
    const bool restore = self.work_flags.load(std::memory_order_relaxed) & kWorkRestoreMask;
    const process::SignalSet mask = restore ? self.saved_blocked : self.blocked;
    const bool stepping = trace::take_trap_flag(regs);
    if (!push_signal_frame(regs, info, action, mask)) {
        // The handler of SIGSEGV itself cannot start: the default is all that is left.
        if (info.signal == SIGSEGV) {
            const process::SignalAction by_default;
            (void)set_action(SIGSEGV, &by_default);
        }
        process::force_signal(self, process::kernel_signal(SIGSEGV));
        return;
    }
    arch::fpu_reset(self);  // the frame has what was interrupted
    if (restore) self.clear_work(kWorkRestoreMask);
    process::SignalSet blocked = self.blocked | action.mask;
    if (!(action.flags & SA_NODEFER)) blocked.add(info.signal);
    set_blocked(blocked);
    if (stepping) (void)trace::stop_for_event(SIGTRAP, 0);  // at the handler's first instruction
}

}  // namespace

void LinuxPersonality::deliver(arch::UserRegs& regs) {
    Task& self = *current();
    const u32 work = self.work_flags.load(std::memory_order_acquire);
    // A new task's own number goes to its own memory (CLONE_CHILD_SETTID); Linux ignores a fault
    // too.
    if (work & kWorkNotify) {
        if (const u64 at = std::exchange(linux_task().set_child_tid, 0); at != 0)
            (void)mm::UserOut<i32>(at).write(self.tid);
        if (std::exchange(linux_task().begins_cpu_limit, false))
            (void)enforce_cpu_limit(*self.process);
    }
    if (work & kWorkSignal) {
        process::SignalInfo info;
        process::SignalAction action;
        while (dequeue_signal(info, action)) handle(regs, info, action);
        finish_call_without_handler(regs);
    }
    if (self.work_flags.load(std::memory_order_relaxed) & kWorkRestoreMask)
        restore_temporary_mask();
    if (work & kWorkNotify) {
        self.clear_work(kWorkNotify);
        rseq_on_return(regs);
    }
}

}  // namespace tenon::personality
