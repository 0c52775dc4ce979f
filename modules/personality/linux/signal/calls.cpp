// rt_sigaction and what blocks, waits for and asks about signals. Spec: man 2 sigaction,
// sigprocmask, sigpending, sigsuspend, sigtimedwait, pause.
#include <tenon/mm/user_copy.h>
#include <tenon/process/process.h>

#include "personality/linux/abi.h"
#include "personality/linux/generated/syscalls.h"
#include "personality/linux/signal/siginfo.h"
#include "personality/linux/signal/take.h"

namespace tenon::personality {

using process::SignalAction;
using process::SignalSet;

namespace {

// The kernel's struct sigaction, which the C library's differs from.
struct KernelAction {
    u64 handler;
    u64 flags;
    u64 restorer;
    u64 mask;
};
static_assert(sizeof(KernelAction) == sizeof(uapi::sigaction));

constexpr u64 kHandlerDefault = 0, kHandlerIgnore = 1;
constexpr u64 kUapiFlags = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART |
                           SA_NODEFER | SA_RESETHAND | SA_EXPOSE_TAGBITS | SA_RESTORER;

SignalAction from_user(const KernelAction& in) {
    SignalAction action;
    action.kind = in.handler == kHandlerDefault  ? SignalAction::Kind::default_action
                  : in.handler == kHandlerIgnore ? SignalAction::Kind::ignore
                                                 : SignalAction::Kind::handler;
    action.handler = in.handler;
    action.restorer = in.restorer;
    action.flags = in.flags & kUapiFlags;
    action.no_child_stop = in.flags & SA_NOCLDSTOP;
    action.no_child_wait = in.flags & SA_NOCLDWAIT;
    action.reset_hand = in.flags & SA_RESETHAND;
    action.mask = SignalSet(in.mask);
    return action;
}

KernelAction to_user(const SignalAction& action) {
    KernelAction out{};
    out.handler = action.kind == SignalAction::Kind::ignore    ? kHandlerIgnore
                  : action.kind == SignalAction::Kind::handler ? action.handler
                                                               : kHandlerDefault;
    out.flags = action.flags;
    out.restorer = action.restorer;
    out.mask = action.mask.bits();
    return out;
}

Result<void> check_set_size(u64 size) {
    return size == sizeof(u64) ? Result<void>() : Err(Error::inval);
}

}  // namespace

Result<i64> sys_rt_sigaction(i32 sig, u64 act, u64 oact, u64 sigsetsize) {
    TRY(check_set_size(sigsetsize));
    SignalAction fresh;
    if (act != 0) {
        TRY_ASSIGN(const auto in, mm::UserIn<KernelAction>(act).read());
        fresh = from_user(in);
    }
    TRY_ASSIGN(const auto old, set_action(static_cast<u32>(sig), act != 0 ? &fresh : nullptr));
    if (oact != 0) TRY(mm::UserOut<KernelAction>(oact).write(to_user(old)));
    return 0;
}

Result<i64> sys_rt_sigprocmask(i32 how, u64 nset, u64 oset, u64 sigsetsize) {
    TRY(check_set_size(sigsetsize));
    const SignalSet old = current()->blocked;
    if (nset != 0) {
        TRY_ASSIGN(const u64 bits, mm::UserIn<u64>(nset).read());
        const SignalSet set(bits);
        switch (how) {
            case SIG_BLOCK:
                set_blocked(old | set);
                break;
            case SIG_UNBLOCK:
                set_blocked(old & ~set);
                break;
            case SIG_SETMASK:
                set_blocked(set);
                break;
            default:
                return Err(Error::inval);
        }
    }
    if (oset != 0) TRY(mm::UserOut<u64>(oset).write(old.bits()));
    return 0;
}

Result<i64> sys_rt_sigpending(u64 uset, u64 sigsetsize) {
    if (sigsetsize > sizeof(u64)) return Err(Error::inval);
    const u64 bits = (pending_signals(*current()) & current()->blocked).bits();
    TRY(mm::copy_to_user(UserAddr{uset}, &bits, sigsetsize));
    return 0;
}

namespace {

Result<i64> sleep_until_signal() {
    sync::WaitQueue nothing;
    auto r = nothing.wait([] { return false; });
    // Only a handler ends it: without one the call goes on.
    return Err(r ? Error::intr : r.error() == Error::restart ? Error::restart_no_hand : r.error());
}

}  // namespace

Result<i64> sys_pause() {
    return sleep_until_signal();
}

Result<i64> sys_rt_sigsuspend(u64 unewset, u64 sigsetsize) {
    TRY(check_set_size(sigsetsize));
    TRY_ASSIGN(const u64 bits, mm::UserIn<u64>(unewset).read());
    set_temporary_mask(SignalSet(bits));
    return sleep_until_signal();
}

Result<i64> sys_rt_sigtimedwait(u64 uthese, u64 uinfo, u64 uts, u64 sigsetsize) {
    TRY(check_set_size(sigsetsize));
    TRY_ASSIGN(const u64 bits, mm::UserIn<u64>(uthese).read());
    sync::Deadline deadline;
    bool poll_only = false;
    if (uts != 0) {
        TRY_ASSIGN(const auto ts, mm::UserIn<uapi::__kernel_timespec>(uts).read());
        if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= 1'000'000'000)
            return Err(Error::inval);
        poll_only = ts.tv_sec == 0 && ts.tv_nsec == 0;
        const u64 seconds = static_cast<u64>(ts.tv_sec);
        deadline =
            seconds > 9'000'000'000
                ? sync::Deadline::never()
                : sync::Deadline::after_ns(seconds * 1'000'000'000 + static_cast<u64>(ts.tv_nsec));
    }
    SignalSet wanted(bits);
    wanted.remove(SIGKILL);
    wanted.remove(SIGSTOP);
    process::SignalInfo info;
    bool found = take_signal(wanted, info);
    if (!found && !poll_only) {
        // Unblocked while we sleep, so that they wake us; handlers see the old mask again.
        const SignalSet old = current()->blocked;
        set_blocked(old & ~wanted, old & wanted);
        sync::WaitQueue nothing;
        const auto slept =
            nothing.wait([] { return false; }, sync::WaitMode::interruptible, deadline);
        found = take_signal(wanted, info);
        set_blocked(old);
        if (!found && !slept && slept.error() != Error::timedout) return Err(Error::intr);
    }
    if (!found) return Err(Error::again);
    if (uinfo != 0) {
        uapi::siginfo_t out;
        to_siginfo(info, out);
        TRY(mm::UserOut<uapi::siginfo_t>(uinfo).write(out));
    }
    return info.signal;
}

Result<i64> sys_restart_syscall() {
    Task::RestartBlock& block = current()->restart_block;
    if (block.function == nullptr) return Err(Error::intr);
    return block.function(block);
}

}  // namespace tenon::personality
