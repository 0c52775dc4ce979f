// The way into system calls for traced tasks only: the others never look.
#include <tenon/arch/user_regs.h>

#include "personality/linux/dispatch.h"
#include "personality/linux/linux_task.h"
#include "personality/linux/trace/tracee.h"

namespace tenon::personality::trace {

using namespace process;

namespace {

struct Wanted {
    Resume mode = Resume::run;
    bool stepping = false, marked = false;
};

Wanted wanted() {
    TreeGuard guard(tree_lock());
    const Tracee* own = side(*current()).own.get();
    if (own == nullptr) return {};
    return {own->mode, own->stepping, (own->options & PTRACE_O_TRACESYSGOOD) != 0};
}

void report(const Wanted& want, u64 which) {
    const u32 signal = stop_for_event(SIGTRAP | (want.marked ? 0x80 : 0), which);
    if (signal != 0) (void)send_to_task(*current(), kernel_signal(signal));
}

}  // namespace

void entry(arch::UserRegs& regs) {
    const Wanted before = wanted();
    bool skipped = false;
    if (before.mode != Resume::run) {
        report(before, PTRACE_EVENTMSG_SYSCALL_ENTRY);
        skipped = before.mode == Resume::emulate || fatal_signal_pending();
    }
    // A tracer that writes -1 there has the call left out; the result is what it wrote.
    if (!skipped && regs.in_syscall()) {
        const bool filtered = linux_task().seccomp.mode.load(std::memory_order_relaxed) != 0 &&
                              !has_option(PTRACE_O_SUSPEND_SECCOMP);
        (filtered ? filtered_entry : personality::entry)(regs);
    }
    const Wanted after = wanted();
    if (after.stepping && after.mode != Resume::emulate) {
        SignalInfo info{.signal = kSigTrap, .code = TRAP_BRKPT};
        info.value = regs.ip();
        force_signal(*current(), info);
    } else if (after.mode == Resume::syscall) {
        report(after, PTRACE_EVENTMSG_SYSCALL_EXIT);
    }
}

}  // namespace tenon::personality::trace
